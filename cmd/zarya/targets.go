// This file is the targets of a verb: their flags, the bench that finds them, and
// questions to all of them at once.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target"
)

// targetFlags adds to a verb the choice of its targets.
func (a *app) targetFlags(cmd *cobra.Command, list *[]string) {
	cmd.Flags().StringArrayVarP(list, "target", "s", nil, "`TARGET` to work on, repeatable: SERIAL, usb:1-1.3, tcp:HOST[:PORT], udp:HOST[:PORT], ssh:HOST[:PORT], unix:PATH")
	cmd.Flags().Var(longForm{list, "port:"}, "port", "the tablet in port `P`, repeatable: 1-1.3, a path, a name, or a quoted glob (* one number, ** any depth)")
	if cmd.Flags().Lookup("serial") == nil {
		cmd.Flags().Var(longForm{list, "serial:"}, "serial", "the tablet on USB with serial `S`, repeatable")
	}
	a.waitFlag(cmd)
}

// longForm is a flag that adds a target of its kind.
type longForm struct {
	list *[]string
	kind string
}

func (l longForm) String() string { return "" }
func (l longForm) Type() string   { return "string" }

// Set adds one.
func (l longForm) Set(value string) error {
	if value == "" {
		return errors.New("it is empty")
	}
	*l.list = append(*l.list, l.kind+value)
	return nil
}

func (a *app) waitFlag(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&a.wait, "wait-for-device", 0, "wait this long, such as 60s, for each target to appear")
}

// typedTargets are the names of the command line, or else those of the environment.
func typedTargets(typed []string) []string {
	if len(typed) > 0 {
		return typed
	}
	return strings.Fields(strings.ReplaceAll(os.Getenv("ZARYA_TARGET"), ",", " "))
}

// bench returns the places of this station, with the settings of the command line.
func (a *app) bench() *target.Bench {
	a.benchOnce.Do(func() { a.places = target.NewBench(target.Options{Names: namesFile(), LockDir: a.lockDir}) })
	return a.places
}

// targets resolves what was typed; ZARYA_TARGET counts if nothing was.
func (a *app) targets(typed []string) ([]target.Target, error) {
	if a.wait < 0 {
		return nil, problem.New(problem.Usage, "write --wait-for-device 60s", "--wait-for-device cannot be negative")
	}
	if os.Getenv("ANDROID_SERIAL") != "" {
		a.warn("ANDROID_SERIAL is not read; use -s or ZARYA_TARGET")
	}
	ctx, cancel := a.untilSignal()
	defer cancel()
	return a.bench().ResolveWithin(ctx, typedTargets(typed), a.wait)
}

// lockOwner is how others see who has a tablet.
func lockOwner() string {
	return fmt.Sprintf("zarya, process %d since %s", os.Getpid(), time.Now().Format("15:04:05"))
}

// lockTargets takes the targets of all jobs. Those that another process uses are
// replaced by ones that fail; if that is all of them, it is an error.
func (a *app) lockTargets(jobs []flash.Job) (release func(), err error) {
	targets := make([]flash.Target, len(jobs))
	for i, j := range jobs {
		targets[i] = j.Target
	}
	ctx, cancel := a.untilSignal()
	defer cancel()
	ours, release, err := a.bench().LockAll(ctx, targets, lockOwner(), a.lockWait)
	for i, t := range ours {
		jobs[i].Target = t
	}
	return release, err
}

// supply is the pools of a ledger, whose identities no two processes of this machine give
// to one serial.
func (a *app) supply(record *ledger.Ledger) *pool.Supply {
	s := pool.NewSupply(record, a.stationKey())
	s.Lock = func(serial, job string) (func(), string, error) {
		return a.bench().LockSerial(serial, lockOwner()+", job "+job)
	}
	return s
}

// session is one open client for the everyday verbs.
type session struct {
	*fastboot.Client
	target target.Target
}

// answer is what one target said to an everyday verb.
type answer[T any] struct {
	Target string `json:"target"`
	Value  *T     `json:"value,omitempty"`
	Error  string `json:"error,omitempty"`
	Class  string `json:"class,omitempty"`
	Hint   string `json:"hint,omitempty"`
	result flash.JobDone
}

