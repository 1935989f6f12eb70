// This file is the vocabulary of what the engine tells the outside: every
// screen, log, JSON line and report is made from these events and nothing else.
// Names and meanings are the contract of docs/events.md.

package flash

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/zarya-station/zarya/usb"
)

// EventVersion is the value of "v" in every event. It changes only when a key
// changes its meaning; new keys do not change it.
const EventVersion = 1

// Event is one thing that happened. The keys here are common to all events,
// Body has those of its type. Empty common keys are left out of the JSON.
type Event struct {
	Seq  int64     // 1, 2, 3 … within one run of the program
	Time time.Time // UTC
	Run  string    // one invocation of the program
	Job  string    // one attempt to bring one tablet to one plan; "" outside jobs
	Where
	Attempt int // 1 for the first; 0 outside jobs
	Body    Body
}

// Where says which tablet an event is about.
type Where struct {
	Port     string // this boot's short form, such as 1-2.3
	PortName string // the station's name for the port, such as A3
	Address  string // network targets: tcp:HOST:PORT
	Serial   string // as the device tells it, cleaned
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

// Body is the part of an event that depends on its type. The types in this file
// are all there are.
type Body interface{ EventType() string }

// Device is a change in what is plugged in.
type Device struct {
	Change  string   `json:"change"` // present, arrived, left, changed
	Mode    usb.Mode `json:"mode,omitempty"`
	Model   string   `json:"model,omitempty"`
	Speed   string   `json:"speed,omitempty"`
	Lock    string   `json:"lock,omitempty"` // locked, unlocked; left out when not told
	Problem string   `json:"problem,omitempty"`
	Hint    string   `json:"hint,omitempty"`
}

// JobStarted opens a job. Exactly one JobDone closes it.
type JobStarted struct {
	Scope   Scope       `json:"scope"`
	Model   string      `json:"model,omitempty"`
	Profile string      `json:"profile,omitempty"`
	Bundle  string      `json:"bundle,omitempty"`
	Steps   []string    `json:"steps"`
	Images  []ImageInfo `json:"images,omitempty"`
}

// ImageInfo is the record of one image that a job will write.
type ImageInfo struct {
	Partition string `json:"partition"`
	File      string `json:"file"`
	Digest    string `json:"digest"` // ALGORITHM:HEX over the file's bytes
	Size      int64  `json:"size"`   // bytes on the partition, expanded
}

// Planned says what is done, where that depends on what the tablet is.
type Planned struct {
	Bundle string      `json:"bundle,omitempty"`
	Steps  []string    `json:"steps"`
	Images []ImageInfo `json:"images,omitempty"`
}

// StepStarted says that a step began.
type StepStarted struct {
	Step  string `json:"step"`            // such as flash:userdata
	Bytes int64  `json:"bytes,omitempty"` // raw bytes it will move, if any
}

// StepDone says how a step ended.
type StepDone struct {
	Step    string     `json:"step"`
	Bytes   int64      `json:"bytes"`
	Seconds float64    `json:"seconds"`
	Result  StepResult `json:"result"`
}

// Progress says how far a step is: at most four a second for one job.
type Progress struct {
	Step      string `json:"step"`
	Done      int64  `json:"done"`  // raw bytes, as they stand on the partition
	Total     int64  `json:"total"` // raw bytes
	WireDone  int64  `json:"wire_done"`
	WireTotal int64  `json:"wire_total"`
}

// Waiting says that a job cannot go on by itself.
type Waiting struct {
	For  string `json:"for"` // operator, identity, device, admission
	Hint string `json:"hint,omitempty"`
}

// Retry says that a step is begun again from its start.
type Retry struct {
	Step    string `json:"step"`
	Message string `json:"message"`
	Class   Class  `json:"class,omitempty"`
}

// Warning is something a person should know that stops nothing.
type Warning struct {
	Message string `json:"message"`
	Class   Class  `json:"class,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// Log is what a device said (INFO and TEXT lines, cleaned) or what a step notes.
type Log struct {
	Message string `json:"message"`
	Class   Class  `json:"class,omitempty"`
}

// JobDone is the one result of a job.
type JobDone struct {
	Scope     Scope             `json:"scope"`
	Model     string            `json:"model,omitempty"`
	Result    JobResult         `json:"result"`
	Verified  string            `json:"verified,omitempty"` // sent, fetched, booted
	Class     Class             `json:"class,omitempty"`
	Step      string            `json:"step,omitempty"`
	Error     string            `json:"error,omitempty"`
	Hint      string            `json:"hint,omitempty"`
	Retryable bool              `json:"retryable"`
	Bytes     int64             `json:"bytes"` // raw bytes written
	Seconds   float64           `json:"seconds"`
	Retries   int               `json:"retries"`
	Record    string            `json:"record,omitempty"`    // the ledger's id of this result
	Inventory string            `json:"inventory,omitempty"` // the identity's inventory number
	Facts     map[string]string `json:"facts,omitempty"`     // that were read from the tablet and checked
	Unique    []string          `json:"-"`                   // the facts that no other tablet may have
}

// Summary is the last event of a run; a killed run has none.
type Summary struct {
	Passed      int     `json:"passed"`
	Compliant   int     `json:"compliant"`
	Failed      int     `json:"failed"`
	Interrupted int     `json:"interrupted"`
	Skipped     int     `json:"skipped"`
	Seconds     float64 `json:"seconds"`
	Retryable   int     `json:"retryable"`
	Exit        int     `json:"exit"`
}

// EventType is the value of "type".
func (Device) EventType() string { return "device" }

// EventType is the value of "type".
func (JobStarted) EventType() string { return "job-started" }

// EventType is the value of "type".
func (Planned) EventType() string { return "planned" }

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

// EventType is the value of "type".
func (Summary) EventType() string { return "summary" }

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
	StepOK      StepResult = "ok"
	StepChanged StepResult = "changed"
	StepAlready StepResult = "already"
	StepFail    StepResult = "fail"
	StepSkipped StepResult = "skipped" // its condition does not hold
	StepDiffers StepResult = "differs" // compared only: there is something for it to do
)

// JobResult is how a job ended.
type JobResult string

// The job results.
const (
	Pass        JobResult = "pass"
	Compliant   JobResult = "compliant"
	Fail        JobResult = "fail"
	Interrupted JobResult = "interrupted"
	Skipped     JobResult = "skipped"
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
		}
		return "PASS"
	case Compliant:
		return "COMPLIANT"
	case Interrupted:
		return "INTERRUPTED"
	case Skipped:
		return "SKIPPED"
	}
	return "FAIL"
}

// MarshalJSON writes one flat object: the common keys first, then the body's.
func (e Event) MarshalJSON() ([]byte, error) {
	head, err := json.Marshal(struct {
		V        int    `json:"v"`
		Seq      int64  `json:"seq"`
		TS       string `json:"ts"`
		Type     string `json:"type"`
		Run      string `json:"run,omitempty"`
		Job      string `json:"job,omitempty"`
		Port     string `json:"port,omitempty"`
		PortName string `json:"port_name,omitempty"`
		Address  string `json:"address,omitempty"`
		Serial   string `json:"serial,omitempty"`
		Attempt  int    `json:"attempt,omitempty"`
	}{
		EventVersion, e.Seq, e.Time.UTC().Format(time.RFC3339Nano), e.Body.EventType(),
		e.Run, e.Job, e.Port, e.PortName, e.Address, e.Serial, e.Attempt,
	})
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(e.Body)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(body, []byte("{}")) {
		return head, nil
	}
	return append(append(head[:len(head)-1], ','), body[1:]...), nil
}
