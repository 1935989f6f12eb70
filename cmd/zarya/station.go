// This file is zarya station: all day long, each tablet that is plugged in is one job.

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/build"
	"github.com/zarya-station/zarya/internal/daemon"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/machine"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/records"
	"github.com/zarya-station/zarya/internal/registry/follow"
	"github.com/zarya-station/zarya/internal/settings"
	"github.com/zarya-station/zarya/internal/station"
)

// stationOptions are the flags of zarya station.
type stationOptions struct {
	daemon.Options
	profiles, bundles, targets, allow []string
	limits                            []string
	trust                             string
	follow                            []string
	every                             time.Duration // between two looks at what is followed
	plain, bell                       bool
}

func newStation(a *app) *cobra.Command {
	var o stationOptions
	cmd := &cobra.Command{
		Use:   "station {--profile PROFILE | --bundle BUNDLE | --follow TAG}… [--target TARGET]…",
		Short: "Work all day: every tablet that is plugged in is flashed, checked and recorded",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Page.Asked = cmd.Flags().Changed("listen")
			if err := a.applyStationConfig(cmd); err != nil {
				return err
			}
			return a.runStation(o)
		},
	}
	jobVerb(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&o.profiles, "profile", nil, "the `PROFILE`, repeatable: the tablet's model chooses")
	f.StringArrayVar(&o.bundles, "bundle", nil, "the `BUNDLE` with a profile in it, repeatable")
	f.StringArrayVarP(&o.targets, "target", "s", nil, "the `TARGET` to watch, repeatable: port:GLOB, or [NAME=]tcp:HOST[:PORT]")
	f.StringArrayVar(&o.allow, "allow-partition", nil, "allow writing the protected `PARTITION` (bootloader, identity)")
	f.StringVar(&o.Operator, "operator", "", "who works here: `NAME` or number of the badge, recorded with each job")
	f.StringVar(&o.Lot, "lot", "", "the `LOT` (pallet) of the tablets, recorded with each job")
	f.StringArrayVar(&o.Golden, "golden", nil, "the `SERIAL` of a golden or test unit that no statistic counts, repeatable")
	f.StringArrayVar(&o.Supervisors, "supervisor", nil,
		"the `BADGE` of a supervisor, or its beginning and *, repeatable: nobody else orders anything")
	f.StringArrayVar(&o.limits, "limit", nil,
		"what a measurement should be, `NAME=VALUE`, repeatable: flash=3m, boot=, provision=, check= (most time), "+
			"wire=10MB (least a second), battery=50")
	f.IntVar(&o.PoolLow, "pool-low", 0, "say so when a pool of identities has only `N` left (default: what an hour uses)")
	f.StringVar(&o.Scanner, "scanner", "", "the barcode scanner, as /dev/input/by-path/`NAME`: it is grabbed, and nothing else types")
	f.Float64Var(&o.Plan, "plan", 0, "tablets an hour that are planned, to be shown")
	f.IntVar(&o.Concurrency, "concurrency", 0, "tablets at once (0: all)")
	f.BoolVar(&o.plain, "plain", false, "write a line for each change instead of the board")
	pageFlags(f, &o.Page)
	f.BoolVar(&o.bell, "bell", false, "ring the terminal's bell when a tablet passed or failed")
	f.StringArrayVar(&o.follow, "follow", nil,
		"take over what the tag `oci://HOST/REPO:TAG` names, whenever it moves, if its signer is trusted; repeatable")
	f.DurationVar(&o.every, "follow-every", 10*time.Minute, "look that often")
	trustFlag(cmd, &o.trust)
	a.tagFlags(cmd)
	return cmd
}

// runStation works until it is told to stop.
func (a *app) runStation(o stationOptions) (err error) {
	switch {
	case o.every < time.Second:
		return problem.New(problem.Usage, "ask every second at most", "--follow-every %s is too often", o.every)
	case len(o.profiles)+len(o.bundles)+len(o.follow) == 0:
		return problem.New(problem.Usage,
			"say what tablets become: --profile PROFILE, --bundle BUNDLE or --follow oci://HOST/REPO:TAG", "nothing says what is to be done")
	case a.Ledger == settings.NoLedger:
		return problem.New(problem.Usage, "name one with --ledger sqlite:PATH, or leave it out", "station needs a ledger")
	}
	if err := o.Check(); err != nil {
		return err
	}
	if o.Limits, err = station.ParseLimits(o.limits); err != nil {
		return err
	}
	places, watcher, err := station.ParsePlaces(a.Bench(), typedTargets(o.targets))
	if err != nil {
		return err
	}
	o.Follow, err = follow.Tags(o.follow, a.Bundles().Client, &follow.Follower{Every: o.every, Keep: keepBundles,
		Gate: func(ctx context.Context, b *bundle.Bundle) (string, error) { return a.Maker().Trusted(ctx, b, o.trust) }})
	if err != nil {
		return err
	}
	set, err := follow.First(a.ctx, o.Follow, func(ctx context.Context) (*recipe.Set, error) { return a.stationSet(ctx, o) })
	if err != nil {
		return err
	}
	if err := a.confirmStation(set); err != nil {
		set.Close()
		return err
	}
	record, err := a.OpenLedger(a.ctx)
	if err != nil {
		set.Close()
		return err
	}
	defer records.Close(record, &err)
	return a.serveStation(o, set, record, places, watcher)
}

