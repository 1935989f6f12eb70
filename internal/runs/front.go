// Package runs does to tablets what a person has ordered: it finds the tablets that were named, asks
// all of them a question, or runs a job on each, and ends with a summary and a note from which the
// run can be repeated.
//
// A front end fills in a [Front] (the console, the machine, the outputs), binds its flags to
// [Options], and calls Front.Profile, Front.Images, Front.Bundle, Front.Plan or Front.Retry; [Ask]
// and [AskBootloaders] are for questions. A [Batch] is the jobs of one run. The front end decides
// only how options are written and which exit code an end has. A station that works all day is
// package daemon.
package runs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/console"
	"github.com/zarya-station/zarya/internal/machine"
	"github.com/zarya-station/zarya/internal/outputs"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/signals"
)

// Front is a front end: the machine it works with, who is at its other end, and where it
// writes what happens.
type Front struct {
	machine.Machine
	*console.Console
	outputs.Outputs

	Signals *signals.Signals
	Context context.Context // ends at the first signal: for what is not worth finishing

	Wait time.Duration // for a target to appear
	// ExitCode is the exit code for the results of jobs; it stands in their summary.
	ExitCode func([]flash.JobDone) int
}

// NewID is a short random name for a run.
func NewID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// KindOf is the kind of problem that the results of jobs are together; failed is false if
// none of them failed.
func KindOf(results []flash.JobDone) (kind problem.Kind, failed bool) {
	bench, absent, others := 0, 0, 0
	exhausted, notDurable := false, false
	for _, r := range results {
		exhausted, notDurable = exhausted || r.Exhausted, notDurable || r.NotDurable
		switch {
		case r.Class == flash.ClassBug:
			return problem.Internal, true
		case r.Result == flash.Pass, r.Result == flash.Compliant:
		case r.Class.Bench():
			bench++
			if r.Step == "connect" {
				absent++
			}
		default:
			others++
		}
	}
	switch {
	case notDurable:
		return problem.NotDurable, true
	case exhausted:
		return problem.Identity, true
	case absent > 0 && absent == len(results):
		return problem.NoDevice, true
	case others > 0:
		return problem.Failed, true
	}
	return problem.Bench, bench > 0
}

// ended is the error of a verb whose jobs, or questions, ended with these results.
func ended(results []flash.JobDone) error {
	if kind, failed := KindOf(results); failed {
		return problem.Said(kind)
	}
	return nil
}
