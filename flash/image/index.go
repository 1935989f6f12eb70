// This file has the index of a prepared image: what is behind its bytes in the cache.

package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"strings"
)

// index is what is known of a prepared image.
type index struct {
	Digest  string // of what it was made from
	Format  Format
	Size    int64
	Block   int64
	AsIs    bool // not unpacked
	Extents []Extent
}

// key is the entry's file name.
func (x *index) key() string {
	key := strings.ReplaceAll(x.Digest, ":", "-")
	if x.AsIs {
		key += "-as-is"
	}
	return key
}

// end is where the bytes end.
func (x *index) end() (end int64) {
	for _, e := range x.Extents {
		if e.Kind == Data {
			end = max(end, e.FileOffset+e.Length)
		}
	}
	return end
}

// The index is little-endian: a header, the digest's name, 32 bytes an extent, the sums of
// the windows; after it its length, its SHA-256 and a magic number end the file.
const indexMagic = "zarya-prepared-2"

type indexHead struct {
	Sparse, AsIs uint8
	_            [6]uint8
	Size, Block  int64
	Extents      int64
	Digest       int64 // bytes of its name
	Bytes        int64 // that have sums
}

type indexExtent struct {
	Kind       uint32
	Fill       uint32
	Offset     int64
	Length     int64
	FileOffset int64
}

const (
	headBytes   = 48
	extentBytes = 32
	footBytes   = 8 + sha256.Size + len(indexMagic)
)

func (x *index) encode(s *sums) []byte {
	var b bytes.Buffer
	h := indexHead{Size: x.Size, Block: x.Block, Extents: int64(len(x.Extents)), Digest: int64(len(x.Digest)), Bytes: s.size}
	if x.Format == FormatSparse {
		h.Sparse = 1
	}
	if x.AsIs {
		h.AsIs = 1
	}
	le := binary.LittleEndian
	_ = binary.Write(&b, le, h)
	b.WriteString(x.Digest)
	for _, e := range x.Extents {
		_ = binary.Write(&b, le, indexExtent{uint32(e.Kind), e.Fill, e.Offset, e.Length, e.FileOffset}) //nolint:gosec // one of three
	}
	_ = binary.Write(&b, le, s.crc)
	sum := sha256.Sum256(b.Bytes())
	out := le.AppendUint64(b.Bytes(), uint64(b.Len())) //nolint:gosec // a length
	return append(append(out, sum[:]...), indexMagic...)
}

var errIndex = errors.New("not a prepared image")

// readIndex reads and checks the end of an entry.
func readIndex(f *os.File) (*index, *sums, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	foot := make([]byte, footBytes)
	at := info.Size() - int64(len(foot))
	if at < headBytes {
		return nil, nil, errIndex
	}
	if _, err := f.ReadAt(foot, at); err != nil {
		return nil, nil, err
	}
	n := int64(binary.LittleEndian.Uint64(foot)) //nolint:gosec // checked below
	if string(foot[8+sha256.Size:]) != indexMagic || n < headBytes || n > at || n > 1<<31 {
		return nil, nil, errIndex
	}
	b := make([]byte, n)
	if _, err := f.ReadAt(b, at-n); err != nil {
		return nil, nil, err
	}
	if sum := sha256.Sum256(b); !bytes.Equal(sum[:], foot[8:8+sha256.Size]) {
		return nil, nil, errIndex
	}
	return decodeIndex(b, at-n)
}

// decodeIndex reads an index of an image whose bytes end before end.
func decodeIndex(b []byte, end int64) (*index, *sums, error) {
	le := binary.LittleEndian
	var h indexHead
	if len(b) < headBytes {
		return nil, nil, errIndex
	}
	_, _ = binary.Decode(b, le, &h)
	b = b[headBytes:]
	s := &sums{size: h.Bytes}
	if h.Bytes < 0 || h.Bytes > end || h.Digest < 0 || h.Digest > 200 || h.Extents < 0 || h.Extents > 1<<26 ||
		h.Size <= 0 || h.Block <= 0 || h.Block > 1<<20 || int64(len(b)) != h.Digest+h.Extents*extentBytes+4*s.count() {
		return nil, nil, errIndex
	}
	x := &index{Digest: string(b[:h.Digest]), Format: FormatRaw, Size: h.Size, Block: h.Block, AsIs: h.AsIs != 0}
	if h.Sparse != 0 {
		x.Format = FormatSparse
	}
	x.Extents = make([]Extent, h.Extents)
	at := int64(0)
	for i := range x.Extents {
		raw := b[h.Digest+int64(i)*extentBytes:]
		e := Extent{
			Kind: Kind(le.Uint32(raw)), Fill: le.Uint32(raw[4:]),
			Offset: int64(le.Uint64(raw[8:])), Length: int64(le.Uint64(raw[16:])), //nolint:gosec // checked below
			FileOffset: int64(le.Uint64(raw[24:])), //nolint:gosec // checked below
		}
		if e.Kind < Data || e.Kind > DontCare || e.Offset != at || e.Length <= 0 || e.Length > x.Size-at ||
			e.Kind == Data && (e.FileOffset < 0 || e.FileOffset > s.size-e.Length) {
			return nil, nil, errIndex
		}
		x.Extents[i] = e
		at += e.Length
	}
	s.crc = make([]uint32, s.count())
	_, _ = binary.Decode(b[h.Digest+h.Extents*extentBytes:], le, s.crc)
	if at != x.Size {
		return nil, nil, errIndex
	}
	return x, s, nil
}
