// This file is --all: every tablet on USB that a profile or a bundle matches.

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/usb"
)

// askModel bounds how long one tablet may take to say what it is.
const askModel = 10 * time.Second

// checkAll holds --all and --expect to what goes with them.
func (a *app) checkAll(o jobOptions) error {
	switch {
	case o.expect != 0 && !o.all:
		return problem.New(problem.Usage, "add --all", "--expect counts the tablets of --all")
	case !o.all:
		return nil
	case o.profile == "" && o.bundle == "":
		return problem.New(problem.Usage, "name a profile or a bundle: only they say which tablets match", "--all needs --profile or --bundle")
	case len(o.targets) > 0:
		return problem.New(problem.Usage, "leave one of them out", "--all and -s both choose tablets")
	case o.expect < 0:
		return problem.New(problem.Usage, "", "--expect cannot be negative")
	case a.wait > 0 && o.expect == 0:
		return problem.New(problem.Usage, "say how many tablets there will be: --expect 16", "--wait-for-device with --all needs --expect N")
	}
	return nil
}

// chosen returns the targets of a verb: those that are named, or with --all those of the
// models.
func (a *app) chosen(o jobOptions, models []string) ([]target.Target, error) {
	if o.all {
		return a.allMatching(models, o.expect)
	}
	return a.targets(o.targets)
}

// allMatching returns every tablet on USB that reports one of the models, and waits for
// expect of them if --wait-for-device says so. A tablet that reports another model, or
// none, is left alone and named.
func (a *app) allMatching(models []string, expect int) ([]target.Target, error) {
	ctx, cancel := a.untilSignal()
	defer cancel()
	asked := map[string]string{} // what each device said, by port and address: it is asked once
	var matching []target.Target
	var others []string
	_, err := a.bench().WaitUntil(ctx, a.wait, func() (bool, error) {
		bus, names, err := a.bench().Plugged()
		if err != nil {
			return false, err
		}
		matching, others = nil, nil
		for _, d := range bus.Tablets() {
			t := a.bench().At(d.Port, names)
			model := a.modelOf(ctx, t, d, asked)
			if slices.ContainsFunc(models, func(m string) bool { return strings.EqualFold(m, model) }) {
				matching = append(matching, t)
			} else {
				others = append(others, fmt.Sprintf("%s (%s)", t, model))
			}
		}
		return len(matching) > 0 && len(matching) >= expect, nil
	})
	if err != nil {
		return nil, err
	}
	if len(others) > 0 && !a.quiet {
		a.warn("left alone, because the profile is not for them: %s", strings.Join(others, ", "))
	}
	switch {
	case len(matching) == 0:
		return nil, problem.New(problem.NoDevice, "zarya devices shows what is plugged in", "no tablet on USB is one of %s", strings.Join(models, ", "))
	case len(matching) < expect:
		return nil, problem.New(problem.NoDevice, "zarya devices shows what is plugged in", "%d tablets match, and --expect says %d: nothing was written", len(matching), expect)
	}
	return matching, nil
}

// modelOf asks a tablet what it is, once for each time that it is plugged in.
func (a *app) modelOf(ctx context.Context, t target.USB, d usb.Device, asked map[string]string) string {
	key := fmt.Sprintf("%s at %d, %s", t, d.Address, d.Mode)
	if model, ok := asked[key]; ok {
		return model
	}
	ctx, cancel := context.WithTimeout(ctx, askModel)
	defer cancel()
	model, err := t.Model(ctx)
	switch {
	case err != nil:
		model = "it does not say what it is: " + err.Error()
	case model == "":
		model = "it does not say what it is"
	}
	asked[key] = model
	return model
}
