// This file is what a step is: data, with what it can do as traits and functions.

package flash

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zarya-station/zarya/usb"
)

// Step is one action of a job. It is a value: what its maker knows of it stands in its
// fields, and the engine asks nothing else. A step never waits for a reboot, never
// retries and never outlives its context; it may be shared by jobs and holds no state.
//
// Each kind of step is a small type with a method Step: WriteImage{…}.Step().
type Step struct {
	// Name is the step in events, such as flash:userdata.
	Name string
	// Needs is the mode in which Run is called: usb.Fastboot (any mode that flashes) or
	// usb.Booted; "" is whatever mode the tablet is in.
	Needs usb.Mode
	Traits

	Partition string      // that Run changes; "": none
	Image     *WriteImage // that Run writes; nil: none

	// Check compares the step with the tablet before anything is written, in whatever mode
	// the tablet then is. A verdict of No stops the job with the verdict's failure. nil:
	// there is nothing to ask.
	Check func(ctx context.Context, s *Session) ([]Verdict, error)
	// Run does it.
	Run func(ctx context.Context, s *Session) error
	// Already reports, without changing anything, whether there is nothing to do. nil: the
	// step cannot be compared.
	Already func(ctx context.Context, s *Session) (bool, error)
	// Flashed reports whether the booted tablet was flashed with the job's images before.
	// nil: this step does not know.
	Flashed func(ctx context.Context, s *Session) (bool, error)

	// When reports whether the step is done for this tablet; nil: always. With ErrLater the
	// answer is not known yet.
	When    func(ctx context.Context, s *Session) (bool, error)
	Because string        // the condition as it is written, for people
	Limit   time.Duration // of the whole step; 0: none
}

// Traits are what the engine may do with a step, and must expect of it.
type Traits struct {
	Writes      bool // it changes the tablet's partitions
	Unlocks     bool // it opens the lock: a locked tablet is no reason to stop
	Restartable bool // after the connection broke, it can be run again from its start
	Reboots     bool // the tablet restarts after it
	Verifies    bool // it reads back and compares, and changes nothing
	// Temporary says that a later step of the job takes back what this one does: a tablet
	// without it is as it should be.
	Temporary bool

	arrival bool // it waits for the tablet after a reboot: the engine's own
}

// Bytes is how many raw bytes one copy of the step's image writes: expanded, without
// don't-care. 0 is a step without an image.
func (st Step) Bytes() int64 {
	if st.Image == nil {
		return 0
	}
	return st.Image.Image.Written()
}

// check is Check under the step's condition: what will not be done is not checked.
func (st Step) check(ctx context.Context, s *Session) ([]Verdict, error) {
	if st.Check == nil {
		return nil, nil
	}
	if st.When != nil {
		if on, err := st.When(ctx, s); err == nil && !on {
			return nil, nil
		} else if err != nil && !errors.Is(err, ErrLater) {
			return nil, err
		}
	}
	return st.Check(ctx, s)
}

// run is Run under the step's condition and within its limit.
func (st Step) run(ctx context.Context, s *Session) error {
	if st.When != nil {
		on, err := st.When(ctx, s)
		if err != nil {
			return err
		}
		if !on {
			s.Result(StepSkipped)
			return nil
		}
	}
	if st.Limit == 0 {
		return st.Run(ctx, s)
	}
	limited, cancel := context.WithTimeout(ctx, st.Limit)
	defer cancel()
	err := st.Run(limited, s)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return &Failure{Class: ClassTimeout, Err: err, Message: fmt.Sprintf("%s did not end within %s", st.Name, st.Limit),
			Hint: "look at the tablet, or give the step a longer timeout in the profile"}
	}
	return err
}

// already is Already under the step's condition; comparable is false for a step that
// cannot be compared.
func (st Step) already(ctx context.Context, s *Session) (done, comparable bool, err error) {
	if st.Temporary {
		return true, true, nil
	}
	if st.When != nil {
		if on, err := st.When(ctx, s); err != nil || !on {
			return err == nil, true, err
		}
	}
	if st.Already == nil {
		return false, false, nil
	}
	done, err = st.Already(ctx, s)
	return done, true, err
}
