// This file is the vocabulary of what the engine reports: every screen, log, JSON line
// and report is made from these events and nothing else. Names and meanings are the
// contract of docs/events.md; their form in JSON is internal/ui's.

package flash

import (
	"time"

	"github.com/zarya-station/zarya/usb"
)

// Event is one thing that happened. The fields here are common to all events, Body has
// those of its type.
type Event struct {
	Seq  int64     // 1, 2, 3 … within one run of the program
	Time time.Time // UTC
	Run  string    // one invocation of the program
	Job  string    // one attempt to bring one tablet to one plan; "" outside jobs
	Where
	Attempt int // 1 for the first; 0 outside jobs
	Body    Body

	watch func(Event) // the job's own; nil: none
}

// Where says which tablet an event is about.
type Where struct {
	Port     string // this boot's short form, such as 1-2.3
	PortName string // the station's name for the port, such as A3
	Address  string // network targets: tcp:HOST:PORT
	Serial   string // as the device reports it, cleaned
}

// Label is the shortest name a person knows the tablet by: the port's name, the
// port, or the network address.
func (w Where) Label() string {
	switch {
	case w.PortName != "":
		return w.PortName
	case w.Port != "":
		return w.Port
	case w.Address != "":
		return w.Address
	}
	return w.Serial
}

// Body is the part of an event that depends on its type. The engine has the types in this
// file; a front end may add its own.
//
// Secrets are taken out of every string of a body before anything else sees it. Two kinds
// of fields are left alone, because a secret that is a common word must not change them:
// those of a named type, such as Class, and those tagged redact:"never", which hold words of
// the profile or of the program itself.
type Body interface{ EventType() string }

// Device is a change in what is plugged in.
type Device struct {
	Change  string   `redact:"never"` // present, arrived, left, changed
	Mode    usb.Mode // fastboot, fastbootd, booted, android, …
	Model   string   // as AGS3-L09
	Speed   string   // of the USB connection
	Lock    string   // locked, unlocked; left out when not reported
	Problem string   // why it cannot be used
	Hint    string   // what to do about that
}

// JobStarted opens a job. Exactly one JobDone closes it.
type JobStarted struct {
	Scope   Scope       // how much is done: flash, provision, run
	Model   string      // if already known
	Profile string      `redact:"never"` // its name
	Bundle  string      `redact:"never"` // its name and version
	Steps   []string    `redact:"never"` // in order
	Images  []ImageInfo `redact:"never"` // which image is written to which partition
}

// Planned says what will be done, where that depends on the tablet.
type Planned struct {
	Profile string      `redact:"never"` // the one for this model
	Bundle  string      `redact:"never"` // its name and version
	Steps   []string    `redact:"never"` // in order
	Images  []ImageInfo `redact:"never"` // which image is written to which partition
}

// StateChanged reports the new state of a job. JobStarted implies StateConnecting,
// and JobDone implies StateDone.
type StateChanged struct {
	State State // the new one
}

// StepStarted reports that a step has started.
type StepStarted struct {
	Step  string `redact:"never"` // such as flash:userdata
	Bytes int64  // raw bytes it will move, if any
}

// StepDone reports the result of a step.
type StepDone struct {
	Step    string     `redact:"never"` // such as flash:userdata
	Bytes   int64      // raw bytes it moved
	Seconds float64    // how long it took
	Result  StepResult // how it ended
}

// Progress reports how far a step is, at most four times per second and job.
type Progress struct {
	Step      string `redact:"never"` // such as flash:userdata
	Done      int64  // raw bytes, counted as on the partition
	Total     int64  // raw bytes
	WireDone  int64  // bytes sent
	WireTotal int64  // bytes to be sent
}

// Waiting reports that a job cannot continue by itself.
type Waiting struct {
	For     string  `redact:"never"` // operator, identity, device, admission
	Hint    string  // what to do, or which command has had no answer for how long
	Seconds float64 // the longest time that it waits; 0: not known
	Silent  float64 // for how many seconds a connected device has not answered; 0: it waits for something else
}

// Retry reports that a step starts again from its beginning.
type Retry struct {
	Step    string `redact:"never"` // the step that failed
	Message string // why
	Class   Class  // where to look for the cause
}

