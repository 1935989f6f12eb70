// This file knows files by their first bytes and by their names.

package unpack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/zarya-station/zarya/flash/image/payload"
	"github.com/zarya-station/zarya/flash/image/updateapp"
	"github.com/zarya-station/zarya/internal/lazyregexp"
)

// Packing is what a file is packed in.
type Packing string

// The packings that are unpacked.
const (
	Plain   Packing = ""
	Zstd    Packing = "zstd"
	XZ      Packing = "xz"
	Gzip    Packing = "gzip"
	LZ4     Packing = "lz4"
	Zip     Packing = "zip"
	Tar     Packing = "tar"
	App     Packing = "UPDATE.APP"
	Payload Packing = "payload.bin"
)

// Archive reports whether images are members of such a file.
func (p Packing) Archive() bool { return p == Zip || p == Tar || p == App || p == Payload }

// HeadSize is how many first bytes are looked at.
const HeadSize = 4096

// Of looks at the first bytes of a file. Formats: RFC 8878, xz-file-format 1.1, RFC 1952,
// LZ4 frame format 1.6 with its legacy frames, APPNOTE 6.3, POSIX ustar, AOSP
// update_metadata.proto.
func Of(head []byte) Packing {
	starts := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case starts("\x28\xb5\x2f\xfd"):
		return Zstd
	case len(head) >= 4 && binary.LittleEndian.Uint32(head)&^0xf == 0x184d2a50: // a frame to skip comes first
		return skippable(head)
	case starts("\xfd7zXZ\x00"):
		return XZ
	case starts("\x1f\x8b\x08"):
		return Gzip
	case starts("\x04\x22\x4d\x18"), starts("\x02\x21\x4c\x18"):
		return LZ4
	case starts("PK\x03\x04"), starts("PK\x05\x06"):
		return Zip
	case starts(payload.Magic):
		return Payload
	case len(head) >= 262 && string(head[257:262]) == "ustar":
		return Tar
	case bytes.HasPrefix(bytes.TrimLeft(head, "\x00"), []byte(updateapp.Magic)) && bytes.Index(head, []byte(updateapp.Magic))%4 == 0:
		return App
	}
	return Plain
}

// skippable tells whose the frames are that come after one to skip: zstd and lz4 share
// its magic number.
func skippable(head []byte) Packing {
	for len(head) >= 8 && binary.LittleEndian.Uint32(head)&^0xf == 0x184d2a50 {
		n := int64(binary.LittleEndian.Uint32(head[4:])) + 8
		if n > int64(len(head)) {
			break
		}
		head = head[n:]
	}
	if bytes.HasPrefix(head, []byte("\x04\x22\x4d\x18")) {
		return LZ4
	}
	return Zstd
}

// sign is how a kind of file that is no image begins.
type sign struct {
	at           int
	magic        string
	what, advice string
}

const (
	joinZip   = "put all its volumes into one folder and join them (zip -s 0 NAME.zip --out whole.zip, or 7z x NAME.zip)"
	byHand    = "unpack it, and give the image that comes out"
	encrypted = "decrypt it, and give the image that comes out"
	ofPatches = "it only changes an image that is there: take the full update"
)

