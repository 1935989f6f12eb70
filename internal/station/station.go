// This file is the station: what it is made of, how it runs, and what comes in.

package station

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/stats"
)

// Work makes the jobs: a *recipe.Set is one. What a tablet gets is chosen when it has said
// what it is.
type Work interface {
	Job(id string, t flash.Target) flash.Job
	Title() string
}

// Watcher tells what is plugged in: first all of it, then every change, until ctx ends.
type Watcher interface {
	Watch(ctx context.Context, report func([]Change)) error
}

// Options of a station.
type Options struct {
	Name     string // of the bench
	Lot      string
	Operator string
	Plan     float64 // tablets an hour that are planned; 0 is none
	Page     string  // host:port, to be shown

	Run     string // begins the names of its jobs
	Engine  *flash.Engine
	Work    Work
	Watcher Watcher
	Places  []Place // that are shown even when nothing was ever in them
	// Lock takes a place for this process; nil: nobody else can take it.
	Lock func(ctx context.Context, t flash.Target) (release func(), err error)
	// Room returns why nothing new may begin, such as a full disk; nil: there always is.
	Room func() error
	// Reload reads the profiles and bundles again; nil: there is nothing to read.
	Reload  func(ctx context.Context) (Work, error)
	Program string                   // the version of the program, for the record
	Golden  func(serial string) bool // whether a tablet is one that no statistic counts; nil: none is
	// History returns this tablet's last failure and how often it was tried; nil: only what
	// this process has seen counts.
	History func(ctx context.Context, serial string) (last *Past, attempts int)
	// Earlier is how today's jobs ended before this process, the first before the last.
	Earlier []stats.Record
	// Ended is called with each result when it is recorded; nil: nobody asks.
	Ended func(d flash.JobDone)
	// Dispose records what becomes of a failed tablet; nil: it cannot be recorded.
	Dispose func(ctx context.Context, record, disposition, by string) error
}

// Timing of a station.
const (
	tickEvery  = time.Second
	restFor    = 5 * time.Second // after a job that failed, before the next in its port
	maxStreak  = 3               // tablets in a row that fail in one port
	maxRepeats = 3               // jobs of one tablet in a row in one port, that fail
	maxLost    = 1000            // tablets that are remembered as unplugged, and as failed
)

// work is what jobs were made of, as long as one of them is under way.
type work struct {
	Work
	jobs    int
	retired bool
}

// Station is a bench. Its methods may be called from several goroutines.
type Station struct {
	o Options

	mu         sync.Mutex
	ports      map[string]*port
	order      []*port // as they stand on the bench
	known      paces
	lost       map[string]lost // by serial: unplugged while they were written, and not seen since
	failed     map[string]Past // by serial
	day        stats.Day
	now        *work
	operator   string
	lot        string
	nextGolden bool
	draining   bool
	room       error // why nothing new may begin
	reload     error // of the last one
	fresh      string
	jobs       int
	version    int64
	changed    chan struct{}
	working    sync.WaitGroup
	idle       chan struct{} // closed when it drains and no job is under way
}

// New makes a station. Nothing begins before Run.
func New(o Options) *Station {
	s := &Station{o: o, ports: map[string]*port{}, known: paces{}, lost: map[string]lost{}, failed: map[string]Past{},
		now: &work{Work: o.Work}, operator: o.Operator, lot: o.Lot, changed: make(chan struct{}), idle: make(chan struct{})}
	for _, p := range o.Places {
		s.portAt(p)
	}
	for _, earlier := range o.Earlier {
		s.day.Add(earlier)
	}
	return s
}

// portAt returns the port of a place, making it at the first time. s.mu is held, or nobody
// else has s.
func (s *Station) portAt(at Place) *port {
	p := s.ports[at.Key]
	if p == nil {
		p = &port{state: Empty, since: time.Now(), order: len(s.order)}
		s.ports[at.Key] = p
		s.order = append(s.order, p)
		p.place = at
		slices.SortStableFunc(s.order, func(a, b *port) int { return compareNames(a.place.Name, b.place.Name) })
	}
	if at.Target != nil {
		p.place = at
	}
	return p
}

