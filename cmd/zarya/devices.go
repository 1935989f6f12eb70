// This file is zarya devices: the tree of hubs and ports that a technician has in
// front of him, what is in each, and what keeps it from being used.

package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/show"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/target/ask"
	"github.com/zarya-station/zarya/internal/ui"
)

func newDevices(a *app) *cobra.Command {
	var typed []string
	var watch bool
	cmd := &cobra.Command{
		Use:   "devices",
		Short: "Show what is plugged in where, or what the targets are",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			asked := len(typed) > 0 || os.Getenv("ZARYA_TARGET") != ""
			switch {
			case watch && asked:
				return problem.New(problem.Usage, "leave the targets out", "--watch is for all ports")
			case watch:
				return a.watchUSB()
			case !asked:
				return a.listUSB()
			}
			return a.askDevices(typed)
		},
	}
	a.targetFlags(cmd, &typed)
	cmd.Flags().BoolVar(&watch, "watch", false, "go on and show every change, until ^C")
	return cmd
}

func (a *app) askDevices(typed []string) error {
	targets, err := a.targets(typed)
	if err != nil {
		return err
	}
	answers, err := asking(a, func(ctx context.Context, o ask.Options) ([]ask.Answer[ask.Device], error) {
		return ask.LookOrBooted(ctx, o, targets), nil
	})
	if err != nil {
		return err
	}
	if a.json {
		return printAnswers(a, "devices", answers, nil)
	}
	show.Devices(a.stdout, a.words, answers)
	return conclude(a, answers)
}

// listUSB shows everything that is plugged in.
func (a *app) listUSB() error {
	bus, names, err := a.Bench().Plugged()
	if err != nil {
		return err
	}
	android := a.Bench().AskAndroid(a.ctx, bus)
	if a.json {
		return a.document("devices", show.OfBus(a.Bench(), bus, names, android))
	}
	ui.DrawTree(a.stdout, a.words, bus, names, target.About(android))
	if len(bus.Tablets()) == 0 {
		a.say("no tablet is plugged in; name tablets on the network with -s tcp:HOST[:PORT]")
	}
	return nil
}

// watchUSB shows every change.
func (a *app) watchUSB() error {
	if err := a.Bench().Listen(); err != nil {
		a.warn("%v; the ports are looked at every second", err)
	}
	watching := show.Watching{Bench: a.Bench(), Out: a.stdout, Words: a.words}
	if a.json {
		events := flash.NewEvents(newID(), ui.NewJSON(a.stdout).Event)
		defer events.Close()
		watching.Events = events
	} else {
		watching.Redraw = terminal(a.stdout) != nil && os.Getenv("TERM") != "dumb"
	}
	return a.Bench().Watch(a.ctx, target.Tablets, watching.Report(a.ctx))
}
