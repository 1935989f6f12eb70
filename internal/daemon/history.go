// This file is what a station and its ledger tell each other.

package daemon

import (
	"context"
	"time"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/records"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/stats"
)

// history asks the ledger for a tablet's last failure, and how often it was tried.
func history(record *ledger.Ledger) func(context.Context, string) (*station.Past, int) {
	return func(ctx context.Context, serial string) (*station.Past, int) {
		attempts, err := record.Attempts(ctx, serial)
		if err != nil {
			return nil, 0 // whether it can be written is another matter, and stops the job
		}
		f, failed, err := record.LastFailure(ctx, serial)
		if err != nil || !failed {
			return nil, attempts
		}
		return &station.Past{Time: f.Time, Port: f.Tablet, Class: f.Class, Step: f.Step, Error: f.Error, Record: f.Record}, attempts
	}
}

// dispose records the decision about a failed tablet.
func dispose(record *ledger.Ledger) func(ctx context.Context, name, disposition, by string) error {
	return func(ctx context.Context, name, disposition, by string) error {
		return records.Dispose(ctx, record, name, disposition, by)
	}
}

// decided records what else a supervisor ordered.
func decided(record *ledger.Ledger) func(context.Context, station.Order) error {
	return func(_ context.Context, o station.Order) error {
		return record.Order(ledger.Order{Order: string(o.Do), Port: o.Port, Value: o.Value, By: o.By})
	}
}

// earlier is how today's jobs at this station ended before this process.
func earlier(ctx context.Context, record *ledger.Ledger, name string) (list []stats.Record, err error) {
	for r, err := range stats.FromLedger(ctx, record, midnight(time.Now()), time.Time{}) {
		if err != nil {
			return nil, problem.New(problem.Invalid, "zarya ledger verify says more", "ledger: %w", err)
		}
		if r.Station == name {
			list = append(list, r)
		}
	}
	return list, nil
}

// midnight is the beginning of a day here.
func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.Local)
}
