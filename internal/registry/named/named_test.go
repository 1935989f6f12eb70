package named

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	to, err := registry.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	local, err := Open(file(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Push(t.Context(), local, to); err != nil {
		t.Fatal(err)
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
