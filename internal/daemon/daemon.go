// Package daemon is a station as a process that works all day: the ports it watches, the
// engine, the ledger, the page, the barcode scanner and the service manager, put together.
//
// [New] takes what it needs and begins nothing; [Daemon.Run] works until its context ends or
// somebody orders a stop; [Daemon.Close] gives everything back. A front end shows [Daemon.Station]
// and gives it orders: the command line has its board, a test has none.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/admission"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/disk"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/fleet/stock"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/registry/follow"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/traces"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/internal/words"
)

// Options are what a station is made of. Those without a word about nil are needed.
type Options struct {
	Name        string  // of the station
	Program     string  // the version of the program, for the record
	Lot         string  // "" is none
	Operator    string  // "" is not told
	Plan        float64 // tablets an hour that are planned; 0 is none
	Golden      []string
	Concurrency int                    // tablets at once; 0 is all
	Scanner     string                 // the device of a barcode scanner; "" is none
	Supervisors []string               // badges, or their beginnings and *; none: nobody has to show one
	Limits      map[string]flash.Limit // of measurements, by their names
	PoolLow     int                    // how few identities are too few; 0 is what an hour uses

	Places   []station.Place
	Watchers station.Watchers
	Lock     func(context.Context, flash.Target) (release func(), err error)

	Run    string // begins the names of its jobs
	Ledger *ledger.Ledger
	Outbox *outbox.Forwarder // sends the ledger to the fleet's database; nil: the station is in no fleet
	Supply flash.Identities
	Stock  *stock.Stock       // the supply, if it is filled from a fleet; nil: it is not
	Set    *recipe.Set        // the daemon closes it
	Follow []*follow.Follower // of tags; started, and what Reload reads
	// Reload prepares the profiles and bundles again.
	Reload  func(context.Context) (*recipe.Set, error)
	Secrets *flash.Secrets
	Trace   *fastboot.Tracer // nil is none

	Sinks []ui.Sink // of events; the daemon closes them
	Log   string    // the file of one of them: new jobs wait while its disk is full; "" is none
	Page  Page
	Words *words.Words
	Warn  func(format string, args ...any) // tells a person
	// Unseen says that nobody sees the station's view: what is said to whoever scans is told
	// by Warn too.
	Unseen bool
}

// Check holds what a person may have said wrong to what can be.
func (o Options) Check() error {
	switch {
	case o.PoolLow < 0:
		return problem.New(problem.Usage, "leave it out for what an hour uses", "--pool-low cannot be negative")
	case slices.Contains(o.Supervisors, ""):
		return problem.New(problem.Usage, "name a badge, or its beginning and *; * alone is any badge", "--supervisor is empty")
	case o.Concurrency < 0:
		return problem.New(problem.Usage, "0 is no limit", "--concurrency cannot be negative")
	}
	return nil
}

// patience is how long a tablet that has just been plugged in may take until it can be
// spoken to.
const patience = 10 * time.Second

// Daemon is a station that is put together.
type Daemon struct {
	Station *station.Station

	o      Options
	page   *server // nil: there is none
	traces *traces.Store
	shelf  *recipe.Shelf
	sink   ui.Sink
	events *flash.Events
	engine *flash.Engine

	lastSent time.Duration // how long the last records may take to the database; tests are more patient
}

