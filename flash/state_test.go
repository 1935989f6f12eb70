// The table of a job's life, tested as a table, and a worker that keeps to it.

package flash

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/usb"
)

var allStates = []State{StateQueued, StateConnecting, StateIdentified, StatePreflight, StateFlashing, StateBooting, StateProvisioning,
	StateChecking, StateDone}

// reach returns the states that can come after from, itself included.
func reach(from State) map[State]bool {
	seen := map[State]bool{from: true}
	for queue := []State{from}; len(queue) > 0; queue = queue[1:] {
		for _, t := range transitions {
			if t.from == queue[0] && !seen[t.to] {
				seen[t.to] = true
				queue = append(queue, t.to)
			}
		}
	}
	return seen
}

func TestStateTable(t *testing.T) {
	type key struct {
		from State
		on   trigger
	}
	rows := map[key]bool{}
	triggers := map[trigger]bool{}
	for _, tr := range transitions {
		if rows[key{tr.from, tr.on}] {
			t.Errorf("two rows for a job that is %s and %s", tr.from, tr.on)
		}
		rows[key{tr.from, tr.on}], triggers[tr.on] = true, true
		if !slices.Contains(allStates, tr.from) || !slices.Contains(allStates, tr.to) {
			t.Errorf("%+v has a state that is not known", tr)
		}
		if (tr.to == StateDone) != (tr.on == onEnd) {
			t.Errorf("%+v: only an end leads to %s, and it leads nowhere else", tr, StateDone)
		}
		if tr.from == StateDone {
			t.Errorf("%+v: a job that is done goes on", tr)
		}
	}
	fromStart := reach(StateQueued)
	for _, st := range allStates {
		if !fromStart[st] {
			t.Errorf("%s is never reached", st)
		}
		if !reach(st)[StateDone] {
			t.Errorf("a job that is %s never ends", st)
		}
		if _, ok := st.next(onEnd); ok == (st == StateDone) {
			t.Errorf("%s ends: %v", st, ok)
		}
	}
	if len(triggers) != 8 {
		t.Errorf("%d triggers are used: %v", len(triggers), slices.Sorted(maps.Keys(triggers)))
	}
	// Nothing is written before preflight, whichever way a job takes.
	for _, tr := range transitions {
		if tr.on == onWrite && tr.from != StatePreflight && tr.from != StateFlashing && tr.from != StateBooting {
			t.Errorf("%+v: writes without preflight", tr)
		}
	}
}

// TestStateOfSteps moves a job along the steps of whole runs.
func TestStateOfSteps(t *testing.T) {
	fastboot, booted := Step{Name: "f", Needs: usb.Fastboot}, Step{Name: "p", Needs: usb.Booted}
	reboot := Step{Name: "r", Needs: usb.Fastboot, Traits: Traits{Reboots: true}}
	restart := Step{Name: "R", Needs: usb.Booted, Traits: Traits{Reboots: true}}
	check := Step{Name: "c", Needs: usb.Booted, Traits: Traits{Verifies: true}}
	anywhere := Step{Name: "a"}
	for _, c := range []struct {
		steps []Step
		want  string
	}{
		{[]Step{fastboot, fastboot, reboot}, "preflight flashing"},
		{[]Step{fastboot, reboot, booted, check, anywhere}, "preflight flashing booting provisioning checking"},
		{[]Step{reboot, fastboot}, "preflight flashing booting flashing"},
		{[]Step{booted, restart, booted, check, booted}, "preflight provisioning booting provisioning checking provisioning"},
		{[]Step{check}, "preflight checking"},
		{[]Step{anywhere, booted}, "preflight booting provisioning"},
		{[]Step{booted, fastboot}, "preflight provisioning booting flashing"},
	} {
		state, _ := StateIdentified.next(onPreflight)
		way := []string{string(state)}
		for _, step := range withArrivals(c.steps) {
			on := step.trigger()
			if on == "" {
				continue
			}
			next, ok := state.next(on)
			if !ok {
				t.Fatalf("%s: %s from %s is not allowed", c.want, step.Name, state)
			}
			if next != state {
				way = append(way, string(next))
			}
			state = next
		}
		if got := strings.Join(way, " "); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// session is a job that has been admitted nowhere, and what it reports.
func session(state State) (s *Session, reported func() []Body) {
	var all []Body
	events := NewEvents("r", func(e Event) { all = append(all, e.Body) })
	s = &Session{engine: NewEngine(EngineOptions{Events: events}), account: account{state: state}}
	return s, func() []Body { events.Close(); return all }
}

func TestIllegalMoveIsABug(t *testing.T) {
	s, reported := session(StateQueued)
	for _, on := range []trigger{onWrite, onPreflight, onIdentify} {
		if err := s.move(on); err == nil || Classify(err).Class != ClassBug || s.account.state != StateQueued {
			t.Errorf("%s: %v, then %s", on, err, s.account.state)
		}
	}
	if all := reported(); len(all) > 0 {
		t.Errorf("reported: %v", all)
	}
}

func TestOneResultOnly(t *testing.T) {
	s, reported := session(StateFlashing)
	s.report(JobDone{Result: Pass})
	s.report(JobDone{Result: Fail})
	all := reported()
	if len(all) != 2 || all[0].(JobDone).Result != Pass {
		t.Fatalf("reported: %+v", all)
	}
	if _, warned := all[1].(Warning); !warned || s.account.state != StateDone {
		t.Errorf("after the second result: %+v, %s", all[1], s.account.state)
	}
}
