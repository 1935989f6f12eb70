// This file is zarya devices: the tree of hubs and ports that a technician has in
// front of him, what is in each, and what keeps it from being used.

package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/console"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/runs"
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
		Short: "Show what is plugged in where",
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
	targets, err := a.Targets(typed)
	if err != nil {
		return err
	}
	answers, err := runs.Ask(&a.Front, func(ctx context.Context, o ask.Options) ([]ask.Answer[ask.Device], error) {
		return ask.LookOrBooted(ctx, o, targets), nil
	})
	if err != nil {
		return err
	}
	if a.JSON {
		return runs.PrintAnswers(&a.Front, "devices", answers, nil)
	}
	show.Devices(a.Out, a.Words, answers)
	return runs.Conclude(a.Console, answers)
}

// listUSB shows everything that is plugged in.
func (a *app) listUSB() error {
	bus, names, err := a.Bench().Plugged()
	if err != nil {
		return err
	}
	android := a.Bench().AskAndroid(a.Context, bus)
	if a.JSON {
		return a.Document("devices", show.OfBus(a.Bench(), bus, names, android))
	}
	ui.DrawTree(a.Out, a.Words, bus, names, target.About(android))
	if len(bus.Tablets()) == 0 {
		a.Sayf("no tablet is plugged in; name tablets on the network with -s tcp:HOST[:PORT]")
	}
	return nil
}

// watchUSB shows every change.
func (a *app) watchUSB() error {
	if err := a.Bench().Listen(); err != nil {
		a.Warnf("%v; the ports are looked at every second", err)
	}
	watching := show.Watching{Bench: a.Bench(), Out: a.Out, Words: a.Words}
	if a.JSON {
		events := flash.NewEvents(runs.NewID(), ui.NewJSON(a.Out).Event)
		defer events.Close()
		watching.Events = events
	} else {
		watching.Redraw = console.Terminal(a.Out) != nil && !console.Dumb()
	}
	return a.Bench().Watch(a.Context, target.Tablets, watching.Report(a.Context))
}
