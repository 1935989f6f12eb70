// This file records jobs: what the engine tells as it works (flash.Recorder).

package ledger

import (
	"math"
	"slices"

	"github.com/zarya-station/zarya/flash"
)

// The kinds of entries.
const (
	KindIntent      = "intent"      // before the first write
	KindStep        = "step"        // as each step ends
	KindResult      = "result"      // before it is shown
	KindInterrupted = "interrupted" // of a job whose process was killed
	KindDisposition = "disposition" // the decision about a failed tablet
	KindOrder       = "order"       // what else a supervisor decided
	KindLabel       = "label"       // that is printed of a job
)

// body is what an entry says. Durations are milliseconds: only integers are recorded.
type body struct {
	Job       string            `json:"job"`
	Run       string            `json:"run,omitempty"` // of the process
	Scope     flash.Scope       `json:"scope,omitempty"`
	Profile   string            `json:"profile,omitempty"`
	Bundle    string            `json:"bundle,omitempty"` // its name and version
	Source    *flash.Source     `json:"source,omitempty"`
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
	Lock      string            `json:"lock,omitempty"` // locked, unlocked: what the bootloader told last
	Facts     map[string]string `json:"facts,omitempty"`
	Unique    []string          `json:"unique,omitempty"` // the facts that no other tablet may have

	OtherSerial string `json:"other_serial,omitempty"` // of the tablet that was found in its place

	Operator     string              `json:"operator,omitempty"`
	Lot          string              `json:"lot,omitempty"`
	Program      string              `json:"program,omitempty"` // its version
	Golden       bool                `json:"golden,omitempty"`
	Attempt      int64               `json:"attempt,omitempty"` // of this tablet at this station; 0 is not known
	Foreign      bool                `json:"foreign,omitempty"` // nothing here is for this tablet
	Measurements []flash.Measurement `json:"measurements,omitempty"`
	Answer       *flash.Answer       `json:"answer,omitempty"` // of the hook that was asked whether it is run
}

// where is where the tablet was.
func (b *body) where() flash.Where {
	return flash.Where{Port: b.Port, PortName: b.PortName, Address: b.Address, Serial: b.Serial}
}

// from adds of what a job was made.
func (b *body) from(s flash.Source) {
	if s != (flash.Source{}) {
		b.Source = &s
	}
}

// under adds under what a job is done.
func (b *body) under(c flash.Circumstances) {
	b.Operator, b.Lot, b.Program, b.Golden = c.Operator, c.Lot, c.Program, c.Golden
}

func millis(seconds float64) int64 { return int64(math.Round(seconds * 1000)) }

// Intent records what is about to be done to a tablet.
func (l *Ledger) Intent(job flash.Job, where flash.Where) error {
	b := body{Job: job.ID, Scope: job.Scope, Profile: job.Profile, Bundle: job.Bundle, Images: job.Images,
		Address: where.Address, Port: where.Port, PortName: where.PortName, Serial: where.Serial}
	if l.run != nil {
		b.Run = l.run.id
	}
	b.from(job.Source)
	b.under(job.Circumstances)
	for _, s := range job.Steps {
		b.Steps = append(b.Steps, s.Name)
	}
	if l.run != nil {
		l.run.open.Store(job.ID, true)
	}
	_, err := l.Append(KindIntent, &b, func(tx *Tx) error { return countAttempt(tx, &b) })
	return err
}

// Step records how a step ended.
func (l *Ledger) Step(job flash.Job, s flash.StepDone) error {
	_, err := l.Append(KindStep, body{Job: job.ID, Step: s.Step, Result: string(s.Result), Bytes: s.Bytes, Millis: millis(s.Seconds)}, nil)
	return err
}

// Result records how a job ended and returns the record's name.
func (l *Ledger) Result(job flash.Job, where flash.Where, d flash.JobDone) (string, error) {
	if d.Result != flash.Pass && d.Result != flash.Compliant {
		d.Unique = nil // only a success claims
	}
	b := body{Job: job.ID, Scope: d.Scope, Profile: job.Profile, Bundle: job.Bundle, Model: d.Model,
		Address: where.Address, Port: where.Port, PortName: where.PortName, Serial: where.Serial,
		Result: string(d.Result), Verified: d.Verified, Class: d.Class, Step: d.Step, Error: d.Error,
		Bytes: d.Bytes, Millis: millis(d.Seconds), Retries: d.Retries, Inventory: d.Inventory,
		Facts: d.Facts, Unique: slices.Sorted(slices.Values(d.Unique)), OtherSerial: d.OtherSerial}
	b.from(job.Source)
	b.under(job.Circumstances)
	b.Lock = d.Lock
	b.Foreign, b.Measurements, b.Answer = d.Foreign, d.Measurements, d.Answer
	seq, err := l.Append(KindResult, &b, func(tx *Tx) error {
		if err := claimUnique(tx, b); err != nil {
			return err
		}
		if err := countAttempt(tx, &b); err != nil {
			return err
		}
		return endAttempts(tx, b)
	})
	if err == nil && l.run != nil {
		l.run.open.Delete(job.ID)
	}
	return RecordName(l.station, seq), err
}
