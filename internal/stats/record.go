// This file is what is counted, and how it comes from a ledger.

package stats

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
)

// Record is one job that has ended.
type Record struct {
	Time     time.Time // of its end
	Serial   string    // "" if it is not told
	Station  string
	Port     string // the port's name, the port, or the address
	Operator string
	Lot      string
	Model    string
	Bundle   string
	Result   flash.JobResult
	Class    flash.Class // of a failure
	Step     string      // of a failure
	Reason   string      // of a failure, where it is known better than by its class; ""
	Attempt  int         // of this tablet at this station, 1 is the first; 0 is not known
	Golden   bool
	Foreign  bool
	Total    time.Duration
	Limits   []Held // measurements that have a limit
	States   []Lap  // time in states, by the names of measurements
	Steps    []Lap  // steps that did something
}

// Lap is how long something took.
type Lap struct {
	Name string
	Took time.Duration
}

// Held is a measurement that has a limit, and whether it was beyond.
type Held struct {
	Name    string
	Outside bool
}

// Counts reports whether the job counts in any statistic.
func (r Record) Counts() bool {
	return !r.Golden && !r.Foreign && (r.Good() || r.Result == flash.Fail)
}

// Good reports whether the tablet passed.
func (r Record) Good() bool { return r.Result == flash.Pass || r.Result == flash.Compliant }

// Source is where jobs are read: a station's ledger, or the fleet's database.
type Source interface {
	// Ended are the jobs that ended at or after since and before until; a zero time is no limit.
	Ended(ctx context.Context, since, until time.Time) iter.Seq2[*ledger.JobRecord, error]
}

// FromLedger reads the jobs that ended at or after since and before until; a zero time is no
// limit. While it is read, nothing else can be asked of the same ledger.
func FromLedger(ctx context.Context, l Source, since, until time.Time) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for j, err := range l.Ended(ctx, since, until) {
			var r Record
			if err == nil {
				r, err = FromJob(j)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// FromJob makes a record of a ledger's.
func FromJob(j *ledger.JobRecord) (Record, error) {
	ended, err := time.Parse(time.RFC3339Nano, j.Ended)
	if err != nil {
		return Record{}, fmt.Errorf("record %s: %w", j.Record, err)
	}
	r := Record{Time: ended, Serial: j.Serial, Station: j.Station, Port: j.Tablet,
		Operator: j.Operator, Lot: j.Lot, Model: j.Model, Bundle: j.Bundle,
		Result: flash.JobResult(j.Result), Class: j.Class, Step: j.Step, Attempt: int(j.Attempt), Golden: j.Golden, Foreign: j.Foreign,
		Total: time.Duration(j.Seconds * float64(time.Second)), States: States(j.Measurements), Limits: Limits(j.Measurements)}
	for _, s := range j.Steps {
		if did := flash.StepResult(s.Result); did == flash.StepOK || did == flash.StepChanged {
			r.Steps = append(r.Steps, Lap{s.Step, time.Duration(s.Seconds * float64(time.Second))})
		}
	}
	return r, nil
}

// Limits are the measurements of a job that have a limit.
func Limits(measurements []flash.Measurement) (held []Held) {
	for _, m := range measurements {
		if m.Limited() {
			held = append(held, Held{m.Name, m.Outside()})
		}
	}
	return held
}

// States are the times in states among a job's measurements.
func States(measurements []flash.Measurement) (laps []Lap) {
	for _, m := range measurements {
		for _, s := range flash.MeasuredStates {
			if m.Name == s.Name {
				laps = append(laps, Lap{m.Name, time.Duration(m.Value) * time.Millisecond})
			}
		}
	}
	return laps
}
