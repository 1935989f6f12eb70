// This file is where the jobs of a report are.

package machine

import (
	"context"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/jobs"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/report"
)

// Source is where the jobs of a report are: the ledger here, unless a fleet's database is meant.
type Source struct {
	Database string // of a fleet, as it was typed
	Fleet    bool   // the database of the settings
}

// ReadJobs opens the source and calls do. stations are those that are meant of a fleet; none are
// all. begun is false, and do is not called, if there is no ledger yet.
func (m *Machine) ReadJobs(ctx context.Context, from Source, stations []string,
	do func(context.Context, report.Source) error) (begun bool, err error) {
	if from.Database != "" || from.Fleet {
		return true, m.Fleet(ctx, from.Database, func(ctx context.Context, db *fleet.DB) error {
			return do(ctx, jobs.Reader{DB: db, Stations: stations})
		})
	}
	if begun, err = m.Begun(); begun && err == nil {
		err = m.Read(ctx, func(ctx context.Context, l *ledger.Ledger) error { return do(ctx, l) })
	}
	return begun, err
}
