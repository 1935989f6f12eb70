// This file is how a job gets the identity that it writes to its tablet.

package flash

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/usb"
)

// Identity makes a tablet one person's: one row of a pool, its columns by name.
type Identity struct {
	Pool    string
	ID      int64 // within the pool
	Columns map[string]string
	Secret  []string // the columns that are kept encrypted
}

// Identities is the supply of identities. An identity is never given to two tablets.
type Identities interface {
	// Assign gives the tablet with this serial the identity that it has, or a free one.
	// "" is a tablet without a serial: it always gets a free one. A *PoolError means that
	// there is none, or that another job is giving that of this serial to its tablet: of two
	// tablets with one serial, the second gets none.
	Assign(ctx context.Context, pool, serial, job string) (*Identity, error)
	// Held is the identity that the tablet has; nil is none.
	Held(ctx context.Context, pool, serial string) (*Identity, error)
	// Bind says that the identity was read back from the tablet.
	Bind(ctx context.Context, id *Identity, job string) error
	// Burn says that the identity must never be given to another tablet.
	Burn(ctx context.Context, id *Identity, why string) error
	// Release says that a job has ended: the serial of its tablet may be another job's.
	Release(job string)
}

// PoolError says that a pool cannot give an identity.
type PoolError struct {
	Pool, Problem, Hint string
	Empty               bool // there is none now; there may be one later
	Twin                bool // that of this serial is another tablet's, which is under way
}

func (e *PoolError) Error() string { return fmt.Sprintf("identities of %s: %s", e.Pool, e.Problem) }

// assign gets the tablet its identity, once, before anything is written, and makes the
// values that need it.
func (s *Session) assign(ctx context.Context) error {
	if s.job.Pool == "" || s.tablet.identity != nil {
		return nil
	}
	if s.engine.o.Identities == nil {
		return failf(ClassStation, "give a ledger", "there is no supply of identities")
	}
	id, err := s.engine.o.Identities.Assign(ctx, s.job.Pool, s.uniqueSerial(), s.job.ID)
	var none *PoolError
	switch isNone := errors.As(err, &none); {
	case isNone && none.Empty && s.job.AwaitIdentity:
		s.account.lacking = none
		return nil
	case isNone:
		message := err.Error()
		if !s.account.begun {
			message += "; nothing was written"
		}
		s.account.exhausted, s.account.twin = true, none.Twin
		return &Failure{Class: ClassIdentity, Err: err, Message: message, Hint: none.Hint}
	}
	if err != nil {
		return s.unrecorded("identity", err)
	}
	s.tablet.identity = id
	for _, step := range s.job.Steps {
		if step.Needs != usb.Booted {
			continue
		}
		if _, err := step.check(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// identityEvery is how often a job that waits for an identity asks for one.
const identityEvery = 2 * time.Second

// awaitIdentity waits until the pool has an identity for the tablet, which is to stay where
// it is: one that was taken out is waited for as in the middle of a step, and no longer.
func (s *Session) awaitIdentity(ctx context.Context) error {
	if s.job.Pool == "" || s.tablet.identity != nil || s.account.lacking == nil {
		return nil
	}
	s.account.step, s.account.writing = "identity", false
	wait, cancel := s.untilStop(ctx)
	defer cancel()
	s.place.Leave() // who waits for people holds up no other
	since := time.Now()
	s.emit(Waiting{For: "identity", Hint: s.account.lacking.Hint})
	for {
		changed := changes(s.job.Target)
		if err := s.assign(ctx); err != nil || s.tablet.identity != nil {
			s.account.times.leaveOut(time.Since(since))
			return err
		}
		if waitChange(wait, identityEvery, changed); wait.Err() != nil {
			return context.Cause(wait)
		}
		if err := s.stayed(wait); err != nil {
			return err
		}
	}
}

// stayed makes sure that the tablet is still there, and brings it back if it was taken out for
// a moment.
func (s *Session) stayed(ctx context.Context) error {
	err := s.ask(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	gone := func(why error) error {
		return &Failure{Class: ClassCable, Err: err, Hint: "plug it in again: it is flashed anew",
			Message: fmt.Sprintf("it went away while it waited for an identity (%v)", why)}
	}
	if s.uniqueSerial() == "" {
		return gone(err) // what comes back cannot be told from another
	}
	s.emit(Waiting{For: "device", Hint: "plug it back in", Seconds: reconnectFor.Seconds()})
	if back := s.reconnect(ctx, reconnectFor); back != nil {
		if ctx.Err() != nil || errors.Is(back, ErrStopped) || errors.Is(back, errExchanged) {
			return back
		}
		return gone(back)
	}
	s.emit(Waiting{For: "identity", Hint: s.account.lacking.Hint})
	return nil
}

// ask asks the tablet anything.
func (s *Session) ask(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	switch {
	case s.link.booted != nil:
		_, err = s.link.booted.Boot(ctx)
	case s.link.client != nil:
		_, err = s.link.client.Serial(ctx)
	}
	return err
}

// releaseIdentity ends the job's claim to its tablet's serial in the pool.
func (s *Session) releaseIdentity() {
	if s.job.Pool != "" && s.engine.o.Identities != nil {
		s.engine.o.Identities.Release(s.job.ID)
	}
}

// uniqueSerial is the tablet's serial; "" if it is one that other tablets have too.
func (s *Session) uniqueSerial() string {
	if fastboot.PlaceholderSerial(s.tablet.key.Serial) {
		return ""
	}
	return s.tablet.key.Serial
}

// settle ends the use of the identity: bound after success. After a failure the tablet
// keeps it for the next attempt; one that cannot be known again keeps it for ever.
func (s *Session) settle(ctx context.Context, err error) error {
	if s.tablet.identity == nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	switch {
	case err == nil:
		if berr := s.engine.o.Identities.Bind(ctx, s.tablet.identity, s.job.ID); berr != nil {
			return s.unrecorded("identity", berr)
		}
	case s.account.begun && s.uniqueSerial() == "":
		if berr := s.engine.o.Identities.Burn(ctx, s.tablet.identity, "the job failed, and its tablet has no serial to know it by"); berr != nil {
			s.Warn("the identity could not be taken out of use: "+berr.Error(), "take it out with zarya identity burn")
		}
	}
	return err
}
