// This file is the worker: from connection to the one result of a job.

package flash

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/usb"
)

// How often and how long the engine tries.
const (
	maxRetries     = 2                      // of one step, for cable and timeouts only
	reconnectEvery = 500 * time.Millisecond // between attempts
	reconnectFor   = 30 * time.Second       // how long a tablet may be away
)

// ConnectTimeout is how long one attempt to open a tablet may take.
const ConnectTimeout = 10 * time.Second

// Runner runs jobs. Its fields are set before Run and not changed afterwards.
type Runner struct {
	Events   *Events
	Recorder Recorder        // nil: nothing is recorded
	Drain    <-chan struct{} // closed: finish the command under way, then stop

	Concurrency int           // tablets at once; 0: all
	Wait        time.Duration // how long a target may take to appear; 0: one attempt
	Limits      fastboot.Limits
	Trace       *fastboot.Tracer // nil: none
	Identities  Identities       // nil: none
	Secrets     *Secrets         // that nothing recorded may show; nil: none

	halt         chan struct{} // closed: the record failed, all jobs stop
	haltOnce     sync.Once
	imageChanged atomic.Bool // an image is not what it was: no new job begins

	exhausted atomic.Bool // a pool had no identity
}

// NotDurable reports whether the recorder failed during Run: what happened to the
// tablets since then is in the events only.
func (r *Runner) NotDurable() bool {
	select {
	case <-r.halt:
		return true
	default:
		return false
	}
}

// Exhausted reports whether a job found no identity in its pool.
func (r *Runner) Exhausted() bool { return r.exhausted.Load() }

// errNotDurable stops every job of a run whose record failed.
var errNotDurable = failf(ClassStation, "mend the ledger, then try this tablet again", "stopped, because the ledger cannot be written")

// unrecorded makes a recorder's error the end of all jobs.
func (r *Runner) unrecorded(what string, err error) *Failure {
	r.haltOnce.Do(func() { close(r.halt) })
	return &Failure{Class: ClassStation, Hint: errNotDurable.Hint, Err: err, Message: fmt.Sprintf("the %s could not be recorded: %v", what, err)}
}

// errImageChanged stops jobs that have not begun to write.
var errImageChanged = failf(ClassStation, "find out what writes to the images of this station, then start again",
	"not begun, because an image was changed while it was sent to another tablet")

// admissionErr is why no new job should begin, or nil.
func (r *Runner) admissionErr() error {
	if r.imageChanged.Load() {
		return errImageChanged
	}
	return r.stopErr()
}

// stopErr is why no new command should begin, or nil.
func (r *Runner) stopErr() error {
	if r.NotDurable() {
		return errNotDurable
	}
	select {
	case <-r.Drain:
		return ErrStopped
	default:
		return nil
	}
}

// Run runs all jobs and returns their results in the same order. It returns when
// every job has ended; a context that ends makes that soon.
func (r *Runner) Run(ctx context.Context, jobs []Job) []JobDone {
	r.halt, r.haltOnce = make(chan struct{}), sync.Once{}
	slots := make(chan struct{}, max(1, len(jobs)))
	if r.Concurrency > 0 {
		slots = make(chan struct{}, r.Concurrency)
	}
	results := make([]JobDone, len(jobs))
	var wg sync.WaitGroup
	for i, job := range jobs {
		// Admission is in the order of the jobs: the slot is taken before the
		// worker exists.
		s := &Session{job: job, order: i, runner: r, where: job.Target.Where(), attempt: 1}
		if !r.admit(ctx, s, slots) {
			results[i] = s.skip()
			continue
		}
		wg.Go(func() {
			defer func() { <-slots }()
			results[i] = s.run(ctx)
		})
	}
	wg.Wait()
	return results
}

func (r *Runner) admit(ctx context.Context, s *Session, slots chan struct{}) bool {
	if ctx.Err() != nil || r.admissionErr() != nil {
		return false
	}
	select {
	case slots <- struct{}{}:
		return true
	default:
		s.emit(Waiting{For: "admission"})
	}
	select {
	case slots <- struct{}{}:
		if r.imageChanged.Load() { // by the job that made room
			<-slots
			return false
		}
		return true
	case <-ctx.Done():
	case <-r.Drain:
	case <-r.halt:
	}
	return false
}

