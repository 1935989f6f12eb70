// This file is what a station and its ledger tell each other.

package main

import (
	"context"
	"time"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/records"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/stats"
)

// recordStation makes the station's jobs say under what they are done, and lets the station
// ask the ledger what was before.
func (a *app) recordStation(o *station.Options, record *ledger.Ledger) error {
	o.Program = programVersion()
	o.History = func(ctx context.Context, serial string) (*station.Past, int) {
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
	o.Dispose = func(ctx context.Context, name, disposition, by string) error {
		return records.Dispose(ctx, record, name, disposition, by)
	}
	ctx, cancel := a.untilSignal()
	defer cancel()
	now := time.Now()
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.Local)
	for r, err := range stats.FromLedger(ctx, record, midnight, time.Time{}) {
		if err != nil {
			return problem.New(problem.Invalid, "zarya ledger verify says more", "ledger: %w", err)
		}
		if r.Station == o.Name {
			o.Earlier = append(o.Earlier, r)
		}
	}
	return nil
}
