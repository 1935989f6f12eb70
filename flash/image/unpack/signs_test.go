package unpack

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"
)

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{9}).Read(b)
	return b
}

func utf16Text(order binary.AppendByteOrder, s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + s)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

// What is known to be no image is refused by what it is, with what to do.
func TestRefuse(t *testing.T) {
	rest := string(noise(4000))
	for name, c := range map[string]struct {
		head, file string
		says       string // "": an image
	}{
		"bzip2":               {"BZh91AY&SY" + rest, "a.img", "bzip2"},
		"an empty bzip2":      {"BZh9\x17\x72\x45\x38\x50\x90" + rest, "a.img", "bzip2"},
		"7z":                  {"7z\xbc\xaf\x27\x1c\x00\x04" + rest, "a.img", "7z x"},
		"rar 4":               {"Rar!\x1a\x07\x00" + rest, "a.img", "rar archive"},
		"rar 5":               {"Rar!\x1a\x07\x01\x00" + rest, "a.img", "rar archive"},
		"lzma":                {"\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00" + rest, "a.img", "lzma"},
		"lzip":                {"LZIP\x01" + rest, "a.img", "lzip"},
		"lzop":                {"\x89LZO\x00\r\n\x1a\n" + rest, "a.img", "lzop"},
		"compress":            {"\x1f\x9d\x90" + rest, "a.img", "compress"},
		"cabinet":             {"MSCF\x00\x00\x00\x00" + rest, "a.img", "cabinet"},
		"a volume of a zip":   {"PK\x07\x08PK\x03\x04" + rest, "a.img", "volume"},
		"qcow2":               {"QFI\xfb\x00\x00\x00\x03" + rest, "a.img", "qemu-img convert"},
		"a page":              {"<!DOCTYPE html>\n<html><head><title>Log in", "system.img", "web page"},
		"an indented page":    {"\r\n\t <HTML>\x00" + rest, "system.img", "web page"},
		"XML":                 {"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "system.img", "web page"},
		"JSON":                {`{"message": "Not Found", "status": 404}`, "system.img", "a text"},
		"a text":              {"404: Not Found\n", "system.img", "a text"},
		"one word":            {"Forbidden", "system.img", "a text"},
		"Russian":             {strings.Repeat("Файл не найден\n", 300)[:4096], "system.img", "a text"},
		"with a BOM":          {"\xef\xbb\xbfboot=1\r\n", "system.img", "a text"},
		"UTF-16":              {utf16Text(binary.LittleEndian, "Файл not found\r\n"), "system.img", "UTF-16"},
		"UTF-16, big":         {utf16Text(binary.BigEndian, "Файл not found\r\n"), "system.img", "UTF-16"},
		"Git LFS":             {"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n", "system.img", "git lfs pull"},
		"git-annex":           {"/annex/objects/SHA256E-s12--00.img\n", "system.img", "git annex get"},
		"a torrent":           {"d8:announce35:udp://tracker" + rest, "system.img", "torrent"},
		"a Mac's shadow":      {"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + rest, "._system.img", "AppleDouble"},
		"a patch":             {"BSDIFF40" + rest, "system.img", "full update"},
		"age":                 {"age-encryption.org/v1\n-> X25519" + rest, "system.img", "decrypt"},
		"brotli by name":      {rest, "system.img.br", "brotli"},
		"an update by blocks": {rest, "system.new.dat.br", "transfer.list"},
		"an unended download": {rest, "system.img.crdownload", "has not ended"},
		"a volume":            {rest, "firmware.zip.002", "cat FILE.001"},
		"a volume of rar":     {rest, "firmware.part2.rar", "volume"},
		"a piece":             {"\x3a\xff\x26\xed" + rest, "super.img_sparsechunk.3", "image convert"},
		"a piece by split":    {rest, "super.img.001", "image convert"},
		"sums":                {"d41d8cd98f00b204e9800998ecf8427e  system.img\n", "system.img.md5", "not an image but what goes with one"},

		"zeros":                  {strings.Repeat("\x00", 4096), "system.img", ""},
		"noise":                  {rest, "system.img", ""},
		"an Android boot image":  {"ANDROID!" + rest, "boot.img", ""},
		"sparse":                 {"\x3a\xff\x26\xed\x01" + rest, "system.simg", ""},
		"vbmeta":                 {"AVB0\x00\x00\x00\x01" + rest, "vbmeta.img", ""},
		"a kernel with EFI":      {"MZ\x00\x91" + rest, "kernel.img", ""},
		"squashfs":               {"hsqs" + rest, "system.img", ""},
		"a fill of one letter":   {strings.Repeat("U", 4096), "system.img", ""},
		"letters without a gap":  {strings.Repeat("zarya567", 512), "system.img", ""},
		"a text, then bytes":     {"a label \n" + rest, "oeminfo.img", ""},
		"a RAM disk":             {"070701" + rest, "ramdisk.img", ""},
		"bzip2 by chance":        {"BZh" + rest, "system.img", ""},
		"lzma by chance":         {"\x5d\x00\x00\x01\x02" + rest, "system.img", ""},
		"a Sailfish image":       {"\x3a\xff\x26\xed" + rest, "sailfish.img001", ""},
		"a name with dots":       {rest, "system-5.1.0.100.img", ""},
		"a number for an ending": {rest, "aurora.5.1.100", ""},
		"control characters":     {"\x01\x02\x03 \n", "misc.img", ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := Refuse([]byte(c.head), len(c.head) < HeadSize, c.file)
			refused := err != nil && strings.Contains(err.Error(), c.says) && strings.Contains(err.Error(), "--raw")
			if c.says == "" && err != nil || c.says != "" && !refused {
				t.Errorf("%v\nwant %q in it", err, c.says)
			}
		})
	}
}

func TestOf(t *testing.T) {
	lz4 := "\x04\x22\x4d\x18"
	skip := func(n int) string {
		return string(binary.LittleEndian.AppendUint32([]byte("\x50\x2a\x4d\x18"), uint32(n))) + strings.Repeat("s", n)
	}
	for head, want := range map[string]Packing{
		"\x28\xb5\x2f\xfd": Zstd, skip(4) + "\x28\xb5\x2f\xfd": Zstd, skip(9) + skip(0) + lz4: LZ4, skip(4000)[:20]: Zstd, lz4: LZ4,
		"\x02\x21\x4c\x18": LZ4, "\x1f\x8b\x08": Gzip, "\xfd7zXZ\x00": XZ, "PK\x03\x04": Zip, "CrAU": Payload, "": Plain, "PK": Plain,
		strings.Repeat("\x00", 92) + "\x55\xaa\x5a\xa5": App, strings.Repeat("\x00", 257) + "ustar": Tar, "\x1f\x8b\x00": Plain,
	} {
		if got := Of([]byte(head)); got != want {
			t.Errorf("%.20q: %q, want %q", head, got, want)
		}
	}
}

// Nobody's first bytes are looked at beyond their end, and only texts are called so.
func FuzzRefuse(f *testing.F) {
	f.Add([]byte("BZh91AY&SY"), true, "a.br")
	f.Add([]byte("\xff\xfea\x00 \x00b\x00"), false, "x.img.001")
	f.Fuzz(func(t *testing.T, head []byte, whole bool, name string) {
		_ = Of(head)
		if err := Refuse(head, whole, name); err != nil && strings.Contains(err.Error(), "is a text,") && bytes.IndexByte(head, 0) >= 0 {
			t.Fatal(err)
		}
	})
}