// Warning is something that a person should know and that stops nothing.
type Warning struct {
	Message string // what happened
	Class   Class  // where to look for the cause
	Hint    string // what to do
}

// Log is what a device said (INFO and TEXT lines, cleaned) or what a step notes.
type Log struct {
	Message string // the text, cleaned
	Class   Class  // where to look for the cause
}

// JobDone is the one result of a job.
type JobDone struct {
	Scope     Scope             // as in job-started
	Model     string            // as AGS3-L09
	Result    JobResult         // how it ended
	Verified  string            `redact:"never"` // how far it was verified: sent, fetched, booted
	Class     Class             // where to look for the cause
	Step      string            `redact:"never"` // where it failed
	Error     string            // what failed, with what the tablet said
	Hint      string            // what to do next
	Retryable bool              // whether another try may pass
	Bytes     int64             // raw bytes written
	Seconds   float64           // since job-started
	Retries   int               // how many steps were started again
	Record    string            `redact:"never"` // the name of this record in the ledger
	Inventory string            // the identity's inventory number
	Lock      string            // locked, unlocked: last reported by the bootloader; left out when not reported
	Facts     map[string]string // read from the tablet and checked
	Unique    []string          // the facts that no other tablet may have

	Answer *Answer // say and reason of the hook that was asked before the first write; left out if none was

	Measurements []Measurement `redact:"never"` // taken during the job, by name

	NotDurable  bool   // the record failed, of this job or of another under way: it stopped for that
	Exhausted   bool   // its pool had no identity
	Twin        bool   // the identity of its serial is another tablet's, which is under way
	OtherSerial string // the serial of another tablet that was found in this one's place
	Foreign     bool   // its Plan has nothing for this tablet, which was left as it was
}

// EventType is the value of "type".
func (Device) EventType() string { return "device" }

// EventType is the value of "type".
func (JobStarted) EventType() string { return "job-started" }

// EventType is the value of "type".
func (Planned) EventType() string { return "planned" }

// EventType is the value of "type".
func (StateChanged) EventType() string { return "state" }

// EventType is the value of "type".
func (StepStarted) EventType() string { return "step-started" }

// EventType is the value of "type".
func (StepDone) EventType() string { return "step-done" }

// EventType is the value of "type".
func (Progress) EventType() string { return "progress" }

// EventType is the value of "type".
func (Waiting) EventType() string { return "waiting" }

// EventType is the value of "type".
func (Retry) EventType() string { return "retry" }

// EventType is the value of "type".
func (Warning) EventType() string { return "warning" }

// EventType is the value of "type".
func (Log) EventType() string { return "log" }

// EventType is the value of "type".
func (JobDone) EventType() string { return "job-done" }

// Scope is how much of a tablet's way a job covers.
type Scope string

// The scopes.
const (
	ScopeFlash     Scope = "flash"
	ScopeProvision Scope = "provision"
	ScopeRun       Scope = "run"
)

// StepResult is how a step ended.
type StepResult string

// The step results.
const (
	StepOK      StepResult = "ok"      // it succeeded
	StepChanged StepResult = "changed" // a setting was changed
	StepAlready StepResult = "already" // the setting was already right
	StepFail    StepResult = "fail"    // it failed
	StepSkipped StepResult = "skipped" // its condition is not met
	StepDiffers StepResult = "differs" // compared only: it would change something
)

// JobResult is how a job ended.
type JobResult string

// The job results.
const (
	Pass        JobResult = "pass"        // everything was done and verified
	Compliant   JobResult = "compliant"   // the tablet was already right; nothing was written
	Fail        JobResult = "fail"        // it failed; class, step and error say why
	Interrupted JobResult = "interrupted" // it was stopped half-way
	Skipped     JobResult = "skipped"     // it never started
)

// Word is what the board says for a job of the given scope that ended with r:
// PASS is kept for a whole run, because only a run has seen the tablet boot.
func (r JobResult) Word(s Scope) string {
	switch r {
	case Pass:
		switch s {
		case ScopeFlash:
			return "FLASHED"
		case ScopeProvision:
			return "PROVISIONED"
		default:
			return "PASS"
		}
	case Compliant:
		return "COMPLIANT"
	case Interrupted:
		return "INTERRUPTED"
	case Skipped:
		return "SKIPPED"
	default:
		return "FAIL"
	}
}
