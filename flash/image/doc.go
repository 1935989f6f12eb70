// Package image prepares partition images: it reads a file once, for all
// tablets, and cuts it for each.
//
// [Open] takes the digest and finds the extents (data, fill, don't-care) in one
// pass. [Image.Pieces] plans the downloads for a max-download-size; the plan is
// shared by all tablets with that limit, and a [Piece] writes itself from the
// page cache through a small window, headers made on the fly. No image is ever
// held in memory or mapped.
//
// What was digested is what is sent: every piece checks, before and after, that
// the open file is still the same (device, inode, size, times), see
// [Image.Unchanged].
package image
