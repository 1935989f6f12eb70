// This file is the one pass over a file: digest, extents, checksums.

package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/zarya-station/zarya/flash/image/sparse"
)

const (
	blockSize = 4096    // of a raw image
	window    = 1 << 20 // read at once
	windows   = 3       // one being read, one waiting, one being hashed
)

// load makes the image of its plain source, and a private copy of it on the way. A
// source that cannot be copied is read again for every tablet, and held to its digests.
func (im *Image) load(ctx context.Context, cache *Cache, source string) (err error) {
	defer im.explain(&err)
	var copied *part
	if im.id.size < cacheable {
		copied = inMemoryPart()
	} else {
		copied, _ = cache.begin(im.id.size)
	}
	if copied != nil {
		err := im.loadInto(ctx, copied, source)
		if !errors.Is(err, errCopy) {
			return err
		}
	}
	return im.loadInto(ctx, nil, source)
}

// errCopy is a private copy that could not be written.
var errCopy = errors.New("no copy")

func (im *Image) loadInto(ctx context.Context, copied *part, source string) (err error) {
	defer func() {
		if err != nil {
			im.store = nil
			copied.discard()
		}
	}()
	head := make([]byte, min(4, im.id.size))
	if err := im.read(head, 0, nil); err != nil {
		return err
	}
	s := scanner{copy: copied}
	if !im.rooted { // one hash of the bytes, not two
		s.sum = sha256.New()
	}
	if copied == nil {
		s.strong = newSummer(true)
	}
	if sparse.IsSparse(head) {
		if err := im.parse(im.source, im.id.size); err != nil {
			return err
		}
		s.crc = im.checker
	} else {
		im.index.Format, im.index.Size, im.index.Block, s.raw = FormatRaw, im.id.size, blockSize, true
	}
	if err := im.scan(ctx, &s); err != nil {
		return err
	}
	if s.failed != nil {
		return fmt.Errorf("%w: %w", errCopy, s.failed)
	}
	if s.raw {
		im.index.Extents = s.extents
	}
	if copied == nil {
		im.store = &store{file: im.source, name: im.path, sums: s.strong.finish(im.id.size)}
	} else if im.store, err = copied.store(im.path, im.index.end()); err != nil {
		return fmt.Errorf("%w: %w", errCopy, err)
	}
	if im.rooted {
		err = im.root(ctx)
	} else {
		im.index.Digest = "sha256:" + hex.EncodeToString(s.sum.Sum(nil))
		err = im.Unchanged()
	}
	if err != nil || copied == nil {
		return err
	}
	if err := copied.publish(source, &im.index, im.store); err != nil {
		return fmt.Errorf("%w: %w", errCopy, err)
	}
	return nil
}

// root makes the root of the blocks the image's digest.
func (im *Image) root(ctx context.Context) error {
	blocks, err := im.Blocks(ctx)
	if err == nil {
		im.index.Digest = Root(im.Size(), im.Map(), blocks)
	}
	return err
}

// parse finds the extents of a sparse file.
func (im *Image) parse(f *os.File, size int64) error {
	x, err := sparse.Parse(f, size)
	if err != nil {
		return err
	}
	im.index.Format, im.index.Size, im.index.Block, im.index.Extents = FormatSparse, x.Size(), int64(x.BlockSize), extentsOf(x)
	im.checker = x.Checker()
	return nil
}

// explain says which file is damaged, and what to do.
func (im *Image) explain(err *error) {
	if bad := (*sparse.FormatError)(nil); errors.As(*err, &bad) {
		*err = &FileError{Path: im.path, Problem: bad.Error() + "; " + bad.Advice(), Err: bad}
	}
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
			from, end = data(im.source, off, size)
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
			if err := im.read(sp.bytes, off, nil); err != nil {
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

// scanner looks at every byte of a file once, in order.
type scanner struct {
	sum     hash.Hash       // nil: no digest
	crc     *sparse.Checker // nil: nothing to check
	raw     bool            // find extents
	base    int64           // where in the copy the first byte is
	extents []Extent
	copy    *part   // nil: none
	failed  error   // of the copy
	strong  *summer // of a source that is not copied; nil: none
}

func (s *scanner) see(off int64, b []byte, hole bool) error {
	if s.sum != nil {
		_, _ = s.sum.Write(b)
	}
	if s.crc != nil {
		if err := s.crc.Feed(off, b); err != nil {
			return err
		}
	}
	if s.strong != nil && !hole {
		s.strong.write(off, b)
	}
	if !s.raw {
		if !hole {
			s.keep(off, b)
		}
		return nil
	}
	data := 0 // bytes of the run of data under way
	for at := 0; at < len(b); {
		step := min(blockSize, len(b)-at)
		if hole {
			step = len(b)
		}
		e := Extent{Kind: Data, Offset: off + int64(at), Length: int64(step), FileOffset: off + int64(at)}
		if hole {
			e = Extent{Kind: Fill, Offset: e.Offset, Length: e.Length}
		} else if value, ok := uniform(b[at : at+step]); ok {
			e = Extent{Kind: Fill, Offset: e.Offset, Length: e.Length, Fill: value}
		}
		s.extents = add(s.extents, e)
		if e.Kind == Data {
			data += step
		} else if data > 0 {
			s.keep(off+int64(at-data), b[at-data:at])
			data = 0
		}
		at += step
	}
	if data > 0 {
		s.keep(off+int64(len(b)-data), b[len(b)-data:])
	}
	return nil
}

// keep writes bytes to the copy, which is given up when it cannot take them.
func (s *scanner) keep(off int64, b []byte) {
	if s.copy == nil || s.failed != nil {
		return
	}
	s.failed = s.copy.put(b, s.base+off)
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
