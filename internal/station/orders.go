// This file is what a person decides.

package station

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/untrusted"
)

// Dispositions are what may become of a failed tablet.
var Dispositions = []string{"rework", "scrap", "quarantine"}

// maxName is how long the name of an operator, a lot or a badge may be, in bytes.
const maxName = 64

// Do carries out what a person decides, and has it recorded with who it was.
func (s *Station) Do(ctx context.Context, o Order) error {
	o.By, o.Value = untrusted.Line(o.By, maxName), untrusted.Line(o.Value, maxName)
	if o.Do == OrderBadge {
		return s.showBadge(o.Value)
	}
	if err := s.signed(ctx, &o); err != nil {
		return err
	}
	switch o.Do {
	case OrderReload:
		if err := s.reloadWork(ctx); err != nil {
			return err
		}
	case OrderDisposition:
		return s.dispose(ctx, o) // the ledger has a record of its own for it
	default:
		if err := s.decide(o); err != nil {
			return err
		}
	}
	if s.o.Decided == nil || o.Machine || !o.Do.Supervised() {
		return nil
	}
	if err := s.o.Decided(ctx, o); err != nil {
		return problem.New(problem.Station, "fix the ledger: zarya ledger verify says more", "it was done, and could not be recorded: %w", err)
	}
	return nil
}

// decide changes the station as ordered.
func (s *Station) decide(o Order) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.touch()
	switch o.Do {
	case OrderStop:
		s.drain()
		return nil
	case OrderOperator:
		s.operator = o.Value
		return nil
	case OrderGolden, OrderNotGolden:
		s.nextGolden = o.Do == OrderGolden
		return nil
	case OrderLot:
		s.lot = o.Value
		return nil
	default: // those of one port
	}
	p := s.named(o.Port)
	if p == nil {
		return problem.New(problem.Usage, "write it as it stands on the board", "there is no port %q here", o.Port)
	}
	switch o.Do {
	case OrderClear:
		if p.handle != nil {
			return problem.New(problem.Usage, "stop it first, or wait until it has ended", "a tablet in %s is being worked on", p.place.Name)
		}
		s.clear(p)
	case OrderSetAside:
		p.off, p.decided = true, true
	case OrderUse:
		p.off, p.streak, p.wait = false, nil, time.Time{}
	case OrderStopPort:
		if p.handle == nil {
			return problem.New(problem.Usage, "", "there is no job in %s", p.place.Name)
		}
		p.handle.Stop()
	default:
		return problem.New(problem.Usage, "", "%q is no order", o.Do)
	}
	return nil
}

// named is the port that a person names.
func (s *Station) named(name string) *port {
	i := slices.IndexFunc(s.order, func(p *port) bool { return p.place.Name == name })
	if i < 0 {
		return nil
	}
	return s.order[i]
}

// clear forgets the last result of a port. A tablet that is still in it is offered again
// only when it was unplugged.
func (s *Station) clear(p *port) {
	for serial, l := range s.lost {
		if l.port == p {
			delete(s.lost, serial)
		}
	}
	p.streak, p.repeats, p.lastFail = nil, 0, ""
	p.forget(s.clock())
}

// reloadWork reads profiles and bundles again. Jobs under way keep theirs; if what was read
// is not good, everything stays as it is.
func (s *Station) reloadWork(ctx context.Context) error {
	if s.o.Reload == nil {
		return problem.New(problem.Usage, "", "there is nothing that could be read again")
	}
	fresh, err := s.o.Reload(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.touch()
	if s.reload = err; err != nil {
		return err
	}
	old := s.now
	s.now, s.fresh = &work{Work: fresh}, fresh.Title()
	if old.retired = true; old.jobs == 0 {
		closeWork(old)
	}
	return nil
}

// dispose records the decision about a failed tablet.
func (s *Station) dispose(ctx context.Context, o Order) error {
	if !slices.Contains(Dispositions, o.Disposition) {
		return problem.New(problem.Usage, "rework, scrap or quarantine", "%q is no disposition", o.Disposition)
	}
	if s.o.Dispose == nil {
		return problem.New(problem.Usage, "start the station with a ledger", "nothing is recorded here")
	}
	s.mu.Lock()
	if p := s.named(o.Port); p != nil {
		o.Record = cmp.Or(o.Record, s.show(p, s.clock()).Record)
	}
	s.mu.Unlock()
	if err := s.o.Dispose(ctx, o.Record, o.Disposition, o.By); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	remember(s.disposed, o.Record, o.Disposition)
	s.touch()
	return nil
}
