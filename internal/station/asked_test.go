// What a station shows of tablets that its factory's system does not want.

package station_test

import (
	"context"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/station"
)

// asking is work for which a hook is asked, which always says the same.
type asking struct {
	station.Work
	answer flash.Answer
}

func (a asking) Job(id string, t flash.Target) flash.Job {
	j := a.Work.Job(id, t)
	j.Hooks = a
	return j
}

func (a asking) Call(_ context.Context, m flash.Moment, _ *flash.Session, _ *flash.JobDone) (*flash.Answer, error) {
	if m != flash.HookBefore {
		return nil, nil
	}
	return &a.answer, nil
}

func TestTheFactoryDoesNotWantIt(t *testing.T) {
	for say, want := range map[flash.Say]struct {
		state  station.PortState
		reason string
		done   int
	}{
		flash.SaySkip:  {station.Skipped, "skipped", 0},
		flash.SayAbort: {station.Failed, "device", 0},
		flash.SayRun:   {station.Flashed, "", 1},
	} {
		asked := func(o *station.Options) { o.Work = asking{o.Work, flash.Answer{Say: say, Reason: "order A-17"}} }
		rule(t, asked, func(s *shop) {
			s.put("A1", "SN1", "")
			s.settle()
			p := s.wants("A1", want.state)
			v := s.View()
			if a := v.Actions[0]; p.Reason != want.reason || want.reason != "" && (a.Key != want.reason || a.Words != "order A-17") {
				t.Errorf("%s: %q, and to do is %+v", say, p.Reason, a)
			}
			if say == flash.SaySkip && v.Today.FirstPass != -1 || v.Today.Done != want.done {
				t.Errorf("%s: it counts as %+v", say, v.Today)
			}
		})
	}
}
