// This file runs jobs: it admits them, and gives each one worker.

package flash

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zarya-station/zarya/flash/admission"
	"github.com/zarya-station/zarya/flash/fastboot"
)

// Runner runs jobs. Its fields are set before Run and not changed afterwards.
type Runner struct {
	Events   *Events
	Recorder Recorder        // nil: nothing is recorded
	Drain    <-chan struct{} // closed: finish the command under way, then stop

	Concurrency int                  // tablets at once; 0: all
	Admission   *admission.Admission // of the process; nil: one of this Runner's own, with Concurrency
	Wait        time.Duration        // how long a target may take to appear; 0: one attempt
	Limits      fastboot.Limits
	Trace       *fastboot.Tracer // nil: none
	Identities  Identities       // nil: none
	Secrets     *Secrets         // that nothing recorded may show; nil: none

	halt         chan struct{} // closed: the record failed, all jobs stop
	haltOnce     sync.Once
	imageChanged atomic.Bool // an image is not what it was: no new job begins

	exhausted atomic.Bool // a pool had no identity
	taken     taken       // how much the families of tablets take in one download
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
	if r.Admission == nil {
		r.Admission = admission.New(admission.Options{Concurrency: r.Concurrency})
	}
	results := make([]JobDone, len(jobs))
	var wg sync.WaitGroup
	for i, job := range jobs {
		// Admission is in the order of the jobs: the place is taken before the
		// worker exists.
		s := &Session{runner: r, order: i, job: job, tablet: tablet{where: job.Target.Where()}, account: account{state: StateQueued, attempt: 1}}
		place := r.Admission.Queue()
		if !r.admit(ctx, s, place) {
			place.Leave()
			results[i] = s.skip()
			continue
		}
		wg.Go(func() {
			defer place.Leave()
			results[i] = s.run(ctx)
		})
	}
	wg.Wait()
	return results
}

// admit waits for a place at work.
func (r *Runner) admit(ctx context.Context, s *Session, place *admission.Place) bool {
	if ctx.Err() != nil || r.admissionErr() != nil {
		return false
	}
	wait, cancel := s.untilStop(ctx)
	defer cancel()
	err := place.Wait(wait, func() { s.emit(Waiting{For: "admission"}) })
	return err == nil && !r.imageChanged.Load() // by the job that made room
}