// stationSet makes the recipes of all profiles and bundles.
func (a *app) stationSet(ctx context.Context, o stationOptions) (*recipe.Set, error) {
	bundles := make([]string, len(o.bundles))
	for i, name := range o.bundles {
		var err error
		if bundles[i], err = a.Bundles().Pin(ctx, name); err != nil {
			return nil, err
		}
	}
	for _, f := range o.Follow {
		bundles = append(bundles, f.Tag.At(f.Now()).String())
	}
	common := recipe.Request{Trust: o.trust, Allow: o.allow, Scope: flash.ScopeRun}
	return a.Maker().PrepareSet(ctx, common, o.profiles, bundles)
}

// confirmStation asks once for all tablets that will be plugged in.
func (a *app) confirmStation(set *recipe.Set) error {
	if a.yes {
		return nil
	}
	models := strings.Join(set.Models(), ", ")
	if err := a.askable("add --yes if they may be wiped", "every %s that is plugged in will be wiped", models); err != nil {
		return err
	}
	if !a.agreed(fmt.Sprintf("Wipe every %s that is plugged in from now on, for %s", models, set.Title())) {
		return problem.New(problem.Usage, "", "nothing was written")
	}
	return nil
}

// serveStation runs the station with its front ends.
func (a *app) serveStation(o stationOptions, set *recipe.Set, record *ledger.Ledger,
	places []station.Place, watchers station.Watchers) (err error) {
	given := false
	defer func() {
		if !given {
			set.Close()
		}
	}()
	name, err := a.Settings.Station()
	if err != nil {
		return err
	}
	stderr := a.stderr
	screen := a.screen(o)
	defer func() {
		screen.Close()
		a.stderr = stderr
	}()
	if err := a.startEvidence(record, true); err != nil {
		return err
	}
	if o.Outbox, err = a.Outbox(a.ctx, record); err != nil {
		return err
	}
	if o.Outbox != nil {
		defer func() { err = errors.Join(err, o.Outbox.Close()) }()
	}
	sinks, err := a.fileSinks()
	if err != nil {
		return err
	}
	trace, endTrace, err := a.tracer()
	if err != nil {
		return err
	}
	o.Name, o.Program, o.Run = name, build.Version(), newID()
	o.Places, o.Watchers, o.Lock = places, watchers, station.Lock(a.Bench(), machine.Owner())
	o.Ledger, o.Supply, o.Secrets, o.Set = record, a.Supply(record), a.Secrets, set
	if o.Outbox != nil {
		if o.Stock, err = a.Stock(a.ctx, record, o.Outbox, set.Pools()); err != nil {
			return err
		}
		defer o.Stock.Close()
		o.Supply = o.Stock
	}
	o.Reload = func(ctx context.Context) (*recipe.Set, error) { return a.stationSet(ctx, o) }
	o.Trace, o.Sinks, o.Log, o.Words, o.Warn = trace, sinks, a.events, screen.Words, a.warn
	o.Unseen = a.json || a.quiet
	a.Record(record)
	given = true
	d, err := daemon.New(a.ctx, o.Options)
	if err != nil {
		return err
	}
	a.summarized = true
	stopSignals := d.Obey(a.signals)
	err = a.runShown(d, screen)
	stopSignals()
	if oerr := errors.Join(d.Close(), endTrace()); oerr != nil && err == nil {
		err = problem.New(problem.Station, "the tablets are as the events say; only the output is incomplete", "output: %w", oerr)
	}
	if code := a.signalCode(); err == nil && code != 0 {
		return exitStatus(code)
	}
	return err
}

// pageFlags are the flags of the page.
func pageFlags(f *pflag.FlagSet, p *daemon.Page) {
	f.StringVar(&p.Listen, "listen", "127.0.0.1:8420", "`HOST:PORT` of the page, or none; for others to reach it, TLS and a token are needed")
	f.StringVar(&p.TokenFile, "page-token-file", "", "`FILE` with the token that the page asks for")
	f.StringVar(&p.Cert, "page-cert", "", "`FILE` with the page's certificate (PEM)")
	f.StringVar(&p.Key, "page-key", "", "`FILE` with the certificate's key (PEM)")
}
