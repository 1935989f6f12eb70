// A station with a folder of files, on which the tests make recipes.

package recipe

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/problem"
)

// kitchen is a station with a folder of files, on which recipes are made.
type kitchen struct {
	*testing.T
	*Maker
	dir    string
	warned []string
}

func newKitchen(t *testing.T) *kitchen {
	t.Helper()
	k := &kitchen{T: t, dir: t.TempDir()}
	cache, err := image.OpenCache(filepath.Join(k.dir, "cache"), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cache.Close)
	k.Maker = &Maker{Config: filepath.Join(k.dir, "config"), Trust: filepath.Join(k.dir, "no-trust"),
		Key:     &Key{File: filepath.Join(k.dir, "age.key")},
		Secrets: &flash.Secrets{}, Codes: noCodes{},
		Cache: func() *image.Cache { return cache },
		Floor: func(context.Context, string) (string, error) { return "", nil },
		Warn:  func(format string, args ...any) { k.warned = append(k.warned, fmt.Sprintf(format, args...)) },
	}
	return k
}

// newSigner is a new key for SSH.
func newSigner(t *testing.T) (ssh.Signer, ed25519.PrivateKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, private
}

// noCodes is a record in which nothing was tried.
type noCodes struct{}

func (noCodes) Tried(context.Context, string, string) (bool, error) { return false, nil }
func (noCodes) Trying(string, string) error                         { return nil }
func (noCodes) Worked(string, string) error                         { return nil }

// write makes a file and returns its path.
func (k *kitchen) write(name, text string) string {
	k.Helper()
	path := filepath.Join(k.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		k.Fatal(err)
	}
	return path
}

// image makes an image of 8 KiB and returns its path and digest.
func (k *kitchen) image(name, fill string) (path, digest string) {
	text := strings.Repeat(fill, 8192/len(fill))
	return k.write(name, text), fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
}

// bundle builds a bundle with a boot image.
func (k *kitchen) bundle(name, version string, models []string, o bundle.Options) string {
	k.Helper()
	boot, _ := k.image(name+".boot.img", name[:1])
	out := filepath.Join(k.dir, name+".bundle")
	m := bundle.Manifest{Name: name, Version: version, Models: models, Access: "ssh", MinBattery: 20}
	if err := bundle.Build(k.Context(), out, m, []bundle.Source{{Partition: "boot", Path: boot}}, o); err != nil {
		k.Fatal(err)
	}
	return out
}

// prepare makes a recipe, which is closed when the test ends.
func (k *kitchen) prepare(q Request) *Recipe {
	k.Helper()
	r, err := k.Prepare(k.Context(), k.trusting(q))
	if err != nil {
		k.Fatal(err)
	}
	k.Cleanup(r.Close)
	return r
}

func (k *kitchen) trusting(q Request) Request {
	if q.Trust == "" {
		q.Trust = k.Trust
	}
	if q.Scope == "" {
		q.Scope = flash.ScopeRun
	}
	return q
}

// refuses holds a request to a problem of a kind that says so.
func (k *kitchen) refuses(q Request, kind problem.Kind, words string) {
	k.Helper()
	r, err := k.Prepare(k.Context(), k.trusting(q))
	if err == nil {
		r.Close()
		k.Errorf("%+v was not refused", q)
		return
	}
	if got, _ := problem.KindOf(err); got != kind || !strings.Contains(err.Error(), words) {
		k.Errorf("kind %v, %v\nwant kind %v, %q", got, err, kind, words)
	}
}

// place is a target that is never reached.
type place struct{ flash.Target }

func (place) Where() flash.Where { return flash.Where{Address: "tcp:10.0.0.5:5554"} }

const head = "zarya: 1\nname: demo\n"

const reached = `ssh: {user: defaultuser, password: "{{ secret.login }}", root: devel-su, root-password: "{{ secret.root }}"}
`

const expects = `checks:
  - {fact: os-release.VERSION_ID, is: "5.1"}
`
