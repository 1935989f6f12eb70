// This file is a lock on a place where a tablet is, between the processes of all users.

package usb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/zarya-station/zarya/internal/flock"
)

// LockedError is a place that another process holds.
type LockedError struct {
	Name  string
	Owner string // what it said of itself, cleaned; "" if nothing
}

func (e *LockedError) Error() string {
	owner := e.Owner
	if owner == "" {
		owner = "another process"
	}
	return fmt.Sprintf("%s is used by %s", e.Name, owner)
}

// Modes of what all users share: the folder is as /run/lock is.
const (
	sharedDir  = 0o777 | os.ModeSticky
	sharedFile = 0o666
)

// Lock takes a place for this process until release is called or the process ends,
// whatever the way. It does not wait. The folder and its files are made so that every
// user of this machine can lock, whoever came first and whatever the umask.
func Lock(dir, name, owner string) (release func() error, err error) {
	if err := makeLockDir(dir); err != nil {
		return nil, err
	}
	f, err := openLock(filepath.Join(dir, lockFile(name)))
	if err != nil {
		return nil, shutOut(dir, err)
	}
	err = flock.Try(f)
	if errors.Is(err, flock.ErrHeld) {
		text, rerr := io.ReadAll(io.LimitReader(f, 200))
		return nil, errors.Join(&LockedError{name, clean(string(text))}, rerr, f.Close())
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt([]byte(owner), 0)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// The file stays: removing it could take it from under a process that has just
	// opened it.
	return f.Close, nil
}

// lockFile returns the file's name for the name of a place.
func lockFile(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '/' || r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, name)
}

// makeLockDir makes the folder for all users. One that is there stays as it is, but for
// LockDir where it is ours and shuts others out.
func makeLockDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // all users pass through
		return err
	}
	err := os.Mkdir(dir, sharedDir) // for all users, as /run/lock is
	switch {
	case err == nil:
		return os.Chmod(dir, sharedDir) // the umask took rights away
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	info, err := os.Lstat(dir)
	if err == nil && dir == LockDir && info.IsDir() && ownedByUs(info) && !isShared(info) {
		err = os.Chmod(dir, sharedDir)
	}
	return err
}

// openLock opens a lock's file, and makes it if there is none. One that is there is not
// opened to be made: the kernel refuses that for files of others in a folder like this
// (fs.protected_regular).
func openLock(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|noFollow, 0) //nolint:gosec // a lock's file
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|noFollow, sharedFile) //nolint:gosec // for all users
		if errors.Is(err, fs.ErrExist) {
			continue // another process was faster
		}
		if err == nil {
			if err = f.Chmod(sharedFile); err != nil { // the umask took rights away
				err = errors.Join(err, f.Close())
			}
		}
		return f, err
	}
}

// ShutOutError is a folder of locks that another user made in such a way that this user
// cannot lock in it.
type ShutOutError struct {
	Dir string
	Err error
}

func (e *ShutOutError) Error() string {
	return fmt.Sprintf("another user keeps the locks in %s for themselves (%v); when no zarya runs: sudo rm -r %s", e.Dir, e.Err, e.Dir)
}

func (e *ShutOutError) Unwrap() error { return e.Err }

func shutOut(dir string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return &ShutOutError{dir, err}
	}
	return err
}

// CheckLockDir returns a *ShutOutError if not every user of this machine can lock in dir.
// A folder that is not there is made by the first who locks.
func CheckLockDir(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return &fs.PathError{Op: "lock in", Path: dir, Err: syscall.ENOTDIR}
	case !isShared(info):
		return &ShutOutError{dir, fmt.Errorf("its mode is %v", info.Mode())}
	}
	return nil
}
