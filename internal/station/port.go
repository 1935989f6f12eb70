// This file is one port: what is in it, and what it shows. A port is changed only by what
// comes and goes, by the events of its job, and by a person; its state follows from those.

package station

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/meter"
)

// Place is a port as a watcher reports it.
type Place struct {
	Key    string       // what makes it this port: the same as long as the program runs
	Name   string       // on the socket, or what a person calls it
	Target flash.Target // whatever tablet is there
}

// Change is what came or went in a place. Serial and Model are what the bus tells; "" is
// not told.
type Change struct {
	Place
	Present bool
	Serial  string
	Model   string
}

// maxLines is how many lines of a tablet's talk are kept for a port.
const maxLines = 200

// port is one socket. Station.mu guards it.
type port struct {
	place   Place
	order   int // on the bench
	present bool
	arrival int // how many tablets came here
	begun   int // the arrival that the last job was begun for, or went on with
	off     bool
	decided bool // by a person; else three tablets failed here
	streak  []string

	state    PortState
	since    time.Time
	handle   *flash.Handle
	work     *work
	started  time.Time // of the job
	ended    time.Time
	under    flash.Circumstances
	model    string
	serial   string
	seen     string // the serial that the bus told at the arrival
	job      string
	profile  string
	bundle   string
	attempt  int
	wrote    bool // the job may have written something
	steps    []string
	done     map[string]bool // steps that have ended
	step     string
	progress flash.Progress
	rate     meter.Meter
	until    time.Time // Away, YourTurn: when it is given up
	heard    time.Time // Silent: the last sign of life
	keys     string
	result   flash.JobDone
	before   *Past
	pace     trail
	lines    []string
	repeats  int // jobs of one tablet in a row, none of which passed
	lastFail string
	wait     time.Time // no job before this
}

// set moves the port to a state.
func (p *port) set(s PortState, now time.Time) {
	if p.state != s {
		p.state, p.since = s, now
	}
}

// begin forgets the last tablet for a new one.
func (p *port) begin(job string, now time.Time) {
	p.job, p.started, p.ended = job, now, time.Time{}
	p.model, p.serial = "", p.seen
	p.profile, p.bundle, p.attempt, p.wrote = "", "", 0, false
	p.steps, p.done, p.step, p.progress, p.rate = nil, map[string]bool{}, "", flash.Progress{}, meter.Meter{}
	p.until, p.heard, p.keys = time.Time{}, time.Time{}, ""
	p.result, p.before, p.lines = flash.JobDone{}, nil, nil
	p.pace = trail{}
	p.set(Detected, now)
}

// forget is an empty port that shows nothing of its last tablet.
func (p *port) forget(now time.Time) {
	p.begin("", now)
	p.started, p.serial = time.Time{}, ""
	p.set(Empty, now)
}

// stateOf is what a port shows for the state of its job.
var stateOf = map[flash.State]PortState{
	flash.StateQueued: Queued, flash.StateConnecting: Detected, flash.StateIdentified: Identified, flash.StatePreflight: Preflight,
	flash.StateFlashing: Flashing, flash.StateBooting: Booting, flash.StateProvisioning: Provisioning, flash.StateChecking: Checking,
}

// resume returns from a state that waits to the one before it.
func (p *port) resume(now time.Time) {
	if s := p.pace.now; s != "" && (p.state == Silent || p.state == Away || p.state == YourTurn || p.state == Queued ||
		p.state == NoIdentity) {
		p.pace.release(now)
		p.set(s, now)
		p.until, p.heard, p.keys = time.Time{}, time.Time{}, ""
	}
}

// expects reports whether the port's job waits for this tablet to come back: it restarted, or
// its cable was out.
func (p *port) expects(serial string) bool {
	return p.handle != nil && p.ended.IsZero() && (p.state == Away || p.pace.now == Booting) && (serial == "" || serial == p.serial)
}

