// This file is the engine: it takes jobs one at a time, as long as the process lives, and
// gives each one worker.

package flash

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/zarya-station/zarya/flash/admission"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/image"
)

// EngineOptions are what all jobs of a process share. The zero value is usable, but for
// Events.
type EngineOptions struct {
	Events     *Events
	Recorder   Recorder             // nil: nothing is recorded
	Identities Identities           // nil: none
	Secrets    *Secrets             // that nothing recorded may show; nil: none
	Trace      *fastboot.Tracer     // nil: none
	Admission  *admission.Admission // nil: one of the engine's own, without a limit
	Limits     fastboot.Limits
	Wait       time.Duration // how long a target may take to appear; 0: one attempt
}

// Engine runs jobs. Its methods may be called from several goroutines. No job leaves
// anything behind that stops the next one, but for this:
//
//   - An image that was changed while it was sent is refused from then on. The same file,
//     opened and verified again, is another image.
//   - When something could not be recorded, the jobs under way stop at their next step.
//     The next job that is submitted is the trial whether it can be recorded again: its
//     recorder is asked ([Prober]), or fails before anything is written.
type Engine struct {
	o     EngineOptions
	taken taken // how much the families of tablets take in one download
	jobs  sync.WaitGroup

	refusing, draining context.Context // end when no job begins, when none goes on
	refuse, drain      context.CancelCauseFunc

	mu        sync.Mutex
	submitted int                   // guarded by mu
	durable   context.Context       // guarded by mu; ends when something could not be recorded
	fail      func(context.Context) // guarded by mu; ends durable, if it is still the one given
	changed   map[*image.Image]bool // guarded by mu; are no longer what their digest was taken of
}

// Prober is a Recorder that can say whether it could record now.
type Prober interface {
	Probe() error
}

// NewEngine returns an engine that waits for jobs.
func NewEngine(o EngineOptions) *Engine {
	if o.Admission == nil {
		o.Admission = admission.New(admission.Options{})
	}
	e := &Engine{o: o, changed: map[*image.Image]bool{}}
	e.refusing, e.refuse = context.WithCancelCause(context.Background())
	e.draining, e.drain = context.WithCancelCause(context.Background())
	e.durable, e.fail = newDurable()
	return e
}

func newDurable() (context.Context, func(context.Context)) {
	ctx, cancel := context.WithCancelCause(context.Background())
	return ctx, func(of context.Context) {
		if of == ctx {
			cancel(errNotDurable)
		}
	}
}

// Refuse lets no further job begin: those that wait for a place are skipped, and those that
// are submitted from now on. Jobs under way go on to their end.
func (e *Engine) Refuse() { e.refuse(ErrStopped) }

// Drain is Refuse, and jobs under way finish their command and stop.
func (e *Engine) Drain() {
	e.Refuse()
	e.drain(ErrStopped)
}

// Close is Refuse, and returns when all jobs have ended.
func (e *Engine) Close() {
	e.Refuse()
	e.jobs.Wait()
}

// Submit gives the engine a job. The job ends soon after ctx does. Jobs are admitted in the
// order in which they are submitted.
func (e *Engine) Submit(ctx context.Context, job Job) *Handle {
	h := &Handle{job: job, done: make(chan struct{})}
	ctx, h.cancel = context.WithCancelCause(ctx)
	h.stopping, h.stop = context.WithCancelCause(context.Background())
	s := &Session{engine: e, job: job, stopping: h.stopping, tablet: tablet{where: job.Target.Where()},
		account: account{state: StateQueued, attempt: 1}}
	e.mu.Lock()
	s.order = e.submitted
	e.submitted++
	s.durable = e.trial()
	place := e.o.Admission.Queue()
	s.place = place
	e.jobs.Add(1)
	e.mu.Unlock()
	go func() {
		defer e.jobs.Done()
		defer close(h.done)
		defer h.stop(nil)
		defer h.cancel(nil)
		defer place.Leave()
		if s.admit(ctx, place) {
			h.result = s.run(ctx)
		} else {
			h.result = s.skip()
		}
	}()
	return h
}

// trial is whether things can be recorded, for a new job. After a failure it is hoped
// again, unless the recorder itself says no. e.mu is held.
func (e *Engine) trial() context.Context {
	if e.durable.Err() == nil {
		return e.durable
	}
	if p, ok := e.o.Recorder.(Prober); ok && p.Probe() != nil {
		return e.durable
	}
	e.durable, e.fail = newDurable()
	return e.durable
}

