// This file tells the living from the dead: each process that writes a ledger holds
// a lock on a file of its own beside it. A job whose process holds no lock any more
// was cut off.

package ledger

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/zarya-station/zarya/internal/flock"
)

type runLock struct {
	id   string
	path string
	file *os.File
	open sync.Map // by name: jobs that were begun and have no result
	new  bool     // there was no folder of locks: who has died is not known
}

func runFile(path, id string) string { return filepath.Join(path+".runs", id) }

func newRunLock(path string) (*runLock, error) {
	err := os.Mkdir(path+".runs", 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	r := &runLock{id: hex.EncodeToString(id[:]), new: err == nil}
	r.path = runFile(path, r.id)
	// Locked before it has its name: a file with a name and no lock is a dead one's.
	hidden := runFile(path, "."+r.id)
	if r.file, err = os.OpenFile(hidden, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil { //nolint:gosec // beside the ledger
		return nil, err
	}
	if err = flock.Try(r.file); err == nil {
		err = os.Rename(hidden, r.path)
	}
	if err != nil {
		return nil, errors.Join(err, r.file.Close())
	}
	return r, nil
}

// release lets the lock go. The file of a run with jobs that got no result stays, and
// the next process closes them.
func (r *runLock) release() error {
	for range r.open.Range {
		return r.file.Close()
	}
	return errors.Join(os.Remove(r.path), r.file.Close())
}

// alone runs do while no other process closes what dead ones left.
func alone(path string, do func() error) error {
	f, err := os.OpenFile(runFile(path, ".sweep"), os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // beside the ledger
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // and with it the lock
	if err := flock.Wait(f); err != nil {
		return err
	}
	return do()
}

// alive reports whether the process of a run still holds its lock.
func alive(path, id string) bool {
	f, err := os.Open(runFile(path, id)) //nolint:gosec // beside the ledger
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	return flock.TryShared(f) != nil
}