// goesOn reports whether an event shows that the job speaks with the tablet. Who came back
// meanwhile is its tablet then, and no other one.
func goesOn(b flash.Body) bool {
	switch b := b.(type) {
	case flash.Device, flash.Progress:
		return true
	case flash.StepDone:
		return b.Result != flash.StepFail
	}
	return false
}

// event takes one event of the port's job, but for its end.
func (p *port) event(e flash.Event) {
	now := e.Time
	if goesOn(e.Body) {
		p.begun = p.arrival
	}
	if e.Serial != "" {
		p.serial = e.Serial
	}
	switch b := e.Body.(type) {
	case flash.JobStarted:
		p.profile, p.bundle, p.steps = cmp.Or(b.Profile, p.profile), cmp.Or(b.Bundle, p.bundle), b.Steps
		p.enter(Detected, now)
	case flash.Planned:
		p.profile, p.bundle, p.steps = cmp.Or(b.Profile, p.profile), cmp.Or(b.Bundle, p.bundle), b.Steps
	case flash.Device:
		p.model = cmp.Or(b.Model, p.model)
		p.resume(now)
	case flash.StateChanged:
		p.enter(stateOf[b.State], now)
	case flash.StepStarted:
		p.resume(now)
		p.step, p.progress = b.Step, flash.Progress{}
		p.wrote = p.wrote || p.pace.now == Flashing
	case flash.Progress:
		p.resume(now)
		p.progress = b
		p.rate.Add(now, b.WireDone)
	case flash.StepDone:
		p.resume(now)
		p.done[b.Step] = true
	case flash.Retry:
		p.say(b.Message)
	case flash.Warning:
		p.say(b.Message)
	case flash.Log:
		p.say(b.Message)
	case flash.Waiting:
		p.waiting(b, now)
	}
}

// enter moves the port to a state that its job works in.
func (p *port) enter(s PortState, now time.Time) {
	p.pace.enter(s, now)
	p.until, p.heard, p.keys = time.Time{}, time.Time{}, ""
	p.set(s, now)
}

// waiting shows what the job waits for.
func (p *port) waiting(w flash.Waiting, now time.Time) {
	seconds := time.Duration(w.Seconds * float64(time.Second))
	switch {
	case w.For == "admission":
		p.set(Queued, now)
	case w.For == "identity":
		p.pace.hold(now)
		p.until = time.Time{}
		p.set(NoIdentity, now)
	case w.For == "operator":
		p.keys = w.Hint
		p.set(YourTurn, now)
		if seconds > 0 {
			p.until = now.Add(seconds)
		}
	case w.Silent > 0:
		p.heard = now.Add(-time.Duration(w.Silent * float64(time.Second)))
		p.set(Silent, now)
	case w.For == "device":
		p.until = now.Add(seconds)
		p.set(Away, now)
	}
}

// say keeps a line.
func (p *port) say(line string) {
	if len(p.lines) >= maxLines {
		p.lines = p.lines[1:]
	}
	p.lines = append(p.lines, line)
}

// end takes the result of the port's job and returns the state that it leaves.
func (p *port) end(d flash.JobDone, now time.Time) PortState {
	away := !p.present || p.state == Away // it was waited for, and did not come back
	p.result, p.ended = d, now
	p.model = cmp.Or(d.Model, p.model)
	p.pace.leave(now)
	p.until, p.heard, p.keys = time.Time{}, time.Time{}, ""
	state := Retry
	switch {
	case d.Foreign:
		state = Foreign
	case d.Result == flash.Pass && d.Scope == flash.ScopeRun:
		state = Passed
	case d.Result == flash.Pass:
		state = Flashed
	case d.Result == flash.Compliant:
		state = Compliant
	case d.Result == flash.Skipped && d.Answer.Refused(d.Class):
		state = Skipped
	case d.Result == flash.Interrupted || d.Result == flash.Skipped:
		state = Interrupted
	case d.Class == flash.ClassCable && p.wrote && away:
		state = Unplugged
	case !d.Class.Bench() || d.Answer.Refused(d.Class):
		state = Failed
	}
	p.set(state, now)
	return state
}

