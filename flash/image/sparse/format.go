// This file has the numbers of the format, its encoder, and its error.

package sparse

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Sizes of what this package writes, and the largest block that it reads.
const (
	HeaderSize      = 28
	ChunkHeaderSize = 12
	MaxBlockSize    = 1 << 20
)

const magic = 0xed26ff3a

// Type is what a chunk is.
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
	return fmt.Sprintf("type %#04x", uint16(t))
}

// IsSparse tells whether a file that begins with head claims to be sparse.
func IsSparse(head []byte) bool {
	return len(head) >= 4 && binary.LittleEndian.Uint32(head) == magic
}

// Header is the file header, less what is always the same.
type Header struct {
	BlockSize uint32 // bytes
	Blocks    uint32 // of the expanded image
	Chunks    uint32
}

// AppendHeader appends the file header, as version 1.0.
func AppendHeader(b []byte, h Header) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, magic)
	b = le.AppendUint16(b, 1)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, HeaderSize)
	b = le.AppendUint16(b, ChunkHeaderSize)
	b = le.AppendUint32(b, h.BlockSize)
	b = le.AppendUint32(b, h.Blocks)
	b = le.AppendUint32(b, h.Chunks)
	return le.AppendUint32(b, 0)
}

// AppendChunk appends the header of a chunk that covers blocks and is followed
// by body bytes. The caller keeps body within [MaxBody].
func AppendChunk(b []byte, t Type, blocks uint32, body int64) []byte {
	le := binary.LittleEndian
	b = le.AppendUint16(b, uint16(t))
	b = le.AppendUint16(b, 0)
	b = le.AppendUint32(b, blocks)
	return le.AppendUint32(b, uint32(ChunkHeaderSize+body)) //nolint:gosec // bounded by MaxBody
}

// MaxBody is the most bytes that one chunk of this block size can carry.
func MaxBody(blockSize int64) int64 {
	return (math.MaxUint32 - ChunkHeaderSize) / blockSize * blockSize
}

// FormatError says what is wrong with a sparse image, and at which byte of the file.
type FormatError struct {
	Offset  int64
	What    string
	Foreign bool // not damaged, but not of AOSP's format
}

// Advice says what to do.
func (e *FormatError) Advice() string {
	if e.Foreign {
		return "that is a vendor's own form: expand the image with the vendor's tool, and give the raw one"
	}
	return "copy or download it again; if it is the same then, the program that made it is at fault: make it anew of the raw image (img2simg)"
}

func (e *FormatError) Error() string {
	if e.Foreign {
		return fmt.Sprintf("unknown sparse image: at byte %d: %s", e.Offset, e.What)
	}
	return fmt.Sprintf("damaged sparse image: at byte %d: %s", e.Offset, e.What)
}

func bad(offset int64, format string, args ...any) error {
	return &FormatError{Offset: offset, What: fmt.Sprintf(format, args...)}
}

func foreign(offset int64, format string, args ...any) error {
	return &FormatError{offset, fmt.Sprintf(format, args...), true}
}
