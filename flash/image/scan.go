// This file is the one pass over a file: digest, extents, checksums.

package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"

	"golang.org/x/sync/errgroup"

	"github.com/zarya-station/zarya/flash/image/sparse"
)

const (
	blockSize = 4096    // of a raw image
	window    = 1 << 20 // read at once
	windows   = 3       // one being read, one waiting, one being hashed
)

// load makes the image of its open file.
func (im *Image) load(ctx context.Context) (err error) {
	defer func() {
		if bad := (*sparse.FormatError)(nil); errors.As(err, &bad) {
			err = &FileError{Path: im.path, Problem: bad.Error() + "; copy or download it again", Err: bad}
		}
	}()
	if im.id, err = settle(ctx, im.file); err != nil {
		return err
	}
	head := make([]byte, min(4, im.id.size))
	if err := im.read(head, 0); err != nil {
		return err
	}
	s := scanner{sum: sha256.New()}
	if sparse.IsSparse(head) {
		x, err := sparse.Parse(im.file, im.id.size)
		if err != nil {
			return err
		}
		im.format, im.size, im.block, im.extents = FormatSparse, x.Size(), int64(x.BlockSize), extentsOf(x)
		s.crc = x.Checker()
	} else {
		im.format, im.size, im.block, s.raw = FormatRaw, im.id.size, blockSize, true
	}
	if err := im.scan(ctx, &s); err != nil {
		return err
	}
	if s.raw {
		im.extents = s.extents
	}
	im.digest = "sha256:" + hex.EncodeToString(s.sum.Sum(nil))
	return im.Unchanged()
}

// extentsOf turns chunks into extents. RAW neighbours have a header between them
// in the file and stay apart.
func extentsOf(x *sparse.Index) []Extent {
	extents := make([]Extent, 0, len(x.Chunks))
	for _, c := range x.Chunks {
		e := Extent{Offset: c.Offset, Length: c.Length}
		switch c.Type {
		case sparse.Raw:
			e.Kind, e.FileOffset = Data, c.FileOffset
		case sparse.Fill:
			e.Kind, e.Fill = Fill, c.Value
		case sparse.DontCare:
			e.Kind = DontCare
		case sparse.CRC32:
			continue
		}
		extents = add(extents, e)
	}
	return extents
}

// add appends an extent, or lengthens the last one if it goes on with e.
func add(extents []Extent, e Extent) []Extent {
	if n := len(extents); n > 0 {
		last := &extents[n-1]
		if last.Kind == e.Kind && last.Fill == e.Fill && (e.Kind != Data || last.FileOffset+last.Length == e.FileOffset) {
			last.Length += e.Length
			return extents
		}
	}
	return append(extents, e)
}

// span is a stretch of the file: the bytes of a window, or a hole.
type span struct {
	off, n int64
	bytes  []byte
}

// scan reads in one goroutine and looks at what was read in another.
func (im *Image) scan(ctx context.Context, s *scanner) error {
	g, ctx := errgroup.WithContext(ctx)
	spans, free := make(chan span), make(chan []byte, windows)
	for range windows {
		free <- make([]byte, window)
	}
	g.Go(func() error {
		defer close(spans)
		return im.spans(ctx, free, spans)
	})
	g.Go(func() error {
		zeros := make([]byte, window)
		for sp := range spans {
			b := sp.bytes
			for off := sp.off; off < sp.off+sp.n; off += int64(len(b)) {
				if sp.bytes == nil {
					b = zeros[:min(window, sp.off+sp.n-off)]
				}
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if err := s.see(off, b, sp.bytes == nil); err != nil {
					return err
				}
			}
			if sp.bytes != nil {
				free <- sp.bytes[:window]
			}
		}
		return nil
	})
	return g.Wait()
}

// spans sends all of the file in order, cut at whole blocks.
func (im *Image) spans(ctx context.Context, free <-chan []byte, to chan<- span) error {
	size := im.id.size
	for off, end := int64(0), int64(0); off < size; {
		sp := span{off: off}
		if off >= end { // where the known data ends, ask for more
			var from int64
			from, end = data(im.file, off, size)
			end = min(size, roundUp(end, blockSize))
			if from < size {
				from -= from % blockSize
			}
			sp.n = from - off
		}
		if sp.n <= 0 {
			select {
			case b := <-free:
				sp.bytes = b[:min(window, end-off)]
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if err := im.read(sp.bytes, off); err != nil {
				return err
			}
			sp.n = int64(len(sp.bytes))
		}
		select {
		case to <- sp:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		off += sp.n
	}
	return nil
}

// scanner looks at every byte of the file once, in order.
type scanner struct {
	sum     hash.Hash
	crc     *sparse.Checker // nil: nothing to check
	raw     bool            // find extents
	extents []Extent
}

func (s *scanner) see(off int64, b []byte, hole bool) error {
	_, _ = s.sum.Write(b)
	if s.crc != nil {
		if err := s.crc.Feed(off, b); err != nil {
			return err
		}
	}
	for step := blockSize; s.raw && len(b) > 0; b = b[step:] {
		if hole {
			step = len(b)
		}
		step = min(step, len(b))
		e := Extent{Kind: Data, Offset: off, Length: int64(step), FileOffset: off}
		if hole {
			e = Extent{Kind: Fill, Offset: off, Length: int64(step)}
		} else if value, ok := uniform(b[:step]); ok {
			e = Extent{Kind: Fill, Offset: off, Length: int64(step), Fill: value}
		}
		s.extents = add(s.extents, e)
		off += int64(step)
	}
	return nil
}

// uniform tells whether a block repeats one value. A last block that is not whole
// must be zeros, because zeros will make it whole.
func uniform(b []byte) (uint32, bool) {
	if len(b) < blockSize {
		return 0, len(bytes.Trim(b, "\x00")) == 0
	}
	value := binary.LittleEndian.Uint32(b)
	return value, binary.LittleEndian.Uint32(b[4:]) == value && bytes.Equal(b[4:], b[:len(b)-4])
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }
