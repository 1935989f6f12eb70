package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/registry"
	"github.com/zarya-station/zarya/internal/registry/registrytest"
)

const mib = 1 << 20

// bench is a registry, and bundles to bring there.
type bench struct {
	*testing.T
	dir string
	reg *registrytest.Registry
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	reg, err := registrytest.Start(t.TempDir(), registrytest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reg.Close)
	return &bench{t, dir, reg}
}

// noise is a file that no two seeds have in common.
func (b *bench) noise(name string, seed uint64, size int) string {
	b.Helper()
	r := rand.NewChaCha8([32]byte{byte(seed)})
	text := make([]byte, size)
	_, _ = r.Read(text)
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// build makes a bundle of a boot image of 1 MiB and a system image of mb MiB.
func (b *bench) build(version string, boot, system uint64, mb int) *bundle.Bundle {
	b.Helper()
	path := filepath.Join(b.dir, version+".bundle")
	about := bundle.Manifest{Name: "census", Version: version, Models: []string{"KOB2-W09"}, Access: "none"}
	sources := []bundle.Source{
		{Partition: "boot", Path: b.noise("boot.img", boot, mib)},
		{Partition: "system", Path: b.noise("system.img", system, mb*mib)},
	}
	if err := bundle.Build(b.Context(), path, about, sources, bundle.Options{}); err != nil {
		b.Fatal(err)
	}
	out, err := bundle.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	return out
}

// client is a client with a store of its own. What it says is kept.
type client struct {
	registry.Client
	mu   sync.Mutex
	said []string
}

func (b *bench) client() *client {
	b.Helper()
	return b.clientAt(b.TempDir())
}

func (b *bench) clientAt(store string) *client {
	b.Helper()
	s, err := registry.OpenStore(store)
	if err != nil {
		b.Fatal(err)
	}
	c := &client{Client: registry.Client{Store: s, Wait: func(_ context.Context, _ int, why error) error { return why }}}
	c.Say = func(format string, args ...any) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.said = append(c.said, fmt.Sprintf(format, args...))
	}
	b.Cleanup(c.Close)
	return c
}

func (c *client) heard(words string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Contains(strings.Join(c.said, "\n"), words)
}

func (b *bench) proxy(f registrytest.Faults) *registrytest.Proxy {
	b.Helper()
	p, err := registrytest.NewProxy(b.reg.Addr, f)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Close)
	return p
}

func (b *bench) ref(text string) registry.Reference {
	b.Helper()
	r, err := registry.Parse(text)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func (b *bench) push(c *client, from *bundle.Bundle, to string) *registry.Pushed {
	b.Helper()
	p, err := c.Push(b.Context(), from, b.ref(to))
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func (b *bench) pull(c *client, from string) *registry.Pulled {
	b.Helper()
	p, err := c.Pull(b.Context(), b.ref(from), nil)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// same holds a bundle of a store to the one that it was made of.
func (b *bench) same(c *client, digest string, want *bundle.Bundle) {
	b.Helper()
	got, err := c.Store.Open(digest)
	if err != nil {
		b.Fatal(err)
	}
	defer got.Close()
	if !bytes.Equal(got.Text(), want.Text()) || got.Signer() != want.Signer() {
		b.Error("the manifest or its signature is another one")
	}
	if err := got.Verify(b.Context(), nil); err != nil {
		b.Error(err)
	}
}

// refused wants an error of a kind with words in it.
func (b *bench) refused(err error, kind problem.Kind, words string) {
	b.Helper()
	if got, _ := problem.KindOf(err); err == nil || got != kind || !strings.Contains(err.Error(), words) {
		b.Errorf("%v (%v), not %v with %q", err, got, kind, words)
	}
}

// TestThereAndBack brings a bundle to a registry, a newer one after it, and fetches both:
// what did not change passes once.
func TestThereAndBack(t *testing.T) {
	b := newBench(t)
	p := b.proxy(registrytest.Faults{})
	to := "oci://" + p.Addr + "/tablets/census"
	older, newer := b.build("5.1", 1, 2, 20), b.build("5.2", 3, 2, 20)
	c := b.client()
	first := b.push(c, older, to+":5.1")
	if first.Sent != first.Size || first.Shared != 0 || p.Sent.Load() != first.Size {
		t.Errorf("%+v, %d bytes passed", first, p.Sent.Load())
	}
	again := b.push(c, older, to+":5.1")
	if again.Sent != 0 || again.Reference != first.Reference || again.Moved != "" {
		t.Errorf("again: %+v", again)
	}
	second := b.push(c, newer, to+":5.2")
	if second.Sent > 2*mib || second.Shared < 20*mib {
		t.Errorf("the newer one: %+v", second)
	}

	reader := b.client()
	got := b.pull(reader, to+":5.1")
	if got.Reference.Digest != first.Reference.Digest || got.Fetched < 21*mib || got.Shared != 0 {
		t.Errorf("%+v", got)
	}
	b.same(reader, got.Reference.Digest, older)
	before := p.Got.Load()
	got = b.pull(reader, to+"@"+second.Reference.Digest)
	if passed := p.Got.Load() - before; got.Shared < 20*mib || got.Fetched > 2*mib || passed > 2*mib {
		t.Errorf("the newer one: %+v, %d bytes passed", got, passed)
	}
	b.same(reader, second.Reference.Digest, newer)
	before = p.Got.Load()
	if got = b.pull(reader, to+":5.2"); got.Fetched != 0 || p.Got.Load() != before {
		t.Errorf("what is there: %+v, %d bytes passed", got, p.Got.Load()-before)
	}

	out := filepath.Join(b.dir, "out")
	if err := reader.Export(t.Context(), second.Reference.Digest, out); err != nil {
		t.Fatal(err)
	}
	folder, err := bundle.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if third := b.push(c, folder, to+":folder"); third.Reference.Digest != second.Reference.Digest {
		t.Errorf("the same bundle has two digests: %+v", third)
	}
	b.refused(reader.Export(t.Context(), second.Reference.Digest, out), problem.Usage, "is there already")
	got2, err := reader.Store.Open(second.Reference.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer got2.Close()
	if err := got2.Attach(nil); err == nil {
		t.Error("a bundle of the store was changed")
	}
}

// TestTagMoved shows that a tag names another bundle after a push, and that a digest does
// not.
func TestTagMoved(t *testing.T) {
	b := newBench(t)
	to := "oci://" + b.reg.Addr + "/census"
	older, newer := b.build("5.1", 1, 2, 1), b.build("5.2", 3, 2, 1)
	c := b.client()
	first := b.push(c, older, to+":stable")
	second := b.push(c, newer, to+":stable")
	if second.Moved != first.Reference.Digest {
		t.Errorf("%+v", second)
	}
	now, err := c.Resolve(t.Context(), b.ref(to+":stable"))
	if err != nil || now.Digest != second.Reference.Digest {
		t.Errorf("%v, %v", now, err)
	}
	reader := b.client()
	if got := b.pull(reader, to+":stable@"+first.Reference.Digest); got.Version != "5.1" {
		t.Errorf("by digest: %+v", got)
	}
	if got := b.pull(reader, to+":stable"); got.Version != "5.2" {
		t.Errorf("by tag: %+v", got)
	}
	_, err = reader.Pull(t.Context(), b.ref(to+":none"), nil)
	b.refused(err, problem.Invalid, "none: not found")
	_, err = reader.Push(t.Context(), older, b.ref(to+":x@"+first.Reference.Digest))
	b.refused(err, problem.Usage, "is pushed to a tag")
}

// TestPullGoesOn kills the registry at 40 % of a pull: once for this process, which waits
// and goes on, once for the next one. No byte that arrived is fetched again.
func TestPullGoesOn(t *testing.T) {
	for _, who := range []string{"this process", "the next process"} {
		t.Run(who, func(t *testing.T) {
			b := newBench(t)
			const size = 41 * mib
			from := b.build("5.1", 1, 2, 40)
			b.push(b.client(), from, "oci://"+b.reg.Addr+"/census:1")
			var once sync.Once
			alive := func(total int64, _ []byte) bool {
				cut := false
				if total > size*4/10 {
					once.Do(func() { b.reg.Kill(); cut = true })
				}
				return !cut
			}
			p := b.proxy(registrytest.Faults{Given: alive})
			name := "oci://" + p.Addr + "/census:1"
			store := t.TempDir()
			c := b.clientAt(store)
			failed := 0
			c.Wait = func(_ context.Context, _ int, why error) error {
				failed++
				if who == "this process" {
					return b.reg.Restart()
				}
				return why
			}
			got, err := c.Pull(t.Context(), b.ref(name), nil)
			if failed == 0 {
				t.Error("nothing broke")
			}
			if who == "the next process" {
				b.refused(err, problem.Station, p.Addr)
				if err := b.reg.Restart(); err != nil {
					t.Fatal(err)
				}
				before := p.Got.Load()
				c = b.clientAt(store)
				got, err = c.Pull(t.Context(), b.ref(name), nil)
				if err == nil && got.Resumed < size/4 {
					t.Errorf("only %d bytes were kept", got.Resumed)
				}
				if passed := p.Got.Load() - before; err == nil && passed > got.Fetched+got.Size-size {
					t.Errorf("%d bytes passed, %d were counted", passed, got.Fetched)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			images := got.Size - int64(len(from.Text()))
			if got.Fetched+got.Resumed+got.Shared != images {
				t.Errorf("%d bytes were fetched, %d gone on with, %d shared, of %d", got.Fetched, got.Resumed, got.Shared, images)
			}
			t.Logf("of %d bytes %d passed, %d twice", images, p.Got.Load(), p.Got.Load()-got.Size)
			if again := p.Got.Load() - got.Size; again > size/4 {
				t.Errorf("%d bytes passed twice", again)
			}
			b.same(c, got.Reference.Digest, from)
		})
	}
}

// TestPushGoesOn kills the registry at 40 % of a push: between two pieces, where not a byte
// is sent again, and within one, where this registry begins the blob anew and that is said.
func TestPushGoesOn(t *testing.T) {
	const size = 61 * mib
	for _, test := range []struct {
		name           string
		within, resume bool
		next           bool // a new process goes on
	}{{"between", false, true, false}, {"between, the next process", false, true, true}, {"within", true, false, false}} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			from := b.build("5.1", 1, 2, 60)
			var once sync.Once
			var p *registrytest.Proxy
			kill := func() (cut bool) {
				once.Do(func() { b.reg.Kill(); cut = true })
				return cut
			}
			p = b.proxy(registrytest.Faults{
				Taken: func(total int64) bool { return !test.within || total < size*4/10 || !kill() },
				Answered: func(resp *http.Response) bool {
					if !test.within && resp.Request.Method == http.MethodPatch && p.Sent.Load() > size*4/10 {
						kill() // when it has answered, and before the next piece
					}
					return true
				},
			})
			to := "oci://" + p.Addr + "/census:1"
			store := t.TempDir()
			c := b.clientAt(store)
			failed := 0
			c.Wait = func(_ context.Context, _ int, why error) error {
				if failed++; test.next {
					return why
				}
				return b.reg.Restart()
			}
			got, err := c.Push(t.Context(), from, b.ref(to))
			if test.next {
				b.refused(err, problem.Station, "census")
				if err := b.reg.Restart(); err != nil {
					t.Fatal(err)
				}
				c = b.clientAt(store)
				got, err = c.Push(t.Context(), from, b.ref(to))
			}
			if err != nil {
				t.Fatal(err)
			}
			if failed == 0 {
				t.Error("nothing broke")
			}
			again := p.Sent.Load() - got.Size
			t.Logf("of %d bytes %d were sent, %d twice; %d gone on with", got.Size, p.Sent.Load(), again, got.Resumed)
			if test.resume && (again != 0 || got.Resumed == 0) {
				t.Errorf("%d bytes were sent again: %+v", again, got)
			}
			if !test.resume && (again <= 0 || again > size*4/10+mib || !c.heard("does not go on with images/system.img")) {
				t.Errorf("%d bytes were sent again: %v", again, c.said)
			}
			b.pull(c, "oci://"+b.reg.Addr+"/census:1")
			b.same(c, got.Reference.Digest, from)
		})
	}
}

// TestLyingRegistry has one byte of an image changed on its way, and then of a manifest:
// nothing of it is used, and a mirror that lies is passed by.
func TestLyingRegistry(t *testing.T) {
	b := newBench(t)
	from := b.build("5.1", 1, 2, 4)
	pushed := b.push(b.client(), from, "oci://"+b.reg.Addr+"/census:1")
	liar := b.proxy(registrytest.Faults{Given: func(total int64, p []byte) bool {
		if total > 3*mib {
			p[0] ^= 1
		}
		return true
	}})
	c := b.client()
	c.Wait = func(_ context.Context, _ int, why error) error {
		t.Error("a liar is asked again")
		return why
	}
	_, err := c.Pull(t.Context(), b.ref("oci://"+liar.Addr+"/census:1"), nil)
	b.refused(err, problem.Invalid, "gave other bytes than those of sha256:")
	if _, err := c.Store.Open(pushed.Reference.Digest); !errors.Is(err, registry.ErrNotHere) {
		t.Errorf("it is in the store: %v", err)
	}
	b.emptyOf(c, "blobs", 2*mib)

	c = b.client()
	c.Mirror = "http://" + liar.Addr
	got := b.pull(c, "oci://"+b.reg.Addr+"/census:1")
	b.same(c, got.Reference.Digest, from)

	manifest := b.proxy(registrytest.Faults{First: func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/manifests/") {
			_, _ = io.WriteString(w, `{"schemaVersion":2}`)
			return true
		}
		return false
	}})
	_, err = b.client().Pull(t.Context(), b.ref("oci://"+manifest.Addr+"/census:1"), nil)
	b.refused(err, problem.Invalid, "gave other bytes")
}

// emptyOf wants no large file in a folder of the store.
func (b *bench) emptyOf(c *client, kind string, large int64) {
	b.Helper()
	files, err := os.ReadDir(filepath.Join(c.Store.Dir(), kind))
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil && info.Size() >= large {
			b.Errorf("%s/%s has %d bytes", kind, f.Name(), info.Size())
		}
	}
}
