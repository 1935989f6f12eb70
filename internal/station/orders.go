// This file is what a person decides.

package station

import (
	"context"
	"slices"
	"time"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/untrusted"
)

// Dispositions are what may become of a failed tablet.
var Dispositions = []string{"rework", "scrap", "quarantine"}

// maxName is how long the name of an operator or a lot may be, in bytes.
const maxName = 64

// Do carries out what a person decides.
func (s *Station) Do(ctx context.Context, o Order) error {
	switch o.Do {
	case OrderReload:
		return s.reloadWork(ctx)
	case OrderDisposition:
		return s.dispose(ctx, o)
	default: // those that change the station itself
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.touch()
	switch o.Do {
	case OrderStop:
		s.drain()
		return nil
	case OrderOperator:
		s.operator = untrusted.Line(o.Value, maxName)
		return nil
	case OrderGolden:
		s.nextGolden = true
		return nil
	case OrderLot:
		s.lot = untrusted.Line(o.Value, maxName)
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
	p.forget(time.Now())
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

// dispose records what becomes of a failed tablet.
func (s *Station) dispose(ctx context.Context, o Order) error {
	if !slices.Contains(Dispositions, o.Disposition) {
		return problem.New(problem.Usage, "rework, scrap or quarantine", "%q is no disposition", o.Disposition)
	}
	if s.o.Dispose == nil {
		return problem.New(problem.Usage, "start the station with a ledger", "nothing is recorded here")
	}
	return s.o.Dispose(ctx, o.Record, o.Disposition, o.By)
}
