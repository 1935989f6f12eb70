package storage

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// stores are one of each kind, of 1 MiB.
func stores(t *testing.T) map[string]Store {
	t.Helper()
	dir := t.TempDir()
	f, err := OpenFile(filepath.Join(dir, "p.img"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	b, err := OpenBuffer(dir)
	if err == nil {
		_, err = b.WriteAt([]byte{0}, 1<<20-1)
	}
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]Store{"memory": NewMemory(), "file": f, "buffer": b}
	t.Cleanup(func() {
		for _, s := range all {
			_ = s.Close()
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".download-*")); len(left) > 0 {
			t.Errorf("a buffer left %v", left)
		}
	})
	return all
}

func content(t *testing.T, s Store, off int64, n int) []byte {
	t.Helper()
	b := bytes.Repeat([]byte{0xee}, n)
	if _, err := s.ReadAt(b, off); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return b
}

func TestStores(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			if got := content(t, s, 65530, 100); !bytes.Equal(got, make([]byte, 100)) {
				t.Errorf("never written: %x", got)
			}
			text := bytes.Repeat([]byte("0123456789abcdef"), 20000) // several pages of memory
			if n, err := s.WriteAt(text, 1000); n != len(text) || err != nil {
				t.Fatal(n, err)
			}
			// Zeros from within a page, over whole ones, into another.
			if err := s.Zero(2000, 200000); err != nil {
				t.Fatal(err)
			}
			want := append([]byte(nil), text...)
			clear(want[1000:201000])
			if got := content(t, s, 1000, len(text)); !bytes.Equal(got, want) {
				t.Error("zeros are not where they were asked for")
			}
			if IsFile(s) == (name == "memory") {
				t.Error("IsFile is wrong")
			}
		})
	}
}

// TestCopy copies between stores of all kinds.
func TestCopy(t *testing.T) {
	text := bytes.Repeat([]byte("fedcba9876543210"), 10000)
	for from := range stores(t) {
		for to := range stores(t) {
			t.Run(from+" to "+to, func(t *testing.T) {
				src, dst := stores(t)[from], stores(t)[to]
				if _, err := src.WriteAt(text, 77); err != nil {
					t.Fatal(err)
				}
				if err := Copy(dst, 4096, src, 77, int64(len(text))); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(content(t, dst, 4096, len(text)), text) {
					t.Error("the copy differs")
				}
				if !bytes.Equal(content(t, dst, 0, 4096), make([]byte, 4096)) {
					t.Error("it wrote before its place")
				}
			})
		}
	}
}

// TestFileKeepsItsContent closes a file and opens it again, larger and smaller.
func TestFileKeepsItsContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.img")
	for i, size := range []int64{4096, 8192, 2} {
		s, err := OpenFile(path, size)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if _, err := s.WriteAt([]byte("text"), 0); err != nil {
				t.Fatal(err)
			}
		}
		if got := string(content(t, s, 0, 2)); got != "te" {
			t.Errorf("of %d bytes it begins with %q", size, got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() != size {
			t.Errorf("%v, %v: not %d bytes", info.Size(), err, size)
		}
	}
}

func TestErrors(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	if _, err := OpenFile(filepath.Join(none, "p.img"), 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file in no folder: %v", err)
	}
	if _, err := OpenBuffer(none); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a buffer in no folder: %v", err)
	}
	closed, open := stores(t)["file"], stores(t)["memory"]
	_ = closed.Close()
	if err := closed.Zero(0, 1); err == nil {
		t.Error("zeros in a closed file are no error")
	}
	if err := Copy(open, 0, closed, 0, 10); err == nil {
		t.Error("a copy of a closed file is no error")
	}
	if err := Copy(closed, 0, open, 0, 10); err == nil {
		t.Error("a copy onto a closed file is no error")
	}
	wrapped := &Error{Err: os.ErrClosed}
	if !errors.Is(wrapped, os.ErrClosed) || wrapped.Error() != "storage: file already closed" {
		t.Errorf("%v", wrapped)
	}
}
