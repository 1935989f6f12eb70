// This file is what hooks are told on their standard input, and what they answer.

package recipe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/untrusted"
)

// maxReason is how long a reason may be, in bytes.
const maxReason = 200

// bounded keeps the beginning of what a program says, and lets it go on saying.
type bounded struct{ bytes.Buffer }

const maxAnswer = 4096

func (b *bounded) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), max(0, maxAnswer+1-b.Len()))])
	return len(p), nil
}

// parseAnswer reads the answer of a hook that was asked: one JSON object and nothing else. What
// is not understood is an error: a page of a proxy that is in the way says "run" to nothing.
func parseAnswer(text []byte) (*flash.Answer, error) {
	const form = `{"say":"run"}, skip or abort with a "reason"`
	if len(text) > maxAnswer {
		return nil, errors.New("it printed too much; expected " + form)
	}
	var a flash.Answer
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return nil, fmt.Errorf("it printed %q; expected %s", untrusted.Line(string(text), 80), form)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("it printed more than one answer")
	}
	a.Reason = strings.TrimSpace(untrusted.Line(a.Reason, maxReason))
	switch a.Say {
	case flash.SayRun:
	case flash.SaySkip, flash.SayAbort:
		if a.Reason == "" {
			return nil, fmt.Errorf("it says %s without a reason", a.Say)
		}
	default:
		return nil, fmt.Errorf("it says %q; expected %s", untrusted.Line(string(a.Say), 80), form)
	}
	return &a, nil
}

// Told is what a hook reads on its standard input, as JSON. What is not known is left out.
type Told struct {
	V        int    `json:"v"`
	Hook     string `json:"hook"` // before, after, failed, replug
	Job      string `json:"job"`
	Profile  string `json:"profile,omitempty"`
	Bundle   string `json:"bundle,omitempty"`
	Port     string `json:"port,omitempty"`
	PortName string `json:"port_name,omitempty"`
	Address  string `json:"address,omitempty"`
	Serial   string `json:"serial,omitempty"`
	Model    string `json:"model,omitempty"`
	Operator string `json:"operator,omitempty"`
	Lot      string `json:"lot,omitempty"`
	Golden   bool   `json:"golden,omitempty"`

	*Outcome // after the job
}

// Outcome is how a job ended.
type Outcome struct {
	Result       flash.JobResult     `json:"result"`
	Verified     string              `json:"verified,omitempty"`
	Class        flash.Class         `json:"class,omitempty"`
	Step         string              `json:"step,omitempty"`
	Error        string              `json:"error,omitempty"`
	Retryable    bool                `json:"retryable,omitempty"`
	Bytes        int64               `json:"bytes"`
	Seconds      float64             `json:"seconds"`
	Retries      int                 `json:"retries,omitempty"`
	Record       string              `json:"record,omitempty"`
	Inventory    string              `json:"inventory,omitempty"`
	Lock         string              `json:"lock,omitempty"`
	Facts        map[string]string   `json:"facts,omitempty"`
	Answer       *flash.Answer       `json:"answer,omitempty"`
	Measurements []flash.Measurement `json:"measurements,omitempty"`
}

// tell is what a hook is told. done has no secrets in it.
func tell(m flash.Moment, s *flash.Session, done *flash.JobDone) Told {
	job, where, key := s.Job(), s.Where(), s.Key()
	t := Told{V: 1, Hook: string(m), Job: job.ID, Profile: job.Profile, Bundle: job.Bundle, Port: where.Port, PortName: where.PortName,
		Address: where.Address, Serial: key.Serial, Model: key.Product,
		Operator: job.Circumstances.Operator, Lot: job.Circumstances.Lot, Golden: job.Circumstances.Golden}
	if done != nil {
		t.Outcome = &Outcome{done.Result, done.Verified, done.Class, done.Step, done.Error, done.Retryable, done.Bytes, done.Seconds,
			done.Retries, done.Record, done.Inventory, done.Lock, done.Facts, done.Answer, done.Measurements}
	}
	return t
}
