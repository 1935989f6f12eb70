// This file is a lock on a place where a tablet is, between processes.

package usb

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// LockDir is where locks are, for all users of this machine.
const LockDir = "/run/lock/zarya"

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

// Lock takes a place for this process until release is called or the process ends,
// whatever the way: the kernel lets go (flock). It does not wait.
func Lock(dir, name, owner string) (release func() error, err error) {
	if err := os.MkdirAll(dir, 0o777|os.ModeSticky); err != nil { //nolint:gosec // for all users, as /run/lock is
		return nil, err
	}
	file := strings.Map(func(r rune) rune {
		if r == '/' || r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, name)
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o666) //nolint:gosec // as above
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
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
