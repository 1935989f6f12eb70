// This file is honest time: how long a model took in each state on this bench, and from
// that how long is left. A model that was not measured here has no time left.

package station

import (
	"slices"
	"time"
)

// trail is the way of one job through its states.
type trail struct {
	now   PortState // "" before the first and after the last
	since time.Time
	held  time.Time // since when people are waited for, which is nobody's pace; zero: they are not
	spent map[PortState]time.Duration
}

// hold leaves out what comes from now on, until release.
func (t *trail) hold(at time.Time) {
	if t.held.IsZero() {
		t.held = at
	}
}

func (t *trail) release(at time.Time) {
	if !t.held.IsZero() {
		t.since = t.since.Add(at.Sub(t.held))
		t.held = time.Time{}
	}
}

func (t *trail) enter(s PortState, at time.Time) {
	t.leave(at)
	t.now, t.since = s, at
}

func (t *trail) leave(at time.Time) {
	t.release(at)
	if t.now == "" {
		return
	}
	if t.spent == nil {
		t.spent = map[PortState]time.Duration{}
	}
	t.spent[t.now] += at.Sub(t.since)
	t.now = ""
}

// paceStates are the states whose time is known beforehand. What comes before depends on
// people.
var paceStates = []PortState{Flashing, Booting, Provisioning, Checking}

// keptPaces is how many of the last jobs of a model count.
const keptPaces = 15

// keptModels bounds what tablets with made-up names can take.
const keptModels = 100

// paces are the last whole jobs of each model, that passed.
type paces map[string][]map[PortState]time.Duration

// add remembers a job that went all the way.
func (p paces) add(model string, t trail) {
	if model == "" || t.spent[Flashing] == 0 || p[model] == nil && len(p) >= keptModels {
		return
	}
	list := append(p[model], t.spent)
	p[model] = slices.Clone(list[max(0, len(list)-keptPaces):])
}

// median is what a state takes for a model.
func (p paces) median(model string, s PortState) time.Duration {
	var all []time.Duration
	for _, job := range p[model] {
		all = append(all, job[s])
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// ahead is how much of a job is done by time, 0 to 1, and what is left; -1 and 0 are not
// known. What is left is in whole seconds, and never said to be none before it is.
func (p paces) ahead(model string, t trail, now time.Time) (part float64, left time.Duration) {
	if len(p[model]) == 0 {
		return -1, 0
	}
	var total, done time.Duration
	reached := false
	for _, s := range paceStates {
		usual := p.median(model, s)
		total += usual
		spent := t.spent[s]
		if t.now == s {
			reached = true
			spent += now.Sub(t.since)
			done += min(spent, usual)
		} else if !reached && spent > 0 {
			done += usual
		}
	}
	if total == 0 {
		return -1, 0
	}
	return float64(done) / float64(total), (total - done + time.Second - 1).Truncate(time.Second)
}