// run is the whole job; it always returns the one result.
func (s *Session) run(ctx context.Context) (done JobDone) {
	start := time.Now()
	defer func() {
		if p := recover(); p != nil {
			err := failf(ClassBug, "please report this with the lines below", "internal error: %v", p)
			s.Log(string(debug.Stack()))
			done = s.finish(start, err)
		}
	}()
	defer s.disconnect()
	defer func() { // whoever waits for this tablet's proof gets an answer, whatever happened
		if s.proof != nil {
			s.proof.settle(false)
		}
	}()
	s.job.Steps = withArrivals(s.job.Steps)
	s.emit(JobStarted{Scope: s.job.Scope, Profile: s.job.Profile, Bundle: s.job.Bundle, Steps: s.names(), Images: s.job.Images})
	err := s.work(ctx)
	if !s.job.Check {
		err = s.settle(ctx, err)
	}
	done = s.finish(start, err)
	if s.job.Check {
		return done
	}
	moment := HookAfter
	if done.Result != Pass && done.Result != Compliant {
		moment = HookFailed
	}
	s.notifyHook(context.WithoutCancel(ctx), moment, &done)
	return done
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
	p, err := s.job.Plan(s.key)
	if err != nil {
		return err
	}
	s.job.Bundle, s.job.Images, s.job.Steps, s.job.Require = p.Bundle, p.Images, withArrivals(p.Steps), p.Require
	s.emit(Planned{Bundle: p.Bundle, Steps: s.names(), Images: p.Images})
	return nil
}

// skip is the result of a job that was never begun.
func (s *Session) skip() JobDone {
	done := JobDone{Scope: s.job.Scope, Result: Skipped, Class: ClassOperator, Error: ErrStopped.Error(),
		Hint: "nothing was written", Retryable: true}
	if s.runner.NotDurable() {
		done.Class, done.Error = ClassStation, errNotDurable.Message
	} else if s.runner.imageChanged.Load() {
		done.Class, done.Error, done.Hint = ClassStation, errImageChanged.Message, errImageChanged.Hint
	}
	s.emit(done)
	return done
}

// stopped reports whether the operator stopped the job. Manual entry into fastboot, which
// has class operator too, counts as a failure, not as an interruption.
func stopped(err error) bool {
	return errors.Is(err, ErrStopped) || errors.Is(err, context.Canceled)
}

// finish records the result, then tells it.
func (s *Session) finish(start time.Time, err error) JobDone {
	done := JobDone{Scope: s.job.Scope, Model: s.key.Product, Result: Pass, Bytes: s.bytes,
		Seconds: time.Since(start).Seconds(), Retries: s.attempt - 1}
	if err == nil {
		done.Verified = "sent"
		if s.job.Scope != ScopeFlash {
			done.Verified = "booted"
		}
		if s.compliant || s.job.Scope == ScopeProvision && !s.changed {
			done.Result = Compliant
		}
	} else {
		f := Classify(err)
		done.Result, done.Class, done.Step = Fail, f.Class, s.step
		done.Error, done.Hint, done.Retryable = f.Message, f.Hint, f.Class.Bench()
		if stopped(err) {
			done.Result = Interrupted
			switch {
			case s.step == "":
				done.Hint = "nothing was written"
			case !s.writing:
				done.Hint = "start the same again: what is done is left as it is"
			}
		}
	}
	s.record(&done)
	if s.runner.Recorder != nil {
		id, err := s.runner.Recorder.Result(s.job, s.where, clean(s.runner.Secrets, done))
		var double *DoubleError
		if errors.As(err, &double) {
			f := Classify(err)
			done.Result, done.Verified, done.Unique = Fail, "", nil
			done.Class, done.Error, done.Hint, done.Retryable = f.Class, f.Message, f.Hint, f.Class.Bench()
			id, err = s.runner.Recorder.Result(s.job, s.where, clean(s.runner.Secrets, done))
		}
		if err != nil {
			done.Result, done.Verified, done.Class = Fail, "", ClassStation
			f := s.runner.unrecorded("result", err)
			done.Error, done.Hint, done.Retryable = f.Message, f.Hint, true
		}
		done.Record = id
	}
	s.emit(done)
	return done
}

