// This file is the lock that a run holds on each of its targets, so that no two
// processes ever touch one tablet.

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/usb"
)

// taken is a target that another process uses: its job fails and touches nothing.
type taken struct {
	flash.Target
	err error
}

func (t taken) failure() error {
	return &flash.Failure{Class: flash.ClassStation, Message: t.err.Error(), Err: t.err, Hint: "let it finish, or wait for it with --lock-wait 10m"}
}

// Fastboot gives the reason.
func (t taken) Fastboot(context.Context) (fastboot.Transport, error) { return nil, t.failure() }

// Dial gives the reason.
func (t taken) Dial(context.Context, int) (net.Conn, error) { return nil, t.failure() }

// lockName is the same for every way to name the same tablet.
func lockName(t flash.Target) string {
	switch t := t.(type) {
	case network:
		return "net:" + t.address
	case socket:
		if path := t.port.Path(); path != "" {
			return path
		}
		return t.String()
	}
	return t.Where().Label()
}

// lockEvery is how often a lock is tried again.
const lockEvery = 200 * time.Millisecond

// lockTargets takes the targets of all jobs. Those that another process uses are
// replaced by ones that fail; if that is all of them, it is an error.
func (a *app) lockTargets(jobs []flash.Job) (release func(), err error) {
	var held []func() error
	release = func() {
		for _, r := range held {
			_ = r() // the kernel lets go with the process at the latest
		}
	}
	dir := a.lockDir
	if dir == "" {
		dir = usb.LockDir
	}
	owner := fmt.Sprintf("zarya, process %d since %s", os.Getpid(), time.Now().Format("15:04:05"))
	ctx, cancel := a.untilSignal()
	defer cancel()
	deadline := time.Now().Add(a.lockWait)
	var last error
	locked := 0
	for i, j := range jobs {
		r, err := a.lockOne(ctx, deadline, dir, lockName(j.Target), owner)
		var other *usb.LockedError
		switch {
		case err == nil:
			held = append(held, r)
		case errors.As(err, &other):
			jobs[i].Target, last = taken{j.Target, other}, other
			locked++
		default:
			release()
			return nil, problem.New(problem.Station, "name a folder that can be written with --lock-dir", "locks: %w", err)
		}
	}
	if locked == len(jobs) {
		release()
		return nil, problem.New(problem.InUse, "let it finish, or wait for it with --lock-wait 10m", "%w", last)
	}
	return release, nil
}

func (a *app) lockOne(ctx context.Context, deadline time.Time, dir, name, owner string) (func() error, error) {
	for {
		r, err := usb.Lock(dir, name, owner)
		var other *usb.LockedError
		if err == nil || !errors.As(err, &other) || time.Now().After(deadline) {
			return r, err
		}
		select {
		case <-time.After(lockEvery):
		case <-ctx.Done():
			return nil, err
		}
	}
}
