// This file is what a station has of this machine: the service manager, sleep, and the
// barcode scanner.

package daemon

import (
	"context"
	"errors"
	"sync"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/scanner"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/systemd"
)

// startServices tells the service manager how the station is, keeps the machine awake
// while jobs run, and reads the scanner, until stop.
func (d *Daemon) startServices(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	notifier, err := systemd.FromEnvironment()
	if err != nil {
		d.o.Warn("the service manager cannot be told: %v", err)
	}
	say := func(err error) { d.o.Warn("%v", err) }
	awake := systemd.KeepAwake("tablets are being written", say)
	if err := notifier.Ready("waiting for tablets"); err != nil {
		say(err)
	}
	all.Go(func() {
		notifier.Watchdog(ctx, func() error { d.Station.View(); return nil }, say) // a station that hangs does not answer
	})
	all.Go(func() {
		for {
			changed := d.Station.Changed()
			awake.Working(d.Station.Busy() > 0)
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	})
	d.follow(ctx, &all)
	if d.o.Scanner != "" {
		all.Go(func() { scanner.Run(ctx, d.o.Scanner, func(e scanner.Event) { d.scanned(ctx, e, &all) }) })
	}
	return func() {
		_ = notifier.Stopping("no job is under way") // it sees the process end
		cancel()
		all.Wait()
		awake.Close()
	}
}

// scanned does what a barcode says, and says what it does not. An order that waits for a badge
// holds up no scan: the badge is one.
func (d *Daemon) scanned(ctx context.Context, e scanner.Event, orders *sync.WaitGroup) {
	switch e.Kind {
	case scanner.Ready:
		d.Station.Announce("scanner", nil)
		return
	case scanner.Away: // until it is back: without it nobody signs what is asked on the board
		why := problem.Advice(e.Err)
		if d.o.Unseen {
			d.o.Warn("scanner: %s", why)
		}
		var p *problem.Error
		if errors.As(e.Err, &p) && p.Hint != "" {
			why = p.Hint // a banner is one line
		}
		d.Station.Announce("scanner", &station.Notice{Key: "scanner-away", Words: why})
		return
	case scanner.Dropped:
		d.say("scanner: " + problem.Advice(e.Err))
		return
	case scanner.Scanned:
	}
	order := func() {
		if err := d.Station.Do(ctx, e.Scan.Order); err != nil && ctx.Err() == nil {
			d.say(e.Scan.Text + ": " + problem.Advice(err))
		}
	}
	if e.Scan.Order.Scan {
		orders.Go(order)
	} else {
		order() // in the order in which they were scanned
	}
}

// say shows words to whoever scans, wherever they look.
func (d *Daemon) say(said string) {
	if d.o.Unseen {
		d.o.Warn("%s", said)
	}
	d.Station.Say(said)
}
