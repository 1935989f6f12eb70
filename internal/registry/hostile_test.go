package registry_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/hosttest"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/registry"
	"github.com/zarya-station/zarya/internal/registry/registrytest"
)

// TestLayoutFolder brings a bundle to a folder and from it, as to a registry and from it.
func TestLayoutFolder(t *testing.T) {
	b := newBench(t)
	older, newer := b.build("5.1", 1, 2, 4), b.build("5.2", 3, 2, 4)
	stick := filepath.Join(b.dir, "stick")
	c := b.client()
	first := b.push(c, older, "oci-layout:"+stick+":5.1")
	if first.Sent != first.Size {
		t.Errorf("%+v", first)
	}
	reader := b.client()
	got, err := reader.Pull(t.Context(), registry.Reference{Folder: stick}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.same(reader, got.Reference.Digest, older)
	if second := b.push(c, newer, "oci-layout:"+stick+":5.2"); second.Shared < 4*mib || second.Sent > 2*mib {
		t.Errorf("%+v", second)
	}
	_, err = reader.Pull(t.Context(), registry.Reference{Folder: stick}, nil)
	b.refused(err, problem.Invalid, "has 2 bundles: add :TAG")
	_, err = reader.Pull(t.Context(), b.ref("oci-layout:"+stick+":5.3"), nil)
	b.refused(err, problem.Invalid, "has no tag 5.3")
	got = b.pull(reader, "oci-layout:"+stick+":5.2")
	if got.Shared < 4*mib || got.Fetched > 2*mib {
		t.Errorf("%+v", got)
	}
	if other := b.push(c, newer, "oci://"+b.reg.Addr+"/census:5.2"); other.Reference.Digest != got.Reference.Digest {
		t.Errorf("a registry and a folder call it %s and %s", other.Reference.Digest, got.Reference.Digest)
	}

	// What rotted on the stick is not used, and written again by the next push.
	system := largest(t, filepath.Join(stick, "blobs", "sha256"))
	text, err := os.ReadFile(system)
	if err != nil {
		t.Fatal(err)
	}
	text[100] ^= 1
	if err := errors.Join(os.Chmod(system, 0o600), os.WriteFile(system, text, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, err = b.client().Pull(t.Context(), b.ref("oci-layout:"+stick+":5.2"), nil)
	b.refused(err, problem.Invalid, "gave other bytes")
	if again := b.push(c, newer, "oci-layout:"+stick+":5.2"); again.Sent < 4*mib {
		t.Errorf("%+v", again)
	}
	b.pull(b.client(), "oci-layout:"+stick+":5.2")
}

// largest is the largest file in a folder.
func largest(t *testing.T, dir string) (path string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	for _, f := range files {
		if info, err := f.Info(); err == nil && info.Size() > size {
			path, size = filepath.Join(dir, f.Name()), info.Size()
		}
	}
	return path
}

// forged is a folder with an OCI manifest that somebody made by hand.
type forged struct {
	*testing.T
	dir string
}

func (f forged) blob(text []byte) string {
	digest := fmt.Sprintf("%x", sha256.Sum256(text))
	dir := filepath.Join(f.dir, "blobs", "sha256")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, digest), text, 0o600)); err != nil {
		f.Fatal(err)
	}
	return "sha256:" + digest
}

