// This file is zarya flash: write images to tablets, in parallel.

package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/admission"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/batch"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/prompt"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/records"
	"github.com/zarya-station/zarya/internal/show"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/target/ask"
)

type flashOptions struct {
	jobOptions
	images  []string
	erase   []string
	reboot  string
	product string
	sparse  string
	slot    string
	raw     bool
}

func newFlash(a *app) *cobra.Command {
	var o flashOptions
	cmd := &cobra.Command{
		Use:   "flash {--bundle BUNDLE | --profile PROFILE | --image PART[:SLOT]=FILE… [--erase PART] [--reboot MODE]} -s TARGET…",
		Short: "Write images to tablets, in parallel",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			what, not := "", []string{"image", "erase", "product", "sparse", "slot", "raw"}
			switch {
			case o.profile != "":
				what, not = "profile", append(not, "reboot")
			case o.bundle != "":
				what = "bundle"
			default:
				return a.flashImages(o)
			}
			for _, f := range not {
				if cmd.Flags().Changed(f) {
					return problem.New(problem.Usage, "the "+what+" says what is written", "--%s does not go with --%s", f, what)
				}
			}
			if what == "bundle" {
				return a.flashBundle(o)
			}
			return a.runProfile(o.jobOptions, flash.ScopeFlash)
		},
	}
	a.jobFlags(cmd, &o.jobOptions)
	f := cmd.Flags()
	f.StringArrayVar(&o.images, "image", nil, "write `PART[:SLOT]=FILE`, repeatable, in this order")
	f.StringArrayVar(&o.erase, "erase", nil, "erase `PARTITION` before the images are written, repeatable")
	f.StringVar(&o.reboot, "reboot", "", "afterwards reboot to `MODE`: "+strings.Join(fastboot.RebootModes, ", "))
	f.StringVar(&o.product, "product", "", "write only if the tablet says it is `NAME`")
	f.StringVar(&o.sparse, "sparse", "auto", "send as sparse images: auto, always, never")
	f.BoolVar(&o.raw, "raw", false, rawHelp)
	f.StringVar(&o.slot, "slot", "", "slot for images without one: "+strings.Join(flash.Slots, ", "))
	return cmd
}

// flashImages is flash --image.
func (a *app) flashImages(o flashOptions) error {
	if err := a.checkJobs(&o.jobOptions); err != nil {
		return err
	}
	several := func(t string) bool { return strings.Contains(t, "*") }
	if named := typedTargets(o.targets); len(named) == 0 || slices.ContainsFunc(named, several) {
		return problem.New(problem.Usage, "name targets with -s: only a profile or a bundle may choose", "name every target of --image in full")
	}
	m := a.Maker()
	if err := m.RefuseUnsigned(o.trust); err != nil {
		return err
	}
	return a.flash(o, nil, func(ctx context.Context) (*recipe.Direct, error) {
		return m.PrepareImages(ctx, recipe.DirectRequest{
			Images: o.images, Erase: o.erase, Sparse: o.sparse,
			Slot: o.slot, Product: o.product, Allow: o.allow, Raw: o.raw,
		})
	})
}

// flash writes to the targets what prepare makes ready. models are those of --all.
func (a *app) flash(o flashOptions, models []string, prepare func(context.Context) (*recipe.Direct, error)) error {
	targets, err := a.chosen(o.jobOptions, models)
	if err != nil {
		return err
	}
	if o.reboot != "" && !slices.Contains(fastboot.RebootModes, o.reboot) {
		return problem.New(problem.Usage, "known are "+strings.Join(fastboot.RebootModes, ", "), "--reboot: no mode %q", o.reboot)
	}
	work, err := prepare(a.ctx)
	if err != nil {
		return err
	}
	defer work.Close()
	if o.reboot != "" {
		work.Steps = append(work.Steps, flash.Reboot{Mode: o.reboot}.Step())
	}
	if o.dryRun {
		return a.showPlan(targets, work)
	}
	if err := a.confirmWipe(targets, work.Bundle); err != nil {
		return err
	}
	run := newID()
	jobs := batch.Jobs(run, targets, func(id string, t flash.Target) flash.Job {
		j := work.Job(id, t)
		j.Circumstances = o.under
		return j
	})
	return a.runJobs(run, jobs, a.engineOptions(o.concurrency), nil)
}

// confirmWipe asks once for all targets. Without a terminal only --yes is a yes. what is
// the profile or bundle that they are wiped for.
func (a *app) confirmWipe(targets []target.Target, what string) error {
	if a.yes {
		return nil
	}
	if err := a.askable("add --yes if these tablets may be wiped", "writing to %s needs a yes", plural(len(targets))); err != nil {
		return err
	}
	answers, err := each(a, targets, ask.Look)
	if err != nil {
		return err
	}
	for i, t := range targets {
		fmt.Fprintf(a.stderr, "  %s: %s\n", t, a.words.Say(ask.About(a.ctx, t, answers[i])))
	}
	question := "Wipe " + plural(len(targets))
	if what != "" {
		question += " for " + what
	}
	if a.agreed(question) {
		return nil
	}
	return problem.New(problem.Usage, "", "nothing was written")
}

