// This file is the worker: from connection to the end of a job's last step.

package flash

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/usb"
)

// maxRetries is how often one step is run again, for cable and timeouts only.
const maxRetries = 2

// run is the whole job. It returns the job's one result, whatever panics.
func (s *Session) run(ctx context.Context) JobDone {
	start := time.Now()
	defer s.releaseIdentity()
	err := s.recoverPanic(func() error { return s.runSteps(ctx) })
	if s.account.proof != nil { // whoever waits for this tablet's proof gets an answer, whatever happened
		s.account.proof.settle(false)
	}
	s.leaveWire()
	done := s.finish(start, err)
	s.notifyEnd(ctx, &done)
	if err := s.recoverPanic(func() error { s.disconnect(); return nil }); err != nil {
		s.Warn(err.Error(), "")
	}
	return done
}

// runSteps is all of the job but its result.
func (s *Session) runSteps(ctx context.Context) error {
	s.job.Steps = withArrivals(s.job.Steps)
	if err := s.move(onAdmit); err != nil {
		return err
	}
	s.emit(JobStarted{Scope: s.job.Scope, Profile: s.job.Profile, Bundle: s.job.Bundle, Steps: s.names(), Images: s.job.Images})
	err := s.work(ctx)
	if !s.job.Check {
		err = s.settle(ctx, err)
	}
	return err
}

// recoverPanic makes a panic of do an error of class bug; where it came from is logged.
func (s *Session) recoverPanic(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = failf(ClassBug, "please report this with the lines below", "internal error: %v", p)
			s.Log(string(debug.Stack()))
		}
	}()
	return do()
}

// names are those of the steps.
func (s *Session) names() []string {
	names := make([]string, len(s.job.Steps))
	for i, step := range s.job.Steps {
		names[i] = step.Name
	}
	return names
}

// plan selects the steps for the identified tablet.
func (s *Session) plan() error {
	if s.job.Plan == nil {
		return nil
	}
	p, err := s.job.Plan(s.tablet.key)
	if err != nil {
		return err
	}
	s.job.Bundle, s.job.Source = p.Bundle, p.Source
	s.job.Images, s.job.Steps, s.job.Require = p.Images, withArrivals(p.Steps), p.Require
	if part := p.Profile; part != nil {
		s.job.Profile, s.job.System, s.job.Boot = part.Name, part.System, part.Boot
		s.job.Pool, s.job.Words, s.job.Hooks = part.Pool, part.Words, part.Hooks
	}
	s.emit(Planned{Profile: s.job.Profile, Bundle: p.Bundle, Steps: s.names(), Images: p.Images})
	return nil
}

// work brings the tablet through all phases of the job.
func (s *Session) work(ctx context.Context) error {
	if err := s.phase("connect", func() error { return s.connect(ctx) }); err != nil {
		return err
	}
	if err := s.move(onIdentify); err != nil {
		return err
	}
	if err := s.phase("plan", s.plan); err != nil {
		return err
	}
	if s.job.Check {
		return s.compareOnly(ctx)
	}
	if s.link.mode == usb.Booted && (s.job.Scope == ScopeRun || s.temporary()) {
		if err := s.phase("compare", func() error { return s.compare(ctx) }); err != nil || s.account.compliant {
			return err
		}
	}
	if err := s.phase("preflight", func() error { return s.preflight(ctx) }); err != nil {
		return err
	}
	if err := s.imageErr(); err != nil {
		return err
	}
	if err := s.phase("identity", func() error { return s.assign(ctx) }); err != nil {
		return err
	}
	if err := s.phase("hook", func() error { return s.askBefore(ctx) }); err != nil {
		return err
	}
	s.account.begun = true
	if s.engine.o.Recorder != nil {
		if err := s.engine.o.Recorder.Intent(s.job, s.tablet.where); err != nil {
			return s.unrecorded("intent", err)
		}
	}
	for _, step := range s.job.Steps {
		if step.Needs == usb.Booted {
			if err := s.awaitIdentity(ctx); err != nil {
				return err
			}
		}
		if err := s.perform(ctx, step); err != nil {
			return err
		}
	}
	if err := s.awaitIdentity(ctx); err != nil { // nothing needs it, and the record has it
		return err
	}
	s.account.step = ""
	return nil
}

