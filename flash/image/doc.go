// Package image prepares partition images: it reads a file once for all tablets
// and cuts it for each.
//
// [Open] tells raw from sparse by the content, and in one pass over the file
// takes its SHA-256, finds its extents (data, fill, don't-care) and checks the
// CRC32 chunks of a sparse one. Holes are hashed but not read. Blocks of a raw
// image that repeat one 4-byte value become fill; zeros become fill 0 and never
// don't-care, which would leave the previous owner's data on the tablet.
//
// [Choose] says whether an image goes to a partition raw or sparse, and
// [Image.Pieces] how it is cut for a max-download-size. A plan is only a list of
// places to cut, shared by all tablets with that limit. A [Piece] is made while
// it is written: headers on the fly, data through a small pooled window over the
// page cache. No image is ever held or mapped, so sixteen tablets cost a few MiB.
//
// What was digested is what is sent: all bytes go through a store (held.go), which
// compares them with sums that were taken in the pass that made the digest. An image
// keeps its file open, too, and every piece checks before its first byte and after its
// last that the file still has the same inode, size and times ([Image.Unchanged]). File
// times move in ticks, so Open first lets a file that changed just now grow a tick old.
//
// It is a little larger than others, in files and lines: preparing, keeping and cutting share
// the extents and sums of one image, which nobody else may write; what only one system can do
// has a file for it. Containers and packings are packages of their own.
package image
