// Package sparse reads and writes the frame of Android's sparse image format:
// the file header and the chunk headers, not the bytes between them.
//
// A sparse image is a list of chunks that follow each other on the expanded
// image without a gap. A RAW chunk carries its bytes, a FILL chunk one 4-byte
// value to repeat, a DONT_CARE chunk nothing at all (what was there stays), and
// a CRC32 chunk the checksum of everything expanded so far.
//
// [Parse] makes an [Index] of where each chunk's bytes are. It reads headers
// only, believes none of them, and computes in 64 bits: a header that promises
// more than the file holds is a [FormatError] that names the place, and costs no
// more memory than the file itself could justify. Newer minor versions and
// longer headers are honoured, another major version is refused.
//
// [Index.Checker] verifies the CRC32 chunks while somebody else reads the file
// once, in order. AOSP's own code disagrees with itself on whether DONT_CARE
// counts as zeros or not at all, so either sum is accepted. The checksum in the
// file header is ignored, as AOSP ignores it.
package sparse
