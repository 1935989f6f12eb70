// This file is a sparse writer that puts down exactly the chunks that it is given.

package imageset

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// Writer writes a sparse image chunk by chunk. Its first error is returned by Close.
type Writer struct {
	to     io.WriteSeeker
	w      *bufio.Writer
	block  int
	blocks uint32
	chunks uint32
	crc    uint32
	err    error
}

const (
	chunkRaw = 0xcac1 + iota
	chunkFill
	chunkDontCare
	chunkCRC
)

// NewWriter begins a sparse image with blocks of block bytes, a multiple of 4.
func NewWriter(to io.WriteSeeker, block int) *Writer {
	w := &Writer{to: to, w: bufio.NewWriterSize(to, 1<<20), block: block}
	if block <= 0 || block%4 != 0 {
		w.err = fmt.Errorf("sparse: a block of %d bytes", block)
	}
	w.put(make([]byte, 28)) // Close comes back to it
	return w
}

// Raw writes b, which is whole blocks.
func (w *Writer) Raw(b []byte) {
	if w.err == nil && len(b)%w.block != 0 {
		w.err = fmt.Errorf("sparse: %d bytes are not whole blocks of %d", len(b), w.block)
	}
	if w.err == nil {
		w.chunk(chunkRaw, uint32(len(b)/w.block), b)
		w.crc = crc32.Update(w.crc, crc32.IEEETable, b)
	}
}

// Fill repeats a value over blocks.
func (w *Writer) Fill(value, blocks uint32) {
	b := binary.LittleEndian.AppendUint32(nil, value)
	w.chunk(chunkFill, blocks, b)
	w.repeat(b, blocks)
}

// DontCare leaves blocks as they are.
func (w *Writer) DontCare(blocks uint32) {
	w.chunk(chunkDontCare, blocks, nil)
	w.repeat(make([]byte, 4), blocks)
}

// CRC32 writes the checksum of everything so far, don't-care counted as zeros.
func (w *Writer) CRC32() { w.chunk(chunkCRC, 0, binary.LittleEndian.AppendUint32(nil, w.crc)) }

// Close goes back to write the header.
func (w *Writer) Close() error {
	if w.err == nil {
		w.err = w.w.Flush()
	}
	if w.err == nil {
		_, w.err = w.to.Seek(0, io.SeekStart)
	}
	if w.err != nil {
		return w.err
	}
	le := binary.LittleEndian
	h := le.AppendUint32(nil, 0xed26ff3a)
	for _, v := range []uint32{1, 28 | 12<<16, uint32(w.block), w.blocks, w.chunks, 0} {
		h = le.AppendUint32(h, v)
	}
	_, w.err = w.to.Write(h)
	return w.err
}

func (w *Writer) chunk(kind, blocks uint32, body []byte) {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, kind)
	b = le.AppendUint32(b, blocks)
	w.put(le.AppendUint32(b, uint32(12+len(body))))
	w.put(body)
	w.blocks += blocks
	w.chunks++
}

func (w *Writer) put(b []byte) {
	if w.err == nil {
		_, w.err = w.w.Write(b)
	}
}

// repeat carries the checksum over blocks of a value.
func (w *Writer) repeat(value []byte, blocks uint32) {
	if w.err != nil {
		return
	}
	b := make([]byte, w.block)
	for i := range b {
		b[i] = value[i%4]
	}
	for range blocks {
		w.crc = crc32.Update(w.crc, crc32.IEEETable, b)
	}
}
