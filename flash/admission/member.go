// This file is one job's part in admission: its downloads, one after the other.

package admission

import (
	"context"
	"time"
)

// How a download is cut, so that it can be held up.
const (
	smallWindow = 64 << 10               // given to one that waits, and the least
	largeWindow = 4 << 20                // the most
	windowTime  = 50 * time.Millisecond  // what a window should take
	keepAlive   = 10 * time.Second       // between windows of one that waits in its data
	rateAfter   = 100 * time.Millisecond // a rate of less is not trusted
)

// Member is one job. Its methods are for the job's worker.
type Member struct {
	a     *Admission
	order int64
	place string
	wake  chan struct{} // something changed

	// Admission.mu guards the rest.
	wire   *wire // nil: shares with no one, as far as is known
	tested bool  // it was found out what it shares
	held   bool  // by a probe
	dry    dry   // until when it may hand over what will have arrived by then
	turn   bool  // of its wire's turns it has one

	active  bool // a download is under way, or wants to begin
	blocked bool // and waits
	stalled bool // and takes nothing though it may
	d       Download
	sent    int64         // bytes of it handed over
	base    int64         // what Delivered said at its begin
	done    int64         // bytes of the downloads before
	runs    time.Time     // since when it is not blocked
	ran     time.Duration // before that, all downloads together
	moved   time.Time     // when bytes were last seen to arrive
	seen    int64         // how many there were then
	spent   time.Duration // lost to probes
}

// Download is one data phase.
type Download struct {
	Left int64 // bytes from its begin to the end of the job's image, its own included
	// Delivered returns how many bytes have arrived so far, counted from any point; ok is
	// false if it is not known. It is called from other goroutines.
	Delivered func() (n int64, ok bool)
}

// notify wakes the worker. a.mu is held.
func (m *Member) notify() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// dry is when all that a member has handed over shall have arrived, at its rate.
type dry struct {
	at   time.Time // zero: as soon as possible
	rate float64   // bytes a second
}

// mayRun reports whether bytes may flow. a.mu is held.
func (m *Member) mayRun() bool {
	return (!m.held || m.beforeDry() >= smallWindow) && (m.wire == nil || m.turn)
}

// beforeDry is how many bytes may be handed over now and will have arrived when the member
// is to be dry. a.mu is held.
func (m *Member) beforeDry() int64 {
	left := time.Until(m.dry.at).Seconds()
	if left <= 0 {
		return 0
	}
	return int64(left*m.dry.rate) - m.queued()
}

// Begin waits until a download may begin. waits is called first if others have their
// turn. Without an error, End must follow.
func (m *Member) Begin(ctx context.Context, d Download, waits func()) error {
	a := m.a
	base := int64(0)
	if n, ok := d.Delivered(); ok {
		base = n
	}
	a.mu.Lock()
	m.active, m.stalled, m.blocked = true, false, true
	m.d, m.sent, m.base = d, 0, base
	m.watch(time.Now())
	if m.wire != nil {
		m.wire.turn()
	}
	for !m.mayRun() {
		told := !m.held && waits != nil
		a.mu.Unlock()
		if told {
			waits()
			waits = nil
		}
		select {
		case <-m.wake:
		case <-ctx.Done():
			m.End()
			return context.Cause(ctx)
		}
		a.mu.Lock()
	}
	m.unblock()
	a.mu.Unlock()
	return nil
}

// End ends a download, or the wait for one.
func (m *Member) End() {
	m.a.mu.Lock()
	defer m.a.mu.Unlock()
	m.block()
	m.done += m.sent
	m.sent, m.d.Left, m.active, m.stalled = 0, m.d.Left-m.sent, false, false
	if m.wire != nil {
		m.wire.turn()
	}
}

// Sent says that n bytes more were handed over.
func (m *Member) Sent(n int) {
	m.a.mu.Lock()
	defer m.a.mu.Unlock()
	m.sent += int64(n)
}

// Pace returns how many bytes may be handed over next, when some may. It returns a few if
// ctx ends, or if the wait has lasted so long that the other end might give up.
func (m *Member) Pace(ctx context.Context) int64 {
	a := m.a
	a.mu.Lock()
	defer a.mu.Unlock()
	for !m.byPiece() && !m.mayRun() {
		m.block()
		a.mu.Unlock()
		patience := time.NewTimer(keepAlive)
		var out bool
		select {
		case <-m.wake:
		case <-patience.C:
			out = true
		case <-ctx.Done():
			out = true
		}
		patience.Stop()
		a.mu.Lock()
		if out {
			return smallWindow
		}
	}
	m.unblock()
	window := int64(largeWindow)
	if m.held {
		window = m.beforeDry()
	}
	now := time.Now()
	if probed := !m.tested && time.Duration(float64(m.whole(now))*probeShare) >= minProbe; m.wire == nil && !m.held && !probed {
		return window // nothing will hold it up: small windows would only cost CPU
	}
	if ran := m.runTime(now); ran > rateAfter {
		rate := float64(m.done+m.sent) / ran.Seconds()
		least, most := int64(smallWindow), windowTime
		if _, ok := m.d.Delivered(); !ok { // what is handed over is all that is known
			least, most = smallWindow/4, windowTime/5
		}
		window = min(window, max(least, int64(rate*most.Seconds())))
	}
	return window
}

func (m *Member) byPiece() bool { return m.wire != nil && m.wire.byPiece }

func (m *Member) block() {
	if !m.blocked {
		m.blocked = true
		m.ran += time.Since(m.runs)
	}
}

func (m *Member) unblock() {
	if m.blocked {
		m.blocked = false
		m.runs = time.Now()
		m.moved = m.runs
	}
}

// runTime is how long downloads were not blocked. a.mu is held.
func (m *Member) runTime(now time.Time) time.Duration {
	if m.active && !m.blocked {
		return m.ran + now.Sub(m.runs)
	}
	return m.ran
}

// arrived is how many bytes of all downloads have reached the tablet. a.mu is held.
func (m *Member) arrived() int64 {
	if m.active {
		if n, ok := m.d.Delivered(); ok {
			return m.done + max(0, n-m.base)
		}
	}
	return m.done + m.sent
}

// queued is how many bytes were handed over and have not arrived. a.mu is held.
func (m *Member) queued() int64 { return max(0, m.done+m.sent-m.arrived()) }

// watch notes whether bytes arrive. a.mu is held.
func (m *Member) watch(now time.Time) {
	if n := m.arrived(); n != m.seen || m.blocked {
		m.seen, m.moved = n, now
	}
	stalled := m.active && !m.blocked && now.Sub(m.moved) >= stallAfter
	if stalled != m.stalled {
		m.stalled = stalled
		if m.wire != nil {
			m.wire.turn()
		}
	}
}

// whole is about how long all bytes of the member's image take as things are: what has
// passed, and what is left at the rate so far. 0 is not known. a.mu is held.
func (m *Member) whole(now time.Time) time.Duration {
	ran, arrived := m.runTime(now), m.arrived()
	if !m.active || ran < rateAfter || arrived == 0 {
		return 0
	}
	left := max(0, m.d.Left-m.sent)
	return time.Duration(float64(ran) * float64(arrived+left) / float64(arrived))
}
