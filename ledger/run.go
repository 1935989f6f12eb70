// This file tells the living from the dead: each process that writes a ledger holds
// a lock on a file of its own beside it. A job whose process holds no lock any more
// was cut off.

package ledger

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

type runLock struct {
	id   string
	path string
	file *os.File
}

func runFile(path, id string) string { return filepath.Join(path+".runs", id) }

func newRunLock(path string) (*runLock, error) {
	if err := os.MkdirAll(path+".runs", 0o700); err != nil {
		return nil, err
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	r := &runLock{id: hex.EncodeToString(id[:])}
	r.path = runFile(path, r.id)
	// Locked before it has its name: a file with a name and no lock is a dead one's.
	hidden := runFile(path, "."+r.id)
	var err error
	if r.file, err = os.OpenFile(hidden, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil { //nolint:gosec // beside the ledger
		return nil, err
	}
	if err = unix.Flock(int(r.file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
		err = os.Rename(hidden, r.path)
	}
	if err != nil {
		return nil, errors.Join(err, r.file.Close())
	}
	return r, nil
}

func (r *runLock) release() error {
	return errors.Join(os.Remove(r.path), r.file.Close())
}

// alone runs do while no other process closes what dead ones left.
func alone(path string, do func() error) error {
	f, err := os.OpenFile(runFile(path, ".sweep"), os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // beside the ledger
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // and with it the lock
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
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
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil
}
