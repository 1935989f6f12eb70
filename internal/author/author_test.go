package author

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/profiles"
)

func write(t *testing.T, file, text string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestANewProfileIsValid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.yaml")
	if err := NewProfile(file, []string{"AGS3-L09", "AGS3-W09"}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := profiles.Parse(file, text, profiles.Settings{}); err != nil || !strings.Contains(string(text), "AGS3-L09, AGS3-W09") {
		t.Errorf("%v:\n%s", err, text)
	}
	for path, models := range map[string]string{file: "AGS3-L09", file + ".new": "not a [model"} {
		err := NewProfile(path, []string{models})
		if kind, _ := problem.KindOf(err); err == nil || kind != problem.Usage {
			t.Errorf("%s for %s: %v", path, models, err)
		}
	}
	if err := NewProfile(filepath.Join(file, "p.yaml"), []string{"AGS3-L09"}); err == nil {
		t.Error("a profile below a file")
	}
}

func TestABundleIsMadeAndSigned(t *testing.T) {
	dir := t.TempDir()
	cache, err := image.OpenCache(filepath.Join(dir, "cache"), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	m := &recipe.Maker{Config: dir, Cache: func() *image.Cache { return cache }}
	boot := write(t, filepath.Join(dir, "boot.img"), strings.Repeat("\x7fboot\x00\xfe", 1024))
	profile := write(t, filepath.Join(dir, "p.yaml"), "zarya: 1\nname: kiosk\ntablet: {models: [AGS3-L09]}\n")
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	q := BundleRequest{About: bundle.Manifest{Name: "census", Version: "5.1", Models: []string{"AGS3-L09"}, Access: "none"},
		Key: write(t, filepath.Join(dir, "key"), string(pem.EncodeToMemory(block))), Profile: profile}
	sources := []bundle.Source{{Partition: "boot", Path: boot}}
	b, err := MakeBundle(t.Context(), m, filepath.Join(dir, "b.bundle"), q, sources)
	if err != nil {
		t.Fatal(err)
	}
	if b.Signer() == "" || b.Manifest.Profile == "" || len(b.Manifest.Images) != 1 {
		t.Errorf("signed by %q: %+v", b.Signer(), b.Manifest)
	}
	// It is signed again, checked whole, and found out when a byte of it is another.
	path := filepath.Join(dir, "b.bundle")
	if again, err := SignBundle(path, q.Key, ""); err != nil || again.Signer() != b.Signer() {
		t.Errorf("signed again: %v", err)
	}
	for _, from := range [][2]string{{profile, ""}, {"", profile}, {"", profile + "-not"}} {
		if _, err := SignBundle(path, from[0], from[1]); err == nil {
			t.Errorf("signed with the key %q, the signature %q", from[0], from[1])
		}
	}
	if _, err := SignBundle(boot, q.Key, ""); err == nil {
		t.Error("an image is signed as a bundle")
	}
	whole, who, err := m.Verify(t.Context(), path, "")
	if err != nil || who != "" {
		t.Fatalf("by %q, %v", who, err)
	}
	whole.Close()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(text[bytes.Index(text, []byte("\x7fboot\x00\xfe")):], "\x7fbood")
	if _, _, err := m.Verify(t.Context(), write(t, filepath.Join(dir, "bad.bundle"), string(text)), ""); err == nil {
		t.Error("a byte of an image is another, and nobody sees it")
	}

	for _, bad := range []func(*BundleRequest){
		func(q *BundleRequest) { q.Key = profile }, func(q *BundleRequest) { q.Profile = boot }, func(q *BundleRequest) { q.About.Name = "" },
	} {
		q := q
		q.Build = bundle.Options{}
		bad(&q)
		if _, err := MakeBundle(t.Context(), m, filepath.Join(dir, "c.bundle"), q, sources); err == nil {
			t.Errorf("made of %+v", q)
		}
	}
}

// What somebody else's release does not tell is asked for; what can brick a tablet stays out.
func TestReadRelease(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"boot.img", "modem.img"} {
		write(t, filepath.Join(dir, name), strings.Repeat("\x7fboot\x00\xfe", 1024))
	}
	about := bundle.Manifest{Name: "census", Version: "5.1", Models: []string{"AGS3-L09"}}
	r, err := ReadRelease(t.Context(), &about, []string{dir}, nil)
	if err != nil || len(r.Sources) == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := ReadRelease(t.Context(), &bundle.Manifest{}, []string{dir}, nil); err == nil {
		t.Error("a bundle without a name")
	}
	_, err = ReadRelease(t.Context(), &about, []string{filepath.Join(dir, "not")}, nil)
	if kind, _ := problem.KindOf(err); err == nil || kind != problem.Invalid {
		t.Error(err)
	}
}

func TestSizeIsThatOfTheImages(t *testing.T) {
	dir := t.TempDir()
	m := &recipe.Maker{Config: dir, Cache: func() *image.Cache { return nil }}
	boot := write(t, filepath.Join(dir, "boot.img"), strings.Repeat("\x7fboot\x00\xfe", 1024))
	profile := write(t, filepath.Join(dir, "p.yaml"), "zarya: 1\nname: kiosk\ntablet: {models: [AGS3-L09]}\npartitions: [boot]\n"+
		"images: {boot: {file: boot.img, sha256: "+strings.Repeat("0", 64)+"}}\n")
	if n, err := Size(m, profile); n != 7168 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if err := os.Remove(boot); err != nil {
		t.Fatal(err)
	}
	if n, err := Size(m, profile); err == nil {
		t.Errorf("without its image it has %d", n)
	}
	if _, err := Size(m, profile+"-not"); err == nil {
		t.Error("a profile that is not there has a size")
	}
}