// past is the port's failed job, to be shown when its tablet comes again.
func (p *port) past() Past {
	return Past{Time: p.ended, Port: p.place.Name, Class: p.result.Class, Step: p.result.Step, Error: p.result.Error, Record: p.result.Record}
}

// reason is the key of the word in the row and of its action.
func (p *port) reason() string {
	switch p.state {
	case Away:
		return "away"
	case YourTurn:
		return "keys"
	case SetAside:
		return "port-off"
	case Unplugged:
		return "unplugged"
	case Foreign:
		return string(flash.ClassProfile)
	case NoIdentity:
		return "no-identity"
	case Skipped:
		return "skipped"
	case Failed, Retry, Interrupted:
		switch c := p.result.Class; {
		case p.result.Answer.Refused(c):
			return string(flash.ClassDevice) // "refused", with what the hook said
		case p.state == Interrupted:
			return string(flash.ClassOperator)
		case c == flash.ClassIdentity && p.result.Exhausted && !p.result.Twin:
			return "numbers" // the pool's trouble, not two tablets'
		case c == flash.ClassProfile && p.result.Step != "" && p.result.Step != string(flash.StatePreflight):
			return "settings" // the tablet is of this order; what it shall become is wrong
		default:
			return string(c)
		}
	default:
	}
	return ""
}

// view is what the port shows now.
func (p *port) view(now time.Time, known paces) Port {
	v := Port{Name: p.place.Name, State: p.state, Since: p.since, Model: p.model, Serial: p.serial, Job: p.job, Record: p.result.Record,
		Profile: p.profile, Bundle: p.bundle, Attempt: p.attempt, Step: p.step, Percent: -1, Part: -1,
		Reason: p.reason(), Class: p.result.Class, Error: p.result.Error, Hint: p.result.Hint, Keys: p.keys, Before: p.before}
	if p.off && !p.state.Working() {
		v.State, v.Reason = SetAside, "port-off"
		if p.decided {
			v.Reason = "set-aside"
		}
	}
	if p.started.IsZero() {
		return v
	}
	if !p.ended.IsZero() {
		v.Elapsed, v.Bytes, v.Step = p.ended.Sub(p.started), p.result.Bytes, p.result.Step
		return v
	}
	v.Elapsed = now.Sub(p.started)
	v.Bytes, v.Rate = p.progress.Done, p.rate.Rate(now)
	v.StepNo, v.Steps = p.numbered()
	if p.progress.Total > 0 {
		v.Percent = percent(p.progress)
	}
	v.Part, v.Left = known.ahead(p.model, p.pace, now)
	if !p.until.IsZero() {
		v.Within = max(0, p.until.Sub(now))
	}
	if p.state == Silent {
		v.Quiet = now.Sub(p.heard)
	}
	return v
}

// numbered is which step of its stretch is under way: the steps between two restarts are one
// stretch.
func (p *port) numbered() (n, of int) {
	at := slices.Index(p.steps, p.step)
	if at < 0 {
		return 0, 0
	}
	restart := func(step string) bool {
		return step == "boot" || step == "bootloader" || strings.HasPrefix(step, "reboot")
	}
	first, end := at, at
	for first > 0 && !restart(p.steps[first-1]) {
		first--
	}
	for end < len(p.steps) && !restart(p.steps[end]) {
		end++
	}
	return at - first + 1, max(end-first, at-first+1)
}

// percent is how far a step is, by what the wire has carried.
func percent(g flash.Progress) int {
	if g.WireTotal > 0 {
		return int(min(100, g.WireDone*100/g.WireTotal))
	}
	return int(min(100, g.Done*100/g.Total))
}
