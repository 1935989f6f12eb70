package image

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// cacheIn is a cache with room.
func cacheIn(t testing.TB, dir string) *Cache {
	t.Helper()
	c, err := OpenCache(dir, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func openWith(t testing.TB, path string, o Options) *Image {
	t.Helper()
	im, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = im.Close() })
	return im
}

func sum(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

// sameImage compares what two images are made of and what they send.
func sameImage(t *testing.T, got, want *Image) {
	t.Helper()
	if got.Format() != want.Format() || got.Size() != want.Size() || fmt.Sprint(got.Sums()) != fmt.Sprint(want.Sums()) {
		t.Fatalf("%s of %d bytes, %v; want %s of %d, %v", got.Format(), got.Size(), got.Sums(), want.Format(), want.Size(), want.Sums())
	}
	for _, limit := range []int64{1 << 30, 3 << 20} {
		g, w := plan(t, got, limit, Sparse), plan(t, want, limit, Sparse)
		if g.Len() != w.Len() {
			t.Fatalf("%d pieces, want %d", g.Len(), w.Len())
		}
		for i := range w.Len() {
			if !bytes.Equal(pieceBytes(t, g.At(i)), pieceBytes(t, w.At(i))) {
				t.Fatalf("piece %d of %d differs", i, w.Len())
			}
		}
	}
}

// The second opening finds what the first prepared: the same image from a private file,
// without a look at the source's bytes.
func TestCache(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	raw := append(blocks(r, 2000), 1, 2, 3)
	simg := randomSimg(r)
	for len(simg.want) < 2*cacheable {
		simg.chunk(0xcac1, 100, blocks(r, 100))
	}
	for name, b := range map[string][]byte{"raw": raw, "sparse": simg.bytes()} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cache")
			path := write(t, b)
			want := openWith(t, path, Options{})
			one := cacheIn(t, dir)
			sameImage(t, openWith(t, path, Options{Cache: one}), want)
			one.Close()

			again := openWith(t, path, Options{Cache: cacheIn(t, dir)})
			if !again.store.own || again.Digest() != sum(b) || again.store.file == again.source {
				t.Fatalf("prepared %v, %s", again.store.own, again.Digest())
			}
			sameImage(t, again, want)
			if info, err := again.store.file.Stat(); err != nil || info.Mode().Perm() != 0o400 {
				t.Errorf("%v %v", info.Mode(), err)
			}
			if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("%v %v", info.Mode(), err)
			}
			// The source still counts: it must stay what it was.
			if err := os.Truncate(path, int64(len(b))/2); err != nil {
				t.Fatal(err)
			}
			if _, err := plan(t, again, 1<<30, Sparse).At(0).WriteTo(io.Discard); !errors.As(err, new(*ChangedError)) {
				t.Errorf("the source was cut: %v", err)
			}
			changed, err := Open(t.Context(), path, Options{Cache: one})
			if err == nil {
				if changed.Digest() == again.Digest() {
					t.Error("a changed file was taken for what it was")
				}
				_ = changed.Close()
			} else if name == "raw" {
				t.Fatal(err)
			}
		})
	}
}