// Run submits all jobs and returns their results in the same order, when all have ended.
func (e *Engine) Run(ctx context.Context, jobs []Job) []JobDone {
	handles := make([]*Handle, len(jobs))
	for i, job := range jobs {
		handles[i] = e.Submit(ctx, job)
	}
	results := make([]JobDone, len(jobs))
	for i, h := range handles {
		results[i] = h.Wait()
	}
	return results
}

// Durable reports whether, as far as is known, what happens can be recorded.
func (e *Engine) Durable() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.durable.Err() == nil
}

// Handle is one submitted job.
type Handle struct {
	job      Job
	cancel   context.CancelCauseFunc
	stopping context.Context
	stop     context.CancelCauseFunc
	done     chan struct{}
	result   JobDone // before done is closed
}

// ID is the job's.
func (h *Handle) ID() string { return h.job.ID }

// Stop lets the job finish the command under way; then it ends.
func (h *Handle) Stop() { h.stop(ErrStopped) }

// Cancel ends the job at once, in the middle of whatever it does.
func (h *Handle) Cancel() { h.cancel(ErrStopped) }

// Done returns a channel that is closed when the job has ended.
func (h *Handle) Done() <-chan struct{} { return h.done }

// Wait returns the job's one result when it has ended.
func (h *Handle) Wait() JobDone {
	<-h.done
	return h.result
}

// errNotDurable stops every job under way when one could not be recorded.
var errNotDurable = failf(ClassStation, "fix the ledger, then try this tablet again", "stopped, because the ledger cannot be written")

// unrecorded makes a recorder's error the end of all jobs that were submitted before.
func (s *Session) unrecorded(what string, err error) *Failure {
	s.account.notDurable = true
	e := s.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fail(s.durable)
	return &Failure{Class: ClassStation, Hint: errNotDurable.Hint, Err: err,
		Message: fmt.Sprintf("the %s could not be recorded: %v", what, err)}
}

// errImageChanged stops jobs that have not begun to write.
var errImageChanged = failf(ClassStation, "find out what writes to the images of this station, then start again",
	"not begun, because an image was changed while it was sent to another tablet")

// imageChanged notes that the image of a step is not what it was; of a step that does not
// say which it reads, those of all steps.
func (s *Session) imageChanged(step Step) {
	e := s.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, other := range append(slices.Clone(s.job.Steps), step) {
		if other.Image != nil && (step.Image == nil || other.Image.Image == step.Image.Image) {
			e.changed[other.Image.Image] = true
		}
	}
}

// imageErr is why the job's images should not be written, or nil.
func (s *Session) imageErr() error {
	e := s.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, step := range s.job.Steps {
		if step.Image != nil && e.changed[step.Image.Image] {
			return errImageChanged
		}
	}
	return nil
}

// admissionErr is why the job should not begin, or nil.
func (s *Session) admissionErr() error {
	if err := s.imageErr(); err != nil {
		return err
	}
	if err := s.Stopping(); err != nil {
		return err
	}
	return context.Cause(s.engine.refusing)
}

// admit waits for a place at work.
func (s *Session) admit(ctx context.Context, place *admission.Place) bool {
	if ctx.Err() != nil || s.admissionErr() != nil {
		return false
	}
	wait, cancel := s.untilStop(ctx)
	defer cancel()
	wait, cancel = until(wait, s.engine.refusing)
	defer cancel()
	err := place.Wait(wait, func() { s.emit(Waiting{For: "admission"}) })
	return err == nil && s.admissionErr() == nil // by the job that made room
}

// Stopping returns why no further command should begin: ErrStopped once the
// operator asked to stop. A step calls it between commands.
func (s *Session) Stopping() error {
	for _, c := range s.stops() {
		if c.Err() != nil {
			return context.Cause(c)
		}
	}
	return nil
}

// stops are what ends a job between two commands.
func (s *Session) stops() []context.Context {
	return []context.Context{s.durable, s.engine.draining, s.stopping}
}

// untilStop is ctx until the job is asked to stop.
func (s *Session) untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	return until(ctx, s.stops()...)
}

// until is ctx until one of the others ends, and for the same cause.
func until(ctx context.Context, others ...context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	var lift []func() bool
	for _, other := range others {
		lift = append(lift, context.AfterFunc(other, func() { cancel(context.Cause(other)) }))
	}
	return ctx, func() {
		for _, l := range lift {
			l()
		}
		cancel(nil)
	}
}

// isNotDurable reports whether a job ended because something could not be recorded.
func isNotDurable(err error) bool { return errors.Is(err, errNotDurable) }
