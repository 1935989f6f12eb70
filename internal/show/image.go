// This file is images, and those that are kept prepared.

package show

import (
	"fmt"
	"io"
	"time"

	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/words"
)

// Image is what is said of an image file; sizes in bytes.
type Image struct {
	File     string `json:"file"`
	Format   string `json:"format"`
	Packing  string `json:"packing,omitempty"` // zstd, xz, gzip, lz4, zip, tar, UPDATE.APP, payload.bin
	FileSize int64  `json:"file_size"`
	Size     int64  `json:"size"`
	Digest   string `json:"digest"`
	Extents  int    `json:"extents"`
	Data     int64  `json:"data"`
	Fill     int64  `json:"fill"`
	DontCare int64  `json:"dont_care"`
	Pieces   int    `json:"pieces,omitempty"`
	Wire     int64  `json:"wire,omitempty"`
}

// OfImage is an image file as it was read. With a limit it says in how many pieces a tablet
// with this max-download-size gets it.
func OfImage(file string, im *image.Image, limit int64) (Image, error) {
	it := Image{File: file, Format: string(im.Format()), Packing: im.Packing(), FileSize: im.FileSize(), Size: im.Size(),
		Digest: im.Digest(), Extents: len(im.Extents())}
	for _, e := range im.Extents() {
		switch e.Kind {
		case image.Data:
			it.Data += e.Length
		case image.Fill:
			it.Fill += e.Length
		case image.DontCare:
			it.DontCare += e.Length
		}
	}
	if limit > 0 {
		pieces, err := im.Pieces(limit, image.Sparse)
		if err != nil {
			return it, problem.New(problem.Invalid, "give a larger --max-download", "%w", err)
		}
		it.Pieces, it.Wire = pieces.Len(), pieces.WireBytes()
	}
	return it, nil
}

// Text writes an image for people.
func (it Image) Text(w io.Writer, ws *words.Words) {
	fmt.Fprintln(w, it.File)
	form := it.Format
	if it.Packing != "" {
		form = ws.Sayf("%s, packed in %s", it.Format, it.Packing)
	}
	detail(w, ws, "format", form)
	detail(w, ws, "file", ws.Sayf("%d bytes", it.FileSize))
	detail(w, ws, "expanded", ws.Sayf("%d bytes", it.Size))
	detail(w, ws, "digest", it.Digest)
	detail(w, ws, "extents", ws.Sayf("%d: data %d, fill %d, don't-care %d bytes", it.Extents, it.Data, it.Fill, it.DontCare))
	if it.Pieces > 0 {
		detail(w, ws, "sparse", ws.Sayf("%d pieces, %d bytes on the wire", it.Pieces, it.Wire))
	}
}

// Cached is one prepared image; sizes in bytes.
type Cached struct {
	Digest string    `json:"digest"` // of the file that it was made from
	Size   int64     `json:"size"`   // expanded
	Disk   int64     `json:"disk"`   // taken
	Used   time.Time `json:"used"`
	State  string    `json:"state"` // kept, removed
}

// OfCache are entries of the cache, which are kept now or removed, and what they take together.
func OfCache(entries []image.Entry, state string) (items []Cached, disk int64) {
	items = []Cached{}
	for _, e := range entries {
		disk += e.Disk
		items = append(items, Cached{e.Digest, e.Size, e.Disk, e.Used.UTC(), state})
	}
	return items, disk
}

// Text writes an entry of the cache for people.
func (it Cached) Text(w io.Writer, ws *words.Words) {
	fmt.Fprintf(w, "%s  %s  %s\n", it.Used.Local().Format(ws.DateForm()+" "+time.TimeOnly), it.Digest,
		ws.Sayf("image %s, on the disk %s", bytesize.Text(it.Size), bytesize.Text(it.Disk)))
}
