// This file is the rate and the time left of one tablet's wire, as text.

package ui

import (
	"fmt"
	"time"

	"github.com/zarya-station/zarya/internal/bytesize"
	gauge "github.com/zarya-station/zarya/internal/meter"
)

// meter is a gauge that knows how much there is to send.
type meter struct {
	gauge.Meter
	total int64
}

func (m *meter) add(at time.Time, sent, total int64) {
	m.total = total
	m.Add(at, sent)
}

// text is the rate and the time that is left.
func (m *meter) text(now time.Time) string {
	rate := m.Rate(now)
	if rate < 1 {
		return ""
	}
	text := bytesize.Text(int64(rate)) + "/s"
	left := float64(m.total-m.Sent()) / rate
	if left >= 1 {
		text += fmt.Sprintf(" %d:%02d", int(left)/60, int(left)%60)
	}
	return text
}