func (s *Session) work(ctx context.Context) error {
	if err := s.phase("connect", func() error { return s.connect(ctx) }); err != nil {
		return err
	}
	if err := s.phase("plan", s.plan); err != nil {
		return err
	}
	if s.job.Check {
		return s.compareOnly(ctx)
	}
	if s.mode == usb.Booted && (s.job.Scope == ScopeRun || s.temporary()) {
		if err := s.phase("compare", func() error { return s.compare(ctx) }); err != nil || s.compliant {
			return err
		}
	}
	if err := s.phase("preflight", func() error { return s.preflight(ctx) }); err != nil {
		return err
	}
	if s.runner.imageChanged.Load() {
		return errImageChanged
	}
	if err := s.phase("identity", func() error { return s.assign(ctx) }); err != nil {
		return err
	}
	if err := s.phase("hook", func() error { return s.runBeforeHook(ctx) }); err != nil {
		return err
	}
	s.begun = true
	if s.runner.Recorder != nil {
		if err := s.runner.Recorder.Intent(s.job, s.where); err != nil {
			return s.runner.unrecorded("intent", err)
		}
	}
	for _, step := range s.job.Steps {
		if err := s.perform(ctx, step); err != nil {
			return err
		}
	}
	s.step = ""
	return nil
}

// runBeforeHook calls the station's program, which may refuse.
func (s *Session) runBeforeHook(ctx context.Context) error {
	err := s.hook(ctx, HookBefore, nil)
	if err != nil && ctx.Err() == nil {
		err = &Failure{Class: ClassStation, Err: err, Message: "hook before: " + err.Error() + "; nothing was written", Hint: "the station's own program refuses: look at what it says"}
	}
	return err
}

// phase runs one of the engine's own steps; it is named if it fails.
func (s *Session) phase(name string, do func() error) error {
	s.step = name
	if err := s.Stopping(); err != nil {
		s.step = ""
		return err
	}
	err := do()
	if err == nil || stopped(err) {
		s.step = "" // nothing was written yet
	}
	return err
}

