// Package flock locks files between processes (flock(2), and LockFileEx on Windows).
//
// A lock belongs to the open file: it ends when that is closed, and at the latest with
// the process, however it ends. So a lock says who is alive, and nothing has to be
// cleaned up after a process that was killed. Two open files of one process exclude each
// other as those of two processes do.
package flock

import (
	"errors"
	"os"
)

// ErrHeld means that another open file has the lock.
var ErrHeld = errors.New("another process holds the lock")

// Try locks a file for its owner alone, and returns ErrHeld at once if anyone has it.
func Try(f *os.File) error { return lock(f, false, false) }

// TryShared locks a file together with others who share it, and returns ErrHeld at once
// if one has it alone.
func TryShared(f *os.File) error { return lock(f, true, false) }

// Wait locks a file for its owner alone, and waits for as long as anyone has it.
func Wait(f *os.File) error { return lock(f, false, true) }

// lock locks a file by its descriptor.
func lock(f *os.File, shared, wait bool) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if cerr := raw.Control(func(fd uintptr) { err = lockDescriptor(fd, shared, wait) }); cerr != nil {
		return cerr
	}
	if err != nil && !errors.Is(err, ErrHeld) {
		return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return err
}
