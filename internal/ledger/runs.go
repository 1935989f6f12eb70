// This file tells the living from the dead: each process that writes a ledger holds
// a lock on a file of its own beside it. A job whose process holds no lock any more
// was cut off.

package ledger

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/flock"
)

const cutOff = "the program was ended in the middle; the partition that was being written counts as unknown"

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

// withSweepLock runs do while no other process closes what dead ones left.
func withSweepLock(path string, do func() error) error {
	f, err := os.OpenFile(runFile(path, ".sweep"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // and with it the lock
	if err := flock.Wait(f); err != nil {
		return err
	}
	return do()
}

// holdsLock reports whether the process of a run still holds its lock.
func holdsLock(path, id string) bool {
	f, err := os.Open(runFile(path, id))
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	return flock.TryShared(f) != nil
}

// isRunning reports whether the process of a run is still there.
func (l *Ledger) isRunning(run string) bool {
	switch {
	case l.path == "":
		return true // in memory there is no other process
	case l.run != nil && run == l.run.id:
		return true
	}
	return run != "" && holdsLock(l.path, run)
}

// closeAbandoned gives every job of a dead process its one result. Only the remains of
// one make it read the whole ledger.
func (l *Ledger) closeAbandoned(ctx context.Context) error {
	if dead, err := l.deadRuns(); err != nil || len(dead) == 0 && !l.run.new {
		return err
	}
	jobs, err := l.Jobs(ctx)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if !j.open || j.Station != l.station || l.isRunning(j.run) {
			continue
		}
		step := ""
		if n := len(j.Steps); n < len(j.planned) {
			step = j.planned[n]
		}
		b := body{Job: j.Job, Result: string(flash.Interrupted), Class: flash.ClassStation, Step: step, Error: cutOff}
		if _, err := l.Append(KindInterrupted, b, func(tx *Tx) error { return endAttempts(tx, b) }); err != nil {
			return err
		}
	}
	return l.removeDeadRuns()
}

// deadRuns returns the lock files of processes that are gone.
func (l *Ledger) deadRuns() (paths []string, err error) {
	files, err := os.ReadDir(l.path + ".runs")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.Name() != l.run.id && f.Name()[0] != '.' && !holdsLock(l.path, f.Name()) {
			paths = append(paths, runFile(l.path, f.Name()))
		}
	}
	return paths, nil
}

// removeDeadRuns removes the lock files of processes that are gone.
func (l *Ledger) removeDeadRuns() error {
	dead, err := l.deadRuns()
	for _, path := range dead {
		_ = os.Remove(path) // another process may be quicker
	}
	return err
}
