// This file makes the one result of a job.

package flash

import (
	"context"
	"errors"
	"maps"
	"time"
)

// SetFailure makes err the result: Fail, with its class, its message and its hint. step is
// where it happened. What only a success claims is taken back.
func (d *JobDone) SetFailure(step string, err error) {
	f := Classify(err)
	d.Result, d.Verified, d.Unique = Fail, "", nil
	d.Class, d.Step, d.Error, d.Hint, d.Retryable = f.Class, step, f.Message, f.Hint, f.Class.Bench()
}

// finish records the result, then reports it.
func (s *Session) finish(start time.Time, err error) JobDone {
	done := s.result(start, err)
	if done.Foreign = errors.Is(err, ErrForeign); done.Foreign && s.job.LeaveForeign {
		done.Result = Skipped
		s.report(done)
		return done
	}
	if s.engine.o.Recorder != nil {
		record, err := s.recordResult(done)
		var double *DoubleError
		if errors.As(err, &double) {
			done.SetFailure(done.Step, err)
			record, err = s.recordResult(done)
		}
		if err != nil {
			done.SetFailure(done.Step, s.unrecorded("result", err))
			done.NotDurable = true
		}
		done.Record = record
	}
	s.report(done)
	return done
}

// report emits the job's one result, which is the end of its life. A second one would be a
// bug: it is not emitted, and a warning says so.
func (s *Session) report(done JobDone) {
	if err := s.move(onEnd); err != nil {
		s.Warn(err.Error(), "please report this")
		return
	}
	s.emit(done)
}

// recordResult gives a result to the recorder, which may panic, and returns its name.
func (s *Session) recordResult(done JobDone) (record string, err error) {
	err = s.recoverPanic(func() (err error) {
		record, err = s.engine.o.Recorder.Result(s.job, s.tablet.where, clean(s.engine.o.Secrets, done))
		return err
	})
	return record, err
}

// result is how a job ended that err ended; nil is a success.
func (s *Session) result(start time.Time, err error) JobDone {
	done := JobDone{Scope: s.job.Scope, Model: s.tablet.key.Product, Result: Pass, Bytes: s.account.bytes,
		Seconds: time.Since(start).Seconds(), Retries: s.account.attempt - 1}
	switch {
	case err != nil:
		done.SetFailure(s.account.step, err)
		done.NotDurable = s.account.notDurable || isNotDurable(err)
		done.Exhausted, done.Twin = s.account.exhausted, s.account.twin
		if s.account.answer != nil && s.account.answer.Say == SaySkip && !s.account.begun {
			done.Result, done.Retryable = Skipped, false
		}
		if stopped(err) {
			done.Result = Interrupted
			switch {
			case s.account.step == "":
				done.Hint = "nothing was written"
			case !s.account.writing:
				done.Hint = "start the same again: what is done is left as it is"
			}
		}
	default:
		done.Verified = "sent"
		if s.account.readBack.all() {
			done.Verified = "fetched"
		}
		if s.job.Scope != ScopeFlash {
			done.Verified = "booted"
		}
		if s.account.compliant || s.job.Scope == ScopeProvision && !s.account.changed {
			done.Result = Compliant
		}
	}
	s.addFacts(&done)
	done.Measurements = s.measurements()
	return done
}

// addFacts adds what was read from the tablet and is recorded.
func (s *Session) addFacts(done *JobDone) {
	done.Answer = s.account.answer
	done.Facts = maps.Clone(s.tablet.found)
	for fact := range s.tablet.unique {
		done.Unique = append(done.Unique, fact)
	}
	done.OtherSerial, done.Lock = s.tablet.otherSerial, s.tablet.lock
	if s.tablet.identity != nil {
		done.Inventory = s.tablet.identity.Columns["inventory"]
	}
}

// skip is the result of a job that was never begun.
func (s *Session) skip() JobDone {
	done := JobDone{Scope: s.job.Scope}
	switch err := s.admissionErr(); {
	case err == nil: // the context ended
		done.SetFailure("", ErrStopped)
		done.Hint = "nothing was written"
	case errors.Is(err, errImageChanged):
		done.SetFailure("", err)
	default:
		done.SetFailure("", err)
		done.Hint = "nothing was written"
		done.NotDurable = isNotDurable(err)
	}
	done.Result = Skipped
	s.report(done)
	return done
}

// stopped reports whether the operator stopped the job. Manual entry into fastboot, which
// has class operator too, counts as a failure, not as an interruption.
func stopped(err error) bool {
	return errors.Is(err, ErrStopped) || errors.Is(err, context.Canceled)
}
