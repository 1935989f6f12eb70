// This file is zarya run and zarya provision: what a profile is for.

package main

import (
	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/batch"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/settings"
)

// jobOptions are the flags of all verbs that run a profile's jobs.
type jobOptions struct {
	targets     []string
	profile     string
	bundle      string
	allow       []string
	concurrency int
	dryRun      bool
	trust       string
	check       bool
	all         bool // every tablet that the profile matches
	expect      int  // how many of them; 0 is any number
	under       flash.Circumstances
}

func (a *app) jobFlags(cmd *cobra.Command, o *jobOptions) {
	jobVerb(cmd)
	a.targetFlags(cmd, &o.targets)
	f := cmd.Flags()
	f.StringVar(&o.profile, "profile", "", "the `PROFILE`: a file, or a name that zarya profile list shows")
	f.StringVar(&o.bundle, "bundle", "", "the `BUNDLE` to flash; without --profile, the profile in it")
	f.StringArrayVar(&o.allow, "allow-partition", nil, "allow writing the protected `PARTITION` (bootloader, identity)")
	f.IntVar(&o.concurrency, "concurrency", 0, "tablets at once (0: all)")
	f.BoolVar(&o.dryRun, "dry-run", false, "print what would be done; write nothing")
	f.BoolVar(&o.all, "all", false, "every tablet on USB that the profile or bundle matches")
	f.IntVar(&o.expect, "expect", 0, "with --all: fail unless at least `N` tablets match; with --wait-for-device, wait for them")
	f.StringVar(&o.under.Operator, "operator", "", "record that `NAME` is at the bench")
	f.StringVar(&o.under.Lot, "lot", "", "record that the tablets came with the pallet or order `ID`")
	f.BoolVar(&o.under.Golden, "golden", false, "record that these are golden or test units: no statistic counts them")
	trustFlag(cmd, &o.trust)
	a.tagFlags(cmd)
	f.StringVar(&a.junit, "junit", "", "write a JUnit report to `FILE`")
}

func newRun(a *app) *cobra.Command {
	var o jobOptions
	cmd := &cobra.Command{
		Use:   "run {--profile PROFILE | --bundle BUNDLE} -s TARGET…",
		Short: "Flash, boot, provision, check and record tablets, in parallel",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.runProfile(o, flash.ScopeRun) },
	}
	a.jobFlags(cmd, &o)
	return cmd
}

func newProvision(a *app) *cobra.Command {
	var o jobOptions
	cmd := &cobra.Command{
		Use:   "provision {--profile PROFILE | --bundle BUNDLE} -s TARGET…",
		Short: "Make a profile's settings on booted tablets, in parallel",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.runProfile(o, flash.ScopeProvision) },
	}
	a.jobFlags(cmd, &o)
	cmd.Flags().BoolVar(&o.check, "check", false, "compare only: say what differs (exit 1), and change nothing")
	return cmd
}

// runProfile is the work of run, provision, and flash --profile.
func (a *app) runProfile(o jobOptions, scope flash.Scope) error {
	if a.Ledger == settings.NoLedger && scope != flash.ScopeFlash && !o.dryRun {
		return problem.New(problem.Usage, "name one with --ledger sqlite:PATH, or leave it out", "%s needs a ledger", scope)
	}
	if err := a.checkJobs(&o); err != nil {
		return err
	}
	p, err := a.prepare(&o, scope)
	if err != nil {
		return err
	}
	defer p.Close()
	if o.dryRun && len(o.targets) == 0 && !o.all {
		return a.printPlan(p, []recipe.PlanFor{{}})
	}
	targets, err := a.chosen(o, p.Models())
	if err != nil {
		return err
	}
	if o.dryRun {
		return a.planTargets(p, targets)
	}
	if scope != flash.ScopeProvision {
		if err := a.confirmWipe(targets, p.Title()); err != nil {
			return err
		}
	}
	run := newID()
	jobs := batch.Jobs(run, targets, func(id string, t flash.Target) flash.Job {
		j := p.Job(id, t)
		j.Check, j.Circumstances = o.check, o.under
		return j
	})
	if a.unrecorded = o.check; !o.check {
		a.noteRun(run, o, scope, targets)
	}
	return a.runJobs(run, jobs, a.engineOptions(o.concurrency), p)
}

// prepare makes the recipe that the flags ask for. A bundle that they name by a tag is named
// by its digest from then on.
func (a *app) prepare(o *jobOptions, scope flash.Scope) (r *recipe.Recipe, err error) {
	if o.bundle, err = a.Bundles().Pin(a.ctx, o.bundle); err != nil {
		return nil, err
	}
	return a.Maker().Prepare(a.ctx, recipe.Request{Profile: o.profile, Bundle: o.bundle, Trust: o.trust, Allow: o.allow, Scope: scope})
}
