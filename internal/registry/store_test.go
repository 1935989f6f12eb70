package registry_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/registry"
	"github.com/zarya-station/zarya/internal/registry/registrytest"
)

// TestDamagedStore changes a blob in the store: the next pull fetches that one again, and
// no other.
func TestDamagedStore(t *testing.T) {
	b := newBench(t)
	from := b.build("5.1", 1, 2, 4)
	name := "oci://" + b.reg.Addr + "/census:1"
	b.push(b.client(), from, name)
	c := b.client()
	got := b.pull(c, name)
	blob := largest(t, filepath.Join(c.Store.Dir(), "blobs"))
	text, err := os.ReadFile(blob)
	if err != nil {
		t.Fatal(err)
	}
	text[mib] ^= 1
	if err := errors.Join(os.Chmod(blob, 0o600), os.WriteFile(blob, text, 0o600)); err != nil {
		t.Fatal(err)
	}
	bad, err := c.Store.Open(got.Reference.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := bad.Verify(t.Context(), nil); err == nil {
		t.Error("the damage was not found")
	}
	bad.Close()
	if again := b.pull(c, name); again.Fetched < 4*mib || again.Fetched >= 5*mib {
		t.Errorf("%+v", again)
	}
	b.same(c, got.Reference.Digest, from)
	for what, spoil := range map[string]func(string) error{
		"half of an image": func(p string) error { return errors.Join(os.Chmod(p, 0o600), os.Truncate(p, mib)) }, "no image": os.Remove,
	} {
		if err := spoil(blob); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Store.Open(got.Reference.Digest); err == nil {
			t.Errorf("it was opened with %s", what)
		}
		b.pull(c, name)
	}
	if err := os.Remove(blob); err != nil {
		t.Fatal(err)
	}
	used, err := c.Use(t.Context(), b.ref(name), nil)
	if err != nil {
		t.Fatal(err)
	}
	used.Close()
}

// TestCredentials has a registry that wants a name and a password, out of a file.
func TestCredentials(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "htpasswd"), []byte("zarya:"+string(hash)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	locked, err := registrytest.Start(dir, registrytest.Options{
		More: fmt.Sprintf("auth: {htpasswd: {realm: test, path: %q}}\n", filepath.Join(dir, "htpasswd"))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(locked.Close)
	name := "oci://" + locked.Addr + "/census:1"
	from := b.build("5.1", 1, 2, 1)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	_, err = b.client().Push(t.Context(), from, b.ref(name))
	b.refused(err, problem.Station, "credential")
	file := filepath.Join(dir, "auth.json")
	text := fmt.Sprintf(`{"auths":{%q:{"auth":"emFyeWE6c2VjcmV0"}}}`, locked.Addr) // zarya:secret
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := b.client()
	c.Auth = file
	b.push(c, from, name)
	b.pull(c, name)
	c = b.client()
	c.Auth = filepath.Join(dir, "none.json")
	_, err = c.Pull(t.Context(), b.ref(name), nil)
	b.refused(err, problem.Usage, "none.json")
}

// TestReferences reads what may be typed, and refuses what may not.
func TestReferences(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("0", 64)
	for _, good := range []string{"oci://reg.example:5000/a/b:1.2", "oci://reg.example/a" + digest, "oci://[::1]:5000/a:1",
		"oci-layout:/media/stick:5.1",
		"oci-layout:stick" + digest, "oci-layout:a/b", "oci://reg/a:stable" + digest} {
		r, err := registry.Parse(good)
		if err != nil || r.String() != good || r.Pinned() != strings.Contains(good, "@") {
			t.Errorf("%s is read as %v: %v", good, r, err)
		}
	}
	for _, bad := range []string{"census.bundle", "oci://", "oci://reg.example", "oci://reg.example/a", "oci://reg.example/A:1",
		"oci://u:p@reg.example/a:1",
		"oci://reg.example/a@sha256:00", "oci://reg.example/a:1:2", "oci://reg.example/../a:1", "oci://reg example/a:1",
		"oci-layout:", "oci://reg.example/a:-"} {
		if r, err := registry.Parse(bad); err == nil {
			t.Errorf("%s is read as %+v", bad, r)
		}
	}
}

// TestPrune keeps what is used, what was used last, and what a followed tag named; of the
// others it removes the blobs that nothing else needs.
func TestPrune(t *testing.T) {
	b := newBench(t)
	name := "oci://" + b.reg.Addr + "/census:"
	c := b.client()
	var digests []string
	for i := range 5 {
		version := fmt.Sprintf("5.%d", i)
		b.push(c, b.build(version, uint64(10+i), 2, 2), name+version)
		got := b.pull(c, name+version)
		digests = append(digests, got.Reference.Digest)
		at := time.Now().Add(time.Duration(i-10) * time.Hour)
		record := filepath.Join(c.Store.Dir(), "bundles", strings.TrimPrefix(got.Reference.Digest, "sha256:"))
		if err := os.Chtimes(record, at, at); err != nil {
			t.Fatal(err)
		}
	}
	used, err := c.Store.Open(digests[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Store.Took(t.Context(), b.ref(name+"stable"), registry.Taken{Digest: digests[1], Name: "census",
		Version: "5.1"}); err != nil {
		t.Fatal(err)
	}
	prune := func(keep int) map[string]string {
		t.Helper()
		p, err := c.Store.Prune(keep, "")
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, k := range p.Bundles {
			out[k.Version] = k.Why
			if k.Removed {
				out[k.Version] = "removed"
			}
		}
		if out["5.3"] == "removed" && (p.Freed < 2*mib || p.Freed > 3*mib) { // two boot images: they share the other
			t.Errorf("%d bytes were freed", p.Freed)
		}
		return out
	}
	got := prune(2)
	want := map[string]string{"5.0": "used last", "5.1": "a tag that is followed named it last", "5.2": "removed",
		"5.3": "removed", "5.4": "used last"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, not %v", got, want)
	}
	got = prune(0)
	if got["5.0"] != "in use" || got["5.4"] != "removed" {
		t.Errorf("%v", got)
	}
	if err := used.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	used.Close()
	if got = prune(0); got["5.0"] != "removed" {
		t.Errorf("%v", got)
	}
	if _, err := c.Store.Open(digests[0]); !errors.Is(err, registry.ErrNotHere) {
		t.Errorf("what was removed is opened: %v", err)
	}
	still, err := c.Store.Open(digests[1])
	if err != nil {
		t.Fatal(err)
	}
	defer still.Close()
	if err := still.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
