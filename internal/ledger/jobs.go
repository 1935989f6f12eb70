// This file records jobs, and reads them back.

package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
)

// The kinds of entries.
const (
	KindIntent      = "intent"      // before the first write
	KindStep        = "step"        // as each step ends
	KindResult      = "result"      // before it is shown
	KindInterrupted = "interrupted" // of a job whose process was killed
)

// body is what an entry says. Durations are milliseconds: only integers are recorded.
type body struct {
	Job       string            `json:"job"`
	Run       string            `json:"run,omitempty"` // of the process
	Scope     flash.Scope       `json:"scope,omitempty"`
	Profile   string            `json:"profile,omitempty"`
	Bundle    string            `json:"bundle,omitempty"` // its name and version
	Address   string            `json:"address,omitempty"`
	Port      string            `json:"port,omitempty"`
	PortName  string            `json:"port_name,omitempty"`
	Serial    string            `json:"serial,omitempty"`
	Model     string            `json:"model,omitempty"`
	Images    []flash.ImageInfo `json:"images,omitempty"`
	Steps     []string          `json:"steps,omitempty"`
	Step      string            `json:"step,omitempty"`
	Result    string            `json:"result,omitempty"`
	Verified  string            `json:"verified,omitempty"`
	Class     flash.Class       `json:"class,omitempty"`
	Error     string            `json:"error,omitempty"`
	Bytes     int64             `json:"bytes,omitempty"`
	Millis    int64             `json:"ms,omitempty"`
	Retries   int               `json:"retries,omitempty"`
	Inventory string            `json:"inventory,omitempty"`
	Facts     map[string]string `json:"facts,omitempty"`
	Unique    []string          `json:"unique,omitempty"` // the facts that no other tablet may have
}

func millis(seconds float64) int64 { return int64(math.Round(seconds * 1000)) }

// Intent records what is about to be done to a tablet.
func (l *Ledger) Intent(job flash.Job, where flash.Where) error {
	b := body{Job: job.ID, Scope: job.Scope, Profile: job.Profile, Bundle: job.Bundle, Images: job.Images,
		Address: where.Address, Port: where.Port, PortName: where.PortName, Serial: where.Serial}
	if l.run != nil {
		b.Run = l.run.id
	}
	for _, s := range job.Steps {
		b.Steps = append(b.Steps, s.Name)
	}
	if l.run != nil {
		l.run.open.Store(job.ID, true)
	}
	_, err := l.add(KindIntent, b)
	return err
}

// Step records how a step ended.
func (l *Ledger) Step(job flash.Job, s flash.StepDone) error {
	_, err := l.add(KindStep, body{Job: job.ID, Step: s.Step, Result: string(s.Result), Bytes: s.Bytes, Millis: millis(s.Seconds)})
	return err
}

// Result records how a job ended and returns the record's name.
func (l *Ledger) Result(job flash.Job, where flash.Where, d flash.JobDone) (string, error) {
	if d.Result != flash.Pass && d.Result != flash.Compliant {
		d.Unique = nil // only a success claims
	}
	a := &addition{kind: KindResult, of: body{Job: job.ID, Scope: d.Scope, Profile: job.Profile, Bundle: job.Bundle, Model: d.Model,
		Address: where.Address, Port: where.Port, PortName: where.PortName, Serial: where.Serial,
		Result: string(d.Result), Verified: d.Verified, Class: d.Class, Step: d.Step, Error: d.Error,
		Bytes: d.Bytes, Millis: millis(d.Seconds), Retries: d.Retries, Inventory: d.Inventory, Facts: d.Facts, Unique: slices.Sorted(slices.Values(d.Unique))}}
	if len(d.Unique) > 0 {
		a.also = func(tx *sql.Tx) error { return l.claim(tx, a, d.Facts, d.Unique) }
	}
	seq, err := l.submit(a)
	if err == nil && l.run != nil {
		l.run.open.Delete(job.ID)
	}
	return fmt.Sprintf("%s-%d", l.station, seq), err
}

// JobRecord is one job as the ledger knows it.
type JobRecord struct {
	Record    string            `json:"record"` // of its last entry
	Station   string            `json:"station"`
	Job       string            `json:"job"`
	Started   string            `json:"started,omitempty"`
	Ended     string            `json:"ended,omitempty"`
	Scope     flash.Scope       `json:"scope,omitempty"`
	Profile   string            `json:"profile,omitempty"`
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
	Facts     map[string]string `json:"facts,omitempty"`
	Images    []flash.ImageInfo `json:"images,omitempty"`
	Steps     []StepRecord      `json:"steps,omitempty"`

	run     string
	planned []string
	open    bool
}

// StepRecord is how one step ended.
type StepRecord struct {
	Step    string  `json:"step"`
	Result  string  `json:"result"`
	Bytes   int64   `json:"bytes,omitempty"`
	Seconds float64 `json:"seconds"`
}

