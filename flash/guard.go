// This file has the options that any step may have: another name, a condition, a limit.

package flash

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Guarded is a step with a profile's options. What the step itself can do (be begun
// again, compare, write) it can do guarded too: as finds it.
type Guarded struct {
	Step
	Label string // in place of the step's name; "" for none
	// When says whether the step is done; nil is always. With ErrLater the answer is not
	// known yet.
	When    func(context.Context, *Session) (bool, error)
	Because string        // the condition as it is written, for people
	Limit   time.Duration // of the whole step; 0 is none
	// Temporary says that a later step of the job takes back what this one does: a tablet
	// without it is as it should be.
	Temporary bool
}

// Unwrap is the step without its options.
func (g *Guarded) Unwrap() Step { return g.Step }

// Name is the label, if there is one.
func (g *Guarded) Name() string {
	if g.Label != "" {
		return g.Label
	}
	return g.Step.Name()
}

// Check leaves out what will not be done.
func (g *Guarded) Check(ctx context.Context, s *Session) ([]Verdict, error) {
	if g.When != nil {
		if on, err := g.When(ctx, s); err == nil && !on {
			return nil, nil
		} else if err != nil && !errors.Is(err, ErrLater) {
			return nil, err
		}
	}
	return g.Step.Check(ctx, s)
}

// Run asks the condition, then runs the step within its limit.
func (g *Guarded) Run(ctx context.Context, s *Session) error {
	if g.When != nil {
		on, err := g.When(ctx, s)
		if err != nil {
			return err
		}
		if !on {
			s.Result(StepSkipped)
			return nil
		}
	}
	if g.Limit == 0 {
		return g.Step.Run(ctx, s)
	}
	limited, cancel := context.WithTimeout(ctx, g.Limit)
	defer cancel()
	err := g.Step.Run(limited, s)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return &Failure{Class: ClassTimeout, Err: err, Message: fmt.Sprintf("%s did not end within %s", g.Name(), g.Limit), Hint: "look at the tablet, or give the step a longer timeout in the profile"}
	}
	return err
}

// already is what a step's Already says, the condition included; comparable is false
// for a step that cannot tell.
func already(ctx context.Context, step Step, s *Session) (done, comparable bool, err error) {
	if g, ok := step.(*Guarded); ok {
		if g.Temporary {
			return true, true, nil
		}
		if g.When != nil {
			if on, err := g.When(ctx, s); err != nil || !on {
				return err == nil, true, err
			}
		}
		return already(ctx, g.Step, s)
	}
	c, ok := step.(Comparable)
	if !ok {
		return false, false, nil
	}
	done, err = c.Already(ctx, s)
	return done, true, err
}

// as finds what a step can do, under its options.
func as[T any](step Step) (T, bool) {
	for {
		if t, ok := step.(T); ok {
			return t, true
		}
		g, ok := step.(*Guarded)
		if !ok {
			var none T
			return none, false
		}
		step = g.Step
	}
}

// As finds a kind of step under its options.
func As[T any](step Step) (T, bool) { return as[T](step) }
