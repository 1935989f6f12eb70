// This file is zarya retry: the same command again, for the tablets whose failure was one
// of the bench.

package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/rerun"
	"github.com/zarya-station/zarya/internal/target"
)

// noteRun keeps how a run was started. That it cannot be kept stops nothing.
func (a *app) noteRun(run string, o jobOptions, scope flash.Scope, targets []target.Target) {
	path, err := a.LedgerPath()
	if err != nil || path == "" {
		return
	}
	note := rerun.Note{Run: run, Scope: scope, Options: rerun.Options{Profile: o.profile, Bundle: o.bundle, Allow: o.allow,
		Concurrency: o.concurrency, Trust: o.trust, Operator: o.under.Operator, Lot: o.under.Lot, Golden: o.under.Golden}}
	for _, t := range targets {
		note.Targets = append(note.Targets, t.String())
	}
	if err := note.Keep(path); err != nil {
		a.warn("zarya retry will not know of this run: %v", err)
	}
}

func newRetry(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retry [RUN]",
		Short: "Do a run again for the tablets that failed for reasons of the bench",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			run := ""
			if len(args) > 0 {
				run = args[0]
			}
			return a.retry(run)
		},
	}
	jobVerb(cmd)
	f := cmd.Flags()
	f.StringVar(&a.junit, "junit", "", "write a JUnit report to `FILE`")
	f.DurationVar(&a.wait, "wait-for-device", 0, "wait this long, such as 60s, for each target to appear")
	return cmd
}

func (a *app) retry(run string) error {
	path, err := a.LedgerPath()
	if err != nil {
		return err
	}
	if path == "" {
		return problem.New(problem.Usage, "leave --ledger none out", "only a run that was recorded can be done again")
	}
	note, err := rerun.Find(path, run)
	if err != nil {
		return err
	}
	var targets []string
	err = a.Read(a.ctx, func(ctx context.Context, l *ledger.Ledger) error {
		jobs, err := l.Jobs(ctx)
		targets = note.Again(jobs)
		return err
	})
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		if !a.quiet {
			a.say("run %s: no tablet failed for a reason of the bench; nothing to do again", note.Run)
		}
		return nil
	}
	if err := os.Chdir(note.Folder); err != nil { // the profile was named from there
		return problem.New(problem.Station, "go where the profile is, and type the command", "the folder of that run: %w", err)
	}
	was := note.Options
	a.Ledger = was.Ledger
	o := jobOptions{targets: targets, profile: was.Profile, bundle: was.Bundle, allow: was.Allow, concurrency: was.Concurrency,
		trust: was.Trust, under: flash.Circumstances{Operator: was.Operator, Lot: was.Lot, Golden: was.Golden}}
	return a.runProfile(o, note.Scope)
}
