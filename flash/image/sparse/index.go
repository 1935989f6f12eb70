// This file finds the chunks of a sparse image and refuses one that lies.

package sparse

import (
	"encoding/binary"
	"errors"
	"io"
)

// maxChunks bounds the index that a hostile file can make us keep.
const maxChunks = 1 << 22

// Chunk is one chunk, placed on the expanded image and in the file.
type Chunk struct {
	Type       Type
	Value      uint32 // FILL: the value; CRC32: the sum
	Offset     int64  // on the expanded image
	Length     int64  // there
	FileOffset int64  // of the chunk's body
}

// Index is where everything is.
type Index struct {
	Header
	Chunks []Chunk // in order, empty ones left out, equal FILL and DONT_CARE neighbours merged
}

// Size is the size of the expanded image.
func (x *Index) Size() int64 { return int64(x.Blocks) * int64(x.BlockSize) }

// Parse reads the headers of a sparse image of size bytes.
func Parse(r io.ReaderAt, size int64) (*Index, error) {
	f := &headers{r: r, size: size}
	b, err := f.at(0, HeaderSize, "the file header")
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	if !IsSparse(b) {
		return nil, bad(0, "the magic is %#08x, not %#08x", le.Uint32(b), uint32(magic))
	}
	if major := le.Uint16(b[4:]); major != 1 {
		return nil, bad(4, "version %d.%d is not known, only 1.x", major, le.Uint16(b[6:]))
	}
	x := &Index{Header: Header{BlockSize: le.Uint32(b[12:]), Blocks: le.Uint32(b[16:]), Chunks: le.Uint32(b[20:])}}
	head, chunkHead := int64(le.Uint16(b[8:])), int64(le.Uint16(b[10:]))
	switch {
	case head < HeaderSize:
		return nil, bad(8, "a file header of %d bytes, less than %d", head, HeaderSize)
	case chunkHead < ChunkHeaderSize:
		return nil, bad(10, "chunk headers of %d bytes, less than %d", chunkHead, ChunkHeaderSize)
	case x.BlockSize == 0 || x.BlockSize%4 != 0 || x.BlockSize > MaxBlockSize:
		return nil, bad(12, "a block size of %d: it must be a multiple of 4, up to %d", x.BlockSize, MaxBlockSize)
	case x.Blocks == 0:
		return nil, bad(16, "it expands to nothing")
	case head+int64(x.Header.Chunks)*chunkHead > size:
		return nil, bad(20, "%d chunks do not fit a file of %d bytes: it is cut off", x.Header.Chunks, size)
	}
	pos, expanded := head, int64(0)
	for i := range x.Header.Chunks {
		b, err := f.at(pos, ChunkHeaderSize, "a chunk header")
		if err != nil {
			return nil, err
		}
		c := Chunk{Type: Type(le.Uint16(b)), Offset: expanded, Length: int64(le.Uint32(b[4:])) * int64(x.BlockSize), FileOffset: pos + chunkHead}
		body, want := int64(le.Uint32(b[8:]))-chunkHead, int64(0)
		switch c.Type {
		case Raw:
			want = c.Length
		case Fill, CRC32:
			want = 4
		case DontCare:
		default:
			return nil, foreign(pos, "chunk %d has the unknown type %#04x", i, uint16(c.Type))
		}
		if body != want {
			return nil, bad(pos+8, "chunk %d (%v) says it is %d bytes long, not %d", i, c.Type, body+chunkHead, want+chunkHead)
		}
		if c.Type == CRC32 && c.Length != 0 {
			return nil, bad(pos+4, "chunk %d (CRC32) claims %d blocks", i, c.Length/int64(x.BlockSize))
		}
		if expanded += c.Length; expanded > x.Size() {
			return nil, bad(pos+4, "chunk %d ends at block %d of %d", i, expanded/int64(x.BlockSize), x.Blocks)
		}
		if pos = c.FileOffset + body; pos > size {
			return nil, bad(size, "the file ends inside chunk %d (%v), %d bytes early", i, c.Type, pos-size)
		}
		if want == 4 && c.Type != Raw {
			v, err := f.at(c.FileOffset, 4, "a chunk's value")
			if err != nil {
				return nil, err
			}
			c.Value = le.Uint32(v)
		}
		if x.add(c); len(x.Chunks) > maxChunks {
			return nil, bad(pos, "more than %d chunks", maxChunks)
		}
	}
	if expanded != x.Size() {
		return nil, bad(pos, "the chunks have %d blocks, the header says %d", expanded/int64(x.BlockSize), x.Blocks)
	}
	if pos != size {
		return nil, bad(pos, "%d bytes follow the last chunk", size-pos)
	}
	return x, nil
}

func (x *Index) add(c Chunk) {
	if c.Length == 0 && c.Type != CRC32 {
		return
	}
	if n := len(x.Chunks); n > 0 && (c.Type == Fill || c.Type == DontCare) {
		if last := &x.Chunks[n-1]; last.Type == c.Type && last.Value == c.Value {
			last.Length += c.Length
			return
		}
	}
	x.Chunks = append(x.Chunks, c)
}

// headers reads small things at rising offsets, a page at a time.
type headers struct {
	r     io.ReaderAt
	size  int64
	start int64
	buf   []byte
	page  [4096]byte
}

// at gives n bytes at off, valid until the next call.
func (f *headers) at(off, n int64, what string) ([]byte, error) {
	if off+n > f.size {
		return nil, bad(f.size, "the file ends inside %s", what)
	}
	if off < f.start || off+n > f.start+int64(len(f.buf)) {
		got, err := f.r.ReadAt(f.page[:min(int64(len(f.page)), f.size-off)], off)
		if int64(got) < n {
			if err == nil || errors.Is(err, io.EOF) {
				err = bad(off+int64(got), "the file ends inside %s", what)
			}
			return nil, err
		}
		f.start, f.buf = off, f.page[:got]
	}
	return f.buf[off-f.start:][:n], nil
}
