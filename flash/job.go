// This file is the shape of the work: jobs, their targets, steps and records.

package flash

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/zarya-station/zarya/flash/fastboot"
)

// Key is what a session knows a tablet by. Never the serial alone: some families
// give every unit the same.
type Key struct {
	Place   string // the port or the network address; does not change within a job
	Serial  string // "" when not reported or a placeholder
	Product string // "" when not reported
}

// Target is one tablet in one place, through all its modes. One worker uses a
// Target at a time.
type Target interface {
	// Where says how events name the tablet. Serial may be empty.
	Where() Where
	// Fastboot opens the tablet's fastboot interface. It tries once; the engine
	// tries again.
	Fastboot(ctx context.Context) (fastboot.Transport, error)
	// Dial opens a TCP connection to the booted tablet; port 0 is the target's own
	// number. It tries once.
	Dial(ctx context.Context, port int) (net.Conn, error)
}

// Uplinked is a Target of which it is known which wire it shares with others, such as the
// port of the root hub that a tablet's hub is plugged into.
type Uplinked interface {
	// Uplink names the wire; equal names are one wire.
	Uplink() string
}

// Changing is a Target that hears of what comes and goes in its place.
type Changing interface {
	// Changed returns a channel that is closed at the next change. Who takes it before
	// looking misses nothing.
	Changed() <-chan struct{}
}

// Job is one attempt to bring one target through its steps.
type Job struct {
	ID      string
	Target  Target
	Scope   Scope
	Profile string
	Bundle  string // its name and version; "" is none
	Source  Source // for the record: what exactly they are
	Require Requirements
	Images  []ImageInfo // for the record: what will be written
	Steps   []Step
	System  System        // how the booted tablet is reached; nil: it is not
	Boot    time.Duration // how long the tablet may take to boot
	Pool    string        // of identities; "": none is needed
	Words   string        // what the operator must do before the booted tablet lets anybody in; ""
	Hooks   Hooks         // nil: none
	Watch   func(Event)   // called with each of its events, after all others were told; nil: not
	Check   bool          // compare a booted tablet with the steps, and change nothing

	Circumstances Circumstances // for the record
	// Limits are what the station wants measurements to be, by their names. One that is beyond
	// fails nothing: record and report show it.
	Limits map[string]Limit
	// Plan chooses what is done once it is known what the tablet is; nil: the fields
	// above say it. A *Failure means that there is nothing for this tablet.
	Plan func(Key) (Plan, error)
	// AwaitIdentity makes a job whose pool is empty flash all the same, and wait for an
	// identity before the first step that may need one. Without it, it fails before anything
	// is written.
	AwaitIdentity bool
	// LeaveForeign makes a job end SKIPPED, and without a record, when the error of Plan is
	// ErrForeign: nobody asked for this tablet by name.
	LeaveForeign bool
}

// Circumstances are under what a job is done, for whoever reads its record later.
type Circumstances struct {
	Operator string // who is at the bench
	Lot      string // the pallet or order that the tablet came with
	Program  string // the version of the program
	Golden   bool   // a golden or test unit: no statistic counts it
}

// Source says of which exact files a job was made: by their names alone, another file of
// that name would do. "" is none.
type Source struct {
	Profile string `json:"profile,omitempty"` // ALGORITHM:HEX over its text
	Bundle  string `json:"bundle,omitempty"`  // the same over the bundle's manifest, which has all other digests
	Signer  string `json:"signer,omitempty"`  // SHA256:… of the key that the bundle is signed with, if it is trusted
}

// ErrForeign is in the error of a Plan that has nothing for a tablet.
var ErrForeign = errors.New("not one of ours")

// ImageInfo is the record of one image that a job will write. Its JSON is the same in the
// ledger, in plans and in events.
type ImageInfo struct {
	Partition string `json:"partition"` // where it is written to
	File      string `json:"file"`      // as it was named
	Digest    string `json:"digest"`    // ALGORITHM:HEX over the file's bytes
	Size      int64  `json:"size"`      // bytes on the partition, expanded
}

// Plan is what is done to one kind of tablet.
type Plan struct {
	Bundle  string
	Source  Source
	Images  []ImageInfo
	Steps   []Step
	Require Requirements
	Profile *ProfilePart // of the profile that was chosen; nil: what the job has
}

// ProfilePart is what a job has of its profile beside the steps. See the fields of Job.
type ProfilePart struct {
	Name   string
	System System
	Boot   time.Duration
	Pool   string
	Words  string
	Hooks  Hooks
}

// Requirements are the facts about the tablet that a job depends on.
type Requirements struct {
	Products    []string // what the tablet must say it is, one of these; empty is not checked
	ProductFrom string   // the only question that counts, as fastboot.Fact has it; "": any
	Lock        Silence  // when the tablet does not report its lock state
	Battery     Silence  // when it does not report its charge
	MinBattery  int      // percent, where it reports a number
}

// Silence is what to do about a fact that the tablet does not report.
type Silence int

// What to do.
const (
	SilenceWarns Silence = iota
	SilenceStops
	SilencePasses
)

// Verdict is what preflight found out about one fact.
type Verdict struct {
	Fact   string // such as "size of system"
	Answer fastboot.Answer
	Source string   // the question that was answered
	Fail   *Failure // with No: why the job stops
}

// DoubleError says that two tablets claim what only one can have. It is a failure of
// class identity.
type DoubleError struct {
	Fact, Value string
	Other       string // the record of the tablet that has it
}

func (e *DoubleError) Error() string {
	return fmt.Sprintf("%s is %q, which another tablet has too (record %s)", e.Fact, e.Value, e.Other)
}

// Recorder is the durable record of jobs. A failure to record stops the job.
type Recorder interface {
	Intent(Job, Where) error // before the first write
	Step(Job, StepDone) error
	// Result records how the job ended, before it is shown. With a *DoubleError, which
	// only a success can get, nothing was recorded.
	Result(Job, Where, JobDone) (record string, err error)
}
