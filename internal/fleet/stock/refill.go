// This file leases before the station runs out, and puts right what the database found.

package stock

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zarya-station/zarya/internal/fleet/lease"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/problem"
)

// Run keeps the pools filled until ctx ends. What is wrong is told once.
func (s *Stock) Run(ctx context.Context) {
	told := ""
	for ctx.Err() == nil {
		wait := s.t.look
		err := s.Refill(ctx)
		var empty *lease.EmptyError
		switch {
		case errors.As(err, &empty), err != nil && s.trusted() != nil, err != nil && s.o.Outbox.State().Err != nil:
			wait, err = s.t.again, nil // others say so: the view's pools, the outbox
		case err != nil:
			wait = s.t.again
		}
		text := ""
		if err != nil {
			text = problem.Advice(err)
		}
		if text != told && text != "" && ctx.Err() == nil {
			s.o.Warn("no identities were leased: %s", text)
		}
		told = text
		s.pause(ctx, wait)
	}
}

// pause waits for as long as wait, until somebody hurries, or until it is known that something
// may be leased.
func (s *Stock) pause(ctx context.Context, wait time.Duration) {
	end := time.NewTimer(wait)
	defer end.Stop()
	for before := true; ; {
		told := s.o.Outbox.Changed()
		now := s.o.Outbox.Confirmed() == nil
		if now && !before {
			return
		}
		before = now
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-s.wake:
			return
		case <-told:
		}
	}
}

// Refill looks at the pools once, and leases where few are left. An *lease.EmptyError says
// that the fleet has no more.
func (s *Stock) Refill(ctx context.Context) (err error) {
	s.refilling.Lock()
	defer s.refilling.Unlock()
	s.mu.Lock()
	s.round++
	round, pools := s.round, slices.Sorted(maps.Keys(s.wanted))
	s.mu.Unlock()
	defer func() {
		var empty *lease.EmptyError
		if err != nil && !errors.As(err, &empty) {
			s.disconnect() // it may be another server the next time
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.err = err
		s.looked = round
		close(s.changed)
		s.changed = make(chan struct{})
	}()
	if err := s.o.Outbox.Confirmed(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.t.refill)
	defer cancel()
	var all error
	for _, name := range pools {
		if own, err := pool.IsOwn(ctx, s.o.Ledger, name); err != nil || own {
			all = errors.Join(all, err)
			continue
		}
		all = errors.Join(all, s.refill(ctx, name))
	}
	return errors.Join(all, s.putRight(ctx))
}

// refill leases of one pool.
func (s *Stock) refill(ctx context.Context, name string) error {
	s.mu.Lock()
	checked := s.checked[name]
	s.mu.Unlock()
	free, err := pool.Free(ctx, s.o.Ledger, name)
	if err != nil || checked && free > s.o.Ahead/2 {
		return err
	}
	st, err := s.station(ctx)
	if err != nil {
		return err
	}
	if err := s.takeMissing(ctx, st, name); err != nil {
		return err
	}
	s.mu.Lock()
	s.checked[name] = true
	s.mu.Unlock()
	if free, err = pool.Free(ctx, s.o.Ledger, name); err != nil || free > s.o.Ahead/2 {
		return err
	}
	for {
		if free, err = pool.Free(ctx, s.o.Ledger, name); err != nil || free >= s.o.Ahead {
			return err
		}
		r, err := st.Lease(ctx, name, lease.NewRequest(), s.o.Ahead-free)
		var empty *lease.EmptyError
		s.mu.Lock()
		s.empty[name] = errors.As(err, &empty)
		s.mu.Unlock()
		if err != nil {
			if free > 0 && errors.As(err, &empty) {
				return nil
			}
			return err
		}
		if err := s.take(ctx, st, r); err != nil {
			return err
		}
	}
}

// takeMissing takes in what was leased when the answer was lost, or the process killed before
// it had it in its ledger.
func (s *Stock) takeMissing(ctx context.Context, st *lease.Station, name string) error {
	leased, err := st.Leases(ctx, name)
	if err != nil {
		return err
	}
	here, err := pool.Leases(ctx, s.o.Ledger, name)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, l := range here {
		known[l.Lease] = true
	}
	for _, r := range leased {
		if known[r.Request] {
			continue
		}
		if err := s.take(ctx, st, r); err != nil {
			return err
		}
	}
	return nil
}

// take takes a range into the ledger.
func (s *Stock) take(ctx context.Context, st *lease.Station, r lease.Range) error {
	opened, err := st.Rows(ctx, r)
	if err != nil {
		return err
	}
	rows := make([]pool.Row, len(opened))
	for i, o := range opened {
		rows[i] = pool.Row{Columns: o.Columns, Secrets: o.Secrets}
	}
	_, err = pool.TakeIn(s.o.Ledger, r.Pool, r.Request, r.First, rows, s.o.Seal)
	return err
}

// putRight burns what the database says that its tablet has not any more, and tells of what a
// person must look at.
func (s *Stock) putRight(ctx context.Context) error {
	st, err := s.station(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	after := s.clashed
	s.mu.Unlock()
	list, err := st.Clashes(ctx, after)
	if err != nil {
		return err
	}
	for _, c := range list {
		if err := s.settle(ctx, c); err != nil {
			return err
		}
		s.mu.Lock()
		s.clashed = c.ID
		s.mu.Unlock()
	}
	return nil
}

// settle does what a clash asks for.
func (s *Stock) settle(ctx context.Context, c lease.Clash) error {
	if c.What != "second" {
		if time.Since(c.At) < 24*time.Hour {
			s.o.Warn("identity %d of %s, tablet %s: %s (%s); look at both tablets", c.Number, c.Pool, c.Serial, c.Note, c.Record)
		}
		return nil
	}
	here, err := pool.Holder(ctx, s.o.Ledger, c.Pool, c.Serial)
	if err != nil || here != c.Number || c.Serial == "" {
		return err
	}
	why := c.Note
	if c.Other != 0 {
		why = fmt.Sprintf("the tablet has number %d from another station", c.Other)
	}
	if err := pool.Burn(s.o.Ledger, c.Pool, c.Number, why); err != nil {
		return err
	}
	s.o.Warn("tablet %s: its identity %d of %s is burned: %s; if the tablet shows it, run it again", c.Serial, c.Number, c.Pool, why)
	return nil
}

// State is how a pool stands with the fleet.
type State struct {
	Empty bool  // the fleet had nothing more of it
	Err   error // why nothing was leased the last time
}

// Pool is how a pool stands.
func (s *Stock) Pool(name string) State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return State{s.empty[name], s.err}
}