// fail makes an error the answer.
func (a *answer[T]) fail(step string, err error) {
	a.result.SetFailure(step, err)
	a.Value, a.Error, a.Class, a.Hint = nil, a.result.Error, string(a.result.Class), a.result.Hint
}

// partialError is the failure of a part of what a target was asked; it has answered the rest.
type partialError struct{ error }

func (e partialError) Unwrap() error { return e.error }

// eachLocked is each for a verb that speaks to a bootloader while a job may do so too: it
// takes the targets first. One that another process uses fails and is not touched; if that
// is all of them, it is an error.
func eachLocked[T any](a *app, targets []target.Target, ask func(context.Context, session) (T, error)) ([]answer[T], error) {
	if len(targets) == 0 {
		return nil, nil
	}
	all := make([]flash.Target, len(targets))
	for i, t := range targets {
		all[i] = t
	}
	ctx, cancel := a.untilSignal()
	defer cancel()
	ours, release, err := a.bench().LockAll(ctx, all, lockOwner(), a.lockWait)
	if err != nil {
		return nil, err
	}
	defer release()
	return eachOf(a, targets, ours, ask)
}

// each asks all targets at once; one target's failure is its own.
func each[T any](a *app, targets []target.Target, ask func(context.Context, session) (T, error)) ([]answer[T], error) {
	all := make([]flash.Target, len(targets))
	for i, t := range targets {
		all[i] = t
	}
	return eachOf(a, targets, all, ask)
}

// eachOf is each, over connections that open makes, which may refuse.
func eachOf[T any](a *app, targets []target.Target, open []flash.Target, ask func(context.Context, session) (T, error)) ([]answer[T], error) {
	trace, end, err := a.tracer()
	if err != nil {
		return nil, err
	}
	ctx, cancel := a.untilSignal()
	defer cancel()
	answers := make([]answer[T], len(targets))
	done := make(chan struct{})
	for i, t := range targets {
		go func() {
			defer func() { done <- struct{}{} }()
			answers[i] = askOne(ctx, a, t, open[i], trace, ask)
		}()
	}
	for range targets {
		<-done
	}
	if err := end(); err != nil {
		return answers, problem.New(problem.Station, "give --trace a file on a disk with room", "--trace: %w", err)
	}
	return answers, nil
}

func askOne[T any](ctx context.Context, a *app, t target.Target, open flash.Target, trace *fastboot.Tracer, ask func(context.Context, session) (T, error)) answer[T] {
	out := answer[T]{Target: t.String(), result: flash.JobDone{Result: flash.Pass}}
	step := "connect"
	wire, err := flash.Open(ctx, open, a.wait)
	if err == nil {
		step = ""
		if trace != nil {
			wire = trace.Wrap(t.String(), wire)
		}
		c := fastboot.NewClient(wire, fastboot.Options{Line: func(line string) {
			if a.verbose {
				fmt.Fprintf(a.stderr, "%s: %s\n", t, line)
			}
		}})
		defer func() { _ = c.Close() }() // what it was asked is answered
		var v T
		v, err = ask(ctx, session{c, t})
		if err == nil {
			out.Value = &v
		} else if errors.As(err, new(partialError)) {
			out.fail(step, err)
			out.Value = &v
			return out
		}
	}
	if err != nil {
		out.fail(step, err)
	}
	return out
}

// conclude prints the failures and gives the verb's error.
func conclude[T any](a *app, answers []answer[T]) error {
	var results []flash.JobDone
	for _, r := range answers {
		results = append(results, r.result)
		if r.Error != "" && !a.json {
			fmt.Fprintf(a.stderr, "zarya: %s: %s\n  → %s\n", r.Target, strings.TrimPrefix(r.Error, r.Target+": "), r.Hint)
		}
	}
	if code := exitOf(results); code != exitOK {
		return exitStatus(code)
	}
	return nil
}

// greetFor is how long a booted tablet's server may take to greet.
const greetFor = 2 * time.Second

// isBooted reports whether a target's own port greets as an SSH server does.
func (a *app) isBooted(t target.Target) bool {
	ctx, cancel := a.untilSignal()
	defer cancel()
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
