// This file opens an image: format, digest, extents, in one pass.

package image

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zarya-station/zarya/flash/image/sparse"
)

// Format of an image file.
type Format string

// The formats.
const (
	FormatRaw    Format = "raw"
	FormatSparse Format = "sparse"
)

// Kind of an extent.
type Kind int

// The kinds.
const (
	Data     Kind = iota // bytes of the file
	Fill                 // one 32-bit word, repeated
	DontCare             // left as it is on the partition
)

func (k Kind) String() string { return [...]string{"data", "fill", "don't-care"}[k] }

// Extent is a run of an image. Extents are sorted, contiguous and cover
// [0, Size).
type Extent struct {
	Kind       Kind
	Offset     int64 // in the expanded image, bytes
	Length     int64 // bytes
	FileOffset int64 // Data: where the bytes are in the file
	Fill       uint32
}

const (
	blockSize = 4096
	window    = 1 << 20 // bytes read at once
	// tick is the granularity of file times: a change within one tick of the
	// last leaves the times as they were.
	tick = 20 * time.Millisecond
)

// Image is one opened file. It is immutable and safe for many goroutines.
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
	plans map[planKey]*Pieces // guarded by mu
}

// identity changes when somebody writes to the file.
type identity struct {
	dev, ino     uint64
	size         int64
	mtime, ctime unix.Timespec
}

func identify(f *os.File) (id identity, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return id, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return identity{st.Dev, st.Ino, st.Size, st.Mtim, st.Ctim}, nil
}

// ChangedError means that an image file changed after its digest was taken.
type ChangedError struct{ Path string }

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s changed on disk after its digest was taken", e.Path)
}

// FileError means that a file cannot be used as an image.
type FileError struct {
	Path    string
	Problem string
}

func (e *FileError) Error() string { return e.Path + ": " + e.Problem }

