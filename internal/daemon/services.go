// This file is what a station has of this machine: room on the disk, the service manager,
// sleep, and the barcode scanner.

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/disk"
	"github.com/zarya-station/zarya/internal/scanner"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/systemd"
)

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

// stationServices tells the service manager how the station is, keeps the machine awake
// while jobs run, and reads the scanner, until stop.
func (a *app) stationServices(o stationOptions, s *station.Station) (stop func()) {
	ctx, cancel := context.WithCancel(a.ctx)
	var all sync.WaitGroup
	notifier, err := systemd.FromEnvironment()
	if err != nil {
		a.warn("the service manager cannot be told: %v", err)
	}
	say := func(err error) { a.warn("%v", err) }
	awake := systemd.KeepAwake("tablets are being written", say)
	if err := notifier.Ready("waiting for tablets"); err != nil {
		say(err)
	}
	all.Go(func() {
		notifier.Watchdog(ctx, func() error { s.View(); return nil }, say) // a station that hangs does not answer
	})
	all.Go(func() {
		for {
			changed := s.Changed()
			awake.Working(s.Busy() > 0)
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	})
	if o.scanner != "" {
		all.Go(func() { scanner.Run(ctx, o.scanner, func(e scanner.Event) { a.scanned(ctx, s, e) }) })
	}
	return func() {
		_ = notifier.Stopping("no job is under way") // it sees the process end
		cancel()
		all.Wait()
		awake.Close()
	}
}

// scanned does what a barcode says, and says what it does not.
func (a *app) scanned(ctx context.Context, s *station.Station, e scanner.Event) {
	if e.Kind != scanner.Scanned {
		if e.Err != nil {
			a.warn("scanner: %v", e.Err)
		}
		return
	}
	order := e.Scan.Order
	if e.Scan.Golden {
		order.Do = station.OrderGolden
	}
	if err := s.Do(ctx, order); err != nil {
		a.warn("%s: %v", e.Scan.Text, err)
	}
}
