// This file is the one place where outcomes become exit codes. The codes are a
// contract with scripts: docs/events.md.

package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/help"
	"github.com/zarya-station/zarya/internal/openfiles"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/runs"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/profiles"
)

// The exit codes in use so far.
const (
	exitOK         = 0
	exitFailed     = 1  // a tablet failed by image, profile, device, lock, boot or identity
	exitUsage      = 2  // the command line is wrong
	exitInvalid    = 3  // an image or a profile is invalid, the ledger is broken
	exitNoDevice   = 4  // no device, or waiting timed out
	exitLocked     = 5  // another process uses the tablet
	exitStation    = 6  // station trouble before any job
	exitIdentity   = 7  // a pool has no identity left
	exitNotDurable = 8  // the ledger could not be written: flashing stopped
	exitBench      = 9  // tablets failed, all for reasons of the bench
	exitInternal   = 70 // a bug
)

// exitCodes says which exit code each kind of problem is.
var exitCodes = map[problem.Kind]int{
	problem.Internal:   exitInternal,
	problem.Usage:      exitUsage,
	problem.Invalid:    exitInvalid,
	problem.NoDevice:   exitNoDevice,
	problem.InUse:      exitLocked,
	problem.Station:    exitStation,
	problem.Identity:   exitIdentity,
	problem.NotDurable: exitNotDurable,
	problem.Failed:     exitFailed,
	problem.Bench:      exitBench,
}

// exitStatus ends the program with a code; everything there is to say was said.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// report prints an error, if there is something to print, and gives the exit code. What
// has no kind comes from parsing the command line.
func (a *app) report(err error) int {
	if code := a.signalCode(); code != 0 {
		return code
	}
	var said exitStatus
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &said):
		return int(said)
	}
	var p *problem.Error
	if !errors.As(err, &p) {
		p = &problem.Error{Kind: problem.Usage, Hint: "see zarya --help", Err: err}
	}
	if openfiles.Exhausted(err) && p.Kind != problem.Station { // whatever was being opened
		p = &problem.Error{Kind: problem.Station, Hint: flash.HintOutOfFiles, Err: err}
	}
	if p.Said {
		return exitCodes[p.Kind]
	}
	fmt.Fprintf(a.Err, "zarya: %s\n", a.Words.Say(err.Error()))
	if p.Hint != "" {
		fmt.Fprintf(a.Err, "  → %s\n", a.Words.Say(p.Hint))
	}
	return exitCodes[p.Kind]
}

// exitCode is the code for the results of a run's jobs.
func (a *app) exitCode(results []flash.JobDone) int {
	if code := a.signalCode(); code != 0 {
		return code
	}
	if kind, failed := runs.KindOf(results); failed {
		return exitCodes[kind]
	}
	return exitOK
}

// summarizeFailure writes the summary of a verb that ended before any of its jobs: who
// reads --json, --events or --junit learns of every end, an error before any job included.
func (a *app) summarizeFailure(cmd *cobra.Command, args []string, err error, code int) {
	if err == nil || a.Summarized || !help.RunsJobs(cmd) {
		return
	}
	a.readOutputFlags(args)
	sinks, serr := a.Files(a.Console)
	if serr != nil || len(sinks) == 0 {
		return // there is nowhere to write it
	}
	out := ui.Tee(sinks...)
	events := flash.NewEvents(runs.NewID(), out.Event)
	events.Hide(a.Secrets)
	events.Emit(flash.Event{Body: ui.Summary{Exit: code, Error: summaryError(err)}})
	events.Close()
	if err := out.Close(); err != nil {
		fmt.Fprintf(a.Err, "zarya: output: %v\n", err)
	}
}

// summaryError takes an error apart for programs.
func summaryError(err error) *ui.SummaryError {
	e := &ui.SummaryError{Class: problem.Usage.String(), Message: err.Error(), Hint: "see zarya --help"}
	var p *problem.Error
	if errors.As(err, &p) {
		e.Class, e.Hint = p.Kind.String(), p.Hint
	}
	var at *profiles.Error
	if errors.As(err, &at) {
		e.File, e.Line, e.Column = at.File, at.Line, at.Column
	}
	return e
}

// readOutputFlags finds the flags of outputs on a command line that cobra gave up reading.
func (a *app) readOutputFlags(args []string) {
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.ParseErrorsAllowlist.UnknownFlags = true
	f.BoolVar(&a.JSON, "json", a.JSON, "")
	f.StringVar(&a.Events, "events", a.Events, "")
	f.StringVar(&a.JUnit, "junit", a.JUnit, "")
	f.SetOutput(io.Discard)
	_ = f.Parse(args) // what was read before a mistake counts
}
