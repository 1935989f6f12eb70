package named

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/registry"
)

// file makes a bundle of one small image.
func file(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	boot := filepath.Join(dir, "boot.img")
	if err := os.WriteFile(boot, []byte(strings.Repeat("\x7fboot\x00\xfe", 1024)), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "b.bundle")
	about := bundle.Manifest{Name: "census", Version: "5.1", Models: []string{"AGS3-L09"}, Access: "none"}
	if err := bundle.Build(t.Context(), path, about, []bundle.Source{{Partition: "boot", Path: boot}}, bundle.Options{}); err != nil {
		t.Fatal(err)
	}
	return path
}

// cache is one of prepared images.
func cache(t *testing.T) *image.Cache {
	t.Helper()
	c, err := image.OpenCache(t.TempDir(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// A file needs no registry, and no client is made for it.
func TestAFileNeedsNoRegistry(t *testing.T) {
	b := &Bundles{Connect: func() (*registry.Client, error) { t.Error("a client was made"); return nil, nil }}
	path := file(t)
	if name, err := b.Pin(t.Context(), path); name != path || err != nil {
		t.Errorf("%s, %v", name, err)
	}
	look, err := b.Look(t.Context(), path)
	if err != nil || look.Manifest.Name != "census" {
		t.Errorf("%v, %v", look, err)
	}
	use, err := b.Use(t.Context(), path, nil)
	if err != nil || use.Manifest.Name != "census" {
		t.Errorf("%v, %v", use, err)
	}
	_, err = b.Look(t.Context(), path+"-not")
	if kind, _ := problem.KindOf(err); err == nil || kind != problem.Invalid {
		t.Errorf("%v", err)
	}
}

// Through a registry a bundle is what it is: named by its tag only if that is allowed, looked
// at without its images, used from the store.
func TestABundleInAFolderOfTheOCILayout(t *testing.T) {
	store, err := registry.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	var said []string
	b := &Bundles{Say: func(format string, _ ...any) { said = append(said, format) },
		Connect: func() (*registry.Client, error) { made++; return &registry.Client{Store: store}, nil }}
	name := "oci-layout:" + filepath.Join(t.TempDir(), "stick") + ":5.1"
	if local, p, err := b.Push(t.Context(), file(t), name, cache(t)); err != nil || local.Manifest.Version != "5.1" || p.Sent == 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	if _, err := b.Pin(t.Context(), name); err == nil || !strings.Contains(err.Error(), "may name another bundle tomorrow") {
		t.Errorf("a tag without permission: %v", err)
	}
	b.AllowTag = true
	pinned, err := b.Pin(t.Context(), name)
	if err != nil || !strings.Contains(pinned, "@sha256:") || len(said) != 1 {
		t.Fatalf("%s, %v, said %q", pinned, err, said)
	}
	if again, err := b.Pin(t.Context(), pinned); again != pinned || err != nil {
		t.Errorf("%s, %v", again, err)
	}
	look, err := b.Look(t.Context(), pinned)
	if err != nil || look.Manifest.Version != "5.1" {
		t.Errorf("%v, %v", look, err)
	}
	refused := errors.New("not signed")
	if _, err := b.Use(t.Context(), pinned, func(context.Context, *bundle.Bundle) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("the gate was not asked: %v", err)
	}
	use, err := b.Use(t.Context(), pinned, func(context.Context, *bundle.Bundle) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer use.Close()
	if err := use.Verify(t.Context(), nil); err != nil || made != 1 {
		t.Errorf("%v, %d clients", err, made)
	}
}

// What a person sends is whole; what he fetches is let in by the gate, and comes out as a folder.
func TestPushAndPull(t *testing.T) {
	store, err := registry.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &Bundles{Connect: func() (*registry.Client, error) { return &registry.Client{Store: store}, nil }}
	dir := t.TempDir()
	stick := filepath.Join(dir, "stick")
	damaged := file(t)
	text, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(text), "\x7fboot")
	text[at+8] ^= 1
	if err := os.WriteFile(damaged, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = b.Push(t.Context(), damaged, "oci-layout:"+stick+":5.1", cache(t))
	if kind, _ := problem.KindOf(err); err == nil || kind != problem.Invalid || !strings.Contains(err.Error(), "checksum error") {
		t.Errorf("a damaged bundle: %v", err)
	}
	if _, err := os.Stat(stick); err == nil {
		t.Error("something of the damaged bundle was sent")
	}
	if _, _, err := b.Push(t.Context(), file(t), "oci-layout:"+stick+":5.1", cache(t)); err != nil {
		t.Fatal(err)
	}
	refused, out := errors.New("not signed"), filepath.Join(dir, "out")
	if _, err := b.Pull(t.Context(), stick, out, func(context.Context, *bundle.Bundle) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("the gate was not asked: %v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("what the gate refused was written out")
	}
	p, err := b.Pull(t.Context(), stick, out, func(context.Context, *bundle.Bundle) error { return nil })
	if err != nil || p.Version != "5.1" {
		t.Fatalf("%+v, %v", p, err)
	}
	pulled, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer pulled.Close()
	if err := pulled.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotBeReached(t *testing.T) {
	broken := errors.New("no store")
	b := &Bundles{AllowTag: true, Connect: func() (*registry.Client, error) { return nil, broken }}
	for _, name := range []string{"oci://h/r:1", "oci://h/r@sha256:" + strings.Repeat("a", 64), "oci://"} {
		_, look := b.Look(t.Context(), name)
		_, use := b.Use(t.Context(), name, nil)
		if look == nil || use == nil {
			t.Errorf("%s: %v, %v", name, look, use)
		}
	}
	if _, err := b.Pin(t.Context(), "oci://h/r:1"); !errors.Is(err, broken) {
		t.Error(err)
	}
}
