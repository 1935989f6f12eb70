// This file is zarya retry: the same command again, for the tablets whose failure was one
// of the bench.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target"
)

// keptRuns is how many runs can be tried again.
const keptRuns = 200

// runNote is what is kept of a run: how it was started. It holds no secret, because none
// is ever on a command line.
type runNote struct {
	Run     string       `json:"run"`
	Scope   flash.Scope  `json:"scope"`
	Folder  string       `json:"folder"`  // in which it was started
	Targets []string     `json:"targets"` // of its jobs, in their order
	Options savedOptions `json:"options"`
	Started time.Time    `json:"started"`
}

// savedOptions are the flags of a run that its repetition has too.
type savedOptions struct {
	Profile     string   `json:"profile,omitempty"`
	Bundle      string   `json:"bundle,omitempty"`
	Allow       []string `json:"allow,omitempty"`
	Concurrency int      `json:"concurrency,omitempty"`
	Trust       string   `json:"trust,omitempty"`
	Ledger      string   `json:"ledger"`
	Operator    string   `json:"operator,omitempty"`
	Lot         string   `json:"lot,omitempty"`
	Golden      bool     `json:"golden,omitempty"`
}

// noteRun keeps how a run was started. That it cannot be kept stops nothing.
func (a *app) noteRun(run string, o jobOptions, scope flash.Scope, targets []target.Target) {
	path, err := a.ledgerPath()
	if err != nil || path == "" {
		return
	}
	folder, err := os.Getwd()
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return
	}
	note := runNote{Run: run, Scope: scope, Folder: folder, Started: time.Now().UTC(),
		Options: savedOptions{o.profile, o.bundle, o.allow, o.concurrency, o.trust, "sqlite:" + path,
			o.under.Operator, o.under.Lot, o.under.Golden}}
	for _, t := range targets {
		note.Targets = append(note.Targets, t.String())
	}
	text, _ := json.Marshal(note) // texts and numbers: always possible
	dir := runNotes(path)
	err = os.MkdirAll(dir, 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, run+".json"), text, 0o600)
	}
	if err != nil {
		a.warn("zarya retry will not know of this run: %v", err)
	}
	old, _ := filepath.Glob(filepath.Join(dir, "*.json")) // the pattern is right
	if len(old) > keptRuns {
		slices.SortFunc(old, func(x, y string) int { return modified(x).Compare(modified(y)) })
		for _, file := range old[:len(old)-keptRuns] {
			_ = os.Remove(file)
		}
	}
}

// runNotes is the folder of notes beside a ledger.
func runNotes(ledgerPath string) string { return ledgerPath + ".retry" }

func modified(file string) time.Time {
	info, err := os.Stat(file)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
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
	path, err := a.ledgerPath()
	if err != nil {
		return err
	}
	if path == "" {
		return problem.New(problem.Usage, "leave --ledger none out", "only a run that was recorded can be done again")
	}
	note, err := findRun(path, run)
	if err != nil {
		return err
	}
	targets, err := a.retryable(note)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		if !a.quiet {
			fmt.Fprintf(a.stderr, "run %s: no tablet failed for a reason of the bench; nothing to do again\n", note.Run)
		}
		return nil
	}
	if err := os.Chdir(note.Folder); err != nil { // the profile was named from there
		return problem.New(problem.Station, "go where the profile is, and type the command", "the folder of that run: %w", err)
	}
	a.ledger = note.Options.Ledger
	o := jobOptions{targets: targets, profile: note.Options.Profile, bundle: note.Options.Bundle, allow: note.Options.Allow,
		concurrency: note.Options.Concurrency, trust: note.Options.Trust,
		under: flash.Circumstances{Operator: note.Options.Operator, Lot: note.Options.Lot, Golden: note.Options.Golden}}
	return a.runProfile(o, note.Scope)
}

// findRun reads the note of a run, or of the last one.
func findRun(ledgerPath, run string) (note runNote, err error) {
	pattern := "*"
	if run != "" {
		pattern = filepath.Base(run)
	}
	files, err := filepath.Glob(filepath.Join(runNotes(ledgerPath), pattern+".json"))
	if err != nil || len(files) == 0 {
		what := "no run is known at " + ledgerPath
		if run != "" {
			what = fmt.Sprintf("no run %q is known at %s", run, ledgerPath)
		}
		return note, problem.New(problem.Usage, "zarya ledger list shows the jobs; flash --image is not done again", "%s", what)
	}
	last := slices.MaxFunc(files, func(x, y string) int { return modified(x).Compare(modified(y)) })
	text, err := os.ReadFile(last) //nolint:gosec // beside the ledger
	if err == nil {
		err = json.Unmarshal(text, &note)
	}
	if err != nil {
		return note, problem.New(problem.Station, "type the command again", "the note of that run: %w", err)
	}
	return note, nil
}

// retryable returns the targets of a run that can be tried again: those whose job failed
// for a reason of the bench, was cut off, or was never begun.
func (a *app) retryable(note runNote) (targets []string, err error) {
	results := map[string]*ledger.JobRecord{}
	err = a.readLedger(func(ctx context.Context, l *ledger.Ledger) error {
		jobs, err := l.Jobs(ctx)
		for _, j := range jobs {
			results[j.Job] = j
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, t := range note.Targets {
		j := results[fmt.Sprintf("%s-%d", note.Run, i+1)]
		if j == nil || flash.JobResult(j.Result) == flash.Interrupted || flash.JobResult(j.Result) == flash.Fail && j.Class.Bench() {
			targets = append(targets, t)
		}
	}
	return targets, nil
}
