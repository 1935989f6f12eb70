// This file is the station: what it is made of, how it runs, and what comes in.

package station

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/stats"
	"github.com/zarya-station/zarya/internal/untrusted"
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
	// Dispose records the decision about a failed tablet; nil: it cannot be recorded.
	Dispose func(ctx context.Context, record, disposition, by string) error
	// Decided records what else a supervisor ordered; nil: it is not recorded.
	Decided func(ctx context.Context, o Order) error
	// Badges are those of supervisors, each whole, or its beginning and *. With none, nobody
	// has to show one, but for the board where there is a Scanner: what is typed there may be
	// a tablet's.
	Badges  []string
	Scanner bool
	// Limits are what measurements should be, by their names.
	Limits map[string]flash.Limit
	// Pools counts the identities that are free, of all pools that tablets get one of; nil:
	// there are none.
	Pools func(ctx context.Context) ([]Pool, error)
	// Fleet is how the station stands with the fleet's database; nil: it is in no fleet.
	Fleet func() Fleet
	// PoolLow is how few identities are too few; 0: what an hour uses.
	PoolLow int

	wall func(time.Time) time.Time // in tests: what the clock on the wall shows; nil: as it is
}

// Pool is how many identities a pool has left.
type Pool struct {
	Name string
	Free int
}

// Timing of a station.
const (
	tickEvery  = time.Second
	restFor    = 5 * time.Second // after a job that failed, before the next in its port
	maxStreak  = 3               // tablets in a row that fail in one port
	maxRepeats = 3               // jobs of one tablet in a row in one port, that fail
	maxLost    = 1000            // tablets that are remembered as unplugged, as failed, as disposed of
	poolEvery  = 5 * time.Second // identities are counted
	sayFor     = 20 * time.Second
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
	lost       map[string]lost   // by serial: unplugged while they were written, and not seen since
	failed     map[string]Past   // by serial
	disposed   map[string]string // by record: the decision about its tablet
	day        stats.Day
	now        *work
	operator   string
	lot        string
	nextGolden bool
	draining   bool
	room       error // why nothing new may begin
	reload     error // of the last one
	fresh      string
	pool       *Pool // the one that has the fewest left; nil: there is none
	pools      []Pool
	said       string // to whoever scans
	saidAt     time.Time
	awaited    chan<- string // of the order that waits for a badge; nil: none does
	badge      string        // that was scanned last, and no order has had
	badgeAt    time.Time
	announced  map[string]Notice // by who announced it
	jobs       int
	version    int64
	changed    chan struct{}
	working    sync.WaitGroup
	idle       chan struct{} // closed when it drains and no job is under way
}

// New makes a station. Nothing begins before Run.
func New(o Options) *Station {
	s := &Station{o: o, ports: map[string]*port{}, known: paces{}, lost: map[string]lost{}, failed: map[string]Past{},
		disposed:  map[string]string{},
		announced: map[string]Notice{},
		now:       &work{Work: o.Work}, operator: o.Operator, lot: o.Lot, changed: make(chan struct{}), idle: make(chan struct{})}
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
		p = &port{state: Empty, since: s.clock(), order: len(s.order)}
		s.ports[at.Key] = p
		s.order = append(s.order, p)
		p.place = at
		slices.SortStableFunc(s.order, func(a, b *port) int { return CompareNames(a.place.Name, b.place.Name) })
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
	s.tick(ctx) // before anything could begin on a disk that is full
	watched := make(chan error, 1)
	go func() { watched <- s.o.Watcher.Watch(ctx, func(list []Change) { s.take(ctx, list) }) }()
	if s.o.Pools != nil {
		counted := make(chan struct{})
		go func() { defer close(counted); s.countPools(ctx) }()
		defer func() { cancel(); <-counted }()
	}
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
			<-watched //nolint:errcheck // it was told to end
		case <-ctx.Done():
			s.working.Wait()
			<-watched //nolint:errcheck // it was told to end
		}
		s.working.Wait()
		return nil
	}
}

// take notes what came and went, and begins jobs.
func (s *Station) take(ctx context.Context, list []Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	for _, c := range list {
		p := s.portAt(c.Place)
		switch {
		case c.Present && !p.present:
			p.present, p.seen = true, c.Serial
			p.arrival++
			if p.expects(c.Serial) {
				p.begun = p.arrival
			}
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
		p.forget(s.clock())
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
	s.beginAll(ctx, s.clock())
	s.touch() // times go on
}

// clock is the time now. What is taken from it goes by the time that has passed, however the
// clock on the wall is set meanwhile, as long as nothing asks for its UTC.
func (s *Station) clock() time.Time {
	now := time.Now()
	if s.o.wall != nil {
		return s.o.wall(now)
	}
	return now
}

// countPools keeps an eye on the pools until ctx ends.
func (s *Station) countPools(ctx context.Context) {
	tick := time.NewTicker(poolEvery)
	defer tick.Stop()
	for {
		pools, err := s.o.Pools(ctx)
		var least *Pool
		for _, p := range pools {
			if least == nil || p.Free < least.Free {
				least = &p
			}
		}
		if err == nil { // else what was counted last is shown: whether it can be read is another matter
			s.mu.Lock()
			s.pool, s.pools = least, pools
			s.touch()
			s.mu.Unlock()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Say shows words to whoever is at the bench, for a while.
func (s *Station) Say(said string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said, s.saidAt = untrusted.Line(said, untrusted.Message), s.clock()
	s.touch()
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
	for _, p := range s.order {
		if p.state == NoIdentity && p.handle != nil {
			p.handle.Stop() // it might wait for days
		}
	}
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
