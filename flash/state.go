// This file is a job's life as a table: the states, what moves a job from one to the
// next, and no other way. Events, records and screens use these names for the states.

package flash

import "github.com/zarya-station/zarya/usb"

// State is where a job is in its life. A screen derives a port's state from it: a port
// without a job is empty; a Waiting event says what a job waits for in its state; JobDone
// says how it ended.
type State string

// The states, in the order in which a whole run goes through them.
const (
	StateQueued       State = "queued"       // waiting for its turn
	StateConnecting   State = "connecting"   // waiting for the tablet, or asking which one it is
	StateIdentified   State = "identified"   // the tablet and its steps are known
	StatePreflight    State = "preflight"    // every step is checked against the tablet
	StateFlashing     State = "flashing"     // writing, in fastboot
	StateBooting      State = "booting"      // restarting, or between two modes
	StateProvisioning State = "provisioning" // making settings on the booted tablet
	StateChecking     State = "checking"     // reading back and comparing
	StateDone         State = "done"         // the job has its result
)

// trigger is what moves a job.
type trigger string

const (
	onAdmit     trigger = "is admitted"
	onIdentify  trigger = "is identified"
	onPreflight trigger = "begins preflight"
	onWrite     trigger = "begins a step in fastboot"
	onLeave     trigger = "waits for another mode"
	onSet       trigger = "begins a step on the booted tablet"
	onVerify    trigger = "compares the booted tablet"
	onEnd       trigger = "ends"
)

// transition is one row of the table: a job in state from moves to state to.
type transition struct {
	from State
	on   trigger
	to   State
}

// transitions is all that may happen to a job. What is not here is a bug.
var transitions = []transition{
	{StateQueued, onAdmit, StateConnecting},
	{StateQueued, onEnd, StateDone}, // it was never begun

	{StateConnecting, onIdentify, StateIdentified},
	{StateConnecting, onEnd, StateDone},

	{StateIdentified, onVerify, StateChecking}, // a booted tablet is compared first
	{StateIdentified, onPreflight, StatePreflight},
	{StateIdentified, onEnd, StateDone},

	{StatePreflight, onWrite, StateFlashing},
	{StatePreflight, onLeave, StateBooting},
	{StatePreflight, onSet, StateProvisioning},
	{StatePreflight, onVerify, StateChecking},
	{StatePreflight, onEnd, StateDone},

	{StateFlashing, onWrite, StateFlashing},
	{StateFlashing, onLeave, StateBooting},
	{StateFlashing, onEnd, StateDone},

	{StateBooting, onPreflight, StatePreflight}, // it was sent to its bootloader by the comparison
	{StateBooting, onWrite, StateFlashing},
	{StateBooting, onSet, StateProvisioning},
	{StateBooting, onVerify, StateChecking},
	{StateBooting, onEnd, StateDone},

	{StateProvisioning, onSet, StateProvisioning},
	{StateProvisioning, onVerify, StateChecking},
	{StateProvisioning, onLeave, StateBooting},
	{StateProvisioning, onEnd, StateDone},

	{StateChecking, onVerify, StateChecking},
	{StateChecking, onSet, StateProvisioning},
	{StateChecking, onLeave, StateBooting},
	{StateChecking, onPreflight, StatePreflight},
	{StateChecking, onEnd, StateDone},
}

// next returns the state after a trigger; ok is false if a job in st cannot have it.
func (st State) next(on trigger) (to State, ok bool) {
	for _, t := range transitions {
		if t.from == st && t.on == on {
			return t.to, true
		}
	}
	return st, false
}

// trigger returns what a step does to the state; "" leaves it.
func (st Step) trigger() trigger {
	switch {
	case st.arrival:
		return onLeave
	case st.Needs == usb.Booted && st.Verifies:
		return onVerify
	case st.Needs == usb.Booted:
		return onSet
	case st.Needs != "":
		return onWrite
	}
	return ""
}

// move takes the job to its next state, and reports the state if it is another. JobStarted
// and JobDone report the first and the last. A move that is not in the table is a bug, and
// leaves the state.
func (s *Session) move(on trigger) error {
	if on == "" {
		return nil
	}
	from := s.account.state
	to, ok := from.next(on)
	if !ok {
		return failf(ClassBug, "please report this", "internal error: a job that is %s cannot be one that %s", from, on)
	}
	s.account.times.enter(to)
	s.account.state = to
	if to != from && to != StateConnecting && to != StateDone {
		s.emit(StateChanged{State: to})
	}
	return nil
}
