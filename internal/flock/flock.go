// Package flock locks files between processes (flock(2)).
//
// A lock belongs to the open file: it ends when that is closed, and at the latest with
// the process, however it ends. So a lock says who is alive, and nothing has to be
// cleaned up after a process that was killed. Two open files of one process exclude each
// other as those of two processes do.
package flock

import (
	"errors"
	"os"
	"syscall"
)

// ErrHeld means that somebody else holds the lock.
var ErrHeld = errors.New("another process holds the lock")

// Try locks a file for its owner alone, and returns ErrHeld at once if anyone has it.
func Try(f *os.File) error { return lock(f, syscall.LOCK_EX|syscall.LOCK_NB) }

// TryShared locks a file together with others who share it, and returns ErrHeld at once
// if one has it alone.
func TryShared(f *os.File) error { return lock(f, syscall.LOCK_SH|syscall.LOCK_NB) }

// Wait locks a file for its owner alone, and waits for as long as anyone has it.
func Wait(f *os.File) error { return lock(f, syscall.LOCK_EX) }

func lock(f *os.File, how int) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	cerr := raw.Control(func(fd uintptr) {
		for {
			err = syscall.Flock(int(fd), how)
			if !errors.Is(err, syscall.EINTR) {
				return
			}
		}
	})
	switch {
	case cerr != nil:
		return cerr
	case errors.Is(err, syscall.EWOULDBLOCK):
		return ErrHeld
	case err != nil:
		return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return nil
}
