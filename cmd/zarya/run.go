// This file is zarya run, provision, plan and retry: what a profile is for.

package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/help"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/runs"
)

// jobFlags are the flags of the verbs that run jobs.
func (a *app) jobFlags(cmd *cobra.Command, o *runs.Options) {
	help.MarkJobs(cmd)
	a.sourceFlags(cmd, o)
	f := cmd.Flags()
	f.IntVar(&o.Concurrency, "concurrency", 0, "tablets at once (0: all)")
	f.BoolVar(&o.DryRun, "dry-run", false, "print what would be done; write nothing")
	f.BoolVar(&o.All, "all", false, "every tablet on USB that the profile or bundle matches")
	f.IntVar(&o.Expect, "expect", 0, "with --all: fail unless at least `N` tablets match; with --wait-for-device, wait for them")
	f.StringVar(&o.Under.Operator, "operator", "", "record that `NAME` is at the bench")
	f.StringVar(&o.Under.Lot, "lot", "", "record that the tablets came with the pallet or order `ID`")
	f.BoolVar(&o.Under.Golden, "golden", false, "record that these are golden or test units: no statistic counts them")
	a.junitFlag(cmd)
}

// sourceFlags say which tablets are meant, and what of.
func (a *app) sourceFlags(cmd *cobra.Command, o *runs.Options) {
	a.targetFlags(cmd, &o.Targets)
	f := cmd.Flags()
	f.StringVar(&o.Profile, "profile", "", "the `PROFILE`: a file, or a name that zarya profile list shows")
	f.StringVar(&o.Bundle, "bundle", "", "the `BUNDLE` to flash; without --profile, the profile in it")
	f.StringArrayVar(&o.Allow, "allow-partition", nil, "allow writing the protected `PARTITION` (bootloader, identity)")
	trustFlag(cmd, &o.Trust)
	a.tagFlags(cmd)
}

func (a *app) junitFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.JUnit, "junit", "", "write a JUnit report to `FILE`")
}

func newRun(a *app) *cobra.Command {
	var o runs.Options
	cmd := &cobra.Command{
		Use:   "run {--profile PROFILE | --bundle BUNDLE} -s TARGET…",
		Short: "Flash, boot, provision, check and record tablets, in parallel",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.Profile(o, flash.ScopeRun) },
	}
	a.jobFlags(cmd, &o)
	return cmd
}

func newProvision(a *app) *cobra.Command {
	var o runs.Options
	cmd := &cobra.Command{
		Use:   "provision {--profile PROFILE | --bundle BUNDLE} -s TARGET…",
		Short: "Apply a profile's settings to booted tablets, in parallel",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.Profile(o, flash.ScopeProvision) },
	}
	a.jobFlags(cmd, &o)
	cmd.Flags().BoolVar(&o.Check, "check", false, "compare only: say what differs (exit 1), and change nothing")
	return cmd
}

func newPlan(a *app) *cobra.Command {
	var o runs.Options
	var who recipe.PlanFor
	var scope string
	cmd := &cobra.Command{
		Use:   "plan {--profile PROFILE | --bundle BUNDLE} [-s TARGET… | --model MODEL]",
		Short: "Show every step of a run; write nothing",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.Plan(o, flash.Scope(scope), who) },
	}
	f := cmd.Flags()
	f.StringVar(&who.Serial, "serial", "", "with --model: as for the tablet with `SERIAL`")
	a.sourceFlags(cmd, &o)
	f.StringVar(&who.Model, "model", "", "as for a tablet of `MODEL`")
	f.StringVar(&scope, "scope", "run", "the verb that is planned: run, flash, provision")
	return cmd
}

func newRetry(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retry [RUN]",
		Short: "Repeat a run for the tablets that failed because of the bench",
		Args:  cobra.MaximumNArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return a.Retry(cmp.Or(args...)) },
	}
	help.MarkJobs(cmd)
	a.junitFlag(cmd)
	a.waitFlag(cmd)
	return cmd
}
