// Honest time: what is left, from what a model took before.

package station

import (
	"testing"
	"time"
)

func TestTimeLeft(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	known := paces{}
	if part, left := known.ahead("M", trail{now: Flashing, since: start}, start); part != -1 || left != 0 {
		t.Errorf("a model that was not measured: %g, %s", part, left)
	}
	var whole trail
	whole.enter(Flashing, start)
	whole.enter(Booting, start.Add(60*time.Second))
	whole.leave(start.Add(100 * time.Second))
	known.add("M", whole)
	var now trail
	now.enter(Flashing, start)
	for after, want := range map[time.Duration]time.Duration{
		0:                        100 * time.Second,
		30 * time.Second:         70 * time.Second,
		59600 * time.Millisecond: 41 * time.Second,
		90 * time.Second:         40 * time.Second, // longer than usual: the rest is as usual
	} {
		if _, left := known.ahead("M", now, start.Add(after)); left != want {
			t.Errorf("after %s: %s left, want %s", after, left, want)
		}
	}
	now.enter(Booting, start.Add(60*time.Second))
	if part, left := known.ahead("M", now, start.Add(99900*time.Millisecond)); left != time.Second || part >= 1 {
		t.Errorf("a moment before the end: %g, %s left", part, left)
	}
}
