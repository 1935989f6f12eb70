// This file writes a downloaded sparse image to a partition (AOSP libsparse,
// sparse_format.h). It is the device's own reader, independent of the client's.

package bootloader

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/zarya-station/zarya/internal/virtual/storage"
)

const sparseMagic = 0xed26ff3a

var (
	errSparse   = errors.New("invalid sparse image")
	errTooLarge = errors.New("too large")
	errChunk    = errors.New("unknown chunk type")
	errCRC      = errors.New("sparse CRC mismatch")
)

// unsparse expands size bytes of src onto dst, which holds room bytes, and
// returns how many bytes were written. Without fills, FILL chunks are not known.
func unsparse(dst storage.Store, room int64, src storage.Store, size int64, fills bool) (int64, error) {
	le := binary.LittleEndian
	var h [28]byte
	if size < 28 || !readFull(src, h[:], 0) {
		return 0, errSparse
	}
	fileHeader, chunkHeader := int64(le.Uint16(h[8:])), int64(le.Uint16(h[10:]))
	block, blocks, chunks := int64(le.Uint32(h[12:])), int64(le.Uint32(h[16:])), int64(le.Uint32(h[20:]))
	if le.Uint32(h[:]) != sparseMagic || le.Uint16(h[4:]) != 1 || fileHeader < 28 || chunkHeader < 12 || block == 0 || block%4 != 0 ||
		block > 1<<24 {
		return 0, errSparse
	}
	if blocks > room/block {
		return 0, errTooLarge
	}
	crc := crc32.NewIEEE()
	check := hasCRC(src, size, fileHeader, chunkHeader, chunks)
	at, out, written := fileHeader, int64(0), int64(0)
	for range chunks {
		var c [12]byte
		if at > size-chunkHeader || !readFull(src, c[:], at) {
			return written, errSparse
		}
		kind, n, total := le.Uint16(c[:]), int64(le.Uint32(c[4:]))*block, int64(le.Uint32(c[8:]))
		data, body := at+chunkHeader, total-chunkHeader
		if body < 0 || body > size-data || n > blocks*block-out {
			return written, errSparse
		}
		var word [4]byte
		if body == 4 {
			readFull(src, word[:], data)
		}
		switch {
		case kind == 0xcac1 && body == n:
			if err := storage.Copy(dst, out, src, data, n); err != nil {
				return written, err
			}
			written += n
		case kind == 0xcac2 && body == 4 && fills:
			if err := fill(dst, out, n, word); err != nil {
				return written, err
			}
			written += n
		case kind == 0xcac3 && body == 0:
		case kind == 0xcac4 && body == 4 && n == 0:
			if want := le.Uint32(word[:]); want != 0 && want != crc.Sum32() {
				return written, errCRC
			}
		case kind >= 0xcac1 && kind <= 0xcac4 && (fills || kind != 0xcac2):
			return written, errSparse
		default:
			return written, errChunk
		}
		if check && n > 0 {
			addToCRC(crc, src, data, n, kind, word)
		}
		out += n
		at += total
	}
	if out != blocks*block || at != size {
		return written, errSparse
	}
	return written, nil
}

// readFull reports whether src has all of p at at.
func readFull(src storage.Store, p []byte, at int64) bool {
	n, err := src.ReadAt(p, at)
	return n == len(p) && (err == nil || errors.Is(err, io.EOF))
}

// hasCRC reports whether a checksum will have to be compared.
func hasCRC(src storage.Store, size, at, chunkHeader, chunks int64) bool {
	var c [12]byte
	for ; chunks > 0 && at <= size-12 && readFull(src, c[:], at); chunks-- {
		if binary.LittleEndian.Uint16(c[:]) == 0xcac4 {
			return true
		}
		at += max(chunkHeader, int64(binary.LittleEndian.Uint32(c[8:])))
	}
	return false
}

// addToCRC adds a chunk's expanded bytes; don't-care counts as zeros.
func addToCRC(crc io.Writer, src storage.Store, data, n int64, kind uint16, word [4]byte) {
	buf := make([]byte, min(n, 1<<20))
	for i := range buf {
		buf[i] = word[i&3]
	}
	for ; n > 0; n -= int64(len(buf)) {
		part := buf[:min(n, int64(len(buf)))]
		if kind == 0xcac1 {
			readFull(src, part, data)
			data += int64(len(part))
		}
		_, _ = crc.Write(part) // a hash never fails
	}
}

func fill(dst storage.Store, off, n int64, word [4]byte) error {
	if word == [4]byte{} {
		return dst.Zero(off, n)
	}
	buf := make([]byte, min(n, 1<<20))
	for i := range buf {
		buf[i] = word[i&3]
	}
	for ; n > 0; n -= int64(len(buf)) {
		if _, err := dst.WriteAt(buf[:min(n, int64(len(buf)))], off); err != nil {
			return err
		}
		off += int64(len(buf))
	}
	return nil
}
