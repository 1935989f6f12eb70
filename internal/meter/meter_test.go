package meter

import (
	"testing"
	"time"
)

// TestRate: the rate is of the last three seconds, falls while nothing arrives, and begins
// anew with a count that begins anew.
func TestRate(t *testing.T) {
	at := func(seconds float64) time.Time {
		return time.Unix(1000, 0).Add(time.Duration(seconds * float64(time.Second)))
	}
	var m Meter
	if m.Rate(at(0)) != 0 || m.Sent() != 0 {
		t.Errorf("before anything: %v, %d", m.Rate(at(0)), m.Sent())
	}
	for _, s := range []struct {
		second float64
		sent   int64
		rate   float64
	}{
		{0, 0, 0},         // one sample tells nothing
		{0, 10, 0},        // no time has passed
		{1, 100, 100},     // bytes a second
		{2, 200, 100},     //
		{4, 700, 200},     // 100 at 1, 700 at 4
		{5, 1400, 400},    // the slow beginning is forgotten: 200 at 2, 1400 at 5
		{6, 50, 0},        // another image
		{7, 150, 100},     //
		{17, 10_150, 1e3}, // from before the gap on
	} {
		m.Add(at(s.second), s.sent)
		if got := m.Rate(at(s.second)); got != s.rate || m.Sent() != s.sent {
			t.Errorf("at %v s: %v B/s of %d, want %v", s.second, got, m.Sent(), s.rate)
		}
	}
	if got := m.Rate(at(27)); got != 500 {
		t.Errorf("ten silent seconds later: %v B/s", got)
	}
}
