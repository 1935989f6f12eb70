// This file runs a profile's jobs: zarya run, provision, and flash with a profile.

package runs

import (
	"errors"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/admission"
	"github.com/zarya-station/zarya/internal/build"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/records"
	"github.com/zarya-station/zarya/internal/settings"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/target/ask"
)

// Options are what a run is asked for.
type Options struct {
	Targets     []string
	Profile     string
	Bundle      string
	Allow       []string // protected partitions that may be written
	Concurrency int      // tablets at once; 0 is all
	DryRun      bool     // print what would be done
	Trust       string   // the folder that says who may sign bundles
	Check       bool     // compare only
	All         bool     // every tablet that the profile matches
	Expect      int      // how many of them; 0 is any number
	Under       flash.Circumstances
}

// check holds the options to what goes together, and adds the program's version.
func (f *Front) check(o *Options) error {
	switch {
	case o.Concurrency < 0:
		return problem.New(problem.Usage, "0 is no limit", "--concurrency cannot be negative")
	case o.Expect != 0 && !o.All:
		return problem.New(problem.Usage, "add --all", "--expect counts the tablets of --all")
	case !o.All:
	case o.Profile == "" && o.Bundle == "":
		return problem.New(problem.Usage, "name a profile or a bundle: only they say which tablets match", "--all needs --profile or --bundle")
	case len(o.Targets) > 0:
		return problem.New(problem.Usage, "leave one of them out", "--all and -s both choose tablets")
	case o.Expect < 0:
		return problem.New(problem.Usage, "", "--expect cannot be negative")
	case f.Wait > 0 && o.Expect == 0:
		return problem.New(problem.Usage, "say how many tablets there will be: --expect 16", "--wait-for-device with --all needs --expect N")
	}
	o.Under.Program = build.Version()
	return records.CheckCircumstances(o.Under)
}

// Profile does the work of a profile, or of the one in a bundle.
func (f *Front) Profile(o Options, scope flash.Scope) error {
	if f.Ledger == settings.NoLedger && scope != flash.ScopeFlash && !o.DryRun {
		return problem.New(problem.Usage, "name one with --ledger sqlite:PATH, or leave it out", "%s needs a ledger", scope)
	}
	if err := f.check(&o); err != nil {
		return err
	}
	p, err := f.Recipe(&o, scope)
	if err != nil {
		return err
	}
	defer p.Close()
	if o.DryRun && len(o.Targets) == 0 && !o.All {
		return f.printPlan(p, []recipe.PlanFor{{}})
	}
	targets, err := f.chosen(o, p.Models())
	if err != nil {
		return err
	}
	if o.DryRun {
		return f.planTargets(p, targets)
	}
	if scope != flash.ScopeProvision {
		if err := f.confirmWipe(targets, p.Title()); err != nil {
			return err
		}
	}
	w := work{run: NewID(), from: p, unrecorded: o.Check, concurrency: o.Concurrency}
	w.jobs = Jobs(w.run, targets, func(id string, t flash.Target) flash.Job {
		j := p.Job(id, t)
		j.Check, j.Circumstances = o.Check, o.Under
		return j
	})
	if !o.Check {
		f.noteRun(w.run, o, scope, targets)
	}
	return f.do(w)
}

// Recipe makes the recipe that the options ask for. A bundle that they name by a tag is named
// by its digest from then on.
func (f *Front) Recipe(o *Options, scope flash.Scope) (r *recipe.Recipe, err error) {
	if o.Bundle, err = f.Bundles().Pin(f.Context, o.Bundle); err != nil {
		return nil, err
	}
	return f.Maker().Prepare(f.Context, recipe.Request{Profile: o.Profile, Bundle: o.Bundle, Trust: o.Trust, Allow: o.Allow, Scope: scope})
}

// confirmWipe asks once for all targets. Without a terminal only --yes is a yes. what is
// the profile or bundle that they are wiped for.
func (f *Front) confirmWipe(targets []target.Target, what string) error {
	if f.Yes {
		return nil
	}
	if err := f.Askable("add --yes if these tablets may be wiped", "writing to %s needs a yes", plural(len(targets))); err != nil {
		return err
	}
	answers, err := Each(f, targets, ask.Look)
	if err != nil {
		return err
	}
	for i, t := range targets {
		fmt.Fprintf(f.Err, "  %s: %s\n", t, f.Words.Say(ask.About(f.Context, t, answers[i])))
	}
	question := "Wipe " + plural(len(targets))
	if what != "" {
		question += " for " + what
	}
	if f.Agreed(question) {
		return nil
	}
	return problem.New(problem.Usage, "", "nothing was written")
}

// plural is "this tablet" or "these 16 tablets".
func plural(n int) string {
	if n == 1 {
		return "this tablet"
	}
	return fmt.Sprintf("these %d tablets", n)
}

// work is jobs that are to be done.
type work struct {
	run         string
	jobs        []flash.Job
	from        *recipe.Recipe // that they were made of, or nil
	unrecorded  bool           // nothing is done, so nothing is recorded
	concurrency int
}

// do does jobs with the chosen outputs.
func (f *Front) do(w work) (err error) {
	// Whoever reads the output may go; the tablets are finished and recorded still.
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Reset(syscall.SIGPIPE)
	release, err := f.lockTargets(w.jobs)
	if err != nil {
		return err
	}
	defer release()
	o := flash.EngineOptions{Admission: admission.New(admission.Options{Concurrency: w.concurrency}), Wait: f.Wait, Secrets: f.Secrets}
	record, err := f.OpenLedger(f.Context)
	if err != nil {
		return err
	}
	if record != nil {
		defer records.Close(record, &err)
		if f.Record(record); !w.unrecorded {
			o.Recorder = record
		}
		if w.from != nil && w.from.Profile().Identity != nil {
			supply, end, err := f.SupplyFor(f.Context, record, w.unrecorded, w.from.Profile().Identity.Pool)
			if err != nil {
				return err
			}
			defer end()
			o.Identities = w.from.HideIdentities(supply, f.Secrets)
		}
	}
	if err := f.Follow(record, false); err != nil {
		return err
	}
	sink, err := f.All(f.Console)
	if err != nil {
		return err
	}
	trace, endTrace, err := f.Tracer(f.Secrets.Clean)
	if err != nil {
		return err
	}
	o.Trace = trace
	b := Batch{Run: w.run, Jobs: w.jobs, Engine: o, Sink: sink, Drain: f.Signals.Drain(), Exit: f.ExitCode}
	results, _, err := b.Do(f.Signals.Context())
	if failed := ended(results); failed != nil {
		return failed
	}
	if err := errors.Join(err, endTrace()); err != nil {
		return problem.New(problem.Station, "the tablets are as the events say; only the output is incomplete", "output: %w", err)
	}
	return nil
}

// Follow makes what the settings ask to be made of each record while jobs run: receipts,
// heads, labels. It goes among the outputs. allDay says that it is a station's.
func (f *Front) Follow(record *ledger.Ledger, allDay bool) error {
	more, err := f.Following(f.Signals.Context(), record, f.Words, allDay)
	f.Beside = append(f.Beside, more...)
	return err
}
