// The files of a bundle that are no images, and a bundle larger than 4 GiB.

package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zarya-station/zarya/internal/canon"
)

// extra is a file of a bundle from memory.
func extra(name, text string) Extra {
	return Extra{Name: name, Open: func() (io.ReadCloser, int64, error) {
		return io.NopCloser(strings.NewReader(text)), int64(len(text)), nil
	}}
}

func TestFiles(t *testing.T) {
	w := newWorkshop(t)
	for _, folder := range []bool{false, true} {
		name := map[bool]string{false: "zip", true: "folder"}[folder]
		b := w.build(t, name, Options{Folder: folder, Profile: "profile/p.yaml",
			Files: []Extra{extra("profile/p.yaml", "zarya: 1\n"), extra("profile/certs/a.pem", "cert"), extra("profile/empty", "")}})
		var names []string
		for _, f := range b.Manifest.Files {
			names = append(names, f.File)
		}
		if d := cmp.Diff(names, []string{"profile/certs/a.pem", "profile/empty", "profile/p.yaml"}); d != "" ||
			b.Manifest.Profile != "profile/p.yaml" {
			t.Error(d)
		}
		r, size, err := b.Open("profile/certs/a.pem")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil || string(text) != "cert" || size != 4 || r.Close() != nil {
			t.Errorf("%q, %d, %v", text, size, err)
		}
		if _, _, err := b.Open("profile/other"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		if _, _, err := b.Open("images/boot.img"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("an image as a file: %v", err)
		}
		if err := b.Verify(t.Context(), w.cache); err != nil {
			t.Error(err)
		}
	}
	// A file that is not what the manifest says is not opened.
	at := filepath.Join(w.dir, "folder/profile/certs/a.pem")
	for _, text := range []string{"cort", "certificate", "c"} {
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := Open(filepath.Join(w.dir, "folder"))
		if err != nil {
			t.Fatal(err)
		}
		var bad *Error
		if _, _, err := b.Open("profile/certs/a.pem"); !errors.As(err, &bad) || !strings.Contains(err.Error(), "does not have the digest") {
			t.Errorf("%q: %v", text, err)
		}
		if err := b.Verify(t.Context(), w.cache); err == nil {
			t.Errorf("%q is verified", text)
		}
	}
	// One that is changed while the bundle is built.
	calls := 0
	turncoat := Extra{Name: "profile/p.yaml", Open: func() (io.ReadCloser, int64, error) {
		calls++
		return io.NopCloser(bytes.NewReader(bytes.Repeat([]byte("x"), calls))), 1, nil
	}}
	out := filepath.Join(w.dir, "changing")
	if err := Build(t.Context(), out, w.about, w.sources, Options{Cache: w.cache, Files: []Extra{turncoat}}); err == nil ||
		!strings.Contains(err.Error(), "was changed meanwhile") {
		t.Error(err)
	}
	if left, err := filepath.Glob(out + "*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestFilesRefuses changes what the manifest says of files.
func TestFilesRefuses(t *testing.T) {
	w := newWorkshop(t)
	b := w.build(t, "good", Options{Profile: "profile/p.yaml", Files: []Extra{extra("profile/p.yaml", "zarya: 1\n"), extra("profile/b", "b")}})
	for what, change := range map[string]func(*Manifest){
		"outside of the folder": func(m *Manifest) { m.Files[0].File = "images/../../b" },
		"not in its folder":     func(m *Manifest) { m.Files[0].File = "b" },
		"an absolute one":       func(m *Manifest) { m.Files[0].File = "/profile/b" },
		"twice":                 func(m *Manifest) { m.Files[1] = m.Files[0] },
		"not sorted":            func(m *Manifest) { m.Files[0], m.Files[1] = m.Files[1], m.Files[0] },
		"a size below nothing":  func(m *Manifest) { m.Files[0].Size = -1 },
		"no digest":             func(m *Manifest) { m.Files[0].Digest = "md5:00" },
		"a profile not there":   func(m *Manifest) { m.Profile = "profile/q.yaml" },
		"over an image":         func(m *Manifest) { m.Files[0].File = m.Images[0].File },
	} {
		var m Manifest
		if err := json.Unmarshal(b.Text(), &m); err != nil {
			t.Fatal(err)
		}
		change(&m)
		text, err := canon.Encode(&m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(text); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}

// TestOver4GiB builds, signs and verifies a bundle that a 32-bit number cannot count: an
// image of the boot chain, which is stored as it is, with bytes at its beginning and end.
func TestOver4GiB(t *testing.T) {
	w := newWorkshop(t)
	const size = 4<<30 + 12<<20
	path := filepath.Join(w.dir, "large.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{0, 4<<30 + 4096, size - 5} {
		if _, err := f.WriteAt([]byte("zarya"), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	w.sources = []Source{{Partition: "boot", Path: path}, {Partition: "vbmeta", Path: filepath.Join(w.dir, "vbmeta.img")}}
	b := w.build(t, "large.bundle", Options{Files: []Extra{extra("profile/after", "what comes after 4 GiB")}})
	if info, err := os.Stat(b.Path); err != nil || info.Size() <= 4<<30 {
		t.Fatalf("%v, %v", info, err)
	}
	if err := b.Verify(t.Context(), w.cache); err != nil {
		t.Fatal(err)
	}
	im, err := b.Image(t.Context(), 0, w.cache)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = im.Close() }()
	got := make([]byte, 5)
	if _, err := im.ReadAt(got, 4<<30+4096); err != nil || string(got) != "zarya" || im.Size() != size {
		t.Errorf("%q, %d, %v", got, im.Size(), err)
	}
	r, _, err := b.Open("profile/after")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil || string(text) != "what comes after 4 GiB" || r.Close() != nil {
		t.Errorf("%q, %v", text, err)
	}
}

// Whoever may write the bundle changes its files after they were compared, and while they
// are: what is read is what the manifest names, or nothing.
func TestFilesChangedAfterTheCheck(t *testing.T) {
	w := newWorkshop(t)
	small, large := "zarya: 1\n", strings.Repeat("0123456789abcdef", inMemory/8)
	files := []Extra{extra("profile/p.yaml", small), extra("profile/a.rpm", large)}
	for _, folder := range []bool{false, true} {
		b := w.build(t, fmt.Sprint("b", folder), Options{Folder: folder, Profile: "profile/p.yaml", Files: files})
		for name, text := range map[string]string{"profile/p.yaml": small, "profile/a.rpm": large} {
			r, _, err := b.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			spoil, restore := spoiler(t, b.Path, text)
			spoil()
			if got, err := io.ReadAll(r); err != nil || string(got) != text {
				t.Errorf("folder %v: %s was changed after it was opened, and %.20q was read, %v", folder, name, got, err)
			}
			restore()
			_ = r.Close()
		}
	}
}

// spoiler returns what writes over a file of a bundle, in place, and what takes it back.
func spoiler(t testing.TB, bundle, text string) (spoil, restore func()) {
	t.Helper()
	path := bundle
	if info, err := os.Stat(bundle); err == nil && info.IsDir() {
		path = filepath.Join(bundle, "profile/p.yaml")
		if len(text) > inMemory {
			path = filepath.Join(bundle, "profile/a.rpm")
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	was, err := io.ReadAll(f)
	at := int64(bytes.Index(was, []byte(text)))
	if err != nil || at < 0 {
		t.Fatal(at, err)
	}
	write := func(text []byte) func() {
		return func() {
			if _, err := f.WriteAt(text, at); err != nil {
				t.Error(err)
			}
		}
	}
	return write(bytes.Repeat([]byte("evil "), len(text)/5+1)[:len(text)]), write([]byte(text))
}

// The same, by one who does not know when: he writes all the time.
func TestFilesChangedAllTheTime(t *testing.T) {
	w := newWorkshop(t)
	text := strings.Repeat("zarya: 1\n", 2000)
	for _, folder := range []bool{false, true} {
		b := w.build(t, fmt.Sprint("b", folder),
			Options{Folder: folder, Profile: "profile/p.yaml", Files: []Extra{extra("profile/p.yaml", text)}})
		spoil, restore := spoiler(t, b.Path, text)
		var stop atomic.Bool
		var writer sync.WaitGroup
		writer.Go(func() {
			for !stop.Load() {
				spoil()
				restore()
			}
		})
		good, refused := 0, 0
		for range 300 {
			r, _, err := b.Open("profile/p.yaml")
			if err != nil {
				refused++
				continue
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != text {
				t.Errorf("folder %v: %.20q was read, %v", folder, got, err)
			}
			good++
		}
		stop.Store(true)
		writer.Wait()
		t.Logf("folder %v: %d read, %d refused", folder, good, refused)
	}
}
