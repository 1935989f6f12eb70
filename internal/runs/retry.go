// This file does a run again, for the tablets whose failure was one of the bench.

package runs

import (
	"context"
	"os"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target"
)

// noteRun keeps how a run was started. That it cannot be kept stops nothing.
func (f *Front) noteRun(run string, o Options, scope flash.Scope, targets []target.Target) {
	path, err := f.LedgerPath()
	if err != nil || path == "" {
		return
	}
	note := Note{Run: run, Scope: scope, Options: Kept{Profile: o.Profile, Bundle: o.Bundle, Allow: o.Allow,
		Concurrency: o.Concurrency, Trust: o.Trust, Operator: o.Under.Operator, Lot: o.Under.Lot, Golden: o.Under.Golden}}
	for _, t := range targets {
		note.Targets = append(note.Targets, t.String())
	}
	if err := note.Keep(path); err != nil {
		f.Warnf("zarya retry will not know of this run: %v", err)
	}
}

// Retry does a run again, or the last one if run is "", for the tablets that failed for
// reasons of the bench. It goes to the folder in which that run was started.
func (f *Front) Retry(run string) error {
	path, err := f.LedgerPath()
	if err != nil {
		return err
	}
	if path == "" {
		return problem.New(problem.Usage, "leave --ledger none out", "only a run that was recorded can be done again")
	}
	note, err := Find(path, run)
	if err != nil {
		return err
	}
	var targets []string
	err = f.Read(f.Context, func(ctx context.Context, l *ledger.Ledger) error {
		jobs, err := l.Jobs(ctx)
		targets = note.Again(jobs)
		return err
	})
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		f.Notef("run %s: no tablet failed for a reason of the bench; nothing to do again", note.Run)
		return nil
	}
	if err := os.Chdir(note.Folder); err != nil { // the profile was named from there
		return problem.New(problem.Station, "go where the profile is, and type the command", "the folder of that run: %w", err)
	}
	was := note.Options
	f.Ledger = was.Ledger
	return f.Profile(Options{Targets: targets, Profile: was.Profile, Bundle: was.Bundle, Allow: was.Allow, Concurrency: was.Concurrency,
		Trust: was.Trust, Under: flash.Circumstances{Operator: was.Operator, Lot: was.Lot, Golden: was.Golden}}, note.Scope)
}