// Run works until ctx ends, or until it was told to stop and the jobs under way have ended.
// When ctx ends, jobs under way are cancelled. Its error is the watcher's.
func (s *Station) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := make(chan error, 1)
	go func() { watched <- s.o.Watcher.Watch(ctx, func(list []Change) { s.take(ctx, list) }) }()
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.tick(ctx)
			continue
		case err := <-watched:
			if ctx.Err() == nil && err != nil {
				s.mu.Lock()
				s.drain()
				s.mu.Unlock()
				s.working.Wait()
				return err
			}
		case <-s.idle:
			cancel()
			<-watched
		case <-ctx.Done():
			s.working.Wait()
			<-watched
		}
		s.working.Wait()
		return nil
	}
}

// take notes what came and went, and begins jobs.
func (s *Station) take(ctx context.Context, list []Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, c := range list {
		p := s.portAt(c.Place)
		switch {
		case c.Present && !p.present:
			p.present, p.seen = true, c.Serial
			p.arrival++
			s.foundAgain(c.Serial)
		case c.Present:
			p.seen = c.Serial // it restarted into another mode, and its leaving was not seen
		case p.present:
			p.present = false
			if p.handle == nil && !p.keepsResult() {
				p.forget(now)
			}
		}
	}
	s.beginAll(ctx, now)
	s.touch()
}

// keepsResult reports whether the port goes on showing what it shows when its tablet is
// taken out.
func (p *port) keepsResult() bool { return !p.ended.IsZero() && p.state != Foreign }

// lost is a tablet that was unplugged while it was written.
type lost struct {
	port          *port
	at            time.Time
	serial, model string
	job           string
	result        flash.JobDone
}

// foundAgain ends the red of a tablet that was unplugged, wherever it is now.
func (s *Station) foundAgain(serial string) {
	l, ok := s.lost[serial]
	if !ok {
		return
	}
	delete(s.lost, serial)
	if p := l.port; p.job == l.job && p.handle == nil {
		p.forget(time.Now())
	}
}

// tick does what waits for a time.
func (s *Station) tick(ctx context.Context) {
	var room error
	if s.o.Room != nil {
		room = s.o.Room()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room = room
	s.beginAll(ctx, time.Now())
	s.touch() // times go on
}

// beginAll begins a job wherever one is due.
func (s *Station) beginAll(ctx context.Context, now time.Time) {
	if ctx.Err() != nil || s.draining || s.room != nil {
		return
	}
	for _, p := range s.order {
		if p.present && p.handle == nil && !p.off && p.begun != p.arrival && !now.Before(p.wait) {
			s.begin(ctx, p, now)
		}
	}
}

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
	p.under = flash.Circumstances{Operator: s.operator, Lot: s.lot, Program: s.o.Program, Golden: s.nextGolden || s.o.Golden != nil && s.o.Golden(p.seen)}
	s.nextGolden = false
	j.Circumstances = p.under
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
	if d, ok := e.Body.(flash.JobDone); ok {
		s.ended(p, d, e.Time)
		return
	}
	s.mu.Lock()
	before := p.serial
	p.event(e)
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
	s.day.Add(stats.Record{Time: now, Serial: p.serial, Result: d.Result, Class: d.Class, Step: d.Step, Reason: p.reason(), Foreign: d.Foreign, Golden: p.under.Golden,
		States: stats.States(d.Measurements)})
	if s.o.Ended != nil {
		s.o.Ended(d)
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
		p.off, p.offBy = true, ""
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
	s.beginAll(ctx, time.Now())
	s.touch()
}

// closeWork lets go of what no job uses any more.
func closeWork(w *work) {
	if c, ok := w.Work.(interface{ Close() }); ok {
		c.Close()
	}
}

// busy reports whether a job is under way.
func (s *Station) busy() bool {
	return slices.ContainsFunc(s.order, func(p *port) bool { return p.handle != nil })
}

// finish says that the station has nothing left to do.
func (s *Station) finish() {
	select {
	case <-s.idle:
	default:
		close(s.idle)
	}
}

// drain begins nothing more. s.mu is held.
func (s *Station) drain() {
	s.draining = true
	if !s.busy() {
		s.finish()
	}
	s.touch()
}

// touch says that the view is another. s.mu is held.
func (s *Station) touch() {
	s.version++
	close(s.changed)
	s.changed = make(chan struct{})
}

// Busy is how many jobs are under way.
func (s *Station) Busy() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.order {
		if p.handle != nil {
			n++
		}
	}
	return n
}

// Has reports whether a job has the place with a key.
func (s *Station) Has(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.ports[key]
	return p != nil && p.handle != nil
}
