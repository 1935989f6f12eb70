// This file removes from the store what is not used any more.

package registry

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/flock"
	"github.com/zarya-station/zarya/internal/problem"
)

// Kept is a bundle of the store.
type Kept struct {
	Digest  string    `json:"digest"`
	Name    string    `json:"name"`
	Version string    `json:"version"`
	From    string    `json:"from"`
	Size    int64     `json:"size"` // of its blobs, shared ones too
	Used    time.Time `json:"used"` // last
	Why     string    `json:"why,omitempty"`
	Removed bool      `json:"removed"`
}

// KeepBundles is how many bundles of a name stay in the store, if nobody says otherwise.
const KeepBundles = 2

// Pruned is what Prune did.
type Pruned struct {
	Bundles []Kept
	Freed   int64 // bytes
}

// partsFor is how long the part of a blob waits to be gone on with.
const partsFor = 7 * 24 * time.Hour

// Prune removes the bundles of the store but for the keep of each name that were used last,
// those that a process uses now, and those that a followed tag named last; and the blobs
// that no bundle needs then. With a name, bundles of other names stay.
func (s *Store) Prune(keep int, name string) (*Pruned, error) {
	f, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, stationTrouble(err)
	}
	defer func() { _ = f.Close() }() // the lock ends with it
	if err := flock.Try(f); errors.Is(err, flock.ErrHeld) {
		return nil, problem.New(problem.InUse, "try again when it has ended", "bundles are being pulled into %s", s.dir)
	} else if err != nil {
		return nil, stationTrouble(err)
	}
	all, err := s.list()
	if err != nil {
		return nil, err
	}
	followed := map[string]bool{}
	for _, t := range s.Taken() {
		followed[t.Digest] = true
	}
	slices.SortFunc(all, func(a, b Kept) int { return b.Used.Compare(a.Used) })
	count, needed := map[string]int{}, map[string]bool{}
	out := &Pruned{}
	for _, k := range all {
		switch {
		case name != "" && k.Name != name:
			k.Why = "of another name"
		case followed[k.Digest]:
			k.Why = "a tag that is followed named it last"
		case count[k.Name] < keep:
			k.Why = "used last"
		default:
			if k.Why, err = s.remove(k.Digest); err != nil {
				return nil, err
			}
			k.Removed = k.Why == ""
		}
		if !k.Removed {
			count[k.Name]++
			if err := s.needs(k.Digest, needed); err != nil {
				return nil, err
			}
		}
		out.Bundles = append(out.Bundles, k)
	}
	out.Freed, err = s.sweep(needed)
	return out, err
}

// list are the bundles of the store.
func (s *Store) list() (all []Kept, err error) {
	files, err := os.ReadDir(filepath.Join(s.dir, "bundles"))
	if err != nil {
		return nil, stationTrouble(err)
	}
	for _, f := range files {
		var r record
		digest := "sha256:" + f.Name()
		info, err := f.Info()
		if err != nil || !digestForm.MatchString(digest) {
			continue // a part of a record, or one that is gone
		}
		readJSON(s.path("bundles", digest), &r)
		k := Kept{Digest: digest, Name: r.Name, Version: r.Version, From: r.From, Used: info.ModTime()}
		if a, err := s.artifact(digest); err == nil {
			for _, l := range a.blobs() {
				k.Size += l.size
			}
		}
		all = append(all, k)
	}
	return all, nil
}

// remove removes the record of a bundle, unless it is used; then why says so.
func (s *Store) remove(digest string) (why string, err error) {
	f, err := os.Open(s.path("bundles", digest))
	if err != nil {
		return "", stationTrouble(err)
	}
	defer func() { _ = f.Close() }() // the lock ends with it
	if err := flock.Try(f); errors.Is(err, flock.ErrHeld) {
		return "in use", nil
	} else if err != nil {
		return "", stationTrouble(err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return "", stationTrouble(err)
	}
	return "", nil
}

// needs adds the blobs of a bundle. One that cannot be read needs none: it is fetched again
// before it is used.
func (s *Store) needs(digest string, needed map[string]bool) error {
	a, err := s.artifact(digest)
	if errors.As(err, new(*damagedError)) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	needed[digest] = true
	for _, l := range a.layers {
		needed[l.digest] = true
	}
	return nil
}

// sweep removes blobs that are not needed, and parts that nobody went on with.
func (s *Store) sweep(needed map[string]bool) (freed int64, err error) {
	for kind, old := range map[string]func(name string, at time.Time) bool{
		"blobs": func(name string, _ time.Time) bool { return !needed["sha256:"+name] },
		"parts": func(name string, at time.Time) bool {
			return time.Since(at) > partsFor || needed["sha256:"+strings.TrimSuffix(name, ".lock")]
		},
		"uploads": func(_ string, at time.Time) bool { return time.Since(at) > partsFor },
	} {
		files, err := os.ReadDir(filepath.Join(s.dir, kind))
		if err != nil {
			return freed, stationTrouble(err)
		}
		for _, f := range files {
			info, err := f.Info()
			if err != nil || !old(f.Name(), info.ModTime()) {
				continue // gone meanwhile, or needed
			}
			if err := os.Remove(filepath.Join(s.dir, kind, f.Name())); err != nil {
				return freed, stationTrouble(err)
			}
			freed += info.Size()
		}
	}
	return freed, nil
}
