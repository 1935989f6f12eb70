// This file makes the stock of a station that has joined a fleet.

package stock

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/ledger/pool"
)

// Place is where a station's fleet is, and what it has of it.
type Place struct {
	URL    string // of the database
	AgeKey string // the file of the key that what is leased is sealed for
}

// Open makes the stock of the station with the ledger and the outbox in o; it fills in who
// connects, and with which key.
func Open(ctx context.Context, p Place, o Options, pools ...string) (s *Stock, err error) {
	if o.Connect, err = outbox.Connector(p.URL, o.Ledger.Path(), o.Ledger.Station()); err != nil {
		return nil, err
	}
	switch key, err := fleet.Identity(p.AgeKey); {
	case err == nil:
		o.Key = key
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return New(ctx, o, pools...)
}

// The time that a run gives the database.
const (
	runPatience = time.Minute     // until a tablet fails that could have an identity
	lastSent    = 5 * time.Second // for what was recorded last
)

// Beside sends the ledger in o and keeps a pool filled beside the jobs of one run, until stop.
// A pool that was imported at this station needs neither: then the supply is that of o, as it is.
func Beside(ctx context.Context, p Place, o Options, name string) (s *Stock, stop func(), err error) {
	if own, err := pool.IsOwn(ctx, o.Ledger, name); err != nil || own {
		return nil, func() {}, err
	}
	o.Patience = runPatience
	if o.Outbox, err = outbox.Open(ctx, p.URL, o.Ledger.Path(), o.Ledger.Station(), o.Ledger.Changed); err != nil {
		return nil, nil, err
	}
	if s, err = Open(ctx, p, o, name); err != nil {
		return nil, nil, errors.Join(err, o.Outbox.Close())
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var all sync.WaitGroup
	all.Go(func() { o.Outbox.Run(running) })
	all.Go(func() { s.Run(running) })
	return s, func() {
		cancel()
		all.Wait()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSent)
		defer cancel()
		_, _ = o.Outbox.Sync(last) // what is left is sent the next time
		s.Close()
		_ = o.Outbox.Close() // it was read only
	}, nil
}
