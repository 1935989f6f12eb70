// This file takes the digests of an image by its blocks: they say where a damaged image
// is damaged, and their root names an image whatever file it comes in.

package image

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// DigestBlock is the size of a block of digests: 4 MiB of the expanded image.
const DigestBlock = 4 << 20

// Blocks gives the SHA-256 of each 4 MiB of the expanded image, the last one as long as
// it is; don't-care counts as zeros.
func (im *Image) Blocks(ctx context.Context) ([][sha256.Size]byte, error) {
	sums := make([][sha256.Size]byte, (im.Size()+DigestBlock-1)/DigestBlock)
	// A block of one value is common, and always the same.
	same := map[uint32][sha256.Size]byte{}
	var g errgroup.Group
	workers := max(1, runtime.GOMAXPROCS(0))
	g.SetLimit(workers)
	var jobs []int
	for i := range sums {
		at := int64(i) * DigestBlock
		n := min(DigestBlock, im.Size()-at)
		e := im.index.Extents[im.at(at)]
		if e.Kind == Data || e.end() < at+n || n < DigestBlock || (at-e.Offset)%4 != 0 {
			jobs = append(jobs, i)
			continue
		}
		sum, ok := same[e.Fill]
		if !ok {
			b := make([]byte, n)
			repeat(b, e.Fill, 0)
			sum = sha256.Sum256(b)
			same[e.Fill] = sum
		}
		sums[i] = sum
	}
	for w := range min(workers, len(jobs)) {
		g.Go(func() error {
			buf := make([]byte, DigestBlock)
			for k := w; k < len(jobs); k += workers {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				at := int64(jobs[k]) * DigestBlock
				b := buf[:min(DigestBlock, im.Size()-at)]
				if _, err := im.ReadAt(b, at); err != nil {
					return err
				}
				sums[jobs[k]] = sha256.Sum256(b)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return sums, im.Unchanged()
}

// Range is a run of the extent map that a root covers: neighbours of one kind and value
// are one.
type Range struct {
	Kind   Kind
	Length int64
	Fill   uint32
}

// Map is what the image is made of, from its first byte to its last.
func (im *Image) Map() []Range {
	var m []Range
	for _, e := range im.index.Extents {
		if n := len(m); n > 0 && m[n-1].Kind == e.Kind && m[n-1].Fill == e.Fill {
			m[n-1].Length += e.Length
			continue
		}
		m = append(m, Range{e.Kind, e.Length, e.Fill})
	}
	return m
}

// Root is "sha256:" and the hex SHA-256 over "zarya image root 1\n", then, as 8-byte
// big-endian numbers, the size, the number of ranges, kind (0 data, 1 fill, 2
// don't-care), length and value of each, the size of a block and their number, and after
// them the blocks' digests.
func Root(size int64, ranges []Range, blocks [][sha256.Size]byte) string {
	h := sha256.New()
	_, _ = h.Write([]byte("zarya image root 1\n"))
	number := func(n int64) {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(n))) //nolint:gosec // not negative
	}
	number(size)
	number(int64(len(ranges)))
	for _, r := range ranges {
		number(int64(r.Kind))
		number(r.Length)
		number(int64(r.Fill))
	}
	number(DigestBlock)
	number(int64(len(blocks)))
	for _, b := range blocks {
		_, _ = h.Write(b[:])
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// BlockError says which block of an image is not what it should be.
type BlockError struct {
	Path  string
	Block int
	From  int64 // the first byte of it, expanded
}

func (e *BlockError) Error() string {
	return fmt.Sprintf("%s: block %d (from byte %d of the image on) does not have the digest that the manifest gives it: "+
		"copy or download it again", e.Path, e.Block, e.From)
}