// phase runs one of the engine's own steps; it is named if it fails.
func (s *Session) phase(name string, do func() error) error {
	s.account.step = name
	if err := s.Stopping(); err != nil {
		s.account.step = ""
		return err
	}
	err := do()
	if err == nil || stopped(err) {
		s.account.step = "" // nothing was written yet
	}
	return err
}

// perform runs one step, once more from its start if that is safe.
func (s *Session) perform(ctx context.Context, step Step) error {
	size := step.Bytes()
	start := time.Now()
	retries := 0
	if err := s.Stopping(); err != nil {
		return err
	}
	if err := s.move(step.trigger()); err != nil {
		return err
	}
	s.account.step, s.account.stepBytes, s.account.outcome, s.account.writing = step.Name, 0, StepOK, step.Writes
	s.emit(StepStarted{Step: s.account.step, Bytes: size})
	for {
		err := s.recoverPanic(func() error { return step.run(ctx, s) })
		if err != nil {
			if still := s.recoverStep(ctx, step, err, &retries); still == nil {
				continue
			} else if errors.Is(still, ErrStopped) || ctx.Err() != nil {
				err = still
			} else {
				err = s.explainRefusal(Classify(still))
			}
			if errors.As(err, new(*image.ChangedError)) {
				s.imageChanged(step)
			}
		}
		done := StepDone{Step: s.account.step, Seconds: time.Since(start).Seconds(), Result: s.account.outcome}
		s.account.changed = s.account.changed || s.account.outcome == StepChanged
		if err != nil {
			done.Result = StepFail
		} else {
			if done.Result != StepSkipped {
				done.Bytes = max(size, s.account.stepBytes)
			}
			s.account.bytes += done.Bytes
		}
		if s.engine.o.Recorder != nil {
			if rerr := s.engine.o.Recorder.Step(s.job, clean(s.engine.o.Secrets, done)); rerr != nil && err == nil {
				err = s.unrecorded("step", rerr)
			}
		}
		s.emit(done)
		return err
	}
}

// recoverStep brings the same tablet back after a failure of the wire; nil means that
// the step can be run again.
func (s *Session) recoverStep(ctx context.Context, step Step, err error, retries *int) error {
	class := Classify(err).Class
	if !step.Restartable || *retries >= maxRetries || ctx.Err() != nil {
		return err
	}
	if class != ClassCable && class != ClassTimeout {
		return err
	}
	if busy := stillErasing(err); busy != nil {
		return busy
	}
	if stop := s.Stopping(); stop != nil {
		return stop
	}
	if fastboot.PlaceholderSerial(s.tablet.key.Serial) {
		return &Failure{Class: class, Err: err,
			Message: err.Error() + " (not tried again: without a serial of its own this tablet cannot be told from another)",
			Hint:    Classify(err).Hint}
	}
	*retries++
	s.account.attempt++
	s.emit(Retry{Step: step.Name, Message: err.Error(), Class: class})
	s.notifyHook(ctx, HookReplug, nil)
	s.emit(Waiting{For: "device", Hint: "plug it back in", Seconds: reconnectFor.Seconds()})
	if cerr := s.reconnect(ctx, reconnectFor); cerr != nil {
		if ctx.Err() != nil || errors.Is(cerr, ErrStopped) || errors.Is(cerr, errExchanged) || isPermanent(cerr) {
			return cerr
		}
		return &Failure{Class: class, Hint: Classify(err).Hint, Err: err,
			Message: fmt.Sprintf("%v; it did not come back within %s (%v)", err, reconnectFor, cerr)}
	}
	return nil
}
