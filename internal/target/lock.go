// This file is the lock that a job holds on its target, so that no two processes ever
// touch one tablet.

package target

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/openfiles"
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

// LockSerial keeps a serial from the other processes of this machine, until release is
// called or the process ends; it does not wait. Two tablets that report one serial are in
// two places, whose locks do not know of each other. With a serial that another process has
// it returns who that is, and no release.
func (b *Bench) LockSerial(serial, owner string) (release func(), holder string, err error) {
	sum := sha256.Sum256([]byte(serial)) // a device's words are no file's name
	r, err := usb.Lock(b.lockDir, "serial-"+hex.EncodeToString(sum[:16]), owner)
	var other *usb.LockedError
	switch {
	case errors.As(err, &other):
		return nil, cmp.Or(other.Owner, "another process"), nil
	case err != nil:
		return nil, "", err
	}
	return func() { _ = r() }, "", nil // the kernel lets go with the process at the latest
}

// LockAll takes several targets, as Lock does; patience is for all of them together. The
// targets that it returns are those to work with: one that another process uses is
// replaced by one that cannot be opened and says why. Only if that is all of them it is
// an error. So is a limit of open files that is too small for all of them.
func (b *Bench) LockAll(ctx context.Context, targets []flash.Target, owner string, patience time.Duration) (
	ours []flash.Target, release func(), err error) {
	if err := checkFiles(targets); err != nil {
		return nil, nil, err
	}
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

// How many open files a run needs beyond those that are open before it.
const (
	filesOfRun = 24 // the ledger, the outputs, the caches, the lists of what is plugged in
	filesOfNet = 3  // of a target on the network: its lock, its connection, the next one
	filesOfUSB = 8  // of one on USB: its lock, libusb's context and device, its network
)

// Files returns how many files a process has open while it works on so many tablets on USB.
func Files(tablets int) int64 { return openfiles.InUse() + filesOfRun + filesOfUSB*int64(tablets) }

// MoreFiles is how a person lets a process open more files.
const MoreFiles = "ulimit -n 4096; LimitNOFILE= in a unit of systemd"

// checkFiles returns a problem if this process may not open enough files for the targets.
func checkFiles(targets []flash.Target) error {
	limit, needed := openfiles.Limit(), openfiles.InUse()+filesOfRun
	for _, t := range targets {
		if _, net := t.(Network); net {
			needed += filesOfNet
		} else {
			needed += filesOfUSB
		}
	}
	if limit == 0 || needed <= limit {
		return nil
	}
	return problem.New(problem.Station, "raise the limit ("+MoreFiles+"), or name fewer targets at a time",
		"too many targets: these %d need up to %d open files, and this process may have %d", len(targets), needed, limit)
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
			hint := "name a folder that can be written with --lock-dir"
			if openfiles.Exhausted(err) {
				hint = flash.HintOutOfFiles
			}
			return nil, problem.New(problem.Station, hint, "locks: %w", err)
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
