// This file is the shape of the work: jobs, their targets, steps and records.

package flash

import (
	"context"

	"github.com/zarya-station/zarya/flash/fastboot"
)

// Key is what a session knows a tablet by. Never the serial alone: some families
// give every unit the same.
type Key struct {
	Place   string // the port or the network address; does not change within a job
	Serial  string // "" when not told or a placeholder
	Product string // "" when not told
}

// Target is one tablet in one place, through all its modes. One worker uses a
// Target at a time.
type Target interface {
	// Where says how events name the tablet. Serial may be empty.
	Where() Where
	// Fastboot opens the tablet's fastboot interface. It tries once; the Runner
	// tries again.
	Fastboot(ctx context.Context) (fastboot.Transport, error)
}

// Job is one attempt to bring one target through its steps.
type Job struct {
	ID      string
	Target  Target
	Scope   Scope
	Profile string
	Product string      // what the tablet must say it is; "" is not checked
	Images  []ImageInfo // for the record: what will be written
	Steps   []Step
}

// Step is one action of a job. A step never waits for a reboot, never retries
// and never outlives its context; it may be shared by jobs and holds no state.
type Step interface {
	// Name is the step in events, such as flash:userdata.
	Name() string
	// Check compares the step with the tablet before anything is written. A
	// verdict of No stops the job with the verdict's failure.
	Check(ctx context.Context, s *Session) ([]Verdict, error)
	// Run does it.
	Run(ctx context.Context, s *Session) error
}

// Restartable is a Step that can be run again from its start after the
// connection failed in its middle, on the same tablet.
type Restartable interface{ Restartable() }

// Sized is a Step that writes a known number of raw bytes.
type Sized interface{ Bytes() int64 }

// Verdict is what preflight found out about one fact.
type Verdict struct {
	Fact   string // such as "size of system"
	Answer fastboot.Answer
	Source string   // the question that was answered
	Fail   *Failure // with No: why the job stops
}

// Recorder is the durable record of jobs. A failure to record stops the job.
type Recorder interface {
	Intent(Job, Where) error // before the first write
	Step(Job, StepDone) error
	Result(Job, Where, JobDone) (record string, err error) // before it is shown
}
