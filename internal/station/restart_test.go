// Tablets that restart or take another's place while a job runs: one job, one record.

package station_test

import (
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/station"
)

// On a bus, a tablet that restarts leaves and comes: that is no arrival, and no second job.
func TestATabletThatRestartsHasOneJob(t *testing.T) {
	for _, state := range []station.PortState{station.Flashing, station.Booting} {
		rule(t, restarting, func(s *shop) {
			s.put("A1", "SN1", "slow=20000")
			s.waitsFor("A1", state)
			s.tell(s.change("A1", "SN1", false))
			s.tell(s.change("A1", "SN1", true))
			s.settle()
			if p := s.wants("A1", station.Flashed); len(s.ended) != 1 || p.Attempt != 1 {
				t.Errorf("%d jobs after it restarted in %s: %+v", len(s.ended), state, p)
			}
		})
	}
}

// restarting makes jobs with a restart in their middle.
func restarting(o *station.Options) {
	w := o.Work.(simWork)
	o.Work = simWork{[]flash.Step{w.steps[0], flash.Reboot{Mode: "bootloader"}.Step(), w.steps[1]}}
}

// One that failed after its restart is not tried again until a person plugs it in again.
func TestARestartThatFailsIsNoArrival(t *testing.T) {
	rule(t, restarting, func(s *shop) {
		s.put("A1", "SN1", "")
		s.waitsFor("A1", station.Booting)
		s.unplug("A1")
		s.tell(s.change("A1", "SN1", true)) // it is there, and answers nothing
		s.settle()
		time.Sleep(10 * time.Second) //nolint:forbidigo // the bubble's clock: the port rests after a failure
		s.settle()
		if p := s.port("A1"); p.State.Good() || len(s.ended) != 1 {
			t.Errorf("%d jobs, %+v", len(s.ended), p)
		}
	})
}

// One that is put into the port of another, whose job still waits for it, gets its own job.
func TestATabletInThePlaceOfAnotherHasItsJob(t *testing.T) {
	rule(t, nil, func(s *shop) {
		s.put("A1", "SN1", "slow=20000")
		s.until("A1 is flashed in part", func() bool { return s.port("A1").State == station.Flashing && s.port("A1").Percent >= 1 })
		s.unplug("A1")
		s.waitsFor("A1", station.Away)
		s.put("A1", "SN2", "")
		s.settle()
		time.Sleep(10 * time.Second) //nolint:forbidigo // the bubble's clock: the port rests after a failure
		s.settle()
		if p := s.wants("A1", station.Flashed); p.Serial != "SN2" || len(s.ended) != 2 {
			t.Errorf("%d jobs, %+v", len(s.ended), p)
		}
	})
}
