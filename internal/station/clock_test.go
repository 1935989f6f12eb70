// The clock on the wall jumps while tablets are worked on: what is shown goes by the time that
// has passed.

package station_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/zarya-station/zarya/internal/station"
)

// wall is a clock that can be set. The time that passes is the bubble's.
type wall struct{ ahead atomic.Int64 }

func (w *wall) set(d time.Duration) { w.ahead.Store(int64(d)) }

// shows is what time.Now would say of a time of the bubble when the clock was set: it has the
// wall's reading, and the monotonic one goes on. The bubble's own times have none, and package
// time has no way to make one, so this knows how they are kept: a bit, the seconds since 1885
// in 33 bits, nanoseconds in 30; then the monotonic reading.
func (w *wall) shows(t time.Time) time.Time {
	set := t.Add(time.Duration(w.ahead.Load()))
	made := struct {
		wall     uint64
		ext      int64
		location *time.Location
	}{1<<63 | uint64(set.Unix()-since1885)<<30 | uint64(set.Nanosecond()), t.UnixNano(), time.Local}
	return *(*time.Time)(unsafe.Pointer(&made)) // see above, and TestWall
}

var since1885 = time.Date(1885, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

func TestWall(t *testing.T) {
	w, now := &wall{}, time.Now()
	for _, d := range []time.Duration{5 * time.Hour, -5 * time.Hour, 0} {
		w.set(0)
		before := w.shows(now)
		w.set(d)
		after := w.shows(now.Add(time.Second))
		if before.Unix() != now.Unix() || after.Unix()-now.Unix() != int64(d/time.Second)+1 || after.Sub(before) != time.Second {
			t.Fatalf("%s: %s is shown as %s, and then as %s, %s later", d, now, before, after, after.Sub(before))
		}
	}
}

func TestTheClockJumps(t *testing.T) {
	for name, jumps := range map[string][]time.Duration{
		"forward": {5 * time.Hour}, "back": {-5 * time.Hour},
		"to another day and back": {40 * time.Hour, 0}, "back a month": {-31 * 24 * time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := &wall{}
			rule(t, func(o *station.Options) { o.SetWall(w.shows) }, func(s *shop) {
				time.Sleep(8 * time.Hour) // of the bubble
				s.put("B1", "SN0", "")
				s.settle()
				s.put("A1", "SN1", "slow=20000")
				s.put("A2", "SN2", "slow=20000")
				s.waitsFor("A1", station.Flashing)
				s.waitsFor("A2", station.Flashing)
				time.Sleep(3 * time.Second) // of the bubble: boot is written, and a part of system
				before := []station.Port{s.port("A1"), s.port("A2"), s.port("B1")}
				s.unplug("A2")
				s.waitsFor("A2", station.Away)
				away := s.port("A2").Within
				for _, d := range jumps {
					w.set(d)
				}
				after := []station.Port{s.port("A1"), s.port("A2"), s.port("B1")}
				if d := after[0].Elapsed - before[0].Elapsed; after[0].State != station.Flashing || d < 0 || d > 10*time.Second {
					t.Errorf("A1: %s, %s more", after[0].State, d)
				}
				if after[1].State != station.Away || after[1].Within != away {
					t.Errorf("A2: %s, %s left, not %s", after[1].State, after[1].Within, away)
				}
				if after[2].State != station.Flashed || after[2].Elapsed != before[2].Elapsed {
					t.Errorf("B1: %+v", after[2])
				}
				start := time.Now()
				s.settle()
				if took := time.Since(start); took > 2*time.Minute {
					t.Errorf("the jobs took %s to end", took)
				}
				s.wants("A1", station.Flashed)
				s.wants("A2", station.Unplugged)
				f := s.View().Today
				if f.Hour != 2 {
					t.Errorf("%+v", f)
				}
				if slices.Contains(jumps, 0) && (f.Done != 2 || f.FirstPass < 0.6 || f.FirstPass > 0.7) {
					t.Errorf("back on the day: %+v", f)
				}
				w.set(0)
				// The port rests five seconds, whatever the clock says.
				s.put("A2", "SN3", "")
				put := time.Now()
				s.waitsFor("A2", station.Flashed)
				if rest := time.Since(put); rest > 10*time.Second {
					t.Errorf("the port rested %s", rest)
				}
				if f := s.View().Today; f.Done != 3 && slices.Contains(jumps, 0) {
					t.Errorf("in the end: %+v", f)
				}
			})
		})
	}
}
