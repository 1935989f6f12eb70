// Package sparse reads and writes the structure of Android sparse images.
//
// A sparse image is a file header and chunks, each for a run of blocks: RAW (the
// bytes follow), FILL (four bytes, repeated), DONT_CARE (left as it is), CRC32
// (of everything so far). All numbers are little-endian (AOSP libsparse,
// sparse_format.h).
//
// The reader trusts nothing: sizes are checked in 64 bits before they are used,
// chunks must fill their declared sizes exactly, blocks must add up, and the file
// must end where the last chunk does.
package sparse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Sizes and limits of the format.
const (
	HeaderSize  = 28
	ChunkSize   = 12
	Magic       = 0xed26ff3a
	maxBlock    = 1 << 20  // bytes; img2simg writes 4096
	maxChunks   = 16 << 20 // far above any real image
	maxExpanded = 1 << 46  // 64 TiB
)

// Type of a chunk.
type Type uint16

// The chunk types.
const (
	Raw      Type = 0xcac1
	Fill     Type = 0xcac2
	DontCare Type = 0xcac3
	CRC32    Type = 0xcac4
)

func (t Type) String() string {
	switch t {
	case Raw:
		return "RAW"
	case Fill:
		return "FILL"
	case DontCare:
		return "DONT_CARE"
	case CRC32:
		return "CRC32"
	}
	return fmt.Sprintf("chunk type %#04x", uint16(t))
}

// Chunk is one chunk of an index.
type Chunk struct {
	Type   Type
	Block  int64  // the first block it stands for
	Blocks int64  // 0 for CRC32
	Data   int64  // RAW: offset of its bytes in the file
	Value  uint32 // FILL: the repeated word; CRC32: the checksum
}

// Index is the structure of one image.
type Index struct {
	BlockSize int64
	Blocks    int64
	Chunks    []Chunk
}

// Size is the expanded size in bytes.
func (x *Index) Size() int64 { return x.BlockSize * x.Blocks }

// FormatError says what is wrong with a sparse image, and where.
type FormatError struct {
	Offset  int64
	Problem string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("not a valid sparse image: at byte %d: %s", e.Offset, e.Problem)
}

func bad(at int64, format string, args ...any) error {
	return &FormatError{at, fmt.Sprintf(format, args...)}
}

// Is reports whether the first bytes of a file are those of a sparse image.
func Is(head []byte) bool {
	return len(head) >= 4 && binary.LittleEndian.Uint32(head) == Magic
}

// Read checks the structure of a file of size bytes. It reads headers only.
func Read(r io.ReaderAt, size int64) (*Index, error) {
	var h [HeaderSize]byte
	if err := readAt(r, h[:], 0, size); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	x := &Index{BlockSize: int64(le.Uint32(h[12:])), Blocks: int64(le.Uint32(h[16:]))}
	major, headerSize, chunkSize := le.Uint16(h[4:]), int64(le.Uint16(h[8:])), int64(le.Uint16(h[10:]))
	chunks := int64(le.Uint32(h[20:]))
	switch {
	case le.Uint32(h[:]) != Magic:
		return nil, bad(0, "no magic number")
	case major != 1:
		return nil, bad(4, "version %d, only 1 is known", major)
	case headerSize < HeaderSize:
		return nil, bad(8, "a file header of %d bytes", headerSize)
	case chunkSize < ChunkSize:
		return nil, bad(10, "chunk headers of %d bytes", chunkSize)
	case x.BlockSize == 0 || x.BlockSize%4 != 0 || x.BlockSize > maxBlock:
		return nil, bad(12, "blocks of %d bytes", x.BlockSize)
	case x.Blocks == 0:
		return nil, bad(16, "an image of no blocks")
	case x.Size() > maxExpanded:
		return nil, bad(16, "%d blocks of %d bytes are more than any tablet has", x.Blocks, x.BlockSize)
	case chunks > maxChunks || chunks*chunkSize > size:
		return nil, bad(20, "%d chunks do not fit into a file of %d bytes", chunks, size)
	}
	at, block := headerSize, int64(0)
	for i := range chunks {
		c, total, err := readChunk(r, at, size, chunkSize, x.BlockSize)
		if err != nil {
			return nil, err
		}
		if c.Blocks > x.Blocks-block {
			return nil, bad(at, "chunk %d ends at block %d, the image has %d", i, block+c.Blocks, x.Blocks)
		}
		c.Block = block
		block += c.Blocks
		at += total
		x.Chunks = append(x.Chunks, c)
	}
	switch {
	case block != x.Blocks:
		return nil, bad(16, "the header says %d blocks, the chunks have %d", x.Blocks, block)
	case at != size:
		return nil, bad(at, "%d bytes after the last chunk", size-at)
	}
	return x, nil
}

func readChunk(r io.ReaderAt, at, size, chunkSize, blockSize int64) (c Chunk, total int64, err error) {
	var h [ChunkSize]byte
	if err := readAt(r, h[:], at, size); err != nil {
		return c, 0, err
	}
	le := binary.LittleEndian
	c = Chunk{Type: Type(le.Uint16(h[:])), Blocks: int64(le.Uint32(h[4:]))}
	total = int64(le.Uint32(h[8:]))
	body := total - chunkSize
	want := int64(0)
	switch c.Type {
	case Raw:
		want = c.Blocks * blockSize
	case Fill:
		want = 4
	case CRC32:
		want = 4
		if c.Blocks != 0 {
			return c, 0, bad(at, "a CRC32 chunk of %d blocks", c.Blocks)
		}
	case DontCare:
	default:
		return c, 0, bad(at, "unknown %v", c.Type)
	}
	if body != want {
		return c, 0, bad(at, "%v of %d blocks has %d bytes, not %d", c.Type, c.Blocks, body, want)
	}
	if body > size-at-chunkSize {
		return c, 0, bad(at, "%v needs %d bytes, the file is truncated", c.Type, body)
	}
	c.Data = at + chunkSize
	if want == 4 && c.Type != Raw {
		var v [4]byte
		if err := readAt(r, v[:], c.Data, size); err != nil {
			return c, 0, err
		}
		c.Value = le.Uint32(v[:])
	}
	return c, total, nil
}

func readAt(r io.ReaderAt, p []byte, at, size int64) error {
	if at+int64(len(p)) > size {
		return bad(at, "%d bytes are needed, the file is truncated", len(p))
	}
	if _, err := r.ReadAt(p, at); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// AppendHeader appends a file header.
func AppendHeader(b []byte, blockSize, blocks, chunks uint32) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, Magic)
	b = le.AppendUint16(b, 1)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, HeaderSize)
	b = le.AppendUint16(b, ChunkSize)
	b = le.AppendUint32(b, blockSize)
	b = le.AppendUint32(b, blocks)
	b = le.AppendUint32(b, chunks)
	return le.AppendUint32(b, 0) // no checksum
}

// AppendChunk appends a chunk header; body is the number of bytes after it.
func AppendChunk(b []byte, t Type, blocks, body uint32) []byte {
	le := binary.LittleEndian
	b = le.AppendUint16(b, uint16(t))
	b = le.AppendUint16(b, 0)
	b = le.AppendUint32(b, blocks)
	return le.AppendUint32(b, ChunkSize+body)
}
