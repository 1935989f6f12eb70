// This file is the station in its fleet: its records go to the database that it shares with
// others, and what it says of that is shown.

package daemon

import (
	"context"
	"sync"
	"time"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/station"
)

// lastSent is how long the last records may take to the database when all ends.
const lastSent = 5 * time.Second

// fleetOf is how a station stands with the database, to be shown; nil: it is in no fleet.
func fleetOf(f *outbox.Forwarder, now func() time.Time) func() station.Fleet {
	if f == nil {
		return nil
	}
	begun := now()
	return func() station.Fleet { return shownOf(f.State(), begun, now()) }
}

func shownOf(s outbox.State, begun, now time.Time) station.Fleet {
	v := station.Fleet{Waiting: int(s.Waiting)}
	if !s.Oldest.IsZero() {
		v.Oldest = max(0, now.Sub(s.Oldest))
	}
	if s.Err != nil {
		since := s.Contact
		if since.IsZero() {
			since = begun
		}
		v.Away = max(1, now.Sub(since))
	}
	switch {
	case s.Fault != nil:
		v.Refused, _ = s.Fault.Meaning()
	case fleet.IsRefused(s.Err):
		v.Refused = s.Err.Error()
	}
	return v
}

// startOutbox sends records until stop, which gives the last ones a moment.
func (d *Daemon) startOutbox(ctx context.Context) (stop func()) {
	f := d.o.Outbox
	if f == nil {
		return func() {}
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var all sync.WaitGroup
	all.Go(func() { f.Run(running) })
	all.Go(func() { warnOf(running, f, d.o.Name, d.o.Warn) })
	if d.o.Stock != nil {
		all.Go(func() { d.o.Stock.Run(running) })
	}
	return func() {
		cancel()
		all.Wait()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.lastSent)
		defer cancel()
		_, _ = f.Sync(last) // what is left is sent when the station works again
	}
}

// warnOf tells once of each trouble.
func warnOf(ctx context.Context, f *outbox.Forwarder, name string, warn func(string, ...any)) {
	told, rewound := "", int64(0)
	for {
		changed := f.Changed()
		s := f.State()
		err := s.Err
		if s.Fault != nil {
			err = outbox.FaultProblem(name, *s.Fault)
		}
		if text := errorText(err); text != told {
			if told = text; text == "" {
				warn("the fleet's database answers again")
			} else {
				warn("%v; records wait here", err)
			}
		}
		if s.Rewound > rewound {
			rewound = s.Rewound
			warn("the fleet's database was restored from a backup: it gets records again that it had")
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
