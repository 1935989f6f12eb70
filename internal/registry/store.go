// This file is the store of this machine: blobs by their digests, and records of the
// bundles that are whole.

package registry

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/ctxio"
	"github.com/zarya-station/zarya/internal/flock"
	"github.com/zarya-station/zarya/internal/problem"
)

// Store has the bundles that were pulled to this machine:
//
//	blobs/HEX      a file of some bundle; its name is its SHA-256, and it is not written to
//	parts/HEX      what has arrived of one that is not whole
//	bundles/HEX    the record of a bundle that is whole, by its OCI manifest; locked while
//	               it is used, and touched when it is
//	uploads/HEX    where a blob that is being pushed can be gone on with
//	followed.json  what this machine took over from the tags that it follows
//	lock           held with others while blobs come in, alone while they are removed
//
// Its methods may be called from several goroutines and processes.
type Store struct{ dir string }

// OpenStore opens the store in a folder, and makes it if it is not there.
func OpenStore(dir string) (*Store, error) {
	s := &Store{dir}
	for _, name := range []string{"blobs", "parts", "bundles", "uploads"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, stationTrouble(err)
		}
	}
	return s, nil
}

// Dir is the folder of the store.
func (s *Store) Dir() string { return s.dir }

func (s *Store) path(kind, digest string) string {
	return filepath.Join(s.dir, kind, strings.TrimPrefix(digest, "sha256:"))
}

func stationTrouble(err error) error {
	return problem.New(problem.Station, "see to the disk and its permissions", "the store of bundles: %w", err)
}

// lock takes a file's lock, with others or alone, until release; it waits until ctx ends.
// said is called once if it has to wait.
func (s *Store) lock(ctx context.Context, path string, shared bool, said func()) (release func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // in the store
	if err != nil {
		return nil, stationTrouble(err)
	}
	try := flock.Try
	if shared {
		try = flock.TryShared
	}
	again := time.NewTicker(lockEvery)
	defer again.Stop()
	for {
		if err = try(f); err == nil {
			return func() { _ = f.Close() }, nil // the lock ends with the file
		}
		if !errors.Is(err, flock.ErrHeld) {
			break
		}
		if said != nil {
			said()
			said = nil
		}
		select {
		case <-ctx.Done():
			_ = f.Close() // the lock was never ours
			return nil, context.Cause(ctx)
		case <-again.C:
		}
	}
	return nil, stationTrouble(errors.Join(err, f.Close()))
}

// lockEvery is how often a lock that others hold is tried.
const lockEvery = 300 * time.Millisecond

// record is what is known of a bundle that is whole.
type record struct {
	Name    string    `json:"name"`
	Version string    `json:"version"`
	From    string    `json:"from"`
	Pulled  time.Time `json:"pulled"`
	Signer  string    `json:"signer,omitempty"` // the key's fingerprint
}

// write puts a file into the store, whole or not at all.
func (s *Store) write(path string, text []byte) error {
	part := fmt.Sprintf("%s.%d.part", path, os.Getpid())
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // in the store
	if err == nil {
		_, err = f.Write(text)
		if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
			err = os.Rename(part, path)
		}
	}
	if err != nil {
		_ = os.Remove(part)
		return stationTrouble(err)
	}
	return nil
}

// writeJSON writes a value.
func (s *Store) writeJSON(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.write(path, text)
}

// readJSON reads a value; ok is false if there is none that can be read: what the store
// says of itself can be found out again.
func readJSON(path string, v any) (ok bool) {
	text, err := os.ReadFile(path) //nolint:gosec // in the store
	return err == nil && json.Unmarshal(text, v) == nil
}

// small reads a blob of the store that is held in memory, and holds it to its digest.
func (s *Store) small(digest string, most int64) ([]byte, error) {
	f, err := os.Open(s.path("blobs", digest))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && (int64(len(text)) > most || sum(text) != digest) {
		err = &damagedError{digest}
	}
	return text, err
}

// damagedError is a blob in the store that is not what it was.
type damagedError struct{ digest string }

func (e *damagedError) Error() string {
	return "the blob " + e.digest + " in the store of bundles was damaged"
}

