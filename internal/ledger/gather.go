// This file puts entries together to jobs, and reads the jobs that a person asks for without
// those of all years before.

package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/canon"
)

// gathering is entries on their way to be jobs. They come as they stand in the chains.
type gathering struct {
	jobs     []*JobRecord
	byID     map[[2]string]*JobRecord   // by station and job
	disposed map[string]dispositionBody // by record
}

func newGathering() *gathering {
	return &gathering{byID: map[[2]string]*JobRecord{}, disposed: map[string]dispositionBody{}}
}

// add takes one entry; one of something else than a job is left out.
func (g *gathering) add(e Entry) error {
	var b body
	switch e.Kind {
	case KindIntent, KindStep, KindResult, KindInterrupted:
	case KindDisposition:
		var d dispositionBody
		if err := json.Unmarshal(e.Body, &d); err != nil {
			return fmt.Errorf("entry %s: %w", e.Record(), err)
		}
		g.disposed[d.Record] = d
		return nil
	default:
		return nil
	}
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return fmt.Errorf("entry %s: %w", e.Record(), err)
	}
	key := [2]string{e.Station, b.Job}
	j := g.byID[key]
	if j == nil {
		j = &JobRecord{Station: e.Station, Job: b.Job, open: true}
		g.byID[key] = j
		g.jobs = append(g.jobs, j)
	}
	j.apply(e, b)
	return nil
}

// list is the jobs: those that have not ended are running, or were cut off.
func (g *gathering) list(l *Ledger) []*JobRecord {
	for _, j := range g.jobs {
		d := g.disposed[j.Record]
		j.Disposition, j.DisposedBy = d.Disposition, d.By
		if j.open {
			j.Result = "running"
			if !l.isRunning(j.run) {
				j.Result, j.Error = string(flash.Interrupted), cutOff
			}
		}
	}
	return g.jobs
}

// selected returns the jobs of which some entries are, all dispositions considered. where is
// the condition on an entry of a job.
func (l *Ledger) selected(ctx context.Context, where string, args ...any) ([]*JobRecord, error) {
	query := "SELECT station, seq, ts, kind, body FROM entry WHERE kind = '" + //nolint:gosec // where is of this file
		KindDisposition + "' OR (" + where + ") ORDER BY station, seq"
	rows, err := l.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	g := newGathering()
	for rows.Next() {
		var e Entry
		if err := rows.Scan(&e.Station, &e.Seq, &e.TS, &e.Kind, &e.Body); err != nil {
			return nil, err
		}
		if err := g.add(e); err != nil {
			return nil, err
		}
	}
	return g.list(l), rows.Err()
}

// newestFirst sorts jobs by when they were begun, or ended where that is not known.
func newestFirst(jobs []*JobRecord) []*JobRecord {
	slices.SortStableFunc(jobs, func(a, b *JobRecord) int {
		return -cmp.Compare(cmp.Or(a.Started, a.Ended), cmp.Or(b.Started, b.Ended))
	})
	return jobs
}

// Job returns the job with this name, with all its steps; nil if it is not in the ledger.
func (l *Ledger) Job(ctx context.Context, name string) (*JobRecord, error) {
	quoted, err := canon.Encode(name)
	if err != nil {
		return nil, err
	}
	// A search for the text: it is several times quicker than to read each body.
	jobs, err := l.selected(ctx, "kind IN (?, ?, ?, ?) AND instr(body, ?) > 0",
		KindIntent, KindStep, KindResult, KindInterrupted, `"job":`+string(quoted))
	if i := slices.IndexFunc(jobs, func(j *JobRecord) bool { return j.Job == name }); i >= 0 && err == nil {
		return jobs[i], nil
	}
	return nil, err
}

// Recent returns the jobs that were begun or ended at or after since, by the times of their
// entries, the newest first, without their steps.
func (l *Ledger) Recent(ctx context.Context, since time.Time) ([]*JobRecord, error) {
	after := since.Add(-longestJob).UTC().Format(timeForm)
	jobs, err := l.selected(ctx, "kind IN (?, ?, ?) AND ts >= ?", KindIntent, KindResult, KindInterrupted, after)
	if err != nil {
		return nil, err
	}
	from := since.UTC().Format(timeForm)
	return newestFirst(slices.DeleteFunc(jobs, func(j *JobRecord) bool { return cmp.Or(j.Ended, j.Started) < from })), nil
}

// Tablet returns the jobs that concern the tablet with this serial, or that began as such,
// whenever and at whichever station, the newest first, without their steps.
func (l *Ledger) Tablet(ctx context.Context, serial string) ([]*JobRecord, error) {
	if serial == "" {
		return nil, nil
	}
	jobs, err := l.selected(ctx, `kind IN (?, ?, ?) AND json_extract(body, '$.job') IN (SELECT json_extract(body, '$.job') FROM entry
		WHERE kind IN (?, ?) AND ? IN (json_extract(body, '$.serial'), json_extract(body, '$.other_serial')))`,
		KindIntent, KindResult, KindInterrupted, KindIntent, KindResult, serial)
	return newestFirst(jobs), err
}
