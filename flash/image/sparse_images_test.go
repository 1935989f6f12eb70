// Sparse images that no tool writes, and whether they survive being cut into pieces.

package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"testing"
)

// simg is a test-side writer of sparse images.
type simg struct {
	chunks, blocks uint32
	body, want     []byte
	dont           []bool // per block
}

func (s *simg) chunk(kind uint16, blocks int, body []byte) {
	le := binary.LittleEndian
	s.body = le.AppendUint16(s.body, kind)
	s.body = le.AppendUint16(s.body, 0)
	s.body = le.AppendUint32(s.body, uint32(blocks))
	s.body = le.AppendUint32(s.body, uint32(12+len(body)))
	s.body = append(s.body, body...)
	s.chunks++
	s.blocks += uint32(blocks)
	part := make([]byte, blocks*block)
	for i := range part {
		if kind == 0xcac1 || kind == 0xcac2 {
			part[i] = body[i%len(body)]
		}
	}
	s.want = append(s.want, part...)
	for range blocks {
		s.dont = append(s.dont, kind == 0xcac3)
	}
}

func (s *simg) sum() {
	s.chunk(0xcac4, 0, binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(s.want)))
}

func (s *simg) bytes() []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xed26ff3a)
	for _, v := range []uint32{1, 28 | 12<<16, block, s.blocks, s.chunks, 0} {
		b = le.AppendUint32(b, v)
	}
	return append(b, s.body...)
}

func randomSimg(r *rand.Rand) *simg {
	s := &simg{}
	for range 1 + r.IntN(20) {
		n := 1 + r.IntN(5)
		switch r.IntN(4) {
		case 0:
			s.chunk(0xcac1, n, blocks(r, n))
		case 1:
			s.chunk(0xcac2, n, binary.LittleEndian.AppendUint32(nil, r.Uint32N(3)*0x01020304))
		case 2:
			s.chunk(0xcac3, n, nil)
		case 3:
			s.sum()
		}
	}
	if s.blocks == 0 {
		s.chunk(0xcac3, 1, nil)
	}
	return s
}

func TestSparseImagesSurviveTheCut(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 2))
		s := randomSimg(r)
		im := open(t, write(t, s.bytes()))
		covers(t, im)
		got := make([]byte, len(s.want))
		if _, err := im.ReadAt(got, 0); err != nil || !bytes.Equal(got, s.want) {
			t.Fatalf("seed %d: ReadAt: %v", seed, err)
		}
		for range 8 {
			holds(t, im, 4100+r.Int64N(60000), s.want, func(off int64) bool { return !s.dont[off/block] })
		}
		_, err := im.Pieces(1<<30, Raw)
		if refused := errors.As(err, new(*FormError)); refused != slices.Contains(s.dont, true) {
			t.Fatalf("seed %d: raw: %v", seed, err)
		}
		if err == nil && !bytes.Equal(pieceBytes(t, plan(t, im, 1<<30, Raw).At(0)), s.want) {
			t.Fatalf("seed %d: expanded", seed)
		}
	}
}

// AOSP's own tools are the judge: simg2img takes all pieces in order, and what
// img2simg writes is read as the same image.
