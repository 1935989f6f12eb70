// This file remembers what this machine took over from tags, so that it never goes back.

package registry

import (
	"context"
	"path/filepath"

	"github.com/zarya-station/zarya/flash/image/bundle"
)

// Taken is what a machine took over last from a tag.
type Taken struct {
	Digest  string `json:"digest"`
	Name    string `json:"name"`
	Version string `json:"version"`
	// Newest is the newest version of the name that was ever taken over.
	Newest string `json:"newest"`
}

// Taken returns what this machine took over, by the reference of the tag.
func (s *Store) Taken() map[string]Taken {
	all := map[string]Taken{}
	readJSON(filepath.Join(s.dir, "followed.json"), &all)
	return all
}

// NewestTaken returns the newest version of a bundle that this machine took over from any
// tag; "" is none.
func (s *Store) NewestTaken(name string) (newest string) {
	for _, t := range s.Taken() {
		if t.Name == name && (newest == "" || bundle.Older(newest, t.Newest)) {
			newest = t.Newest
		}
	}
	return newest
}

// Took remembers what was taken over.
func (s *Store) Took(ctx context.Context, from Reference, t Taken) error {
	release, err := s.lock(ctx, filepath.Join(s.dir, "followed.lock"), false, nil)
	if err != nil {
		return err
	}
	defer release()
	all := s.Taken()
	if t.Newest = t.Version; all[from.String()].Name == t.Name && bundle.Older(t.Version, all[from.String()].Newest) {
		t.Newest = all[from.String()].Newest
	}
	all[from.String()] = t
	return s.writeJSON(filepath.Join(s.dir, "followed.json"), all)
}
