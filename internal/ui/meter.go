// This file measures what goes over the wire to one tablet: over the last seconds, so that
// the rate is of now and the time left is honest.

package ui

import (
	"fmt"
	"time"

	"github.com/zarya-station/zarya/internal/bytesize"
)

// meterWindow is how far back a rate looks.
const meterWindow = 3 * time.Second

// sample is how many bytes were sent by a time.
type sample struct {
	at   time.Time
	sent int64
}

// meter knows the last samples, the oldest first: one from before the window, and those in
// it.
type meter struct {
	samples []sample
	total   int64
}

func (m *meter) add(at time.Time, sent, total int64) {
	if n := len(m.samples); n > 0 && sent < m.samples[n-1].sent {
		m.samples = nil // begun anew
	}
	m.total = total
	m.samples = append(m.samples, sample{at, sent})
	for len(m.samples) > 2 && at.Sub(m.samples[1].at) >= meterWindow {
		m.samples = m.samples[1:]
	}
}

// rate is in bytes a second; 0 is not known, or that nothing moves.
func (m *meter) rate(now time.Time) float64 {
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

// text is the rate and the time that is left.
func (m *meter) text(now time.Time) string {
	rate := m.rate(now)
	if rate < 1 {
		return ""
	}
	text := bytesize.Text(int64(rate)) + "/s"
	left := float64(m.total-m.samples[len(m.samples)-1].sent) / rate
	if left >= 1 {
		text += fmt.Sprintf(" %d:%02d", int(left)/60, int(left)%60)
	}
	return text
}
