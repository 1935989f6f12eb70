// This file is zarya station: all day long, each tablet that is plugged in is one job.

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/admission"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/records"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/usb"
)

// stationOptions are the flags of zarya station.
type stationOptions struct {
	profiles, bundles, targets, allow []string
	operator, lot, trust              string
	golden                            []string
	scanner                           string
	plan                              float64
	concurrency                       int
	page                              pageOptions
	lang                              string
	plain, bell                       bool
}

func newStation(a *app) *cobra.Command {
	var o stationOptions
	cmd := &cobra.Command{
		Use:   "station {--profile PROFILE | --bundle BUNDLE}… [--target TARGET]…",
		Short: "Work all day: every tablet that is plugged in is flashed, checked and recorded",
		Long: `Watch the hub, and bring every tablet that is plugged in to the profile that is for
its model. Plugging a tablet in again is the retry; taking it out and plugging in the next
is all there is to do. A tablet that no profile is for is named and left alone.

Without --target all ports with a name are watched (zarya ports learn), or all ports if
none has one. --target takes port:GLOB, and network targets, with a name to show:
A1=tcp:10.0.0.5.

SIGTERM, or Q on the board: nothing new begins, and the station ends when the jobs under
way have. SIGHUP reads profiles and bundles again; if they are not good, the old ones stay.`,
		Example: `  zarya station --profile census.yaml --yes
  zarya station --bundle ags3.bundle --bundle kob2.bundle --operator 17 --lot P-118 --yes
  zarya station --profile census.yaml --plain --yes --target A1=tcp:10.0.0.5 --target A2=tcp:10.0.0.6`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.page.asked = cmd.Flags().Changed("listen")
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
	f.StringVar(&o.operator, "operator", "", "who works here: `NAME` or number of the badge, recorded with each job")
	f.StringVar(&o.lot, "lot", "", "the `LOT` (pallet) of the tablets, recorded with each job")
	f.StringArrayVar(&o.golden, "golden", nil, "the `SERIAL` of a golden or test unit that no statistic counts, repeatable")
	f.StringVar(&o.scanner, "scanner", "", "the barcode scanner, as /dev/input/by-path/`NAME`: it is grabbed, and nothing else types")
	f.Float64Var(&o.plan, "plan", 0, "tablets an hour that are planned, to be shown")
	f.IntVar(&o.concurrency, "concurrency", 0, "tablets at once (0: all)")
	f.BoolVar(&o.plain, "plain", false, "write a line for each change instead of the board")
	o.page.flags(f)
	f.StringVar(&o.lang, "lang", "", "show the station in `LANG`, en or ru (default: LC_ALL, LC_MESSAGES or LANG)")
	f.BoolVar(&o.bell, "bell", false, "ring the terminal's bell when a tablet passed or failed")
	trustFlag(cmd, &o.trust)
	return cmd
}

// runStation works until it is told to stop.
func (a *app) runStation(o stationOptions) (err error) {
	switch {
	case len(o.profiles)+len(o.bundles) == 0:
		return problem.New(problem.Usage, "say what tablets become: --profile PROFILE or --bundle BUNDLE", "nothing says what is to be done")
	case a.ledger == "none":
		return problem.New(problem.Usage, "name one with --ledger sqlite:PATH, or leave it out", "station needs a ledger")
	case o.concurrency < 0:
		return problem.New(problem.Usage, "0 is no limit", "--concurrency cannot be negative")
	}
	places, watcher, err := a.stationPlaces(o.targets)
	if err != nil {
		return err
	}
	ctx, cancel := a.untilSignal()
	set, err := a.stationSet(ctx, o)
	cancel()
	if err != nil {
		return err
	}
	if err := a.confirmStation(set); err != nil {
		set.Close()
		return err
	}
	record, err := a.openLedger()
	if err != nil {
		set.Close()
		return err
	}
	defer records.Close(record, &err)
	return a.serveStation(o, set, record, places, watcher)
}

// stationSet makes the recipes of all profiles and bundles.
func (a *app) stationSet(ctx context.Context, o stationOptions) (*recipe.Set, error) {
	var list []*recipe.Recipe
	prepare := func(q recipe.Request) error {
		q.Trust, q.Allow, q.Scope = o.trust, o.allow, flash.ScopeRun
		r, err := a.maker().Prepare(ctx, q)
		if err == nil {
			list = append(list, r)
		}
		return err
	}
	var err error
	for _, p := range o.profiles {
		err = cmp.Or(err, prepare(recipe.Request{Profile: p}))
	}
	for _, b := range o.bundles {
		err = cmp.Or(err, prepare(recipe.Request{Bundle: b}))
	}
	var set *recipe.Set
	if err == nil {
		set, err = recipe.NewSet(list...)
	}
	if err != nil {
		for _, r := range list {
			r.Close()
		}
		return nil, err
	}
	return set, nil
}

// confirmStation asks once for all tablets that will be plugged in.
func (a *app) confirmStation(set *recipe.Set) error {
	if a.yes {
		return nil
	}
	models := strings.Join(set.Models(), ", ")
	if a.noInput || terminal(a.stdin) == nil {
		return problem.New(problem.Usage, "add --yes if they may be wiped", "every %s that is plugged in will be wiped, and nobody can be asked", models)
	}
	if !a.agreed(fmt.Sprintf("Wipe every %s that is plugged in from now on, for %s", models, set.Title())) {
		return problem.New(problem.Usage, "", "nothing was written")
	}
	return nil
}

// named is a network target with the name that it has on the board.
type named struct {
	target.Target
	name string
}

// Where names the tablet by both.
func (n named) Where() flash.Where {
	w := n.Target.Where()
	w.PortName = n.name
	return w
}

// stationPlaces is what --target says: the places that are known beforehand, and who watches
// them.
func (a *app) stationPlaces(typed []string) ([]station.Place, station.Watchers, error) {
	var places, network []station.Place
	var patterns []string
	seen := map[string]string{}
	for _, text := range typedTargets(typed) {
		name, rest, found := strings.Cut(text, "=")
		if !found {
			name, rest = "", text
		}
		if pattern, isPort := strings.CutPrefix(rest, "port:"); isPort && pattern != "" {
			if name != "" {
				return nil, nil, problem.New(problem.Usage, "name ports with zarya ports name", "--target %s: a hub port has its name already", text)
			}
			patterns = append(patterns, pattern)
			continue
		}
		t, err := target.ParseNetwork(rest)
		if err != nil {
			return nil, nil, problem.New(problem.Usage, "a station watches port:GLOB and tcp:, udp: or ssh:HOST[:PORT], unix:PATH", "--target %s: %w", text, err)
		}
		p := station.At(t)
		p.Name = cmp.Or(name, fmt.Sprintf("T%d", len(network)+1))
		p.Target = named{t, p.Name}
		for _, key := range []string{p.Key, "name " + p.Name} {
			if before, twice := seen[key]; twice {
				return nil, nil, problem.New(problem.Usage, "name each place once", "--target %s and %s are the same place", before, text)
			}
			seen[key] = text
		}
		network = append(network, p)
	}
	places = append(places, network...)
	var watchers station.Watchers
	if len(network) > 0 {
		watchers = append(watchers, &station.Network{Places: network})
	}
	if len(typedTargets(typed)) > 0 && len(patterns) == 0 {
		return places, watchers, nil
	}
	names, err := a.bench().Names()
	if err != nil {
		return nil, nil, err
	}
	watched := func(t target.USB) bool { return len(names) == 0 || t.Where().PortName != "" }
	if len(patterns) > 0 {
		watched = func(t target.USB) bool {
			return slices.ContainsFunc(patterns, func(p string) bool { return p == t.Where().PortName || t.Port().Matches(p) })
		}
	}
	usbPlaces, err := a.usbPlaces(names, watched)
	return append(places, usbPlaces...), append(watchers, station.Bus{Bench: a.bench(), Only: watched}), err
}

// usbPlaces are the hub ports with a name that are there now.
func (a *app) usbPlaces(names usb.Names, watched func(target.USB) bool) (list []station.Place, err error) {
	bus, err := a.bench().Bus()
	if err != nil {
		return nil, err
	}
	for path := range names {
		if port, ok := bus.Port(path); ok {
			if t := a.bench().At(port, names); watched(t) {
				list = append(list, station.At(t))
			}
		}
	}
	return list, nil
}

// serveStation wires the station to the ledger, the engine and its front ends.
func (a *app) serveStation(o stationOptions, set *recipe.Set, record *ledger.Ledger, places []station.Place, watchers station.Watchers) error {
	used := func() *recipe.Set { return set } // at the end; a reload replaces it
	defer func() { used().Close() }()
	name, err := a.config.Station()
	if err != nil {
		return err
	}
	options := station.Options{Name: name, Lot: o.lot, Operator: o.operator, Plan: o.plan, Watcher: watchers, Places: places,
		Lock: a.lockPlace, Room: roomFor(filepath.Dir(record.Path()), a.events),
		Golden: func(serial string) bool { return serial != "" && slices.Contains(o.golden, serial) }}
	if err := a.recordStation(&options, record); err != nil {
		return err
	}
	front, err := a.showing(o)
	if err != nil {
		return err
	}
	defer front.close(a)
	sinks, err := a.fileSinks()
	if err != nil {
		return err
	}
	web, err := a.openPage(o.page, front.words, record)
	if err != nil {
		return err
	}
	defer web.close()
	sinks, options.Page = append(sinks, web.sink()...), web.address()
	a.summarized = true
	trace, endTrace, err := a.tracer()
	if err != nil {
		return err
	}
	a.codes.Ledger = record
	shelf := recipe.NewShelf(set, a.supply(record), a.secrets)
	used = shelf.Set
	sink := ui.Tee(sinks...)
	run := newID()
	events := flash.NewEvents(run, sink.Event)
	events.Hide(a.secrets)
	engine := flash.NewEngine(flash.EngineOptions{Events: events, Recorder: record, Identities: shelf, Secrets: a.secrets, Trace: trace,
		Admission: admission.New(admission.Options{Concurrency: o.concurrency}), Wait: stationPatience})
	options.Run, options.Engine, options.Work = run, engine, set
	options.Reload = func(ctx context.Context) (station.Work, error) {
		fresh, err := a.stationSet(ctx, o)
		if err != nil {
			return nil, err
		}
		shelf.Put(fresh) // the station closes the one before when no job needs it
		return fresh, nil
	}
	s := station.New(options)
	for _, w := range watchers {
		if n, ok := w.(*station.Network); ok {
			n.Busy = s.Has
		}
	}
	stopSignals := a.stationSignals(s)
	stopServices := a.stationServices(o, s)
	endPage := web.serve(s, a.warn)
	err = front.run(a, s)
	endPage()
	stopServices()
	stopSignals()
	engine.Close()
	events.Close()
	if oerr := errors.Join(sink.Close(), endTrace()); oerr != nil && err == nil {
		err = problem.New(problem.Station, "the tablets are as the events say; only the output is incomplete", "output: %w", oerr)
	}
	if code := a.signalCode(); err == nil && code != 0 {
		return exitStatus(code)
	}
	return err
}

// stationPatience is how long a tablet that has just been plugged in may take until it can
// be spoken to.
const stationPatience = 10 * time.Second

// lockPlace takes a place for one job.
func (a *app) lockPlace(ctx context.Context, t flash.Target) (func(), error) {
	if n, ok := t.(named); ok {
		t = n.Target
	}
	return a.bench().Lock(ctx, t, lockOwner(), 0)
}

// stationSignals carries out what signals ask for, until stop: the first SIGTERM or ^C lets
// running jobs end, SIGHUP reads profiles and bundles again.
func (a *app) stationSignals(s *station.Station) (stop func()) {
	ended, told := make(chan struct{}), make(chan struct{})
	reload := make(chan struct{}, 1)
	a.onHangup(func() {
		select {
		case reload <- struct{}{}:
		default: // one is due already
		}
	})
	go func() {
		defer close(told)
		drain := a.drain
		for {
			select {
			case <-reload:
				if err := s.Do(a.ctx, station.Order{Do: station.OrderReload}); err != nil {
					a.warn("the old profiles and bundles stay: %v", err)
				}
			case <-drain:
				drain = nil
				_ = s.Do(a.ctx, station.Order{Do: station.OrderStop}) // never fails
			case <-ended:
				return
			}
		}
	}()
	return func() {
		close(ended)
		<-told
		a.onHangup(nil)
	}
}