func (f forged) index(manifest string) {
	text := fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"digest":%q,"size":1,`+
		`"annotations":{"org.opencontainers.image.ref.name":"t"}}]}`, manifest)
	if err := errors.Join(os.WriteFile(filepath.Join(f.dir, "index.json"), []byte(text), 0o600),
		os.WriteFile(filepath.Join(f.dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o600)); err != nil {
		f.Fatal(err)
	}
}

type part struct {
	name, digest string
	size         int64
}

// TestHostileManifests has manifests that are made to harm: none of them brings anything
// into the store, or writes anywhere else.
func TestHostileManifests(t *testing.T) {
	b := newBench(t)
	honest := b.build("5.1", 1, 2, 1)
	parts, err := honest.Parts()
	if err != nil {
		t.Fatal(err)
	}
	traversal := strings.Replace(string(honest.Text()), "images/boot.img", "../../boot.img", 1)
	for name, test := range map[string]struct {
		change func(list []part) []part
		text   func([]byte) []byte
		words  string
	}{
		"a name twice":     {change: func(l []part) []part { return append(l, l[1]) }, words: "is there twice"},
		"a manifest twice": {change: func(l []part) []part { return append(l, l[0]) }, words: "is there twice"},
		"a path":           {change: func(l []part) []part { l[1].name = "../../../etc/cron.d/x"; return l }, words: "is missing"},
		"one more, a path": {change: func(l []part) []part {
			return append(l, part{"/etc/cron.d/x", l[1].digest, l[1].size})
		}, words: `nothing is said of "/etc/cron.d/x"`},
		"no name":        {change: func(l []part) []part { l[1].name = ""; return l }, words: "has no name"},
		"a missing file": {change: func(l []part) []part { return l[:len(l)-1] }, words: "is missing"},
		"no manifest":    {change: func(l []part) []part { return l[1:] }, words: "there is no manifest.json"},
		"a digest of paths": {change: func(l []part) []part { l[1].digest = "sha256:../../../../etc/passwd"; return l },
			words: "the digest of"},
		"another digest":    {change: func(l []part) []part { l[1].digest = "md5:00"; return l }, words: "the digest of"},
		"a huge image":      {change: func(l []part) []part { l[1].size = 1 << 50; return l }, words: "has 1125899906842624 bytes"},
		"a large image":     {change: func(l []part) []part { l[1].size = 1 << 30; return l }, words: "its image at most"},
		"a negative size":   {change: func(l []part) []part { l[1].size = -1; return l }, words: "has -1 bytes"},
		"a huge manifest":   {change: func(l []part) []part { l[0].size = 65 << 20; return l }, words: "at most 67108864 are read"},
		"a longer manifest": {change: func(l []part) []part { l[0].size--; return l }, words: "has more than"},
		"two sizes of a blob": {change: func(l []part) []part { l[2].digest = l[1].digest; l[2].size++; return l },
			words: "has two sizes"},
		"very many files": {change: func(l []part) []part {
			for i := range 5000 {
				l = append(l, part{fmt.Sprintf("f%d", i), l[1].digest, l[1].size})
			}
			return l
		}, words: "at most 4096 are read"},
		"a huge text": {text: func([]byte) []byte { return []byte(strings.Repeat(" ", 5<<20)) }, words: "has more than 4194304 bytes"},
		"no JSON":     {text: func([]byte) []byte { return []byte("MZ") }, words: "it is no JSON"},
		"another artifact": {text: func(b []byte) []byte {
			return []byte(strings.ReplaceAll(string(b), "zarya.bundle.v1", "evil\\u001b[2J"))
		}, words: "it says that it is"},
		"an index of many": {text: func(b []byte) []byte {
			return []byte(strings.Replace(string(b), "image.manifest.v1", "image.index.v1", 1))
		}, words: "its media type is"},
		"a traversal within": {change: func(l []part) []part {
			l[0].digest, l[0].size = "sha256:"+fmt.Sprintf("%x", sha256.Sum256([]byte(traversal))), int64(len(traversal))
			return l
		}, words: "cannot be a file in a bundle"},
	} {
		t.Run(name, func(t *testing.T) {
			f := forged{t, t.TempDir()}
			f.blob([]byte(traversal))
			var list []part
			for _, p := range parts {
				r, err := p.Open()
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(r)
				if err = errors.Join(err, r.Close()); err != nil {
					t.Fatal(err)
				}
				list = append(list, part{p.Name, f.blob(text), p.Size})
			}
			if test.change != nil {
				list = test.change(list)
			}
			type layer struct {
				Type        string            `json:"mediaType"`
				Digest      string            `json:"digest"`
				Size        int64             `json:"size"`
				Annotations map[string]string `json:"annotations"`
			}
			var layers []layer
			for _, p := range list {
				layers = append(layers, layer{"application/x", p.digest, p.size,
					map[string]string{"org.opencontainers.image.title": p.name}})
			}
			text, err := json.Marshal(map[string]any{"schemaVersion": 2,
				"mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": registry.ArtifactType,
				"config": layer{Type: "application/vnd.zarya.bundle.config.v1+json"}, "layers": layers})
			if err != nil {
				t.Fatal(err)
			}
			if test.text != nil {
				text = test.text(text)
			}
			f.index(f.blob(text))
			c := b.client()
			_, err = c.Pull(t.Context(), b.ref("oci-layout:"+f.dir+":t"), nil)
			b.refused(err, problem.Invalid, test.words)
			if err != nil && strings.ContainsRune(err.Error(), 0x1b) {
				t.Errorf("the error moves the cursor: %q", err)
			}
			b.emptyOf(c, "bundles", 0)
			b.emptyOf(c, "blobs", mib)
		})
	}
}

// TestGate refuses a bundle by its manifest: no image was asked for.
func TestGate(t *testing.T) {
	b := newBench(t)
	p := b.proxy(registrytest.Faults{})
	b.push(b.client(), b.build("5.1", 1, 2, 2), "oci://"+b.reg.Addr+"/census:1")
	c := b.client()
	bad := errors.New("not signed by anybody")
	_, err := c.Pull(t.Context(), b.ref("oci://"+p.Addr+"/census:1"), func(_ context.Context, got *bundle.Bundle) error {
		if got.Manifest.Version != "5.1" {
			t.Errorf("asked about %s", got.Manifest.Version)
		}
		return bad
	})
	if !errors.Is(err, bad) || p.Got.Load() > mib/2 {
		t.Errorf("%v; %d bytes passed", err, p.Got.Load())
	}
}

// TestNoRoom wants a bundle on a disk that is too small: nothing of its images is fetched.
func TestNoRoom(t *testing.T) {
	b := newBench(t)
	p := b.proxy(registrytest.Faults{})
	b.push(b.client(), b.build("5.1", 1, 2, 6), "oci://"+b.reg.Addr+"/census:1")
	small := hosttest.Disk(t, "size=4m")
	_, err := b.clientAt(small).Pull(t.Context(), b.ref("oci://"+p.Addr+"/census:1"), nil)
	b.refused(err, problem.Station, "needs 7 MB")
	if p.Got.Load() > mib/2 {
		t.Errorf("%d bytes passed", p.Got.Load())
	}
	c := b.client()
	got := b.pull(c, "oci://"+p.Addr+"/census:1")
	b.refused(c.Export(t.Context(), got.Reference.Digest, filepath.Join(small, "out")), problem.Station, "needs 7 MB")
}

// TestMirror has a mirror of a site, a docker-registry that pulls through: what it has is
// not asked of the origin again, a dead one is passed by, and one that ends in the midst of
// a blob is gone on with at the origin.
func TestMirror(t *testing.T) {
	b := newBench(t)
	origin := b.proxy(registrytest.Faults{})
	name := "oci://" + origin.Addr + "/census:1"
	from := b.build("5.1", 1, 2, 20)
	b.push(b.client(), from, "oci://"+b.reg.Addr+"/census:1")
	mirror, err := registrytest.Start(t.TempDir(), registrytest.Options{More: "proxy: {remoteurl: 'http://" + origin.Addr + "'}\n"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(mirror.Close)
	for stations := 1; ; stations++ { // the mirror stores after it has given: soon one is given what it has
		before := origin.Got.Load()
		c := b.client()
		c.Mirror = mirror.Addr
		got := b.pull(c, name)
		b.same(c, got.Reference.Digest, from)
		if passed := origin.Got.Load(); passed == before {
			break
		} else if stations == 100 { // else a failure hangs
			t.Fatalf("the origin gave %d bytes to %d stations", passed, stations)
		}
	}
	mirror.Kill()
	c := b.client()
	c.Mirror = mirror.Addr
	b.pull(c, name)

	weak := b.proxy(registrytest.Faults{Given: func(total int64, _ []byte) bool { return total < 8*mib }})
	c = b.client()
	c.Mirror = weak.Addr
	before := origin.Got.Load()
	got := b.pull(c, name)
	if passed := origin.Got.Load() - before; passed > 15*mib {
		t.Errorf("the origin gave %d bytes, and the mirror had given %d", passed, weak.Got.Load())
	}
	b.same(c, got.Reference.Digest, from)
}

// TestNoParts goes on at a registry that gives no parts of blobs, which is said, and with
// what had arrived wrong: that is noticed and fetched anew.
func TestNoParts(t *testing.T) {
	b := newBench(t)
	from := b.build("5.1", 1, 2, 8)
	b.push(b.client(), from, "oci://"+b.reg.Addr+"/census:1")
	for name, plain := range map[string]bool{"no parts": true, "what is here is damaged": false} {
		t.Run(name, func(t *testing.T) {
			cut := true
			p := b.proxy(registrytest.Faults{
				First: func(_ http.ResponseWriter, r *http.Request) bool {
					if plain {
						r.Header.Del("Range")
					}
					return false
				},
				Given: func(total int64, _ []byte) bool {
					if cut && total > 5*mib {
						cut = false
						return false
					}
					return true
				},
			})
			store := t.TempDir()
			c := b.clientAt(store)
			_, err := c.Pull(t.Context(), b.ref("oci://"+p.Addr+"/census:1"), nil)
			b.refused(err, problem.Station, p.Addr)
			if !plain {
				part := largest(t, filepath.Join(store, "parts"))
				text, err := os.ReadFile(part)
				if err != nil || len(text) < mib {
					t.Fatal(err, len(text))
				}
				text[10] ^= 1
				if err := os.WriteFile(part, text, 0o600); err != nil {
					t.Fatal(err)
				}
				c.Wait = func(context.Context, int, error) error { return nil }
			}
			got := b.pull(c, "oci://"+p.Addr+"/census:1")
			b.same(c, got.Reference.Digest, from)
			if want := map[bool]string{true: "gives no parts of files", false: "was damaged"}[plain]; !c.heard(want) {
				t.Errorf("nobody said %q: %v", want, c.said)
			}
		})
	}
}

// TestMixed has a mirror that gives wrong bytes and breaks off, again and again: what the
// origin adds to them is wrong, so that it gives all of it then.
func TestMixed(t *testing.T) {
	b := newBench(t)
	from := b.build("5.1", 1, 2, 6)
	name := "oci://" + b.reg.Addr + "/census:1"
	b.push(b.client(), from, name)
	var base int64
	bad := b.proxy(registrytest.Faults{Given: func(total int64, p []byte) bool {
		if total-base > 2*mib {
			base = total
			return false
		}
		p[0] ^= 1
		return true
	}})
	c := b.client()
	c.Mirror = bad.Addr
	tries := 0
	c.Wait = func(_ context.Context, _ int, why error) error {
		if tries++; tries > 5 {
			return why
		}
		return nil
	}
	got := b.pull(c, name)
	b.same(c, got.Reference.Digest, from)
}

// TestSentElsewhere has a registry that sends its clients' blobs, and with them their
// passwords, to another host.
func TestSentElsewhere(t *testing.T) {
	b := newBench(t)
	p := b.proxy(registrytest.Faults{Answered: func(resp *http.Response) bool {
		if at := resp.Header.Get("Location"); at != "" {
			resp.Header.Set("Location", strings.Replace(at, "127.0.0.1", "127.0.0.2", 1))
		}
		return true
	}})
	_, err := b.client().Push(t.Context(), b.build("5.1", 1, 2, 1), b.ref("oci://"+p.Addr+"/census:1"))
	b.refused(err, problem.Station, "it sends blobs on to another host, 127.0.0.2:")
}
