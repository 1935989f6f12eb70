// Package updateapp reads UPDATE.APP, the container of Huawei's firmware updates.
//
// It is a sequence of records, little-endian, each padded to 4 bytes, after leading
// zeros. A record has a header, one CRC for each block of its data, and the data. The
// layout is public knowledge from several independent readers; no document of the vendor
// describes it. Whatever a file says is checked before it is used.
package updateapp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Magic begins every record.
const Magic = "\x55\xaa\x5a\xa5"

const (
	headSize = 98       // of a header, before its CRCs
	maxHead  = 64 << 20 // with them
	maxBlock = 1 << 24
	maxZeros = 1 << 20 // before a record
)

// Header is what a record says of itself.
type Header struct {
	Name       string // such as SYSTEM
	HardwareID string
	Sequence   uint32
	Size       int64  // bytes of the data
	Date, Time string // yyyy.MM.dd, HH.mm.ss
	BlockSize  int    // bytes for which there is one CRC
}

// FormatError says where and how a file is not what it should be.
type FormatError struct {
	Offset int64
	What   string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("damaged UPDATE.APP: at byte %d: %s", e.Offset, e.What)
}

// Reader goes through the records in order, as archive/tar does.
type Reader struct {
	r    io.Reader
	off  int64
	head Header
	data int64  // where the data begins
	left int64  // of the data
	crcs []byte // of the blocks that were not read yet
	buf  []byte // a block that was checked
	rest []byte // what of it was not given out
	err  error
}

// NewReader reads records from r. If r is an io.Seeker, data that nobody reads is
// skipped, and its CRCs are not checked.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

func (r *Reader) bad(off int64, format string, args ...any) error {
	r.err = &FormatError{off, fmt.Sprintf(format, args...)}
	return r.err
}

// read fills p.
func (r *Reader) read(p []byte, what string) error {
	n, err := io.ReadFull(r.r, p)
	r.off += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r.bad(r.off, "the file ends inside %s", what)
	}
	if err != nil {
		r.err = err
	}
	return r.err
}

// Next goes to the next record; io.EOF is the end of the file.
func (r *Reader) Next() (*Header, error) {
	if r.err != nil {
		return nil, r.err
	}
	if err := r.skip(); err != nil {
		return nil, err
	}
	// Zeros up to the magic, on steps of 4 bytes.
	var word [4]byte
	for from := r.off; string(word[:]) != Magic; {
		n, err := io.ReadFull(r.r, word[:])
		r.off += int64(n)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && len(bytes.Trim(word[:n], "\x00")) == 0:
			r.err = io.EOF
			return nil, r.err
		case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
			r.err = err
			return nil, err
		case err == nil && string(word[:]) == Magic:
		case word != [4]byte{}:
			return nil, r.bad(r.off-int64(n), "neither zeros nor a record: % x", word[:n])
		case r.off-from > maxZeros:
			return nil, r.bad(from, "more than %d zeros", maxZeros)
		}
	}
	at := r.off - 4
	h := make([]byte, headSize)
	copy(h, Magic)
	if err := r.read(h[4:], "a header"); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	sum := le.Uint16(h[92:])
	le.PutUint16(h[92:], 0)
	if got := CRC(h); got != sum {
		return nil, r.bad(at+92, "the CRC of the header is %04x, not %04x", got, sum)
	}
	text := func(b []byte) string { s, _, _ := strings.Cut(string(b), "\x00"); return s }
	r.head = Header{
		Name: text(h[60:92]), HardwareID: text(h[12:20]), Sequence: le.Uint32(h[20:]), Size: int64(le.Uint32(h[24:])),
		Date: text(h[28:44]), Time: text(h[44:60]), BlockSize: int(le.Uint32(h[94:])),
	}
	length := int64(le.Uint32(h[4:]))
	switch {
	case strings.ContainsFunc(r.head.Name, func(c rune) bool { return c <= ' ' || c > '~' }) || r.head.Name == "":
		return nil, r.bad(at+60, "%q cannot be a name", r.head.Name)
	case r.head.BlockSize <= 0 || r.head.BlockSize > maxBlock:
		return nil, r.bad(at+94, "blocks of %d bytes", r.head.BlockSize)
	}
	blocks := (r.head.Size + int64(r.head.BlockSize) - 1) / int64(r.head.BlockSize)
	if length != headSize+2*blocks || length > maxHead {
		return nil, r.bad(at+4, "%s: a header of %d bytes; with the CRCs of %d blocks it has %d", r.head.Name, length, blocks, headSize+2*blocks)
	}
	// As the file has them: a lie about the size ends with the file, not with memory.
	var crcs bytes.Buffer
	n, err := io.CopyN(&crcs, r.r, 2*blocks)
	r.off += n
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = r.bad(r.off, "the file ends inside the CRCs of %s", r.head.Name)
		}
		r.err = err
		return nil, err
	}
	r.crcs, r.data, r.left, r.rest = crcs.Bytes(), r.off, r.head.Size, nil
	head := r.head
	return &head, nil
}

// skip goes to the end of the record.
func (r *Reader) skip() error {
	n := r.left
	r.left, r.rest, r.crcs = 0, nil, nil
	if over := (r.data + r.head.Size) % 4; over != 0 {
		n += 4 - over
	}
	if n == 0 {
		return nil
	}
	var err error
	if s, ok := r.r.(io.Seeker); ok {
		_, err = s.Seek(n, io.SeekCurrent)
		r.off += n
	} else {
		var got int64
		got, err = io.CopyN(io.Discard, r.r, n)
		r.off += got
		if errors.Is(err, io.EOF) { // the last record needs no padding
			err = nil
		}
	}
	if err != nil {
		r.err = err
	}
	return err
}

// Read reads the data of the record. A block is given out when its CRC was right.
func (r *Reader) Read(p []byte) (int, error) {
	if r.err != nil && !errors.Is(r.err, io.EOF) {
		return 0, r.err
	}
	if len(r.rest) == 0 {
		if r.left == 0 {
			return 0, io.EOF
		}
		n := min(int64(r.head.BlockSize), r.left)
		if int64(cap(r.buf)) < n {
			r.buf = make([]byte, r.head.BlockSize)
		}
		at := r.off
		r.rest = r.buf[:n]
		if err := r.read(r.rest, "the data of "+r.head.Name); err != nil {
			r.rest = nil
			return 0, err
		}
		want := binary.LittleEndian.Uint16(r.crcs)
		if got := CRC(r.rest); got != want {
			r.rest = nil
			return 0, r.bad(at, "%s: the CRC of the block is %04x, not %04x", r.head.Name, got, want)
		}
		r.crcs = r.crcs[2:]
		r.left -= n
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
