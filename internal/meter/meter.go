// Package meter measures the rate on a wire over the last three seconds, so that what is shown is
// the rate of now. A [Meter] is told with Add how many bytes were sent by when, and answers with
// Rate. It reads no clock.
package meter

import "time"

// Window is how far back a rate looks.
const Window = 3 * time.Second

// sample is how many bytes were sent by a time.
type sample struct {
	at   time.Time
	sent int64
}

// Meter knows the last samples, the oldest first: one from before the window, and those in
// it. The zero Meter is ready.
type Meter struct{ samples []sample }

// Add says that so many bytes were sent in all by a time. Fewer than before is a new count.
func (m *Meter) Add(at time.Time, sent int64) {
	if n := len(m.samples); n > 0 && sent < m.samples[n-1].sent {
		m.samples = nil
	}
	m.samples = append(m.samples, sample{at, sent})
	for len(m.samples) > 2 && at.Sub(m.samples[1].at) >= Window {
		m.samples = m.samples[1:]
	}
}

// Rate is in bytes a second; 0 is not known, or that nothing moves.
func (m *Meter) Rate(now time.Time) float64 {
	if len(m.samples) < 2 {
		return 0
	}
	first, last := m.samples[0], m.samples[len(m.samples)-1]
	took := max(last.at.Sub(first.at), now.Sub(first.at)).Seconds()
	if took <= 0 {
		return 0
	}
	return float64(last.sent-first.sent) / took
}

// Sent is the last count.
func (m *Meter) Sent() int64 {
	if len(m.samples) == 0 {
		return 0
	}
	return m.samples[len(m.samples)-1].sent
}
