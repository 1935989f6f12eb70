// This file reads jobs back from the chain.

package ledger

import (
	"cmp"
	"context"
	"time"

	"github.com/zarya-station/zarya/flash"
)

// JobRecord is one job as the ledger knows it.
type JobRecord struct {
	Record    string            `json:"record"` // of its last entry
	Station   string            `json:"station"`
	Job       string            `json:"job"`
	Started   string            `json:"started,omitempty"`
	Ended     string            `json:"ended,omitempty"`
	Scope     flash.Scope       `json:"scope,omitempty"`
	Profile   string            `json:"profile,omitempty"`
	Bundle    string            `json:"bundle,omitempty"` // its name and version
	Source    *flash.Source     `json:"source,omitempty"`
	Tablet    string            `json:"tablet"` // its port's name, its port, or its address
	Serial    string            `json:"serial,omitempty"`
	Model     string            `json:"model,omitempty"`
	Result    string            `json:"result"` // running, interrupted, or a job's result
	Verified  string            `json:"verified,omitempty"`
	Class     flash.Class       `json:"class,omitempty"`
	Step      string            `json:"step,omitempty"`
	Error     string            `json:"error,omitempty"`
	Bytes     int64             `json:"bytes"`
	Seconds   float64           `json:"seconds"`
	Inventory string            `json:"inventory,omitempty"`
	Lock      string            `json:"lock,omitempty"` // locked, unlocked: what the bootloader told last; left out: not told
	Facts     map[string]string `json:"facts,omitempty"`
	Images    []flash.ImageInfo `json:"images,omitempty"`
	Steps     []StepRecord      `json:"steps,omitempty"`

	OtherSerial string `json:"other_serial,omitempty"` // of another tablet that was found in its place

	Operator     string              `json:"operator,omitempty"`
	Lot          string              `json:"lot,omitempty"`
	Attempt      int64               `json:"attempt,omitempty"` // of this tablet at this station; 0 is not known
	Program      string              `json:"program,omitempty"` // its version
	Golden       bool                `json:"golden,omitempty"`  // no statistic counts it
	Foreign      bool                `json:"foreign,omitempty"` // nothing here was for this tablet
	Measurements []flash.Measurement `json:"measurements,omitempty"`
	Answer       *flash.Answer       `json:"answer,omitempty"` // of the hook that was asked whether it is run
	Disposition  Disposition         `json:"disposition,omitempty"`
	DisposedBy   string              `json:"disposed_by,omitempty"`

	run     string
	planned []string
	open    bool
}

// Concerns reports whether the job is about the tablet with this serial: it is the job's,
// or it was found in the place of the job's.
func (j *JobRecord) Concerns(serial string) bool {
	return serial != "" && (j.Serial == serial || j.OtherSerial == serial)
}

// StepRecord is how one step ended.
type StepRecord struct {
	Step    string  `json:"step"`
	Result  string  `json:"result"`
	Bytes   int64   `json:"bytes,omitempty"`
	Seconds float64 `json:"seconds"`
}

// Jobs returns all jobs in the order in which they were begun at each station.
func (l *Ledger) Jobs(ctx context.Context) ([]*JobRecord, error) {
	g := newGathering()
	for e, err := range l.Entries(ctx) {
		if err == nil {
			err = g.add(e)
		}
		if err != nil {
			return nil, err
		}
	}
	return g.list(l), nil
}

// Bundles returns the versions of a bundle that passed on a tablet, in no order.
func (l *Ledger) Bundles(ctx context.Context, name string) (versions []string, err error) {
	rows, err := l.db.QueryContext(ctx, `SELECT DISTINCT json_extract(body, '$.bundle') FROM entry
		WHERE kind = ? AND json_extract(body, '$.result') = ?
		AND substr(json_extract(body, '$.bundle'), 1, ?) = ?`, KindResult, string(flash.Pass), len(name)+1, name+" ")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var b string
		if err := rows.Scan(&b); err != nil {
			return nil, err
		}
		versions = append(versions, b[len(name)+1:])
	}
	return versions, rows.Err()
}

// apply adds what one entry says.
func (j *JobRecord) apply(e Entry, b body) {
	j.Record = e.Record()
	switch e.Kind {
	case KindIntent:
		j.Started, j.Scope, j.Profile, j.Bundle, j.Images, j.run, j.planned = e.TS, b.Scope, b.Profile, b.Bundle, b.Images, b.Run, b.Steps
		j.Source = b.Source
		j.Tablet, j.Serial = b.where().Label(), b.Serial
		j.under(b)
	case KindStep:
		j.Steps = append(j.Steps, StepRecord{b.Step, b.Result, b.Bytes, float64(b.Millis) / 1000})
	case KindResult, KindInterrupted:
		j.open, j.Ended, j.Result, j.Verified = false, e.TS, b.Result, b.Verified
		j.Class, j.Step, j.Error, j.Bytes, j.Seconds = b.Class, b.Step, b.Error, b.Bytes, float64(b.Millis)/1000
		if e.Kind == KindResult {
			j.Scope, j.Profile, j.Bundle, j.Model, j.Serial = b.Scope, b.Profile, b.Bundle, b.Model, b.Serial
			j.Inventory, j.Facts, j.Lock, j.Source = b.Inventory, b.Facts, b.Lock, b.Source
			j.Tablet = b.where().Label()
			j.OtherSerial, j.Foreign, j.Measurements, j.Answer = b.OtherSerial, b.Foreign, b.Measurements, b.Answer
			j.under(b)
		}
	}
}

// under takes over under what the job was done.
func (j *JobRecord) under(b body) {
	j.Operator, j.Lot, j.Program, j.Golden, j.Attempt = b.Operator, b.Lot, b.Program, b.Golden, b.Attempt
}

// Since returns the jobs that were begun at or after t, and all that come after one of
// them in their station's chain: a clock that was set back later hides none.
func Since(jobs []*JobRecord, t time.Time) []*JobRecord {
	from := t.UTC().Format(timeForm)
	reached := map[string]bool{} // by station
	var since []*JobRecord
	for _, j := range jobs {
		if cmp.Or(j.Started, j.Ended) >= from {
			reached[j.Station] = true
		}
		if reached[j.Station] {
			since = append(since, j)
		}
	}
	return since
}