// signs are files that are never an image for a partition. What is not here, and is not
// text, may be one.
var signs = []sign{
	{0, "BZh", "a bzip2 file", "unpack it (bunzip2 -k FILE), and give the image that comes out"},
	{0, "7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it (7z x FILE), and give the image that comes out"},
	{0, "Rar!\x1a\x07", "a rar archive", "unpack it (7z x FILE or unrar x FILE), and give the image that comes out"},
	{0, "\x5d\x00\x00", "an lzma file", "unpack it (xz -d --format=lzma FILE), and give the image that comes out"},
	{0, "LZIP", "an lzip file", "unpack it (lzip -dk FILE), and give the image that comes out"},
	{0, "\x89LZO\x00\r\n\x1a\n", "an lzop file", "unpack it (lzop -d FILE), and give the image that comes out"},
	{0, "\x1f\x9d", "a file of compress", "unpack it (gzip -dk FILE), and give the image that comes out"},
	{0, "MSCF\x00\x00\x00\x00", "a cabinet archive", "unpack it (7z x FILE), and give the image that comes out"},
	{0, "xar!", "a xar archive", "unpack it (7z x FILE), and give the image that comes out"},
	{0, "\x60\xea", "an arj archive", "unpack it (7z x FILE), and give the image that comes out"},
	{0, "PK\x07\x08", "one volume of a split zip", joinZip},
	{0, "PK00PK", "one volume of a split zip", joinZip},
	{0, "\xed\xab\xee\xdb", "an RPM package", "it is for a running system: name it under packages in a profile"},
	{0, "!<arch>\n", "a Debian package or a library", byHand},
	{0, "%PDF-", "a PDF document", "check the name"},
	{0, "\x89PNG\r\n\x1a\n", "a picture", "check the name; a boot logo is flashed as its own partition image, not as PNG"},
	{0, "\xff\xd8\xff", "a picture", "check the name; a boot logo is flashed as its own partition image, not as JPEG"},
	{0, "QFI\xfb", "a disk of a virtual machine (qcow2)", "convert it: qemu-img convert -O raw FILE OUT"},
	{0, "KDMV", "a disk of a virtual machine (VMDK)", "convert it: qemu-img convert -O raw FILE OUT"},
	{0, "conectix", "a disk of a virtual machine (VHD)", "convert it: qemu-img convert -O raw FILE OUT"},
	{0, "vhdxfile", "a disk of a virtual machine (VHDX)", "convert it: qemu-img convert -O raw FILE OUT"},
	{64, "\x7f\x10\xda\xbe", "a disk of a virtual machine (VDI)", "convert it: qemu-img convert -O raw FILE OUT"},
	{0, "RKFW", "a whole firmware of Rockchip", "take it apart with the vendor's tool, and give its images"},
	{0, "RKAF", "a whole firmware of Rockchip", "take it apart with the vendor's tool, and give its images"},
	{0, "IMAGEWTY", "a whole firmware of Allwinner", "take it apart with the vendor's tool, and give its images"},
	{0, "OPPOENCRYPT!", "an encrypted firmware (ozip)", encrypted},
	{0, "Salted__", "a file that openssl encrypted", encrypted},
	{0, "age-encryption.org/", "a file that age encrypted", encrypted},
	{0, "-----BEGIN ", "a key, a certificate or a signature", "check the name"},
	{0, "BSDIFF40", "a patch (bsdiff)", ofPatches},
	{0, "BSDF2", "a patch (bsdiff)", ofPatches},
	{0, "IMGDIFF", "a patch (imgdiff)", ofPatches},
	{0, "\xd6\xc3\xc4\x00", "a patch (VCDIFF)", ofPatches},
	{0, "\x00\x05\x16\x07\x00\x02\x00\x00", "what a Mac keeps beside a file (AppleDouble)", "take the file of the same name without ._"},
	{0, "version https://git-lfs.github.com/", "a pointer of Git LFS, not the file itself", "fetch the file: git lfs pull"},
	{0, "/annex/objects/", "a pointer of git-annex, not the file itself", "fetch the file: git annex get FILE"},
	{0, "d8:announce", "a torrent, not the file itself", "download the file with it"},
	{0, "d10:created", "a torrent, not the file itself", "download the file with it"},
}

// endings are names that say what their bytes do not.
var endings = []struct {
	re           *lazyregexp.Regexp
	what, advice string
}{
	{lazyregexp.New(`\.new\.dat(\.(br|xz|lzma))?$`), "a part of an update by blocks",
		"make an image of it and its .transfer.list (brotli -d, then sdat2img), and give that"},
	{lazyregexp.New(`\.br$`), "a brotli file", "unpack it (brotli -dk FILE), and give the image that comes out"},
	{lazyregexp.New(`\.(crdownload|part|partial|aria2|!ut|download)$`), "a download that has not ended",
		"let it end"},
	{lazyregexp.New(`\.(zip|7z|rar|tar|tgz|gz|xz|zst|lz4)\.\d{3}$`), "one volume of a split archive",
		"join its volumes in their order (cat FILE.001 FILE.002 … >FILE), and give the whole"},
	{lazyregexp.New(`\.(z\d\d|r\d\d|part\d+\.rar)$`), "one volume of a split archive",
		"put all volumes into one folder and unpack the first (7z x FILE)"},
	{lazyregexp.New(`[._-]sparsechunk[._-]?\d+$|\.(img|simg|raw)\.\d{1,3}$`), "one of several pieces of an image",
		"join them in their order: zarya image convert --to sparse FILE.0 FILE.1 … OUT"},
	{lazyregexp.New(`\.(md5|sha1|sha256|sha512|sig|asc|torrent)$`), "not an image but what goes with one", "check the name"},
}

