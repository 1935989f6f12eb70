// This file opens zip files, as all kinds of programs make them.

package unpack

import (
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// methods are what zip knows beside stored and deflated (APPNOTE 4.4.5), by what they are
// called; those of them that can be read have a reader in OpenZip.
var methods = map[uint16]string{
	1: "shrink", 6: "implode", 9: "deflate64", 12: "bzip2", 14: "LZMA", 16: "CMPSC", 18: "TERSE", 19: "LZ77",
	93: "zstd", 94: "MP3", 95: "xz", 96: "JPEG", 97: "WavPack", 98: "PPMd", 99: "AES encryption",
}

// OpenZip reads the list of a zip file's members.
func OpenZip(r io.ReaderAt, size int64, name string) (*zip.Reader, error) {
	if err := wholeZip(r, size); err != nil {
		return nil, err
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	z.RegisterDecompressor(zip.Deflate, flate.NewReader)
	z.RegisterDecompressor(zstd.ZipMethodWinZip, zstd.ZipDecompressor(zstd.WithDecoderMaxWindow(maxWindow)))
	z.RegisterDecompressor(12, func(r io.Reader) io.ReadCloser { return io.NopCloser(bzip2.NewReader(r)) })
	z.RegisterDecompressor(95, func(r io.Reader) io.ReadCloser {
		x, err := xz.NewReader(r)
		if err != nil {
			return io.NopCloser(&ending{err: err})
		}
		return io.NopCloser(x)
	})
	return z, nil
}

// OpenMember opens a member, or says why it cannot be read.
func OpenMember(f *zip.File) (io.ReadCloser, error) {
	if f.Flags&1 != 0 {
		return nil, &Error{"is encrypted", "unpack it with its password (7z x FILE), and give what comes out"}
	}
	r, err := f.Open()
	if errors.Is(err, zip.ErrAlgorithm) {
		method := methods[f.Method]
		if method == "" {
			method = "an unknown method"
		}
		return nil, &Error{fmt.Sprintf("is packed by %s (method %d of zip), which is not unpacked here", method, f.Method),
			"unpack the archive by the program that made it, or 7z x FILE, and give what comes out"}
	}
	return r, err
}

// wholeZip refuses what begins like a zip file, and is one volume of several or cut off:
// the end of the list of members is not at the end, or says so (APPNOTE 4.3.16).
func wholeZip(r io.ReaderAt, size int64) error {
	tail := make([]byte, min(size, 66<<10))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	i := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if i < 0 || len(tail)-i < 22 {
		return &Error{"is not a whole zip file: its list of members, which is at the end, is missing",
			"if it is one of several volumes (.001, .002 …), join them in their order (cat FILE.001 FILE.002 … >FILE); " +
				"else copy or download it again"}
	}
	if disk := binary.LittleEndian.Uint16(tail[i+4:]); disk > 0 && disk < 0xffff {
		return &Error{fmt.Sprintf("is the last of %d volumes of a split zip", disk+1),
			"put all of them into one folder and join them (zip -s 0 FILE --out whole.zip, or 7z x FILE)"}
	}
	return nil
}
