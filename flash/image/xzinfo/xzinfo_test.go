package xzinfo

import (
	"bytes"
	"os/exec"
	"testing"
)

func TestDictionary(t *testing.T) {
	for arg, want := range map[string]int64{"--lzma2=dict=4KiB": 4 << 10, "--lzma2=dict=1MiB": 1 << 20, "--lzma2=dict=48MiB": 48 << 20, "-0": 256 << 10, "-9": 64 << 20} {
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

func FuzzDictionary(f *testing.F) {
	f.Add([]byte("\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4\x46\x02\x00\x21\x01\x16\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := Dictionary(b); n < 0 || n > 4<<30 {
			t.Fatal(n)
		}
	})
}