// Whatever happens to an entry, it is as it was or not there.
func TestDamagedEntries(t *testing.T) {
	path := write(t, blocks(rand.New(rand.NewPCG(3, 4)), 1500))
	dir := filepath.Join(t.TempDir(), "cache")
	prepare := func() string {
		c := cacheIn(t, dir)
		_ = openWith(t, path, Options{Cache: c})
		c.Close()
		files, err := filepath.Glob(filepath.Join(dir, "data", "*"))
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		return files[0]
	}
	for name, damage := range map[string]func(entry string) error{
		"cut":         func(e string) error { return os.Truncate(e, 1<<20) },
		"longer":      func(e string) error { return os.Truncate(e, 64<<20) },
		"empty":       func(e string) error { return os.Truncate(e, 0) },
		"other index": func(e string) error { return flip(e, -60) },
		"other sum":   func(e string) error { return flip(e, -20) },
		"no note":     func(string) error { return os.RemoveAll(filepath.Join(dir, "files")) },
		"other note": func(string) error {
			notes, err := filepath.Glob(filepath.Join(dir, "files", "*"))
			return errors.Join(err, os.WriteFile(notes[0], []byte("../../etc/passwd\nx"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			entry := prepare()
			if err := errors.Join(os.Chmod(entry, 0o600), damage(entry)); err != nil {
				t.Fatal(err)
			}
			c := cacheIn(t, dir)
			sameImage(t, openWith(t, path, Options{Cache: c}), openWith(t, path, Options{}))
			c.Close()
		})
	}
}

func flip(path string, fromEnd int64) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[int64(len(b))+fromEnd] ^= 1
	return os.WriteFile(path, b, 0o600)
}

func TestCacheLimit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	c := cacheIn(t, dir)
	for i := range 3 {
		_ = openWith(t, write(t, blocks(rand.New(rand.NewPCG(uint64(i), 9)), 1500)), Options{Cache: c})
		c.Close()
	}
	all, err := c.List()
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	gone, err := c.Trim(all[0].Disk + all[1].Disk)
	if err != nil || len(gone) != 1 || gone[0].Digest != all[2].Digest {
		t.Fatalf("%v went, %v; the one used longest ago is %s", gone, err, all[2].Digest)
	}
	small, err := OpenCache(dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	im := openWith(t, write(t, blocks(rand.New(rand.NewPCG(7, 7)), 1500)), Options{Cache: small})
	if im.store.own {
		t.Error("an image larger than the cache was kept in it")
	}
	if gone, err := c.Trim(0); err != nil || len(gone) != 2 {
		t.Fatal(gone, err)
	}
	if notes, _ := filepath.Glob(filepath.Join(dir, "files", "*")); len(notes) != 0 {
		t.Errorf("notes of entries that are gone: %v", notes)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCache(dir, 1<<40); !errors.As(err, new(*CacheError)) {
		t.Errorf("a folder in which everybody writes: %v", err)
	}
}

// Two at once prepare the same; remains of the killed go, and what is being written stays.
func TestCacheTogether(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	path := write(t, blocks(rand.New(rand.NewPCG(3, 4)), 3000))
	want := openWith(t, path, Options{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			c, err := OpenCache(dir, 1<<40)
			if err != nil {
				t.Error(err)
				return
			}
			im, err := Open(t.Context(), path, Options{Cache: c})
			if err != nil {
				t.Error(err)
				return
			}
			if im.Digest() != want.Digest() {
				t.Error(im.Digest())
			}
			_ = im.Close()
			c.Close()
		})
	}
	wg.Wait()
	c := cacheIn(t, dir)
	writing, err := c.begin(1)
	if err != nil {
		t.Fatal(err)
	}
	defer writing.Close()
	if err := os.WriteFile(filepath.Join(dir, "part-killed"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = cacheIn(t, dir)
	left, err := filepath.Glob(filepath.Join(dir, "part-*"))
	if err != nil || len(left) != 1 || left[0] != writing.Name() {
		t.Errorf("left: %v, being written: %s", left, writing.Name())
	}
}

func FuzzIndex(f *testing.F) {
	x := index{Digest: "sha256:00", Format: FormatSparse, Size: 3 * block, Block: block, Extents: []Extent{
		{Kind: Data, Length: block, FileOffset: 40}, {Kind: Fill, Offset: block, Length: block, Fill: 7},
		{Kind: DontCare, Offset: 2 * block, Length: block},
	}}
	s := newSummer(false)
	s.write(40, []byte("bytes"))
	b := x.encode(s.finish(300 << 10))
	f.Add(b[:len(b)-footBytes], int64(1<<20))
	f.Fuzz(func(t *testing.T, b []byte, end int64) {
		x, s, err := decodeIndex(b, end)
		if err != nil {
			return
		}
		at := int64(0)
		for _, e := range x.Extents {
			if e.Offset != at || e.Length <= 0 || e.Kind == Data && (e.FileOffset < 0 || e.FileOffset+e.Length > end || e.FileOffset+e.Length < 0) {
				t.Fatalf("%+v", e)
			}
			at = e.end()
		}
		if at != x.Size {
			t.Fatalf("ends at %d of %d", at, x.Size)
		}
		if s.size > end || int64(len(s.crc)) != s.count() {
			t.Fatalf("sums of %d bytes, %d", s.size, len(s.crc))
		}
		b = x.encode(s)
		again, sums, err := decodeIndex(b[:len(b)-footBytes], end)
		if err != nil || fmt.Sprint(again, *sums) != fmt.Sprint(x, *s) {
			t.Fatalf("%v %v, was %v", again, err, x)
		}
	})
}
