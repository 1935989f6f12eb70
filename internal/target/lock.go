// This file is the lock that a job holds on its target, so that no two processes ever
// touch one tablet.

package target

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/usb"
)

const waitForLock = "let it finish, or wait for it with --lock-wait 10m"

// lockEvery is how often a lock is tried again.
const lockEvery = 200 * time.Millisecond

// LockName returns what a target is locked as: the same for every way to name the same
// tablet.
func LockName(t flash.Target) string {
	switch t := t.(type) {
	case Network:
		return "net:" + t.address
	case USB:
		if path := t.port.Path(); path != "" {
			return path
		}
		return t.String()
	}
	return t.Where().Label()
}

// Lock takes a target for this process, until release is called or the process ends. It
// waits up to patience for another process to let it go, which reads owner to say who has
// it. A target that stays with another process is a problem InUse, and a *usb.LockedError
// is in the error.
func (b *Bench) Lock(ctx context.Context, t flash.Target, owner string, patience time.Duration) (release func(), err error) {
	release, err = b.lock(ctx, time.Now().Add(patience), t, owner)
	var other *usb.LockedError
	if errors.As(err, &other) {
		return nil, problem.New(problem.InUse, waitForLock, "%w", other)
	}
	return release, err
}

// LockAll takes several targets, as Lock does; patience is for all of them together. The
// targets that it returns are those to work with: one that another process uses is
// replaced by one that cannot be opened and says why. Only if that is all of them it is
// an error.
func (b *Bench) LockAll(ctx context.Context, targets []flash.Target, owner string, patience time.Duration) (
	ours []flash.Target, release func(), err error) {
	var held []func()
	release = func() {
		for _, r := range held {
			r()
		}
	}
	deadline := time.Now().Add(patience)
	var last *usb.LockedError
	for _, t := range targets {
		r, err := b.lock(ctx, deadline, t, owner)
		var other *usb.LockedError
		switch {
		case err == nil:
			held = append(held, r)
		case errors.As(err, &other):
			t, last = lockedTarget{t, other}, other
		default:
			release()
			return nil, nil, err
		}
		ours = append(ours, t)
	}
	if len(held) == 0 && last != nil {
		return nil, nil, problem.New(problem.InUse, waitForLock, "%w", last)
	}
	return ours, release, nil
}

// lock tries until a deadline, at least once. Another process's lock is a
// *usb.LockedError.
func (b *Bench) lock(ctx context.Context, deadline time.Time, t flash.Target, owner string) (release func(), err error) {
	for {
		r, err := usb.Lock(b.lockDir, LockName(t), owner)
		if err == nil {
			return func() { _ = r() }, nil // the kernel lets go with the process at the latest
		}
		var other *usb.LockedError
		if !errors.As(err, &other) {
			return nil, problem.New(problem.Station, "name a folder that can be written with --lock-dir", "locks: %w", err)
		}
		if time.Now().After(deadline) {
			return nil, other
		}
		select {
		case <-time.After(lockEvery):
		case <-ctx.Done():
			return nil, other
		}
	}
}

// lockedTarget is a target that another process uses: its job fails and touches nothing.
type lockedTarget struct {
	flash.Target
	err *usb.LockedError
}

func (t lockedTarget) failure() error {
	return &flash.Failure{Class: flash.ClassStation, Message: t.err.Error(), Err: t.err, Hint: waitForLock}
}

// Fastboot says who uses the tablet.
func (t lockedTarget) Fastboot(context.Context) (fastboot.Transport, error) { return nil, t.failure() }

// Dial says who uses the tablet.
func (t lockedTarget) Dial(context.Context, int) (net.Conn, error) { return nil, t.failure() }
