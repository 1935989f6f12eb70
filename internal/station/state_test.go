// The states of a port, one row each: what brings a port there, what it shows there, and
// where it goes on from a state that waits.

package station

import (
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
)

func TestStatesOfAPort(t *testing.T) {
	begun := []flash.Body{flash.JobStarted{}}
	state := func(s flash.State) flash.Body { return flash.StateChanged{State: s} }
	to := func(more ...flash.Body) []flash.Body { return append(begun[:len(begun):len(begun)], more...) }
	flashing := to(state(flash.StateIdentified), state(flash.StatePreflight), state(flash.StateFlashing),
		flash.StepStarted{Step: "flash:boot"})
	booted := append(flashing[:len(flashing):len(flashing)], state(flash.StateBooting))
	failed := func(c flash.Class) flash.JobDone { return flash.JobDone{Result: flash.Fail, Class: c} }
	shown := map[PortState]bool{}
	for _, c := range []struct {
		want   PortState
		events []flash.Body
		gone   bool         // the tablet was taken out before the end
		off    bool         // the port is set aside
		reason string       // the key of the words for it
		on     []flash.Body // what ends it
		then   PortState
	}{
		{want: Empty},
		{want: Detected, events: begun},
		{want: Identified, events: to(state(flash.StateIdentified))},
		{want: Preflight, events: to(state(flash.StatePreflight))},
		{want: Flashing, events: flashing},
		{want: Booting, events: booted},
		{want: Provisioning, events: to(state(flash.StateProvisioning))},
		{want: Checking, events: to(state(flash.StateChecking))},

		{want: Queued, events: append(flashing[:len(flashing):len(flashing)], flash.Waiting{For: "admission"}),
			on: []flash.Body{flash.Progress{}}, then: Flashing},
		{want: YourTurn, events: append(booted[:len(booted):len(booted)], flash.Waiting{For: "operator", Hint: "press"}), reason: "keys",
			on: []flash.Body{state(flash.StateProvisioning)}, then: Provisioning},
		{want: NoIdentity, events: append(booted[:len(booted):len(booted)], flash.Waiting{For: "identity"}), reason: "no-identity",
			on: []flash.Body{state(flash.StateProvisioning)}, then: Provisioning},
		{want: Silent, events: append(flashing[:len(flashing):len(flashing)], flash.Waiting{For: "device", Silent: 16}),
			on: []flash.Body{flash.StepDone{}}, then: Flashing},
		{want: Away, events: append(flashing[:len(flashing):len(flashing)], flash.Waiting{For: "device", Seconds: 30}), reason: "away",
			on: []flash.Body{flash.StepStarted{Step: "flash:boot"}}, then: Flashing},

		{want: Passed, events: append(booted[:len(booted):len(booted)], flash.JobDone{Result: flash.Pass, Scope: flash.ScopeRun})},
		{want: Compliant, events: to(flash.JobDone{Result: flash.Compliant, Scope: flash.ScopeRun})},
		{want: Flashed, events: append(flashing[:len(flashing):len(flashing)], flash.JobDone{Result: flash.Pass, Scope: flash.ScopeFlash})},
		{want: Failed, events: to(failed(flash.ClassLocked)), reason: "locked"},
		{want: Failed, events: to(failed(flash.ClassIdentity)), reason: "identity"},
		{want: Failed, events: to(flash.JobDone{Result: flash.Fail, Class: flash.ClassIdentity, Exhausted: true}), reason: "numbers"},
		{want: Failed, events: to(flash.JobDone{Result: flash.Fail, Class: flash.ClassIdentity, Exhausted: true, Twin: true}),
			reason: "identity"},
		{want: Failed, events: to(failed(flash.ClassBattery)), reason: "battery"},
		{want: Failed, events: to(flash.JobDone{Result: flash.Fail, Class: flash.ClassProfile, Step: "preflight"}), reason: "profile"},
		{want: Failed, events: to(flash.JobDone{Result: flash.Fail, Class: flash.ClassProfile, Step: "timezone"}), reason: "settings"},
		{want: Retry, events: append(flashing[:len(flashing):len(flashing)], failed(flash.ClassCable)), reason: "cable"},
		{want: Unplugged, events: append(flashing[:len(flashing):len(flashing)], failed(flash.ClassCable)), gone: true, reason: "unplugged"},
		{want: Retry, events: to(failed(flash.ClassCable)), gone: true, reason: "cable"}, // nothing was written yet
		{want: Interrupted, events: append(flashing[:len(flashing):len(flashing)],
			flash.JobDone{Result: flash.Interrupted, Class: flash.ClassOperator}), reason: "operator"},
		{want: Skipped, events: to(flash.JobDone{Result: flash.Skipped, Class: flash.ClassOperator,
			Answer: &flash.Answer{Say: flash.SaySkip}}), reason: "skipped"},
		{want: Interrupted, events: to(flash.JobDone{Result: flash.Skipped, Class: flash.ClassOperator}), reason: "operator"}, // before it began
		{want: Failed, events: to(flash.JobDone{Result: flash.Fail, Class: flash.ClassOperator, Answer: &flash.Answer{Say: flash.SayAbort}}),
			reason: "device"},
		{want: Retry, events: append(flashing[:len(flashing):len(flashing)],
			flash.JobDone{Result: flash.Fail, Class: flash.ClassCable, Answer: &flash.Answer{Say: flash.SayRun}}), reason: "cable"},
		{want: Foreign, events: to(flash.JobDone{Result: flash.Skipped, Class: flash.ClassProfile, Foreign: true}), reason: "profile"},
		{want: SetAside, off: true, reason: "port-off"},
		{want: SetAside, events: to(failed(flash.ClassLocked)), off: true, reason: "port-off"},
		{want: Flashing, events: flashing, off: true}, // what runs is finished
	} {
		shown[c.want] = true
		p := &port{place: Place{Name: "A1"}, present: true, state: Empty, done: map[string]bool{}}
		now := time.Now()
		tell := func(events []flash.Body) {
			for _, b := range events {
				now = now.Add(time.Second)
				if _, first := b.(flash.JobStarted); first {
					p.begin("j1", now)
				}
				if done, ok := b.(flash.JobDone); ok {
					p.present = !c.gone
					p.end(done, now)
					continue
				}
				p.event(flash.Event{Time: now, Body: b})
			}
		}
		tell(c.events)
		p.off = c.off
		v := p.view(now, nil)
		if v.State != c.want || v.Reason != c.reason {
			t.Errorf("%s: it shows %s, and %q, not %q", c.want, v.State, v.Reason, c.reason)
		}
		if ended := len(c.events) > 0 && !p.ended.IsZero(); v.State.Working() == (ended || len(c.events) == 0) {
			t.Errorf("%s: working %v, and its job has ended: %v", c.want, v.State.Working(), ended)
		}
		if c.on == nil {
			continue
		}
		if tell(c.on); p.state != c.then {
			t.Errorf("%s goes on to %s, not %s", c.want, p.state, c.then)
		}
	}
	if len(shown) != 23 {
		t.Errorf("%d states have a row", len(shown))
	}
}