// perform runs one step, again from its start if that is safe.
func (s *Session) perform(ctx context.Context, step Step) error {
	size := step.Bytes()
	start := time.Now()
	retries := 0
	if err := s.Stopping(); err != nil {
		return err
	}
	s.step, s.stepBytes, s.outcome, s.writing = step.Name, 0, StepOK, step.Writes
	s.emit(StepStarted{Step: s.step, Bytes: size})
	for {
		err := step.run(ctx, s)
		if err != nil {
			if still := s.recoverStep(ctx, step, err, &retries); still == nil {
				continue
			} else if errors.Is(still, ErrStopped) || ctx.Err() != nil {
				err = still
			} else {
				err = Classify(still)
			}
			if errors.As(err, new(*image.ChangedError)) {
				s.runner.imageChanged.Store(true)
			}
		}
		done := StepDone{Step: s.step, Seconds: time.Since(start).Seconds(), Result: s.outcome}
		s.changed = s.changed || s.outcome == StepChanged
		if err != nil {
			done.Result = StepFail
		} else {
			if done.Result != StepSkipped {
				done.Bytes = max(size, s.stepBytes)
			}
			s.bytes += done.Bytes
		}
		if s.runner.Recorder != nil {
			if rerr := s.runner.Recorder.Step(s.job, clean(s.runner.Secrets, done)); rerr != nil && err == nil {
				err = s.runner.unrecorded("step", rerr)
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
	if stop := s.Stopping(); stop != nil {
		return stop
	}
	if fastboot.PlaceholderSerial(s.key.Serial) {
		return &Failure{Class: class, Err: err,
			Message: err.Error() + " (not tried again: without a serial of its own this tablet cannot be told from another)",
			Hint:    Classify(err).Hint}
	}
	*retries++
	s.attempt++
	s.emit(Retry{Step: step.Name, Message: err.Error(), Class: class})
	s.notifyHook(ctx, HookReplug, nil)
	if cerr := s.reconnect(ctx, reconnectFor); cerr != nil {
		if ctx.Err() != nil || errors.Is(cerr, ErrStopped) || errors.Is(cerr, errExchanged) || isPermanent(cerr) {
			return cerr
		}
		return &Failure{Class: class, Hint: Classify(err).Hint, Err: err,
			Message: fmt.Sprintf("%v; it did not come back within %s (%v)", err, reconnectFor, cerr)}
	}
	return nil
}

// connect waits for the target as long as the run allows, then learns who it is.
func (s *Session) connect(ctx context.Context) error {
	var err error
	switch s.job.Scope {
	case ScopeProvision:
		err = s.openBooted(ctx, s.runner.Wait)
	case ScopeRun:
		err = s.openAny(ctx, s.runner.Wait)
	default:
		err = s.openFastboot(ctx, s.runner.Wait)
	}
	if errors.Is(err, ErrAndroid) {
		err = s.fromAndroid(ctx, err)
	}
	if err != nil {
		return err
	}
	s.emit(Device{Change: "present", Mode: s.mode, Model: s.key.Product})
	return nil
}

// untilStop is ctx until the run is asked to stop.
func (s *Session) untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-s.runner.Drain:
			cancel(ErrStopped)
		case <-s.runner.halt:
			cancel(errNotDurable)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// openFastboot reaches the tablet in fastboot and asks who it is. Being asked to
// stop ends the wait.
func (s *Session) openFastboot(ctx context.Context, patience time.Duration) error {
	wait, cancel := s.untilStop(ctx)
	defer cancel()
	t, err := Open(wait, s.job.Target, patience)
	if err != nil {
		return err
	}
	return s.inFastboot(ctx, t)
}

// inFastboot makes a client of a connection.
func (s *Session) inFastboot(ctx context.Context, t fastboot.Transport) error {
	descriptor := ""
	if d, ok := t.(interface{ SerialNumber() string }); ok {
		descriptor = d.SerialNumber()
	}
	if s.runner.Trace != nil {
		t = s.runner.Trace.Wrap(s.where.Label(), t)
	}
	s.client = fastboot.NewClient(t, fastboot.Options{Limits: s.runner.Limits, Line: s.Log})
	s.mode = usb.Fastboot
	return s.identify(ctx, descriptor)
}

// Open tries to reach a tablet's fastboot for a while, at least once.
func Open(ctx context.Context, target Target, patience time.Duration) (fastboot.Transport, error) {
	deadline := time.Now().Add(patience)
	for {
		try, cancel := context.WithTimeout(ctx, ConnectTimeout)
		t, err := target.Fastboot(try)
		cancel()
		if err == nil {
			return t, nil
		}
		if again, rerr := pause(ctx, deadline, target, patience, err); !again {
			return nil, rerr
		}
	}
}

// pause waits between two attempts; without another one it gives the reason.
func pause(ctx context.Context, deadline time.Time, target Target, patience time.Duration, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if isPermanent(err) {
		return false, err
	}
	if time.Now().Add(reconnectEvery).After(deadline) {
		if errors.Is(err, context.DeadlineExceeded) {
			return false, failf(ClassTimeout, "check the address, and that the tablet is on and in the right mode",
				"%s does not answer (waited %s)", target.Where().Label(), max(patience, ConnectTimeout))
		}
		return false, err
	}
	select {
	case <-time.After(reconnectEvery):
		return true, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// identify asks who the tablet is. Its USB descriptor's serial counts before what the
// bootloader says: it is what ports are listed with.
func (s *Session) identify(ctx context.Context, descriptor string) error {
	serial, err := s.client.Serial(ctx)
	if err != nil {
		return err
	}
	product, err := s.client.Product(ctx)
	if err != nil {
		return err
	}
	if descriptor != "" && !fastboot.PlaceholderSerial(descriptor) {
		serial.Value = descriptor
	}
	s.key, s.productFrom = Key{Place: s.where.Label(), Serial: serial.Value, Product: product.Value}, product.Source
	s.where.Serial = serial.Value
	return nil
}

func (s *Session) disconnect() {
	if s.client != nil {
		_ = s.client.Close()
		s.client = nil
	}
	if s.booted != nil {
		_ = s.booted.Close()
		s.booted = nil
	}
}

// Summarize counts results; Seconds and Exit are the caller's.
func Summarize(results []JobDone) Summary {
	var sum Summary
	for _, r := range results {
		switch r.Result {
		case Pass:
			sum.Passed++
		case Compliant:
			sum.Compliant++
		case Interrupted:
			sum.Interrupted++
		case Skipped:
			sum.Skipped++
		default:
			sum.Failed++
		}
		if r.Retryable && r.Result != Pass {
			sum.Retryable++
		}
	}
	return sum
}
