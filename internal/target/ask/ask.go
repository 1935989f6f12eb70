// Package ask asks many tablets something at once, without a job: what they are ([Look]), their
// variables ([Getvars]), or that they restart ([Reboot]). [Each] is what all of these are made of:
// it opens a [Session] with all tablets at once, calls a function with each, and returns an
// [Answer] for each. EachLocked also keeps other processes away meanwhile.
//
// A tablet that fails has its failure in its own answer and does not affect the others. Nothing is
// written to a tablet here, and nothing is recorded: that is what jobs are for.
package ask

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/target"
)

// Session is one open client, for the time of its question.
type Session struct {
	*fastboot.Client
	Target target.Target
}

// Answer is what one target said: a value, or why not.
type Answer[T any] struct {
	Target string        `json:"target"`
	Value  *T            `json:"value,omitempty"`
	Error  string        `json:"error,omitempty"`
	Class  string        `json:"class,omitempty"`
	Hint   string        `json:"hint,omitempty"`
	Result flash.JobDone `json:"-"`
}

// Fail makes an error the answer.
func (a *Answer[T]) Fail(step string, err error) {
	a.Result.SetFailure(step, err)
	a.Value, a.Error, a.Class, a.Hint = nil, a.Result.Error, string(a.Result.Class), a.Result.Hint
}

// partialError is the failure of a part of what a target was asked; it has answered the rest.
type partialError struct{ error }

func (e partialError) Unwrap() error { return e.error }

// Options say how targets are asked.
type Options struct {
	Wait  time.Duration             // for each target to appear
	Trace *fastboot.Tracer          // nil is none
	Line  func(target, line string) // what the tablets say meanwhile; nil is nobody
}

// Locks are how targets are taken from other processes.
type Locks struct {
	Bench *target.Bench
	Owner string        // how others see who has a tablet
	Wait  time.Duration // for another process to let one go
}

// EachLocked is [Each] for what speaks to a bootloader while a job may do so too: it takes the
// targets first. One that another process uses fails and is not touched; if that is all of
// them, it is an error.
func EachLocked[T any](ctx context.Context, o Options, l Locks, targets []target.Target,
	question func(context.Context, Session) (T, error)) ([]Answer[T], error) {
	if len(targets) == 0 {
		return nil, nil
	}
	ours, release, err := l.Bench.LockAll(ctx, opened(targets), l.Owner, l.Wait)
	if err != nil {
		return nil, err
	}
	defer release()
	return eachOf(ctx, o, targets, ours, question), nil
}

// Each asks all targets at once; one target's failure is its own.
func Each[T any](ctx context.Context, o Options, targets []target.Target, question func(context.Context, Session) (T, error)) []Answer[T] {
	return eachOf(ctx, o, targets, opened(targets), question)
}

// opened are targets as the engine opens them.
func opened(targets []target.Target) []flash.Target {
	all := make([]flash.Target, len(targets))
	for i, t := range targets {
		all[i] = t
	}
	return all
}

// eachOf is Each, over connections that open makes, which may refuse.
func eachOf[T any](ctx context.Context, o Options, targets []target.Target, open []flash.Target,
	question func(context.Context, Session) (T, error)) []Answer[T] {
	answers := make([]Answer[T], len(targets))
	var wg sync.WaitGroup
	for i, t := range targets {
		wg.Go(func() { answers[i] = one(ctx, o, t, open[i], question) })
	}
	wg.Wait()
	return answers
}

// one asks one target.
func one[T any](ctx context.Context, o Options, t target.Target, open flash.Target,
	question func(context.Context, Session) (T, error)) Answer[T] {
	out := Answer[T]{Target: t.String(), Result: flash.JobDone{Result: flash.Pass}}
	step := "connect"
	wire, err := flash.Open(ctx, open, o.Wait)
	if err == nil {
		step = ""
		if o.Trace != nil {
			wire = o.Trace.Wrap(t.String(), wire)
		}
		c := fastboot.NewClient(wire, fastboot.Options{Line: func(line string) {
			if o.Line != nil {
				o.Line(t.String(), line)
			}
		}})
		defer func() { _ = c.Close() }() // what it was asked is answered
		var v T
		v, err = question(ctx, Session{c, t})
		if err == nil {
			out.Value = &v
		} else if errors.As(err, new(partialError)) {
			out.Fail(step, err)
			out.Value = &v
			return out
		}
	}
	if err != nil {
		out.Fail(step, err)
	}
	return out
}

// greetFor is how long a booted tablet's server may take to greet.
const greetFor = 2 * time.Second

// Booted reports whether a target's own port greets as an SSH server does.
func Booted(ctx context.Context, t target.Target) bool {
	ctx, stop := context.WithTimeout(ctx, greetFor)
	defer stop()
	conn, err := t.Dial(ctx, 0)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }() // it was only listened to
	deadline, _ := ctx.Deadline()
	head := make([]byte, len("SSH-"))
	if err := conn.SetReadDeadline(deadline); err != nil {
		return false
	}
	_, err = io.ReadFull(conn, head)
	return err == nil && string(head) == "SSH-"
}
