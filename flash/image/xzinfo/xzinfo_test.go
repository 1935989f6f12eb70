package xzinfo

import (
	"bytes"
	"os/exec"
	"testing"
)

func TestDictionary(t *testing.T) {
	for arg, want := range map[string]int64{"--lzma2=dict=4KiB": 4 << 10, "--lzma2=dict=1MiB": 1 << 20, "--lzma2=dict=48MiB": 48 << 20,
		"-0": 256 << 10, "-9": 64 << 20} {
		c := exec.Command("xz", "-c", "--format=xz", arg)
		c.Stdin = bytes.NewReader(make([]byte, 1000))
		b, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := Dictionary(b); got != want {
			t.Errorf("%s: %d, want %d", arg, got, want)
		}
	}
	if got := Dictionary([]byte("\xfd7zXZ\x00")); got != 0 {
		t.Error(got)
	}
}

// TestHeaders is block headers (xz-file-format 1.1, section 3.1) as few files have them:
// their flags, what follows, and zeros.
func TestHeaders(t *testing.T) {
	const long = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" // no number ends in it
	for _, c := range []struct {
		name, header string
		want         int64
	}{
		{"a block without sizes", "\x00\x21\x01\x00", 4 << 10},
		{"its odd step", "\x00\x21\x01\x01", 6 << 10},
		{"both sizes before the filter", "\xc0\x81\x01\x05\x21\x01\x10", 1 << 20},
		{"a filter before LZMA2", "\x01\x03\x01\x00\x21\x01\x10", 1 << 20},
		{"a size that does not end", "\x40" + long, 0},
		{"a filter that does not end", "\x00" + long, 0},
		{"properties that do not end", "\x00\x21" + long, 0},
		{"more properties than there is", "\x00\x21\x40\x10", 0},
		{"LZMA2 with too many properties", "\x00\x21\x02\x10\x10", 0},
		{"a dictionary above 4 GiB", "\x00\x21\x01\x29", 0},
		{"no LZMA2", "\x00\x03\x01\x00", 0},
	} {
		head := append([]byte("\xfd7zXZ\x00\x00\x04crc.\x02"), c.header...)
		if got := Dictionary(append(head, 0, 0, 0, 0)); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func FuzzDictionary(f *testing.F) {
	f.Add([]byte("\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4\x46\x02\x00\x21\x01\x16\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := Dictionary(b); n < 0 || n > 4<<30 {
			t.Fatal(n)
		}
	})
}