// has reports whether a blob is in the store, and whole: every byte is read. One that was
// damaged is removed.
func (s *Store) has(ctx context.Context, l layer) (bool, error) {
	f, err := os.Open(s.path("blobs", l.digest))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, stationTrouble(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	h := sha256.New()
	n, err := io.Copy(h, ctxio.Reader{Context: ctx, R: f})
	if err != nil {
		return false, err
	}
	if n == l.size && isSum(h, l.digest) {
		return true, nil
	}
	if err := os.Remove(f.Name()); err != nil {
		return false, stationTrouble(err)
	}
	return false, nil
}

func isSum(h hash.Hash, digest string) bool { return fmt.Sprintf("sha256:%x", h.Sum(nil)) == digest }

// keep puts a blob that is held in memory into the store.
func (s *Store) keep(text []byte) error {
	path := s.path("blobs", sum(text))
	if info, err := os.Stat(path); err == nil && info.Size() == int64(len(text)) {
		return nil
	}
	return s.write(path, text)
}

// ErrNotHere is in the error of a bundle that is not in the store.
var ErrNotHere = errors.New("is not in the store of bundles")

// Open opens a bundle by the digest of its OCI manifest, and holds it against Prune until
// it is closed. Manifest and signature are held to that digest; the images are held to the
// manifest by whoever opens them.
func (s *Store) Open(digest string) (*bundle.Bundle, error) {
	release, err := s.hold(digest)
	if err != nil {
		return nil, err
	}
	b, err := s.open(digest, release)
	if err != nil {
		release()
		return nil, err
	}
	_ = os.Chtimes(s.path("bundles", digest), time.Time{}, time.Now()) // Prune keeps what was used last
	return b, nil
}

// hold locks the record of a bundle together with others.
func (s *Store) hold(digest string) (release func(), err error) {
	path := s.path("bundles", digest)
	f, err := os.Open(path) //nolint:gosec // in the store
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s %w", digest, ErrNotHere)
	}
	if err != nil {
		return nil, stationTrouble(err)
	}
	err = flock.TryShared(f)
	mine, merr := f.Stat()
	now, nerr := os.Stat(path)
	if err != nil || merr != nil || nerr != nil || !os.SameFile(mine, now) { // Prune has it, or had it
		return nil, errors.Join(fmt.Errorf("%s %w", digest, ErrNotHere), f.Close())
	}
	return func() { _ = f.Close() }, nil // the lock ends with the file
}

func (s *Store) open(digest string, release func()) (*bundle.Bundle, error) {
	a, err := s.artifact(digest)
	if err != nil {
		return nil, err
	}
	manifest, signature, err := s.signed(a)
	if err != nil {
		return nil, damaged(digest, err)
	}
	files := map[string]string{}
	for _, l := range a.layers {
		path := s.path("blobs", l.digest)
		info, err := os.Stat(path)
		if err == nil && info.Size() != l.size {
			err = &damagedError{l.digest}
		}
		if err != nil {
			return nil, damaged(digest, err)
		}
		files[l.name] = path
	}
	name := "the bundle " + short(digest)
	var r record
	if readJSON(s.path("bundles", digest), &r) {
		name = r.From + "@" + digest
	}
	b, err := bundle.Apart(name, manifest, signature, files, release)
	if err == nil {
		err = a.fits(b.Manifest)
	}
	return b, err
}

// artifact reads the OCI manifest of a bundle in the store.
func (s *Store) artifact(digest string) (*artifact, error) {
	text, err := s.small(digest, maxArtifact)
	if err != nil {
		return nil, damaged(digest, err)
	}
	return readArtifact(text)
}

// signed reads the manifest of a bundle in the store, and its signature.
func (s *Store) signed(a *artifact) (manifest, signature []byte, err error) {
	if manifest, err = s.small(a.layer(bundle.ManifestName).digest, maxManifest); err != nil {
		return nil, nil, err
	}
	if l := a.layer(bundle.SignatureName); l != nil {
		signature, err = s.small(l.digest, maxSignature)
	}
	return manifest, signature, err
}

// damaged says what to do about a bundle of the store that is not whole any more.
func damaged(digest string, err error) error {
	return problem.New(problem.Invalid, "zarya bundle pull fetches what is missing again", "the bundle %s: %w", short(digest), err)
}

// short is enough of a digest for a person.
func short(digest string) string { return digest[:min(len(digest), len("sha256:")+12)] }

// finish records that a bundle is whole.
func (s *Store) finish(a *artifact, b *bundle.Bundle, from Reference) error {
	if err := s.keep(a.text); err != nil {
		return err
	}
	path := s.path("bundles", a.digest)
	if _, err := os.Stat(path); err == nil { // its lock may be held
		return nil
	}
	return s.writeJSON(path, record{b.Manifest.Name, b.Manifest.Version, from.Place(), time.Now().UTC(), b.Signer()})
}
