// Package imageset builds a set of real images to flash virtual tablets with.
//
//	system.img     ext4 of real files, with holes (mkfs.ext4 -d)
//	system.simg    the same, sparse, by AOSP's img2simg
//	boot.img       8 MiB of junk behind a boot magic
//	vbmeta.img     4 KiB behind an AVB magic
//	userdata.simg  sparse, with RAW, FILL, DONT_CARE and CRC32 chunks, which
//	               img2simg does not write
//
// The set is built beside its place and moved there when it is whole, so a
// folder that is there is a good one. The same files, sizes and tools give the
// same bytes: seeds, identifiers and times are fixed.
//
// Like all of virtual it shares no code with flash/...: [Writer] is a sparse
// writer of its own, block by block, and can be made to write what no tool does.
package imageset
