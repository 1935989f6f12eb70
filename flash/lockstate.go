// This file has the steps that change a bootloader's lock. Nothing here gets round one:
// unlocking takes the vendor's code, and relocking a signed bundle that allows it.

package flash

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/usb"
)

// Codes are unlock codes by tablet.
type Codes interface {
	// Code is the code for a tablet; "" is none.
	Code(s *Session) (string, error)
	// Tried reports whether this code went to this tablet before, in any run, and did not
	// open it.
	Tried(ctx context.Context, s *Session, code string) (bool, error)
	// Trying records that the code goes to the tablet now.
	Trying(ctx context.Context, s *Session, code string) error
	// Worked records that it was the right one: it may be used again after a relock.
	Worked(ctx context.Context, s *Session, code string) error
}

// Unlock opens the bootloader with the tablet's own code. It wipes the tablet.
type Unlock struct{ Codes Codes }

// Step is unlock. It is not restartable: whether a code counted is not known.
func (u Unlock) Step() Step {
	return Step{Name: "unlock", Needs: usb.Fastboot, Traits: Traits{Writes: true, Unlocks: true}, Check: u.check, Run: u.run}
}

// check looks for a code that may still be tried.
func (u *Unlock) check(ctx context.Context, s *Session) ([]Verdict, error) {
	if s.tablet.lock == "unlocked" {
		return nil, nil
	}
	_, err := u.code(ctx, s)
	return nil, err
}

func (u *Unlock) code(ctx context.Context, s *Session) (string, error) {
	code, err := u.Codes.Code(s)
	if err != nil {
		return "", err
	}
	if code == "" {
		return "", failf(ClassLocked, "ask the vendor for its code, or set the tablet aside",
			"the bootloader is locked, and there is no unlock code for this tablet; nothing was written")
	}
	tried, err := u.Codes.Tried(ctx, s, code)
	if err != nil {
		return "", err
	}
	if tried {
		return "", failf(ClassLocked, "a wrong code is never tried twice, because tablets lock up for good: correct the file of codes",
			"this unlock code went to this tablet before, and did not open it; nothing was written")
	}
	return code, nil
}

// run sends the code once.
func (u *Unlock) run(ctx context.Context, s *Session) error {
	if s.tablet.lock == "unlocked" {
		s.Result(StepAlready)
		return nil
	}
	code, err := u.code(ctx, s)
	if err != nil {
		return err
	}
	if err := u.Codes.Trying(ctx, s, code); err != nil {
		return s.unrecorded("unlock code", err)
	}
	if _, err := s.link.client.OEM(ctx, "unlock "+code); err != nil {
		var remote *fastboot.RemoteError
		if errors.As(err, &remote) {
			err = &fastboot.RemoteError{Command: "oem unlock", Message: remote.Message} // without the code
		}
		return err
	}
	// The device may restart on its own; what it says next is the only proof.
	if s.link.client.Broken() != nil {
		if err := s.reconnect(ctx, reconnectFor); err != nil {
			return err
		}
	}
	state, source, err := s.link.client.Unlocked(ctx)
	if err != nil {
		if rerr := s.reconnect(ctx, reconnectFor); rerr != nil {
			return rerr
		}
		state, source, err = s.link.client.Unlocked(ctx)
	}
	if err != nil {
		return err
	}
	if state != fastboot.Yes {
		return failf(ClassLocked, "set this tablet aside for unlocking",
			"the code was taken, but the bootloader does not say that it is unlocked (%s)", source)
	}
	s.seen(state)
	s.Result(StepChanged)
	if err := u.Codes.Worked(ctx, s, code); err != nil {
		return s.unrecorded("unlock code", err)
	}
	return nil
}

// Batch lets one tablet show that what all get is good, before a second one gets it.
// The zero Batch is ready.
type Batch struct {
	mu    sync.Mutex
	first bool          // one tablet goes first
	known chan struct{} // closed when the outcome is known
	good  bool
}

// enter returns true for the first. The others wait, and get an error if it failed.
func (b *Batch) enter(ctx context.Context, waits func()) (first bool, err error) {
	b.mu.Lock()
	if !b.first {
		b.first, b.known = true, make(chan struct{})
		b.mu.Unlock()
		return true, nil
	}
	b.mu.Unlock()
	select {
	case <-b.known:
	default:
		waits()
	}
	select {
	case <-b.known:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	if !b.good {
		return false, failf(ClassImage, "find out why the first one does not start; this one stays unlocked",
			"not relocked, because the first tablet that was relocked did not boot")
	}
	return false, nil
}

// settle says how it went with the first; what is known already stays.
func (b *Batch) settle(good bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.known:
	default:
		b.good = good
		close(b.known)
	}
}

// Relock locks the bootloader again. Only a signed bundle that says so allows it, which
// is the caller's to check; the first tablet of the batch must boot before a second one
// is locked.
type Relock struct{ Batch *Batch }

// Step is relock. Most bootloaders wipe.
func (r Relock) Step() Step {
	return Step{Name: "relock", Needs: usb.Fastboot, Traits: Traits{Writes: true}, Run: r.run}
}

// run locks it, and asks whether it is.
func (r *Relock) run(ctx context.Context, s *Session) error {
	wait, cancel := s.untilStop(ctx)
	defer cancel()
	first, err := r.Batch.enter(wait, func() {
		s.emit(Waiting{For: "admission", Hint: "the first tablet that is relocked must boot before this one is"})
	})
	if err != nil {
		return err
	}
	if first {
		s.account.proof = r.Batch
	}
	if _, err := s.link.client.Flashing(ctx, "lock"); err != nil {
		return err
	}
	state, source, err := s.link.client.Unlocked(ctx)
	if err != nil {
		return err
	}
	if state != fastboot.No {
		return failf(ClassDevice, "look at the tablet: it may ask on its screen", "the bootloader does not say that it is locked (%s)", source)
	}
	s.seen(state)
	s.Result(StepChanged)
	return nil
}

// LockState is a step that leaves the lock as it is, and records why.
type LockState struct{ Leave, Because string }

// Step is lock-state:LEAVE, done in whatever mode the tablet is.
func (l LockState) Step() Step {
	already := func(context.Context, *Session) (bool, error) { return true, nil } // nothing is changed
	return Step{Name: "lock-state:" + l.Leave, Already: already, Run: l.run}
}

// run holds what the bootloader said before to what is stated.
func (l *LockState) run(_ context.Context, s *Session) error {
	if s.tablet.lock != "" && s.tablet.lock != l.Leave {
		return failf(ClassLocked, "correct finish in the profile, or the tablet's lock",
			"the bootloader was left %s, and must be %s", s.tablet.lock, l.Leave)
	}
	s.Found("lock-state", fmt.Sprintf("%s: %s", l.Leave, l.Because), false)
	s.Result(StepAlready)
	return nil
}
