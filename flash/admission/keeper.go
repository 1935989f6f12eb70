// This file is the keeper: the goroutine that looks at all members while there are any,
// and what it measures.

package admission

import (
	"slices"
	"time"
)

const (
	tickEvery = 250 * time.Millisecond
	warmUp    = 400 * time.Millisecond // before a download's rate counts
	drainFor  = 10 * time.Second       // for what is on its way to arrive, at most
	drainLook = 10 * time.Millisecond
	fewBytes  = 64 << 10 // on its way: as good as none, for what is known of sockets

	noneArrives = 300 * time.Millisecond
)

// keeper has the one goroutine. Its methods are called without a.mu, and take it.
type keeper struct {
	a    *Admission
	quit chan struct{}
	last time.Time // of watch
}

func (k *keeper) run() {
	for k.sleep(tickEvery) {
		k.watch()
		k.learn()
		k.resize()
	}
}

// sleep reports false when there are no members any more.
func (k *keeper) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-k.quit:
		return false
	}
}

// watch looks for downloads that have stalled.
func (k *keeper) watch() {
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	now := time.Now()
	seen := map[*wire]bool{}
	for _, m := range k.a.members {
		if m.wire == nil {
			continue
		}
		m.watch(now)
		if w := m.wire; !w.byPiece && !seen[w] {
			seen[w] = true
			w.look(now.Sub(k.last))
		}
	}
	k.last = now
}

// hold holds members up, or lets them go.
func (k *keeper) hold(members []*Member, held bool) {
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	for _, m := range members {
		m.held, m.dry = held, dry{}
		m.notify()
	}
}

// holdTogether holds members up so that all are dry at one moment: a socket may have ten
// times as much on its way as another, and who is dry first would lose time.
func (k *keeper) holdTogether(members []*Member, found rates) {
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	longest := 0.0
	for _, m := range members {
		if rate := found[m].working; rate > 0 {
			longest = max(longest, float64(m.queued())/rate)
		}
	}
	at := time.Now().Add(min(time.Duration(longest*float64(time.Second)), drainFor))
	for _, m := range members {
		m.held, m.dry = true, dry{at, found[m].working}
		m.notify()
	}
}

// drain waits until what the members have handed over has arrived: until then they use the
// wire as before, and being held up costs them nothing. Some are empty before others: it ends
// when they have been idle for patience on average, and when nothing more arrives.
func (k *keeper) drain(members []*Member, patience time.Duration) bool {
	end, idle, last := time.Now().Add(drainFor), time.Duration(0), time.Now()
	seen, came := int64(0), last
	for {
		full, arrived, now := 0, int64(0), time.Now()
		k.a.mu.Lock()
		for _, m := range members {
			if m.active && (!m.blocked || m.queued() > fewBytes) {
				full++
			}
			arrived += m.arrived()
		}
		k.a.mu.Unlock()
		idle += now.Sub(last) * time.Duration(len(members)-full)
		last = now
		if arrived >= seen+fewBytes {
			seen, came = arrived, now
		}
		if full == 0 || !now.Before(end) || idle >= patience*time.Duration(len(members)) || now.Sub(came) >= noneArrives {
			return true
		}
		if !k.sleep(drainLook) {
			return false
		}
	}
}

// rate is bytes a second of one member over a span.
type rate struct {
	working float64 // while it was at work; 0 if that was too short
	overall float64 // over the whole span
	ran     bool    // it was at work for much of the span
}

type rates map[*Member]rate

// total is what members got together over the whole span.
func (r rates) total(members []*Member) (sum float64) {
	for _, m := range members {
		sum += r[m].overall
	}
	return sum
}

// measure looks at all members' rates for a while. ok is false at the end of everything.
func (k *keeper) measure(span time.Duration) (found rates, ok bool) {
	type mark struct {
		bytes int64
		ran   time.Duration
	}
	look := func() map[*Member]mark {
		k.a.mu.Lock()
		defer k.a.mu.Unlock()
		now, marks := time.Now(), map[*Member]mark{}
		for _, m := range k.a.members {
			marks[m] = mark{m.arrived(), m.runTime(now)}
		}
		return marks
	}
	before, start := look(), time.Now()
	if !k.sleep(span) {
		return nil, false
	}
	after, took := look(), time.Since(start)
	found = rates{}
	for m, b := range before {
		a, ok := after[m]
		if !ok {
			continue
		}
		r := rate{overall: float64(a.bytes-b.bytes) / took.Seconds()}
		if ran := a.ran - b.ran; ran > took*3/10 {
			r.ran, r.working = true, float64(a.bytes-b.bytes)/ran.Seconds()
		}
		found[m] = r
	}
	return found, true
}

// resize tries now and then whether a wire is filled by more downloads, or by fewer. That
// costs nothing: the wire is full all the while.
func (k *keeper) resize() {
	k.a.mu.Lock()
	var due []*wire
	for _, m := range k.a.members {
		if w := m.wire; w != nil && !w.byPiece && w.waiting() && !time.Now().Before(w.next) && !slices.Contains(due, w) {
			due = append(due, w)
		}
	}
	k.a.mu.Unlock()
	for _, w := range due {
		k.refit(w)
	}
}

// refit gives a wire the width that fills it.
func (k *keeper) refit(w *wire) {
	for k.try(w, w.width*2, moreGain) {
		w.needed = 0
		if !k.waits(w) {
			break
		}
	}
	for w.width > max(1, w.needed) { // fewer than what was needed once are not tried again
		if !k.try(w, w.width-1, lessLoss) {
			w.needed = w.width
		}
	}
	if carried, ok := k.carried(w); ok {
		w.best = carried
	}
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	w.rest = min(max(firstRest, w.rest*2), lastRest)
	w.next = time.Now().Add(w.rest)
}

func (k *keeper) waits(w *wire) bool {
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	return w.waiting()
}

// When another width is better, as a ratio of bytes a second; how long it is measured; how
// long until the next try.
const (
	moreGain   = 1.08
	lessLoss   = 0.97
	resizeSpan = 500 * time.Millisecond
	firstRest  = 5 * time.Second
	lastRest   = time.Minute
)

// try gives a wire another width and keeps it if the wire then carries enough.
func (k *keeper) try(w *wire, width int, enough float64) bool {
	before, ok := k.carried(w)
	if !ok {
		return false
	}
	old := k.widen(w, width)
	k.drain(k.waiters(w), drainFor)
	after, ok := k.carried(w)
	if ok && after >= before*enough {
		return true
	}
	k.widen(w, old)
	return false
}

func (k *keeper) widen(w *wire, width int) (old int) {
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	old = w.width
	w.width = width
	w.turn()
	return old
}

// waiters are the members that have no turn.
func (k *keeper) waiters(w *wire) (held []*Member) {
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	for _, m := range w.members {
		if m.active && !m.turn {
			held = append(held, m)
		}
	}
	return held
}

// carried is what all members of a wire get together; ok is false if one came or went.
func (k *keeper) carried(w *wire) (total float64, ok bool) {
	of := func() []*Member {
		k.a.mu.Lock()
		defer k.a.mu.Unlock()
		return slices.Clone(w.members)
	}
	members := of()
	found, ok := k.measure(resizeSpan)
	return found.total(members), ok && slices.Equal(members, of())
}
