// This file is zarya plan: what would be done, step by step; nothing is written.

package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/show"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/target/ask"
)

func newPlan(a *app) *cobra.Command {
	var o jobOptions
	var who recipe.PlanFor
	var scope string
	cmd := &cobra.Command{
		Use:   "plan {--profile PROFILE | --bundle BUNDLE} [-s TARGET… | --model MODEL]",
		Short: "Show what run would do, step by step; write nothing",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s := flash.Scope(scope)
			if !slices.Contains([]flash.Scope{flash.ScopeRun, flash.ScopeFlash, flash.ScopeProvision}, s) {
				return problem.New(problem.Usage, "known are run, flash, provision", "--scope: no scope %q", scope)
			}
			p, err := a.prepare(&o, s)
			if err != nil {
				return err
			}
			defer p.Close()
			if len(o.targets) > 0 {
				targets, err := a.targets(o.targets)
				if err != nil {
					return err
				}
				return a.planTargets(p, targets)
			}
			return a.printPlan(p, []recipe.PlanFor{who})
		},
	}
	f := cmd.Flags()
	f.StringVar(&who.Serial, "serial", "", "with --model: as for the tablet with `SERIAL`")
	a.targetFlags(cmd, &o.targets)
	f.StringVar(&o.profile, "profile", "", "the `PROFILE`")
	f.StringVar(&o.bundle, "bundle", "", "the `BUNDLE` to flash; without --profile, the profile in it")
	trustFlag(cmd, &o.trust)
	a.tagFlags(cmd)
	f.StringArrayVar(&o.allow, "allow-partition", nil, "allow writing the protected `PARTITION`")
	f.StringVar(&who.Model, "model", "", "as for a tablet of `MODEL`")
	f.StringVar(&scope, "scope", "run", "the verb that is planned: run, flash, provision")
	return cmd
}

// planTargets asks the tablets who they are.
func (a *app) planTargets(p *recipe.Recipe, targets []target.Target) error {
	answers, err := each(a, targets, ask.Look)
	if err != nil {
		return err
	}
	var who []recipe.PlanFor
	for _, r := range answers {
		if r.Value != nil {
			who = append(who, recipe.PlanFor{Target: r.Target, Model: r.Value.Model, Serial: r.Value.Serial})
		}
	}
	if len(who) > 0 {
		if err := a.printPlan(p, who); err != nil {
			return err
		}
	}
	return conclude(a, answers)
}

func (a *app) printPlan(r *recipe.Recipe, who []recipe.PlanFor) error {
	items := []recipe.PlanItem{}
	for _, tablet := range who {
		more, err := r.Plan(tablet)
		if err != nil {
			return err
		}
		items = append(items, more...)
	}
	if a.json {
		return a.document("plan", items)
	}
	return show.Plans(a.stdout, items)
}
