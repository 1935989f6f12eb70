// This file is the simulation: each station by itself, and then what all of them ask of the
// servers, minute by minute.

package main

import "math/rand/v2"

const (
	minute = 60
	day    = 24 * 60 * minute
	week   = 7 * day
)

// Made is what came of a programme.
type Made struct {
	Tablets, Stations, Sites int
	Jobs, Scrap, Entries     int64
	Days                     int // from the first to the last
	OfOperators              int // percent of the time of work in which an operator was busy
	OfBuses                  int // percent in which a bus was
	Outages                  int
	Stood                    int64 // hours of work that stations waited for identities while their line was down
	Backlog                  int64 // most entries that one station had to send when its line came back
	Leases                   int64
	PeakAppend               int64 // entries in the busiest minute
	PeakLease                int64
	Late                     int64 // seconds: how far the database was behind, at most
}

// central is what the servers are asked, by minute of virtual time.
type central struct{ entries, leases []int64 }

func (c *central) add(of *[]int64, at int64, n int64) {
	m := int(at / minute)
	for len(*of) <= m {
		*of = append(*of, 0)
	}
	(*of)[m] += n
}

func simulate(tablets, stations int, seed uint64, r Rates) Made {
	m := Made{Tablets: tablets, Stations: stations, Sites: (stations + r.Site - 1) / r.Site}
	var c central
	var busyOperator, busyBus, worked, last int64
	for i := range stations {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		site := rand.New(rand.NewPCG(seed^0x517e, uint64(i/r.Site)))
		s := station{r: r, rng: rng, c: &c, quota: tablets/stations + one(i < tablets%stations), down: -1, stock: int64(r.Ahead)}
		if site.IntN(100) < r.Outages {
			s.down = int64(site.IntN(10)) * day // within the first two weeks of work
			m.Outages += one(i%r.Site == 0)
		}
		s.run()
		m.Jobs, m.Scrap, m.Entries, m.Leases = m.Jobs+s.jobs, m.Scrap+s.scrap, m.Entries+s.entries, m.Leases+s.leases
		m.Stood += s.stood / 3600
		m.Backlog = max(m.Backlog, s.mostHeld)
		busyOperator, busyBus, worked, last = busyOperator+s.busyOperator, busyBus+s.busyBus, worked+s.worked, max(last, s.now)
	}
	m.Days = int(last/day) + 1
	m.OfOperators, m.OfBuses = int(busyOperator*100/worked), int(busyBus*100/(worked*int64(r.Buses)))
	var queue int64
	for _, n := range c.entries {
		m.PeakAppend = max(m.PeakAppend, n)
		queue = max(0, queue+n-int64(r.Append)*minute)
		m.Late = max(m.Late, queue/int64(r.Append))
	}
	for _, n := range c.leases {
		m.PeakLease = max(m.PeakLease, n)
	}
	return m
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// station works its quota off. Times are seconds since the first Monday at midnight.
type station struct {
	r     Rates
	rng   *rand.Rand
	c     *central
	quota int   // tablets that it still has to do
	down  int64 // when its line goes down for a week; -1: never
	now   int64 // the end of what was done last

	jobs, scrap, entries, leases  int64
	stock                         int64 // identities that it has
	held, mostHeld                int64 // entries that wait for the line
	stood                         int64 // seconds
	busyOperator, busyBus, worked int64
}

// isDown reports whether the line is down.
func (s *station) isDown(at int64) bool { return s.down >= 0 && at >= s.down && at < s.down+week }

// run does one shift after the other, from Monday to Friday.
func (s *station) run() {
	for d := int64(0); s.quota > 0; d++ {
		if d%7 < 5 {
			begin := d*day + 8*3600
			s.shift(begin, begin+int64(s.r.Shift)*3600)
		}
	}
	if s.held > 0 {
		s.send(s.down + week)
	}
}

// shift is the work of one operator, who exchanges tablets; those of a bus wait for it.
func (s *station) shift(begin, end int64) {
	swap := int64(s.r.Swap + s.rng.IntN(s.r.Swap+1))
	wire := int64(s.r.Image / s.r.Wire)
	ports := make([]int64, s.r.Buses*s.r.Ports) // when each has a tablet to be exchanged
	for i := range ports {
		ports[i] = begin
	}
	operator, buses := begin, make([]int64, s.r.Buses)
	s.worked += end - begin
	for s.quota > 0 {
		p := 0
		for i, at := range ports {
			if at < ports[p] {
				p = i
			}
		}
		at := max(ports[p], operator)
		if at >= end {
			return
		}
		if !s.identity(at) { // until the shift ends: the line is down for longer than that
			s.stood += end - at
			return
		}
		operator = at + swap
		s.busyOperator += swap
		bus := &buses[p/s.r.Ports]
		luck, took, entries := s.rng.IntN(1000), wire, int64(8)
		switch {
		case luck < s.r.Bench: // tried again: it counts as another job
			took, entries = wire/2, 5
			s.stock++ // the same tablet comes again
		case luck < s.r.Bench+s.r.Own:
			took, entries = wire/2, 5
			s.scrap++
			s.quota--
		default:
			s.quota--
		}
		*bus = max(*bus, operator) + took
		s.busyBus += took
		ports[p] = *bus + int64(s.r.After+s.rng.IntN(s.r.After))
		s.now = max(s.now, ports[p])
		s.jobs++
		s.record(ports[p], entries)
	}
}

// identity takes one, and asks for more when a half is gone.
func (s *station) identity(at int64) bool {
	if s.stock*2 <= int64(s.r.Ahead) && !s.isDown(at) {
		s.stock = int64(s.r.Ahead)
		s.leases++
		s.c.add(&s.c.leases, at, 1)
	}
	if s.stock == 0 {
		return false
	}
	s.stock--
	return true
}

// record writes entries and sends them, or keeps them until the line is back.
func (s *station) record(at, n int64) {
	s.entries += n
	if s.isDown(at) {
		s.held += n
		s.mostHeld = max(s.mostHeld, s.held)
		return
	}
	if s.held > 0 {
		s.send(s.down + week)
	}
	s.c.add(&s.c.entries, at, n)
}

// send is what waited, when the line came back.
func (s *station) send(at int64) {
	s.c.add(&s.c.entries, at, s.held)
	s.held = 0
}
