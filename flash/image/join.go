// This file makes an image of what it is packed in, and of the pieces that it comes in.

package image

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"

	"github.com/zarya-station/zarya/flash/image/sparse"
	"github.com/zarya-station/zarya/flash/image/unpack"
)

// piece is one of the files that an image is in.
type piece struct {
	path   string
	file   *os.File
	member string
	id     identity
}

// unpack makes the image of a packed source, or of several, in the cache.
func (im *Image) unpack(ctx context.Context, cache *Cache, source, member string) (err error) {
	p, err := cache.begin(im.id.size)
	if err != nil {
		what := fmt.Sprintf("is packed (%s), and there is nowhere to unpack it: %v; or unpack it by hand", cmp.Or(im.packing, "in pieces"), err)
		return &FileError{Path: im.path, Problem: what, Err: err}
	}
	defer func() {
		if err != nil {
			im.store = nil
			p.discard()
		}
	}()
	j := joiner{part: p}
	all := sha256.New()
	for _, from := range append([]piece{{im.path, im.source, member, im.id}}, im.more...) {
		f := unpack.File{
			File: from.file, Size: from.id.size, Name: from.path, Member: from.member, AsIs: im.index.AsIs, Raw: im.raw,
			Piece: len(im.more) > 0, NoSum: im.rooted, Limit: cache.limit, Temp: cache.dir,
		}
		digest, err := f.Images(ctx, func(r io.Reader) error { return j.receive(ctx, r) })
		if err != nil {
			return im.unpackError(ctx, from.path, err)
		}
		if len(im.more) == 0 {
			im.index.Digest = "sha256:" + hex.EncodeToString(digest)
		}
		_, _ = all.Write(digest)
	}
	if err := j.join(&im.index); err != nil {
		return im.unpackError(ctx, im.path, err)
	}
	if len(im.more) > 0 {
		im.index.Digest = "sha256:" + hex.EncodeToString(all.Sum(nil))
	}
	if im.store, err = p.store(im.path, im.index.end()); err != nil {
		return err
	}
	if im.rooted {
		err = im.root(ctx)
	} else {
		err = im.Unchanged()
	}
	if err != nil {
		return err
	}
	return p.publish(source, &im.index, im.store)
}

// unpackError says what of a file is wrong, and what to do.
func (im *Image) unpackError(ctx context.Context, path string, err error) error {
	if changed := im.Unchanged(); changed != nil {
		return changed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	advice := "; copy or download it again"
	if errors.Is(err, syscall.ENOSPC) {
		advice = "; free some, or name a folder on a larger one with ZARYA_CACHE"
	} else if errors.As(err, new(*unpack.Error)) {
		advice = ""
	} else if bad := (*sparse.FormatError)(nil); errors.As(err, &bad) {
		advice = "; " + bad.Advice()
	}
	return &FileError{Path: path, Problem: reason(err) + advice, Err: err}
}

// joiner puts the pieces of an image one behind the other into a part.
type joiner struct {
	part  *part
	at    int64 // where the next piece goes
	parts []index
}

// receive writes a piece and finds its extents.
func (j *joiner) receive(ctx context.Context, r io.Reader) error {
	s := scanner{raw: true, copy: j.part, base: j.at}
	buf, size := make([]byte, window), int64(0)
	for {
		n, err := io.ReadFull(r, buf)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		if size == 0 && sparse.IsSparse(buf[:n]) {
			s.raw = false
		}
		if serr := s.see(size, buf[:n], false); serr != nil {
			return serr
		}
		if size += int64(n); n < len(buf) {
			break
		}
	}
	if s.failed != nil {
		return s.failed
	}
	if size == 0 {
		return errors.New("the image in it is empty")
	}
	x := index{Format: FormatRaw, Size: size, Block: blockSize, Extents: s.extents}
	if !s.raw {
		// Holes at the end of the part are not in the file yet.
		if err := j.part.Truncate(j.at + size); err != nil {
			return err
		}
		var err error
		if x, err = sparseIndex(ctx, io.NewSectionReader(j.part, j.at, size), size); err != nil {
			return err
		}
	}
	for i := range x.Extents {
		if x.Extents[i].Kind == Data {
			x.Extents[i].FileOffset += j.at
		}
	}
	j.parts = append(j.parts, x)
	j.at = roundUp(j.at+size, blockSize)
	return nil
}

// sparseIndex finds the extents of a sparse file, and compares its CRC32 chunks.
func sparseIndex(ctx context.Context, r *io.SectionReader, size int64) (index, error) {
	p, err := sparse.Parse(r, size)
	if err != nil {
		return index{}, err
	}
	x := index{Format: FormatSparse, Size: p.Size(), Block: int64(p.BlockSize), Extents: extentsOf(p)}
	checker := p.Checker()
	if checker == nil {
		return x, nil
	}
	buf := make([]byte, window)
	for off := int64(0); off < size; off += window {
		b := buf[:min(window, size-off)]
		if ctx.Err() != nil {
			return x, context.Cause(ctx)
		}
		if _, err := r.ReadAt(b, off); err != nil {
			return x, err
		}
		if err := checker.Feed(off, b); err != nil {
			return x, err
		}
	}
	return x, nil
}

// join makes one image of the pieces.
func (j *joiner) join(x *index) error {
	first := j.parts[0]
	x.Format, x.Block, x.Size, x.Extents = first.Format, first.Block, first.Size, first.Extents
	for n, p := range j.parts[1:] {
		if p.Format != first.Format || p.Block != first.Block {
			return &unpack.Error{
				Problem: fmt.Sprintf("piece %d is %s in blocks of %d bytes, the first one %s in blocks of %d", n+2, p.Format, p.Block, first.Format,
					first.Block),
				Advice: "give the pieces of one image",
			}
		}
		if first.Format == FormatSparse {
			x.Size = max(x.Size, p.Size)
			continue
		}
		if x.Size%x.Block != 0 {
			return &unpack.Error{
				Problem: fmt.Sprintf("piece %d of a raw image ends within a block of %d bytes", n+1, x.Block),
				Advice:  "give the pieces in their order, or join them by hand (cat FILE1 FILE2 … >FILE)",
			}
		}
		for _, e := range p.Extents {
			e.Offset += x.Size
			x.Extents = add(x.Extents, e)
		}
		x.Size += p.Size
	}
	if first.Format == FormatSparse && len(j.parts) > 1 {
		return j.overlay(x)
	}
	return nil
}

// overlay joins sparse pieces: each leaves as it is what the others write.
func (j *joiner) overlay(x *index) error {
	var written []Extent
	for _, p := range j.parts {
		for _, e := range p.Extents {
			if e.Kind != DontCare {
				written = append(written, e)
			}
		}
	}
	slices.SortStableFunc(written, func(a, b Extent) int { return cmp.Compare(a.Offset, b.Offset) })
	x.Extents = nil
	at := int64(0)
	for _, e := range written {
		if e.Offset < at {
			return &unpack.Error{
				Problem: fmt.Sprintf("two pieces write to byte %d", e.Offset),
				Advice:  "give the pieces of one image, each of them once",
			}
		}
		if e.Offset > at {
			x.Extents = add(x.Extents, Extent{Kind: DontCare, Offset: at, Length: e.Offset - at})
		}
		x.Extents = add(x.Extents, e)
		at = e.end()
	}
	if at < x.Size {
		x.Extents = add(x.Extents, Extent{Kind: DontCare, Offset: at, Length: x.Size - at})
	}
	return nil
}
