// This file is what room there is, and the guard over it.

package disk

import (
	"errors"
	"fmt"
	"sync"
)

// Room is what is left on the disk of a folder, for a user who is not root.
type Room struct {
	Dir   string
	Free  int64 // bytes
	Size  int64 // bytes of the whole disk
	Files int64 // files that can still be made
	Most  int64 // files that the disk can hold; 0: it does not count them
}

// Look returns the room in a folder, which is there.
func Look(dir string) (Room, error) {
	r, err := look(dir)
	if err != nil {
		return Room{Dir: dir}, fmt.Errorf("room in %s: %w", dir, err)
	}
	return r, nil
}

// Free returns the room in a folder for a user who is not root, in bytes.
func Free(dir string) (int64, error) {
	r, err := look(dir)
	return r.Free, err
}

// Size returns the size of the disk of a folder as this user may fill it, in bytes.
func Size(dir string) (int64, error) {
	r, err := look(dir)
	return r.Size, err
}

// What must be free before work begins: so much, or a fiftieth of the disk where that is
// less. A job writes a few kilobytes to the ledger and up to a megabyte to the log; thirty
// of them end well within it, with the checkpoint of SQLite's log.
const (
	leastBytes = 200_000_000
	leastFiles = 1000
	part       = 50
)

// Full reports whether there is too little room to begin a job.
func (r Room) Full() bool { return r.below(1, 1) }

// below reports whether there is less than num/den of what must be free.
func (r Room) below(num, den int64) bool {
	return r.Free < min(leastBytes, r.Size/part)*num/den ||
		r.Most > 0 && r.Files < min(leastFiles, r.Most/part)*num/den
}

// Guard says whether jobs may begin, by the room in the folders that they write to. It
// may be asked from several goroutines.
type Guard struct {
	dirs []string

	mu   sync.Mutex
	full map[string]bool
}

// NewGuard watches folders: of the ledger, of the log. An empty name is none.
func NewGuard(dirs ...string) *Guard {
	g := &Guard{full: map[string]bool{}}
	for _, dir := range dirs {
		if dir != "" {
			g.dirs = append(g.dirs, dir)
		}
	}
	return g
}

// Full returns the folders in which no job may begin, in the order in which they were
// named. A folder that was full stays so until half as much again is free as must be, so
// that the answer does not change with each line of a log. The error says which folders
// could not be asked; what cannot be asked cannot be relied on either, so hold new jobs.
func (g *Guard) Full() ([]Room, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var full []Room
	var errs []error
	for _, dir := range g.dirs {
		r, err := Look(dir)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if g.full[dir] = r.Full() || g.full[dir] && r.below(3, 2); g.full[dir] {
			full = append(full, r)
		}
	}
	return full, errors.Join(errs...)
}