// Refuse says what a file is that is no image and cannot be unpacked here, by its first
// bytes and its name; whole tells that head is all of it. nil means that nothing speaks
// against an image.
func Refuse(head []byte, whole bool, name string) error {
	name = strings.ToLower(path.Base(name))
	for _, s := range signs {
		if len(head) > s.at && bytes.HasPrefix(head[s.at:], []byte(s.magic)) && s.fits(head) {
			return refused(s.what, s.advice)
		}
	}
	for _, begin := range []string{"ANDROID!", "VNDRBOOT", "AVB0"} { // images that say so
		if bytes.HasPrefix(head, []byte(begin)) {
			return nil
		}
	}
	for _, e := range endings {
		if e.re.MatchString(name) {
			return refused(e.what, e.advice)
		}
	}
	if what := text(head, whole); what != "" {
		return refused(what, "check the name, or where it was downloaded from")
	}
	return nil
}

// fits looks at more than two or three bytes, which chance may bring.
func (s *sign) fits(head []byte) bool {
	switch s.magic {
	case "BZh": // level, then the magic of a block or of the end
		return len(head) >= 10 && head[3] >= '1' && head[3] <= '9' &&
			(string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17\x72\x45\x38\x50\x90")
	case "\x5d\x00\x00": // a dictionary of whole MiB, then the size or 2^64-1
		if len(head) < 14 {
			return false
		}
		size := binary.LittleEndian.Uint64(head[5:])
		return binary.LittleEndian.Uint32(head[1:])&0xffff == 0 && head[13] == 0 && (size == 1<<64-1 || size > 0 && size < 1<<40)
	case "\x1f\x9d":
		return len(head) > 2 && head[2]&0x60 == 0 && head[2]&0x1f >= 9 && head[2]&0x1f <= 16
	case "\x60\xea":
		return len(head) > 8 && binary.LittleEndian.Uint16(head[2:]) < 2600 && head[4] >= 30 && head[5] <= 20 && head[7] <= 11
	case "\xff\xd8\xff":
		return len(head) > 3 && head[3] >= 0xc0
	}
	return true
}

// text says of what kind of text the first bytes are; "" is none.
func text(head []byte, whole bool) string {
	b := head
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		var order binary.ByteOrder = binary.LittleEndian
		if b[0] == 0xfe {
			order = binary.BigEndian
		}
		var units []uint16
		for b = b[2:]; len(b) >= 2; b = b[2:] {
			units = append(units, order.Uint16(b))
		}
		if len(units) < 2 || slices.ContainsFunc(utf16.Decode(units), func(r rune) bool {
			return r == 0 || r == unicode.ReplacementChar || !unicode.IsPrint(r) && !unicode.IsSpace(r)
		}) {
			return ""
		}
		return "a text (UTF-16)"
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		b = b[3:]
	}
	page := strings.ToLower(string(bytes.TrimLeft(b[:min(len(b), 256)], " \t\r\n")))
	for _, begin := range []string{"<!doctype html", "<html", "<head", "<body", "<!-- ", "<script", "<?xml"} {
		if strings.HasPrefix(page, begin) {
			return "a web page: an error, or one that asks to log in"
		}
	}
	space := len(b) < 64
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1:
			if !whole && !utf8.FullRune(b) { // cut within a letter
				b = nil
				continue
			}
			return ""
		case r == '\n' || r == ' ':
			space = true
		case r == '\t' || r == '\r' || r == '\f':
		case !unicode.IsPrint(r):
			return ""
		}
		b = b[n:]
	}
	if len(head) == 0 || !space {
		return ""
	}
	return "a text"
}

// Error says what stands against a file, and what to do.
type Error struct {
	Problem string
	Advice  string // "": copy or download it again
}

func (e *Error) Error() string {
	if e.Advice == "" {
		return e.Problem
	}
	return e.Problem + "; " + e.Advice
}

func refused(what, advice string) error {
	return &Error{fmt.Sprintf("is %s, not an image", what), advice + "; if it is meant to be written as it is, --raw says so"}
}

// suffixes are the names that compressed files have.
var suffixes = []string{".zst", ".zstd", ".xz", ".gz", ".lz4", ".br"}

// SaysPacked reports whether a file's name says that it is compressed.
func SaysPacked(file string) bool {
	for _, s := range suffixes {
		if strings.HasSuffix(strings.ToLower(file), s) {
			return true
		}
	}
	return false
}