// New puts a station together. Its page listens already: an address that is taken is known
// before anything is done. Close it after use.
func New(ctx context.Context, o Options) (_ *Daemon, err error) {
	d := &Daemon{o: o, lastSent: lastSent}
	defer func() {
		if err != nil {
			d.page.close()
			o.Set.Close()
			if d.traces != nil {
				err = errors.Join(err, d.traces.Close())
			}
			err = errors.Join(err, ui.Tee(o.Sinks...).Close())
		}
	}()
	s := station.Options{Name: o.Name, Program: o.Program, Lot: o.Lot, Operator: o.Operator, Plan: o.Plan, Run: o.Run,
		Work: o.Set, Watcher: o.Watchers, Places: o.Places, Lock: o.Lock, Room: roomFor(filepath.Dir(o.Ledger.Path()), o.Log),
		Golden:  func(serial string) bool { return serial != "" && slices.Contains(o.Golden, serial) },
		History: history(o.Ledger), Dispose: dispose(o.Ledger), Decided: decided(o.Ledger), Reload: d.reload,
		Badges: o.Supervisors, Scanner: o.Scanner != "", Pools: d.pools, PoolLow: o.PoolLow, Limits: o.Limits}
	if s.Earlier, err = earlier(ctx, o.Ledger, o.Name); err != nil {
		return nil, err
	}
	d.keepTraces()
	if d.page, err = listen(o, d.traces); err != nil {
		return nil, err
	}
	s.Page, s.Fleet = d.page.address(), fleetOf(o.Outbox, time.Now)
	sinks := append(slices.Clone(o.Sinks), d.page.sinks()...)
	if d.traces != nil {
		sinks = append(sinks, d.traces)
	}
	d.sink = ui.Tee(sinks...)
	d.events = flash.NewEvents(o.Run, d.sink.Event)
	d.events.Hide(o.Secrets)
	d.shelf = recipe.NewShelf(o.Set, o.Supply, o.Secrets)
	d.engine = flash.NewEngine(flash.EngineOptions{Events: d.events, Recorder: o.Ledger, Identities: d.shelf, Secrets: o.Secrets,
		Trace: d.o.Trace, Admission: admission.New(admission.Options{Concurrency: o.Concurrency}), Wait: patience})
	s.Engine = d.engine
	d.Station = station.New(s)
	for _, w := range o.Watchers {
		if n, ok := w.(*station.Network); ok {
			n.Busy = d.Station.Has
		}
	}
	for _, f := range o.Follow {
		f.Take = func(ctx context.Context) error {
			return d.Station.Do(ctx, station.Order{Do: station.OrderReload, Machine: true})
		}
		f.Tell = d.heard()
	}
	return d, nil
}

// keepTraces keeps the trace of each job in a folder beside the ledger, whether or not
// somebody asked for one of the whole day.
func (d *Daemon) keepTraces() {
	path := d.o.Ledger.Path()
	if path == "" {
		return // a ledger in memory has no folder
	}
	kept, err := traces.Open(path+".traces", traces.Usual, d.o.Warn)
	if err != nil {
		d.o.Warn("the traces of jobs are not kept: %v", err)
		return
	}
	d.traces = kept
	if d.o.Trace == nil {
		d.o.Trace = fastboot.NewTracer(io.Discard)
		d.o.Trace.Bare, d.o.Trace.Hide = true, d.o.Secrets.Clean
	}
	d.o.Trace.Each = d.traces.Wire
}

// reload puts what was prepared again in the place of what there was, which the station
// closes when no job needs it.
func (d *Daemon) reload(ctx context.Context) (station.Work, error) {
	fresh, err := d.o.Reload(ctx)
	if err != nil {
		return nil, err
	}
	d.shelf.Put(fresh)
	if d.o.Stock != nil {
		d.o.Stock.Want(fresh.Pools()...)
	}
	return fresh, nil
}

// pools counts what the pools of the recipes have left.
func (d *Daemon) pools(ctx context.Context) (list []station.Pool, err error) {
	for _, name := range d.shelf.Set().Pools() {
		free, err := pool.Free(ctx, d.o.Ledger, name)
		if err != nil {
			return nil, err
		}
		list = append(list, station.Pool{Name: name, Free: free})
	}
	return list, nil
}

// Run works until ctx ends, or until somebody orders a stop and the jobs under way have ended.
// The page and the service manager see the station until then.
func (d *Daemon) Run(ctx context.Context) error {
	stopServices := d.startServices(ctx)
	stopOutbox := d.startOutbox(ctx)
	endPage := d.page.serve(d.Station, d.o.Warn)
	err := d.Station.Run(ctx)
	endPage()
	stopOutbox()
	stopServices()
	return err
}

// Close gives back what the station has. Its error is of the outputs.
func (d *Daemon) Close() error {
	d.engine.Close()
	d.events.Close()
	d.page.close()
	d.shelf.Set().Close()
	return d.sink.Close()
}

// roomFor is why nothing new may begin: a disk that the ledger or the log of events is on is
// full.
func roomFor(dir, log string) func() error {
	if log != "" && !strings.HasPrefix(log, "fd:") {
		log = filepath.Dir(log)
	} else {
		log = ""
	}
	guard := disk.NewGuard(dir, log)
	return func() error {
		full, err := guard.Full()
		for _, r := range full {
			err = errors.Join(err, fmt.Errorf("%s: %s left", r.Dir, bytesize.Text(r.Free)))
		}
		return err
	}
}
