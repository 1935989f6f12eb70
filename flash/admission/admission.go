// This file is the process's admission: its members, and how many jobs are at work.

package admission

import (
	"context"
	"slices"
	"sync"
)

// Options of an Admission.
type Options struct {
	// Concurrency is how many jobs are at work at once; 0 is no limit. With a number
	// the operator has said what to do: downloads are not held up on top of it.
	Concurrency int
}

// uplinkWidth is how many downloads fill a USB 2 uplink: one tablet takes most of it, and
// two leave no gaps.
const uplinkWidth = 2

// Admission is what all jobs of a process ask.
type Admission struct {
	concurrency int

	mu      sync.Mutex
	busy    int              // places taken
	queue   []*Place         // that wait, in the order of their coming
	uplinks map[string]*wire // known by topology
	members []*Member        // in the order of their jobs
	homes   map[string]*wire // the learned wire of a tablet's place; as long as the wire has members
	quit    chan struct{}    // ends the keeper; nil: none runs
}

// New returns an Admission with nothing to do.
func New(o Options) *Admission {
	return &Admission{concurrency: o.Concurrency, uplinks: map[string]*wire{}, homes: map[string]*wire{}}
}

// Place is one job's place at work, or in the queue for one.
type Place struct {
	a     *Admission
	ready chan struct{} // closed: the place is ours
	taken bool
}

// Queue asks for a place. Places are given in the order of the calls.
func (a *Admission) Queue() *Place {
	p := &Place{a: a, ready: make(chan struct{})}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue = append(a.queue, p)
	a.seat()
	return p
}

// seat gives free places to those who wait. a.mu is held.
func (a *Admission) seat() {
	for len(a.queue) > 0 && (a.concurrency <= 0 || a.busy < a.concurrency) {
		p := a.queue[0]
		a.queue = a.queue[1:]
		a.busy++
		p.taken = true
		close(p.ready)
	}
}

// Wait returns when the place is there. waits is called first if it is not.
func (p *Place) Wait(ctx context.Context, waits func()) error {
	select {
	case <-p.ready:
		return nil
	default:
	}
	waits()
	select {
	case <-p.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Leave gives the place back, or leaves the queue.
func (p *Place) Leave() {
	p.a.mu.Lock()
	defer p.a.mu.Unlock()
	if p.taken {
		p.taken = false
		p.a.busy--
	} else if i := slices.Index(p.a.queue, p); i >= 0 {
		p.a.queue = slices.Delete(p.a.queue, i, i+1)
	}
	p.a.seat()
}

// Join makes a job a member: order is its rank, lower ones are served first; place names
// where the tablet is; uplink names the wire that it is known to share, "" is not known.
// Leave must follow.
func (a *Admission) Join(order int64, place, uplink string) *Member {
	m := &Member{a: a, order: order, place: place, wake: make(chan struct{}, 1)}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.concurrency > 0:
		m.tested = true
	case uplink != "":
		if a.uplinks[uplink] == nil {
			a.uplinks[uplink] = &wire{width: uplinkWidth, byPiece: true}
		}
		m.tested, m.wire = true, a.uplinks[uplink]
	case a.homes[place] != nil:
		m.tested, m.wire = true, a.homes[place]
	}
	at, _ := slices.BinarySearchFunc(a.members, m, byOrder)
	a.members = slices.Insert(a.members, at, m)
	if m.wire != nil {
		m.wire.add(m)
	}
	if a.quit == nil && a.concurrency <= 0 {
		a.quit = make(chan struct{})
		go (&keeper{a: a, quit: a.quit}).run()
	}
	return m
}

// Leave ends the membership.
func (m *Member) Leave() {
	a := m.a
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.Index(a.members, m)
	if i < 0 {
		return
	}
	a.members = slices.Delete(a.members, i, i+1)
	m.active = false
	if m.wire != nil {
		m.wire.remove(m)
		a.forget(m.wire)
	}
	if len(a.members) == 0 && a.quit != nil {
		close(a.quit)
		a.quit = nil
	}
}

// forget drops a wire without members. a.mu is held.
func (a *Admission) forget(w *wire) {
	if len(w.members) > 0 {
		return
	}
	for name, other := range a.uplinks {
		if other == w {
			delete(a.uplinks, name)
		}
	}
	for place, home := range a.homes {
		if home == w {
			delete(a.homes, place)
		}
	}
}

// byOrder sorts members; two jobs never have one order, but tests may.
func byOrder(a, b *Member) int {
	switch {
	case a.order < b.order:
		return -1
	case a.order > b.order:
		return 1
	}
	return 0
}
