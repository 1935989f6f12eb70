// This file has an opened image and what it is made of.

package image

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
	"sync"
	"time"
)

// Format is what a file is, whatever its name.
type Format string

// The formats.
const (
	FormatRaw    Format = "raw"
	FormatSparse Format = "sparse"
)

// Kind is what an extent is.
type Kind int

// The kinds.
const (
	Data     Kind = iota // bytes of the file
	Fill                 // one 4-byte value, repeated
	DontCare             // left as it is on the partition
)

func (k Kind) String() string {
	switch k {
	case Data:
		return "data"
	case Fill:
		return "fill"
	case DontCare:
		return "don't-care"
	}
	return fmt.Sprintf("kind %d", int(k))
}

// Extent is a run of the expanded image.
type Extent struct {
	Kind       Kind
	Offset     int64
	Length     int64
	FileOffset int64  // Data: where the bytes are in the file
	Fill       uint32 // Fill: the value, little-endian from Offset on
}

func (e Extent) end() int64 { return e.Offset + e.Length }

// Image is an opened image; it never changes, and all tablets share it.
type Image struct {
	path    string
	file    *os.File
	id      identity
	format  Format
	size    int64
	block   int64
	digest  string
	extents []Extent

	mu    sync.Mutex
	plans map[planKey]*Pieces
}

// Open reads the file at path once, from its first byte to its last.
func Open(ctx context.Context, path string) (*Image, error) {
	problem := func(what string, err error) (*Image, error) {
		return nil, &FileError{Path: path, Problem: what, Err: err}
	}
	// Stat before Open: to open a pipe would wait for its writer.
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return problem("no such file: check the name", err)
	case err != nil:
		return problem(reason(err), err)
	case info.IsDir():
		return problem("is a folder: name the image file in it", nil)
	case !info.Mode().IsRegular():
		return problem("is a device or a pipe, not a file: copy it into a file first (dd if="+path+" of=FILE)", nil)
	case info.Size() == 0:
		return problem("is empty: copy or download it again", nil)
	}
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return problem(reason(err), err)
	}
	im := &Image{path: path, file: f, plans: map[planKey]*Pieces{}}
	if err := im.load(ctx); err != nil {
		_ = f.Close()
		return nil, err
	}
	return im, nil
}

// reason is err without the path, which the reader knows already.
func reason(err error) string {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// Path is the file's name as it was given.
func (im *Image) Path() string { return im.path }

// Format is what the file is.
func (im *Image) Format() Format { return im.format }

// Size is the size of the expanded image.
func (im *Image) Size() int64 { return im.size }

// FileSize is the size of the file.
func (im *Image) FileSize() int64 { return im.id.size }

// Digest is "sha256:" and the hex digest of the file's bytes.
func (im *Image) Digest() string { return im.digest }

// Extents cover [0, Size), sorted, without gaps; they are shared: do not change them.
func (im *Image) Extents() []Extent { return im.extents }

// Close ends all use of the image.
func (im *Image) Close() error { return im.file.Close() }

// Sum counts extents of one kind.
type Sum struct {
	Extents int
	Bytes   int64 // expanded
}

// Sums counts the image's extents by kind.
func (im *Image) Sums() map[Kind]Sum {
	sums := map[Kind]Sum{}
	for _, e := range im.extents {
		s := sums[e.Kind]
		sums[e.Kind] = Sum{s.Extents + 1, s.Bytes + e.Length}
	}
	return sums
}

// Written is how many image bytes are written to a partition: all but don't-care.
func (im *Image) Written() int64 { return im.size - im.Sums()[DontCare].Bytes }

// Unchanged returns a *ChangedError if the open file is not what was digested.
func (im *Image) Unchanged() error {
	id, err := identify(im.file)
	switch {
	case err != nil:
		return &FileError{Path: im.path, Problem: reason(err), Err: err}
	case id != im.id:
		return &ChangedError{Path: im.path}
	}
	return nil
}

// ReadAt reads the expanded image; don't-care reads as zeros.
func (im *Image) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("%s: read at %d", im.path, off)
	}
	n := 0
	for i := sort.Search(len(im.extents), func(i int) bool { return im.extents[i].end() > off }); n < len(p) && i < len(im.extents); i++ {
		e, at := im.extents[i], off+int64(n)
		part := p[n:min(int64(len(p)), int64(n)+e.end()-at)]
		if e.Kind == Data {
			if err := im.read(part, e.FileOffset+at-e.Offset); err != nil {
				return n, err
			}
		} else {
			repeat(part, e.Fill, at-e.Offset)
		}
		n += len(part)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// read fills p from the file or fails: what is missing is never made up.
func (im *Image) read(p []byte, off int64) error {
	if n, err := im.file.ReadAt(p, off); n < len(p) {
		if changed := im.Unchanged(); changed != nil {
			return changed
		}
		return &FileError{Path: im.path, Problem: fmt.Sprintf("reading at byte %d: %v", off+int64(n), reason(err)), Err: err}
	}
	return nil
}

// repeat fills p with a value, from the phase-th byte of the pattern on.
func repeat(p []byte, value uint32, phase int64) {
	if value == 0 {
		clear(p)
		return
	}
	var v [4]byte
	binary.LittleEndian.PutUint32(v[:], value)
	for i := range min(4, len(p)) {
		p[i] = v[(phase+int64(i))%4]
	}
	for n := 4; n < len(p); n *= 2 {
		copy(p[n:], p[:n])
	}
}

// identity changes when somebody writes to a file, or puts another in its place.
type identity struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64 // ns
}

// tick is more than the granularity of the kernel's file times: within it, a
// change leaves the times as they are.
const tick = 20 * time.Millisecond

// settle identifies a file once its last change is a tick old, so that a later
// one cannot hide.
func settle(ctx context.Context, f *os.File) (identity, error) {
	for range 100 {
		id, err := identify(f)
		if err != nil {
			return id, err
		}
		age := time.Since(time.Unix(0, id.ctime))
		if age < 0 || age >= tick { // a clock set back must not make us wait
			return id, nil
		}
		timer := time.NewTimer(tick - age)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return id, context.Cause(ctx)
		}
	}
	return identity{}, &ChangedError{Path: f.Name()}
}