// Open reads the whole file once.
func Open(ctx context.Context, path string) (*Image, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	switch {
	case info.IsDir():
		return nil, &FileError{path, "is a folder; name an image file"}
	case !info.Mode().IsRegular():
		return nil, &FileError{path, "is not a regular file; copy it to one first"}
	case info.Size() == 0:
		return nil, &FileError{path, "is empty"}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	im := &Image{path: path, file: f, block: blockSize, plans: map[planKey]*Pieces{}}
	if err := im.load(ctx); err != nil {
		_ = f.Close()
		return nil, err
	}
	return im, nil
}

func (im *Image) load(ctx context.Context) (err error) {
	if im.id, err = identify(im.file); err != nil {
		return err
	}
	if err := settle(ctx, im.id); err != nil {
		return err
	}
	var head [4]byte
	if _, err := im.file.ReadAt(head[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("image: %w", err)
	}
	s := &scanner{size: im.id.size}
	if sparse.Is(head[:]) {
		im.format = FormatSparse
		x, err := sparse.Read(im.file, im.id.size)
		if err != nil {
			return fmt.Errorf("%s: %w", im.path, err)
		}
		im.block, im.size, im.extents = x.BlockSize, x.Size(), fromChunks(x)
		if err := checkCRC(ctx, im.file, x); err != nil {
			return fmt.Errorf("%s: %w", im.path, err)
		}
	} else {
		im.format, im.size = FormatRaw, im.id.size
		s.raw = true
	}
	if err := s.scan(ctx, im.file); err != nil {
		return fmt.Errorf("%s: %w", im.path, err)
	}
	if s.raw {
		im.extents = s.extents
	}
	im.digest = "sha256:" + hex.EncodeToString(s.sum)
	return im.Unchanged()
}

// settle waits until the file's last change is more than a tick ago, so that a
// later change cannot hide behind the same times.
func settle(ctx context.Context, id identity) error {
	age := time.Since(time.Unix(id.ctime.Unix()))
	if age < 0 || age >= tick {
		return nil
	}
	select {
	case <-time.After(tick - age):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Unchanged returns a *ChangedError if the file is not what was digested.
func (im *Image) Unchanged() error {
	id, err := identify(im.file)
	if err != nil {
		return err
	}
	if id != im.id {
		return &ChangedError{im.path}
	}
	return nil
}

// Path is the file's name as it was given.
func (im *Image) Path() string { return im.path }

// Format is what the content is, whatever the name.
func (im *Image) Format() Format { return im.format }

// Size is the expanded size in bytes.
func (im *Image) Size() int64 { return im.size }

// FileSize is the file's size in bytes.
func (im *Image) FileSize() int64 { return im.id.size }

// Digest is sha256:HEX over the file's bytes.
func (im *Image) Digest() string { return im.digest }

// Extents are the image's runs; the slice is shared and must not be changed.
func (im *Image) Extents() []Extent { return im.extents }

// Close closes the file.
func (im *Image) Close() error { return im.file.Close() }

// Written is how many bytes of the image are written: all but don't-care.
func (im *Image) Written() int64 {
	var n int64
	for _, e := range im.extents {
		if e.Kind != DontCare {
			n += e.Length
		}
	}
	return n
}

// ReadAt reads the expanded image; don't-care reads as zeros.
func (im *Image) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for _, e := range im.extents {
		if n == len(p) {
			return n, nil
		}
		at := off + int64(n)
		if at < e.Offset || at >= e.Offset+e.Length {
			continue
		}
		part := p[n:min(int64(len(p)), int64(n)+e.Offset+e.Length-at)]
		switch e.Kind {
		case Data:
			if _, err := im.file.ReadAt(part, e.FileOffset+at-e.Offset); err != nil {
				return n, fmt.Errorf("%s: %w", im.path, err)
			}
		case Fill, DontCare:
			var word [4]byte
			if e.Kind == Fill {
				binary.LittleEndian.PutUint32(word[:], e.Fill)
			}
			for i := range part {
				part[i] = word[(at+int64(i))&3]
			}
		}
		n += len(part)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// scanner takes the digest and, of a raw image, finds the extents.
type scanner struct {
	size    int64
	raw     bool
	extents []Extent
	sum     []byte
}

// scan hashes in one goroutine what it reads and looks through in another.
// Holes are not read.
func (s *scanner) scan(ctx context.Context, f *os.File) error {
	type part struct {
		buf []byte
		own bool
	}
	free := make(chan []byte, 3)
	for range cap(free) {
		free <- make([]byte, window)
	}
	parts := make(chan part, cap(free))
	hashed := make(chan []byte)
	go func() {
		h := sha256.New()
		for p := range parts {
			h.Write(p.buf)
			if p.own {
				free <- p.buf[:window]
			}
		}
		hashed <- h.Sum(nil)
	}()
	zero := make([]byte, window)
	err := func() error {
		for at := int64(0); at < s.size; {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if hole := holeAt(f, at, s.size); hole > 0 {
				s.fill(at, hole, 0)
				for left := hole; left > 0; left -= window {
					parts <- part{zero[:min(left, window)], false}
				}
				at += hole
				continue
			}
			buf := (<-free)[:min(window, s.size-at)]
			if _, err := f.ReadAt(buf, at); err != nil {
				free <- buf[:window]
				if errors.Is(err, io.EOF) {
					return &ChangedError{f.Name()}
				}
				return err
			}
			s.look(at, buf)
			parts <- part{buf, true}
			at += int64(len(buf))
		}
		return nil
	}()
	close(parts)
	s.sum = <-hashed
	return err
}

// holeAt is how many whole blocks from at on are a hole; 0 if none or not known.
func holeAt(f *os.File, at, size int64) int64 {
	data, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO): // nothing but a hole up to the end
		data = size
	case err != nil:
		return 0
	}
	if data < size {
		data -= data % blockSize
	}
	return max(0, data-at)
}

// look finds the fill blocks of a window that begins on a block.
func (s *scanner) look(at int64, buf []byte) {
	if !s.raw {
		return
	}
	for i := 0; i < len(buf); i += blockSize {
		b := buf[i:min(i+blockSize, len(buf))]
		if word, ok := uniform(b); ok {
			s.fill(at+int64(i), int64(len(b)), word)
		} else {
			s.data(at+int64(i), int64(len(b)))
		}
	}
}

// uniform reports whether a block is one word repeated. A last block that is not
// whole counts as padded with zeros.
func uniform(b []byte) (uint32, bool) {
	if len(b) < 8 {
		return 0, false
	}
	word := binary.LittleEndian.Uint64(b)
	if uint32(word) != uint32(word>>32) || len(b) < blockSize && word != 0 {
		return 0, false
	}
	i := 8
	for ; i+8 <= len(b); i += 8 {
		if binary.LittleEndian.Uint64(b[i:]) != word {
			return 0, false
		}
	}
	for ; i < len(b); i++ { // only a short block has a rest
		if b[i] != 0 {
			return 0, false
		}
	}
	return uint32(word), true
}

func (s *scanner) fill(at, n int64, word uint32) {
	if !s.raw {
		return
	}
	if l := s.last(); l != nil && l.Kind == Fill && l.Fill == word {
		l.Length += n
		return
	}
	s.extents = append(s.extents, Extent{Kind: Fill, Offset: at, Length: n, Fill: word})
}

func (s *scanner) data(at, n int64) {
	if l := s.last(); l != nil && l.Kind == Data {
		l.Length += n
		return
	}
	s.extents = append(s.extents, Extent{Kind: Data, Offset: at, Length: n, FileOffset: at})
}

func (s *scanner) last() *Extent {
	if len(s.extents) == 0 {
		return nil
	}
	return &s.extents[len(s.extents)-1]
}

// fromChunks makes extents of a sparse image's chunks; neighbours that go on in
// the file, or repeat the same word, become one.
func fromChunks(x *sparse.Index) []Extent {
	var out []Extent
	for _, c := range x.Chunks {
		if c.Blocks == 0 {
			continue
		}
		e := Extent{Offset: c.Block * x.BlockSize, Length: c.Blocks * x.BlockSize}
		switch c.Type {
		case sparse.Raw:
			e.Kind, e.FileOffset = Data, c.Data
		case sparse.Fill:
			e.Kind, e.Fill = Fill, c.Value
		default:
			e.Kind = DontCare
		}
		if n := len(out); n > 0 && out[n-1].Kind == e.Kind && e.Kind != Data && out[n-1].Fill == e.Fill {
			out[n-1].Length += e.Length
			continue
		}
		out = append(out, e)
	}
	return out
}

// checkCRC compares CRC32 chunks with the expanded bytes before them; don't-care
// counts as zeros, as in libsparse. A checksum of 0 was not computed.
func checkCRC(ctx context.Context, f *os.File, x *sparse.Index) error {
	last := -1
	for i, c := range x.Chunks {
		if c.Type == sparse.CRC32 && c.Value != 0 {
			last = i
		}
	}
	sum := crc32.NewIEEE()
	buf := make([]byte, 64<<10)
	for i, c := range x.Chunks[:last+1] {
		switch c.Type {
		case sparse.CRC32:
			if c.Value != 0 && sum.Sum32() != c.Value {
				return &sparse.FormatError{Offset: c.Data, Problem: fmt.Sprintf("chunk %d: the checksum is %08x, the bytes have %08x", i, c.Value, sum.Sum32())}
			}
		case sparse.Raw:
			if _, err := io.CopyBuffer(struct{ io.Writer }{sum}, io.NewSectionReader(f, c.Data, c.Blocks*x.BlockSize), buf); err != nil {
				return err
			}
		default:
			if err := repeat(ctx, sum, buf, c.Value, c.Blocks*x.BlockSize); err != nil {
				return err
			}
		}
	}
	return nil
}

// repeat writes n bytes of a repeated word.
func repeat(ctx context.Context, h hash.Hash, buf []byte, word uint32, n int64) error {
	for i := 0; i < len(buf); i += 4 {
		binary.LittleEndian.PutUint32(buf[i:], word)
	}
	for ; n > 0; n -= int64(len(buf)) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		h.Write(buf[:min(n, int64(len(buf)))])
	}
	return nil
}
