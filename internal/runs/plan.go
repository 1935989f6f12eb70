// This file shows what a run would do, step by step; nothing is written.

package runs

import (
	"io"
	"slices"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/show"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/target/ask"
)

// Plan shows what a verb would do to targets, or to a tablet that is described.
func (f *Front) Plan(o Options, scope flash.Scope, who recipe.PlanFor) error {
	if !slices.Contains([]flash.Scope{flash.ScopeRun, flash.ScopeFlash, flash.ScopeProvision}, scope) {
		return problem.New(problem.Usage, "choose one of run, flash, provision", "--scope: no scope %q", scope)
	}
	p, err := f.Recipe(&o, scope)
	if err != nil {
		return err
	}
	defer p.Close()
	if len(o.Targets) == 0 {
		return f.printPlan(p, []recipe.PlanFor{who})
	}
	targets, err := f.Targets(o.Targets)
	if err != nil {
		return err
	}
	return f.planTargets(p, targets)
}

// planTargets asks the tablets who they are.
func (f *Front) planTargets(p *recipe.Recipe, targets []target.Target) error {
	answers, err := Each(f, targets, ask.Look)
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
		if err := f.printPlan(p, who); err != nil {
			return err
		}
	}
	return Conclude(f.Console, answers)
}

func (f *Front) printPlan(r *recipe.Recipe, who []recipe.PlanFor) error {
	items := []recipe.PlanItem{}
	for _, tablet := range who {
		more, err := r.Plan(tablet)
		if err != nil {
			return err
		}
		items = append(items, more...)
	}
	return f.Answer("plan", items, func(w io.Writer) error { return show.Plans(w, f.Words, items) })
}