// askable fails where nobody can be asked for a yes; hint says which flag is one.
func (a *app) askable(hint, format string, args ...any) error {
	if a.noInput || terminal(a.stdin) == nil {
		return problem.New(problem.Usage, hint, format+", and nobody can be asked", args...)
	}
	return nil
}

// agreed asks a question on the terminal, unless --yes has answered it. ^C is a no.
func (a *app) agreed(question string) bool {
	p := prompt.Prompt{In: a.stdin, Out: a.stderr, Stop: a.signals.Drain(), Choice: a.words.Say("[y/N]")}
	return a.yes || p.Agreed(a.words.Say(question))
}

// engineOptions are those that flags say.
func (a *app) engineOptions(concurrency int) flash.EngineOptions {
	return flash.EngineOptions{Admission: admission.New(admission.Options{Concurrency: concurrency}), Wait: a.wait}
}

// runJobs runs jobs with the chosen outputs and turns their results into the
// program's. from is what they were made of, or nil.
func (a *app) runJobs(run string, jobs []flash.Job, o flash.EngineOptions, from *recipe.Recipe) (err error) {
	// Whoever reads the output may go; the tablets are finished and recorded still.
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Reset(syscall.SIGPIPE)
	release, err := a.lockTargets(jobs)
	if err != nil {
		return err
	}
	defer release()
	record, err := a.OpenLedger(a.ctx)
	if err != nil {
		return err
	}
	if record != nil {
		defer records.Close(record, &err)
		if a.Record(record); !a.unrecorded {
			o.Recorder = record
		}
		if from != nil && from.Profile().Identity != nil {
			supply, end, err := a.SupplyFor(a.ctx, record, a.unrecorded, from.Profile().Identity.Pool)
			if err != nil {
				return err
			}
			defer end()
			o.Identities = from.HideIdentities(supply, a.Secrets)
		}
	}
	if err := a.startEvidence(record, false); err != nil {
		return err
	}
	sink, err := a.sinks()
	if err != nil {
		return err
	}
	trace, endTrace, err := a.tracer()
	if err != nil {
		return err
	}
	o.Trace, o.Secrets = trace, a.Secrets
	sum, err := batch.Batch{Run: run, Jobs: jobs, Engine: o, Sink: sink, Drain: a.signals.Drain(), Exit: a.exitCode}.Do(a.signals.Context())
	if err := errors.Join(err, endTrace()); err != nil && sum.Exit == exitOK {
		return problem.New(problem.Station, "the tablets are as the events say; only the output is incomplete", "output: %w", err)
	}
	if sum.Exit != exitOK {
		return exitStatus(sum.Exit)
	}
	return nil
}

// showPlan is --dry-run: what would be done, without a tablet.
func (a *app) showPlan(targets []target.Target, work *recipe.Direct) error {
	var items []show.Direct
	for _, t := range targets {
		items = append(items, show.OfDirect(t.String(), work))
	}
	if a.json {
		return a.document("plan", items)
	}
	items[0].Text(a.stdout)
	fmt.Fprintln(a.stdout, a.words.Sayf("on %d tablets; nothing was written", len(items)))
	return nil
}

// flashBundle is zarya flash --bundle. A profile in the bundle says how.
func (a *app) flashBundle(o flashOptions) error {
	var err error
	if o.bundle, err = a.Bundles().Pin(a.ctx, o.bundle); err != nil {
		return err
	}
	b, err := a.Bundles().Look(a.ctx, o.bundle)
	if err != nil {
		return err
	}
	if b.Manifest.Profile != "" {
		if o.reboot != "" {
			return problem.New(problem.Usage, "the profile in the bundle says what is done", "--reboot does not go with %s", b.Path)
		}
		return a.runProfile(o.jobOptions, flash.ScopeFlash)
	}
	if err := a.checkJobs(&o.jobOptions); err != nil {
		return err
	}
	m := a.Maker()
	b, signer, err := m.OpenBundle(a.ctx, o.bundle, o.trust)
	if err != nil {
		return err
	}
	defer b.Close()
	return a.flash(o, slices.Concat(b.Manifest.Models, b.Manifest.Products), func(ctx context.Context) (*recipe.Direct, error) {
		return m.PrepareBundle(ctx, b, signer, o.allow)
	})
}

// plural is "this tablet" or "these 16 tablets".
func plural(n int) string {
	if n == 1 {
		return "this tablet"
	}
	return fmt.Sprintf("these %d tablets", n)
}
