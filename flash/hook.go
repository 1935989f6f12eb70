// This file is where a job calls the station's own programs.

package flash

import "context"

// Moment is when a hook is called.
type Moment string

// The moments.
const (
	HookBefore Moment = "before" // the first write; a failure stops the job
	HookAfter  Moment = "after"  // a job that passed
	HookFailed Moment = "failed"
	HookReplug Moment = "replug" // before a tablet that was lost is looked for again
)

// Hooks are programs of the station or of a signed bundle that are called as jobs go on.
type Hooks interface {
	// Call runs the hook of a moment, if there is one. done is nil but after the job.
	Call(ctx context.Context, m Moment, s *Session, done *JobDone) error
}

func (s *Session) hook(ctx context.Context, m Moment, done *JobDone) error {
	if s.job.Hooks == nil {
		return nil
	}
	return s.job.Hooks.Call(ctx, m, s, done)
}

// notifyHook calls a hook that changes nothing: what goes wrong there is a warning.
func (s *Session) notifyHook(ctx context.Context, m Moment, done *JobDone) {
	if err := s.recoverPanic(func() error { return s.hook(ctx, m, done) }); err != nil {
		s.Warn("hook "+string(m)+": "+err.Error(), "look at the program and its time limit")
	}
}

// notifyEnd calls the hook for how the job ended.
func (s *Session) notifyEnd(ctx context.Context, done *JobDone) {
	if s.job.Check {
		return
	}
	moment := HookAfter
	if done.Result != Pass && done.Result != Compliant {
		moment = HookFailed
	}
	s.notifyHook(context.WithoutCancel(ctx), moment, done)
}
