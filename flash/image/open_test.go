// Files that are opened, refused, chosen between, and changed.

package image

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func openFile(t testing.TB, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// Chunks stay within 32 bits even when a limit does not ask for a cut.
func TestChunksStayBelow4GiB(t *testing.T) {
	im := &Image{path: "x", plans: map[planKey]*Pieces{}, index: index{Size: 20 << 30, Block: block, Extents: []Extent{
		{Kind: Data, Length: 9 << 30}, {Kind: Fill, Offset: 9 << 30, Length: 11 << 30, Fill: 1},
	}}}
	p := plan(t, im, 1<<40, Sparse)
	kinds := map[Kind]int{}
	for c := range p.At(0).parts() {
		if c.wire() > 1<<32-1 || c.Length > 1<<32-1 {
			t.Fatalf("%+v", c)
		}
		kinds[c.Kind]++
	}
	if p.Len() != 1 || kinds[Data] != 3 || kinds[Fill] != 3 {
		t.Fatalf("%d pieces, %v", p.Len(), kinds)
	}
	if _, err := im.Pieces(5000, Sparse); !errors.As(err, new(*LimitError)) {
		t.Fatal("millions of pieces:", err)
	}
	for max := int64(0); max < 4200; max += 7 { // too small is an error, never a loop
		if p, err := im.Pieces(max, Sparse); err == nil {
			t.Fatalf("max %d gave %d pieces", max, p.Len())
		}
	}
	im.index.Size, im.index.Extents = 1<<45, []Extent{{Kind: Fill, Length: 1 << 45}}
	if _, err := im.Pieces(1<<31, Sparse); !errors.As(err, new(*FormError)) {
		t.Fatal("more blocks than 32 bits:", err)
	}
}

func TestChanged(t *testing.T) {
	b := bytes.Repeat([]byte("zarya567"), 1<<17)
	for name, change := range map[string]func(path string) error{
		"written": func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("ZARYA567"), 1<<17), 0o600) },
		"cut":     func(path string) error { return os.Truncate(path, 5000) },
		"touched back": func(path string) error { // ctime tells
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			return errors.Join(os.WriteFile(path, bytes.ToUpper(b), 0o600), os.Chtimes(path, time.Time{}, info.ModTime()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, b)
			im := open(t, path)
			if err := im.Unchanged(); err != nil {
				t.Fatal(err)
			}
			piece := plan(t, im, 1<<30, Raw).At(0)
			n, err := piece.WriteTo(writer(func(p []byte) (int, error) { // in the middle
				return len(p), change(path)
			}))
			if !errors.As(err, new(*ChangedError)) {
				t.Fatalf("in the middle: %d, %v", n, err)
			}
			if n, err := piece.WriteTo(io.Discard); n != 0 || !errors.As(err, new(*ChangedError)) {
				t.Fatalf("before: %d, %v", n, err)
			}
		})
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestWriteErrorStops(t *testing.T) {
	im := open(t, write(t, blocks(rand.New(rand.NewPCG(1, 1)), 600)))
	broken := errors.New("broken")
	n, err := plan(t, im, 1<<30, Raw).At(0).WriteTo(writer(func([]byte) (int, error) { return 10, broken }))
	if n != 10 || !errors.Is(err, broken) {
		t.Fatal(n, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	s := &simg{}
	s.chunk(0xcac1, 2, blocks(rand.New(rand.NewPCG(1, 1)), 2))
	whole := s.bytes()
	for want, path := range map[string]string{
		"no such file":     filepath.Join(dir, "nope"),
		"is a folder":      dir,
		"is empty":         write(t, nil),
		"is a device":      "/dev/zero",
		"the file ends":    write(t, whole[:len(whole)-1]),
		"do not fit a":     write(t, whole[:30]),
		"inside the file ": write(t, whole[:10]),
	} {
		im, err := Open(t.Context(), path, Options{})
		if e := (*FileError)(nil); im != nil || !errors.As(err, &e) || !strings.Contains(err.Error(), want) ||
			strings.Count(err.Error(), path) != 1+strings.Count(err.Error(), "if="+path) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := Open(t.Context(), filepath.Join(dir, "nope"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	if _, err := Open(ctx, write(t, make([]byte, 8<<20)), Options{}); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func TestChoose(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	raw := open(t, write(t, blocks(r, 10)))
	s, d := &simg{}, &simg{}
	s.chunk(0xcac1, 10, blocks(r, 10))
	d.chunk(0xcac3, 10, nil)
	full, holey := open(t, write(t, s.bytes())), open(t, write(t, d.bytes()))
	const small, large = 8 * block, 1 << 20
	for _, c := range []struct {
		policy Policy
		part   string
		im     *Image
		max    int64
		takes  bool
		want   string
	}{
		{Auto, "system", raw, large, false, "raw"},
		{"", "system", raw, large, true, "sparse"},
		{Auto, "system", raw, small, false, "sparse"},
		{Auto, "system", full, large, false, "sparse"},
		{Always, "system", raw, large, false, "sparse"},
		{Never, "system", raw, large, true, "raw"},
		{Never, "system", full, large, true, "raw"},
		{Never, "system", raw, small, false, "--sparse auto"},
		{Never, "system", holey, large, false, "only a sparse image"},
		{Auto, "boot", raw, large, true, "raw"},
		{Always, "vendor_boot_a", raw, large, true, "raw"},
		{Auto, "dtbo_b", full, large, true, "raw"},
		{Auto, "vbmeta_system_a", raw, small, true, "only ever sent raw"},
		{Always, "recovery_ramdisk", holey, large, true, "only a sparse image"},
	} {
		form, err := Choose(c.policy, c.part, c.im, c.max, c.takes)
		got := form.String()
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%+v: %s", c, got)
		}
	}
	if _, err := ParsePolicy("maybe"); err == nil {
		t.Error("maybe")
	}
	if p, err := ParsePolicy("never"); p != Never || err != nil {
		t.Error(p, err)
	}
}

// Sixteen tablets share one image; what they allocate is a few windows.
func TestMemory(t *testing.T) {
	path := write(t, nil)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := blocks(rand.New(rand.NewPCG(1, 1)), 256)
	for range 256 {
		if _, err := f.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var before, opened, after runtime.MemStats
	runtime.ReadMemStats(&before)
	im := open(t, path)
	runtime.ReadMemStats(&opened)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			p, err := im.Pieces(64<<20, Sparse)
			if err != nil {
				t.Error(err)
				return
			}
			for i := range p.Len() {
				if n, err := p.At(i).WriteTo(io.Discard); err != nil || n != p.At(i).Size() {
					t.Error(n, err)
				}
			}
		})
	}
	wg.Wait()
	runtime.ReadMemStats(&after)
	// The extents of this mosaic of 65,536 blocks are a part of the first number.
	if n := opened.TotalAlloc - before.TotalAlloc; n > 24<<20 {
		t.Errorf("Open took %d KiB", n>>10)
	}
	if n := after.TotalAlloc - opened.TotalAlloc; n > 32<<20 {
		t.Errorf("16 tablets took %d KiB", n>>10)
	}
	if first, second := plan(t, im, 64<<20, Sparse), plan(t, im, 64<<20, Sparse); first != second {
		t.Error("plans are not shared")
	}
}
