// This file is the targets of a verb: their flags, the bench that finds them, and
// questions to all of them at once.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/build"
	"github.com/zarya-station/zarya/internal/machine"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/records"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/target/ask"
)

// targetFlags adds to a verb the choice of its targets.
func (a *app) targetFlags(cmd *cobra.Command, list *[]string) {
	cmd.Flags().StringArrayVarP(list, "target", "s", nil,
		"`TARGET` to work on, repeatable: SERIAL, usb:1-1.3, tcp:HOST[:PORT], udp:HOST[:PORT], ssh:HOST[:PORT], unix:PATH")
	kindFlag(cmd, list, "port",
		"the tablet in port `P`, repeatable: 1-1.3, a path, a name, or a quoted glob (* one number, ** any depth)")
	if cmd.Flags().Lookup("serial") == nil {
		kindFlag(cmd, list, "serial", "the tablet on USB with serial `S`, repeatable")
	}
	a.waitFlag(cmd)
}

// kindFlag adds a flag for targets of a kind, such as port: that any list of targets may have.
func kindFlag(cmd *cobra.Command, list *[]string, name, usage string) {
	cmd.Flags().Func(name, usage, func(value string) error {
		if value == "" {
			return errors.New("it is empty")
		}
		*list = append(*list, name+":"+value)
		return nil
	})
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

// targets resolves what was typed; ZARYA_TARGET counts if nothing was.
func (a *app) targets(typed []string) ([]target.Target, error) {
	if a.wait < 0 {
		return nil, problem.New(problem.Usage, "write --wait-for-device 60s", "--wait-for-device cannot be negative")
	}
	if os.Getenv("ANDROID_SERIAL") != "" {
		a.warn("ANDROID_SERIAL is not read; use -s or ZARYA_TARGET")
	}
	return a.Bench().ResolveWithin(a.ctx, typedTargets(typed), a.wait)
}

// checkJobs holds the flags to what goes together, and adds the program's version.
func (a *app) checkJobs(o *jobOptions) error {
	switch {
	case o.concurrency < 0:
		return problem.New(problem.Usage, "0 is no limit", "--concurrency cannot be negative")
	case o.expect != 0 && !o.all:
		return problem.New(problem.Usage, "add --all", "--expect counts the tablets of --all")
	case !o.all:
	case o.profile == "" && o.bundle == "":
		return problem.New(problem.Usage, "name a profile or a bundle: only they say which tablets match", "--all needs --profile or --bundle")
	case len(o.targets) > 0:
		return problem.New(problem.Usage, "leave one of them out", "--all and -s both choose tablets")
	case o.expect < 0:
		return problem.New(problem.Usage, "", "--expect cannot be negative")
	case a.wait > 0 && o.expect == 0:
		return problem.New(problem.Usage, "say how many tablets there will be: --expect 16", "--wait-for-device with --all needs --expect N")
	}
	o.under.Program = build.Version()
	return records.CheckCircumstances(o.under)
}

// chosen returns the targets of a verb: those that are named, or with --all those of the
// models.
func (a *app) chosen(o jobOptions, models []string) ([]target.Target, error) {
	if o.all {
		matching, others, err := ask.Matching(a.ctx, a.Bench(), models, o.expect, a.wait)
		if len(others) > 0 && !a.quiet {
			a.warn("left alone, because the profile is not for them: %s", strings.Join(others, ", "))
		}
		return matching, err
	}
	return a.targets(o.targets)
}

// lockTargets takes the targets of all jobs. Those that another process uses are
// replaced by ones that fail; if that is all of them, it is an error.
func (a *app) lockTargets(jobs []flash.Job) (release func(), err error) {
	targets := make([]flash.Target, len(jobs))
	for i, j := range jobs {
		targets[i] = j.Target
	}
	ours, release, err := a.Bench().LockAll(a.ctx, targets, machine.Owner(), a.LockWait)
	for i, t := range ours {
		jobs[i].Target = t
	}
	return release, err
}

// each asks all targets at once; one target's failure is its own.
func each[T any](
	a *app, targets []target.Target, question func(context.Context, ask.Session) (T, error),
) (answers []ask.Answer[T], err error) {
	return asking(a, func(ctx context.Context, o ask.Options) ([]ask.Answer[T], error) {
		return ask.Each(ctx, o, targets, question), nil
	})
}

// eachLocked is each for a verb that speaks to a bootloader while a job may do so too.
func eachLocked[T any](
	a *app, targets []target.Target, question func(context.Context, ask.Session) (T, error),
) (answers []ask.Answer[T], err error) {
	return asking(a, func(ctx context.Context, o ask.Options) ([]ask.Answer[T], error) {
		return ask.EachLocked(ctx, o, a.Locks(), targets, question)
	})
}

// asking asks with the command line's options, until the first signal.
func asking[T any](a *app, do func(context.Context, ask.Options) ([]ask.Answer[T], error)) ([]ask.Answer[T], error) {
	trace, end, err := a.tracer()
	if err != nil {
		return nil, err
	}
	o := ask.Options{Wait: a.wait, Trace: trace}
	if a.verbose {
		o.Line = func(target, line string) { fmt.Fprintf(a.stderr, "%s: %s\n", target, line) }
	}
	answers, err := do(a.ctx, o)
	if terr := end(); terr != nil && err == nil {
		err = problem.New(problem.Station, "give --trace a file on a disk with room", "--trace: %w", terr)
	}
	return answers, err
}

// conclude prints the failures and gives the verb's error.
func conclude[T any](a *app, answers []ask.Answer[T]) error {
	var results []flash.JobDone
	for _, r := range answers {
		results = append(results, r.Result)
		if r.Error != "" && !a.json {
			fmt.Fprintf(a.stderr, "zarya: %s: %s\n  → %s\n", r.Target,
				a.words.Say(strings.TrimPrefix(r.Error, r.Target+": ")), a.words.Say(r.Hint))
		}
	}
	if code := exitOf(results); code != exitOK {
		return exitStatus(code)
	}
	return nil
}
