// This file is a port's job: its begin, its events, its result, and what is remembered of it.

package station

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/stats"
)

// begin gives the engine a job for what is in a port.
func (s *Station) begin(ctx context.Context, p *port, now time.Time) {
	if p.repeats >= maxRepeats && p.seen != "" && p.seen == p.lastFail {
		p.begun = p.arrival // it failed so often: a supervisor clears it
		return
	}
	release := func() {}
	if s.o.Lock != nil {
		var err error
		if release, err = s.o.Lock(ctx, p.place.Target); err != nil {
			p.wait = now.Add(restFor)
			p.say(err.Error())
			if p.ended.IsZero() {
				p.set(Detected, now)
			}
			return
		}
	}
	p.begun = p.arrival
	s.jobs++
	id := fmt.Sprintf("%s-%d", s.o.Run, s.jobs)
	p.begin(id, now)
	p.work = s.now
	p.work.jobs++
	j := p.work.Job(id, p.place.Target)
	p.under = flash.Circumstances{Operator: s.operator, Lot: s.lot, Program: s.o.Program,
		Golden: s.nextGolden || s.o.Golden != nil && s.o.Golden(p.seen)}
	s.nextGolden = false
	j.Circumstances, j.AwaitIdentity, j.Limits = p.under, true, s.o.Limits
	last := make(chan struct{}) // the job's last event has come
	next := j.Watch
	j.Watch = func(e flash.Event) {
		if next != nil {
			next(e)
		}
		s.event(ctx, p, e)
		if _, ok := e.Body.(flash.JobDone); ok {
			close(last)
		}
	}
	p.handle = s.o.Engine.Submit(ctx, j)
	s.working.Add(1)
	go func(h *flash.Handle) {
		defer s.working.Done()
		<-h.Done()
		<-last
		release()
		s.free(ctx, p)
	}(p.handle)
}

// event takes an event of a port's job.
func (s *Station) event(ctx context.Context, p *port, e flash.Event) {
	e.Time = s.clock() // its own time is UTC, which goes with the clock on the wall when that is set
	if d, ok := e.Body.(flash.JobDone); ok {
		s.ended(p, d, e.Time)
		return
	}
	s.mu.Lock()
	before := p.serial
	p.event(e)
	if p.state == NoIdentity && s.draining {
		p.handle.Stop()
	}
	serial, ask := p.serial, p.serial != "" && (p.serial != before || p.attempt == 0)
	if ask {
		p.attempt = 1
		s.foundAgain(serial)
		if past, ok := s.failed[serial]; ok {
			p.before = &past
		}
	}
	s.touch()
	s.mu.Unlock()
	if !ask || s.o.History == nil {
		return
	}
	past, attempts := s.o.History(ctx, serial)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.serial == serial {
		p.attempt = attempts + 1
		if past != nil {
			p.before = past
		}
	}
}

// ended takes a job's result.
func (s *Station) ended(p *port, d flash.JobDone, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := p.end(d, now)
	switch {
	case state.Good():
		p.streak, p.repeats, p.lastFail = nil, 0, ""
		delete(s.failed, p.serial)
		if state == Passed || state == Flashed {
			s.known.add(p.model, p.pace)
		}
	case state == Failed || state == Retry || state == Unplugged:
		s.note(p, state)
		p.wait = now.Add(restFor)
	}
	s.day.Add(stats.Record{Time: now, Station: s.o.Name, Serial: p.serial, Attempt: p.attempt, Result: d.Result, Class: d.Class,
		Step: d.Step, Reason: p.reason(), Foreign: d.Foreign, Golden: p.under.Golden,
		States: stats.States(d.Measurements), Limits: stats.Limits(d.Measurements)})
	for _, m := range d.Measurements {
		if m.Outside() {
			p.say(fmt.Sprintf("%s: %d %s, where the limits are %d and %d (0: none)", m.Name, m.Value, m.Unit, m.Low, m.High))
		}
	}
	s.touch()
}

// note remembers a failure: of the tablet, and of the port.
func (s *Station) note(p *port, state PortState) {
	if p.serial != "" {
		remember(s.failed, p.serial, p.past())
		if state == Unplugged {
			remember(s.lost, p.serial, lost{p, p.ended, p.serial, p.model, p.job, p.result})
		}
		if p.serial == p.lastFail {
			p.repeats++
		} else {
			p.repeats, p.lastFail = 1, p.serial
		}
	}
	who := p.serial
	if who == "" {
		who = "?" + p.job // every nameless one is another
	}
	if !slices.Contains(p.streak, who) {
		p.streak = append(p.streak, who)
	}
	if len(p.streak) >= maxStreak {
		p.off, p.decided = true, false
	}
}

// remember keeps a bounded map: when it is full, an entry that nobody chose goes.
func remember[V any](m map[string]V, key string, v V) {
	if _, have := m[key]; !have && len(m) >= maxLost {
		for other := range m {
			delete(m, other)
			break
		}
	}
	m[key] = v
}

// free ends a port's job for good.
func (s *Station) free(ctx context.Context, p *port) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.handle = nil
	w := p.work
	p.work = nil
	if w.jobs--; w.jobs == 0 && w.retired {
		closeWork(w)
	}
	if s.draining && !s.busy() {
		s.finish()
	}
	s.beginAll(ctx, s.clock())
	s.touch()
}

// closeWork lets go of what no job uses any more.
func closeWork(w *work) {
	if c, ok := w.Work.(interface{ Close() }); ok {
		c.Close()
	}
}
