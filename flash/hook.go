// This file is where a job calls the station's own programs.

package flash

import (
	"context"
	"fmt"
)

// Moment is when a hook is called.
type Moment string

// The moments.
const (
	HookBefore Moment = "before" // the first write; a failure stops the job
	HookAfter  Moment = "after"  // a job that passed
	HookFailed Moment = "failed"
	HookReplug Moment = "replug" // before a tablet that was lost is looked for again
)

// Say is what a hook that is asked says of a job.
type Say string

// What a hook says.
const (
	SayRun   Say = "run"   // it is run
	SaySkip  Say = "skip"  // it is left out, now: nothing failed
	SayAbort Say = "abort" // it must not be run, and somebody has to look: it failed
)

// Answer is a hook's, before a job. Its JSON is the same in events and in the ledger.
type Answer struct {
	Say    Say    `json:"say"`
	Reason string `json:"reason,omitempty"` // one line
}

// Refused reports whether the answer is why a job ended in this class: its tablet is not to be worked
// on, and plugging it in again changes nothing. No answer refuses nothing.
func (a *Answer) Refused(c Class) bool { return a != nil && a.Say != SayRun && c == ClassOperator }

// Hooks are programs of the station or of a signed bundle that are called as jobs go on.
type Hooks interface {
	// Call runs the hook of a moment, if there is one. done is nil but after the job. The
	// answer is nil where the hook is not asked.
	Call(ctx context.Context, m Moment, s *Session, done *JobDone) (*Answer, error)
}

func (s *Session) hook(ctx context.Context, m Moment, done *JobDone) (*Answer, error) {
	if s.job.Hooks == nil {
		return nil, nil
	}
	return s.job.Hooks.Call(ctx, m, s, done)
}

// notifyHook calls a hook that changes nothing: what goes wrong there is a warning.
func (s *Session) notifyHook(ctx context.Context, m Moment, done *JobDone) {
	if err := s.recoverPanic(func() error { _, err := s.hook(ctx, m, done); return err }); err != nil {
		s.Warn("hook "+string(m)+": "+err.Error(), "look at the program and its time limit")
	}
}

// notifyEnd calls the hook for how the job ended.
func (s *Session) notifyEnd(ctx context.Context, done *JobDone) {
	if s.job.Check || done.Result == Skipped { // a hook that said so knows it
		return
	}
	moment := HookAfter
	if done.Result != Pass && done.Result != Compliant {
		moment = HookFailed
	}
	told := clean(s.engine.o.Secrets, *done)
	s.notifyHook(context.WithoutCancel(ctx), moment, &told)
}

// askBefore calls the station's program before the first write. It may refuse, and what it is
// asked and does not answer is not known: then nothing is written either.
func (s *Session) askBefore(ctx context.Context) error {
	said, err := s.hook(ctx, HookBefore, nil)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return &Failure{Class: ClassStation, Err: err, Message: "hook before: " + err.Error() + "; nothing was written",
			Hint: "the station's own program refuses: look at what it says"}
	case said == nil:
		return nil
	}
	s.account.answer = said
	if said.Say == SayRun {
		return nil
	}
	return &Failure{Class: ClassOperator, Message: fmt.Sprintf("hook before says %s: %s; nothing was written", said.Say, said.Reason),
		Hint: "ask the owner of that program"}
}