// Entries gives all entries by station and number.
func (l *Ledger) Entries(ctx context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		rows, err := l.db.QueryContext(ctx, "SELECT station, seq, ts, kind, body, prev, hash FROM entry ORDER BY station, seq")
		if err != nil {
			yield(Entry{}, err)
			return
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var e Entry
			var text string
			var prev, hash []byte
			if err := rows.Scan(&e.Station, &e.Seq, &e.TS, &e.Kind, &text, &prev, &hash); err != nil {
				yield(e, err)
				return
			}
			e.Body = []byte(text)
			copy(e.Prev[:], prev)
			copy(e.Hash[:], hash)
			if !yield(e, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Entry{}, err)
		}
	}
}

// Jobs gives all jobs in the order in which they were begun at each station.
func (l *Ledger) Jobs(ctx context.Context) ([]*JobRecord, error) {
	var jobs []*JobRecord
	byID := map[[2]string]*JobRecord{}
	for e, err := range l.Entries(ctx) {
		if err != nil {
			return nil, err
		}
		var b body
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return nil, fmt.Errorf("entry %s-%d: %w", e.Station, e.Seq, err)
		}
		switch e.Kind {
		case KindIntent, KindStep, KindResult, KindInterrupted:
		default:
			continue // of something else than a job
		}
		key := [2]string{e.Station, b.Job}
		j := byID[key]
		if j == nil {
			j = &JobRecord{Station: e.Station, Job: b.Job, open: true}
			byID[key] = j
			jobs = append(jobs, j)
		}
		j.take(e, b)
	}
	for _, j := range jobs {
		if j.open {
			j.Result = "running"
			if !l.living(j.run) {
				j.Result, j.Error = string(flash.Interrupted), cutOff
			}
		}
	}
	return jobs, nil
}

// Bundles gives the versions of a bundle that passed on a tablet, in no order.
func (l *Ledger) Bundles(ctx context.Context, name string) (versions []string, err error) {
	rows, err := l.db.QueryContext(ctx, `SELECT DISTINCT json_extract(body, '$.bundle') FROM entry WHERE kind = ? AND json_extract(body, '$.result') = ?
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

// take adds what one entry says.
func (j *JobRecord) take(e Entry, b body) {
	j.Record = fmt.Sprintf("%s-%d", e.Station, e.Seq)
	switch e.Kind {
	case KindIntent:
		j.Started, j.Scope, j.Profile, j.Images, j.run, j.planned = e.TS, b.Scope, b.Profile, b.Images, b.Run, b.Steps
		j.Tablet, j.Serial = flash.Where{Port: b.Port, PortName: b.PortName, Address: b.Address}.Label(), b.Serial
	case KindStep:
		j.Steps = append(j.Steps, StepRecord{b.Step, b.Result, b.Bytes, float64(b.Millis) / 1000})
	case KindResult, KindInterrupted:
		j.open, j.Ended, j.Result, j.Verified = false, e.TS, b.Result, b.Verified
		j.Class, j.Step, j.Error, j.Bytes, j.Seconds = b.Class, b.Step, b.Error, b.Bytes, float64(b.Millis)/1000
		if e.Kind == KindResult {
			j.Scope, j.Profile, j.Model, j.Serial, j.Inventory, j.Facts = b.Scope, b.Profile, b.Model, b.Serial, b.Inventory, b.Facts
			j.Tablet = flash.Where{Port: b.Port, PortName: b.PortName, Address: b.Address}.Label()
		}
	}
}

const cutOff = "the program was ended in the middle; the partition that was being written counts as unknown"

// living reports whether the process of a run is still there.
func (l *Ledger) living(run string) bool {
	switch {
	case l.path == "":
		return true // in memory there is no other process
	case l.run != nil && run == l.run.id:
		return true
	}
	return run != "" && alive(l.path, run)
}

// closeAbandoned gives every job of a dead process its one result. Only the remains of
// one make it read the whole ledger.
func (l *Ledger) closeAbandoned(ctx context.Context) error {
	if dead, err := l.dead(); err != nil || len(dead) == 0 && !l.run.new {
		return err
	}
	jobs, err := l.Jobs(ctx)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if !j.open || j.Station != l.station || l.living(j.run) {
			continue
		}
		step := ""
		if n := len(j.Steps); n < len(j.planned) {
			step = j.planned[n]
		}
		if _, err := l.add(KindInterrupted, body{Job: j.Job, Result: string(flash.Interrupted), Class: flash.ClassStation, Step: step, Error: cutOff}); err != nil {
			return err
		}
	}
	return l.sweep()
}

// dead are the lock files of processes that are gone.
func (l *Ledger) dead() (paths []string, err error) {
	files, err := os.ReadDir(l.path + ".runs")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.Name() != l.run.id && f.Name()[0] != '.' && !alive(l.path, f.Name()) {
			paths = append(paths, runFile(l.path, f.Name()))
		}
	}
	return paths, nil
}

// sweep removes them.
func (l *Ledger) sweep() error {
	dead, err := l.dead()
	for _, path := range dead {
		_ = os.Remove(path) // another process may be quicker
	}
	return err
}

// Since reports whether the job began at or after t.
func (j *JobRecord) Since(t time.Time) bool {
	at := j.Started
	if at == "" {
		at = j.Ended
	}
	return strings.Compare(at, t.UTC().Format(timeForm)) >= 0
}
