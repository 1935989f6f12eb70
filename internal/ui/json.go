// This file writes events for programs: one JSON object a line (docs/events.md). The form
// is a contract. Each type of event has a struct here with the same fields and the names
// of their keys; one that gets a new field does not compile until its key is here too.

package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/usb"
)

// EventVersion is the value of "v" in every event. It changes only when a key
// changes its meaning; new keys do not change it.
const EventVersion = 1

type jsonSink struct {
	w   io.Writer
	err error
}

// NewJSON writes each event as one line, at once.
func NewJSON(w io.Writer) Sink { return &jsonSink{w: w} }

func (s *jsonSink) Event(e flash.Event) {
	if s.err != nil {
		return
	}
	line, err := EncodeEvent(e)
	if err == nil {
		_, err = s.w.Write(append(line, '\n'))
	}
	s.err = err
}

func (s *jsonSink) Close() error { return s.err }

// eventHead has the keys that all events have.
type eventHead struct {
	V        int    `json:"v"`                   // 1; it changes only when a key changes its meaning
	Seq      int64  `json:"seq"`                 // 1, 2, 3 … without gaps
	TS       string `json:"ts"`                  // when, RFC 3339 in UTC
	Type     string `json:"type"`                // one of the types below
	Run      string `json:"run,omitempty"`       // one invocation of zarya
	Job      string `json:"job,omitempty"`       // one attempt at one tablet
	Port     string `json:"port,omitempty"`      // the USB port, such as 1-2.3
	PortName string `json:"port_name,omitempty"` // the station's name of the port, such as A3
	Address  string `json:"address,omitempty"`   // of a network target: tcp:HOST:PORT
	Serial   string `json:"serial,omitempty"`    // as the tablet reports it
	Attempt  int    `json:"attempt,omitempty"`   // 1 for the first try of a job
}

// EncodeEvent returns an event as one flat JSON object: the common keys first, then those
// of its type.
func EncodeEvent(e flash.Event) ([]byte, error) {
	head, err := json.Marshal(eventHead{EventVersion, e.Seq, e.Time.UTC().Format(time.RFC3339Nano), e.Body.EventType(),
		e.Run, e.Job, e.Port, e.PortName, e.Address, e.Serial, e.Attempt})
	if err != nil {
		return nil, err
	}
	form, err := bodyForm(e.Body)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(form)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(body, []byte("{}")) {
		return head, nil
	}
	return append(append(head[:len(head)-1], ','), body[1:]...), nil
}

// bodyForm is a body with the names of its keys.
func bodyForm(body flash.Body) (any, error) {
	switch b := body.(type) {
	case flash.Device:
		return deviceForm(b), nil
	case flash.JobStarted:
		return jobStartedForm(b), nil
	case flash.Planned:
		return plannedForm(b), nil
	case flash.StateChanged:
		return stateChangedForm(b), nil
	case flash.StepStarted:
		return stepStartedForm(b), nil
	case flash.StepDone:
		return stepDoneForm(b), nil
	case flash.Progress:
		return progressForm(b), nil
	case flash.Waiting:
		return waitingForm(b), nil
	case flash.Retry:
		return retryForm(b), nil
	case flash.Warning:
		return warningForm(b), nil
	case flash.Log:
		return logForm(b), nil
	case flash.JobDone:
		return jobDoneForm(b), nil
	case Summary:
		return b, nil
	}
	return nil, fmt.Errorf("an event of type %q has no form in JSON", body.EventType())
}

type deviceForm struct {
	Change  string   `json:"change"`
	Mode    usb.Mode `json:"mode,omitempty"`
	Model   string   `json:"model,omitempty"`
	Speed   string   `json:"speed,omitempty"`
	Lock    string   `json:"lock,omitempty"`
	Problem string   `json:"problem,omitempty"`
	Hint    string   `json:"hint,omitempty"`
}

type jobStartedForm struct {
	Scope   flash.Scope       `json:"scope"`
	Model   string            `json:"model,omitempty"`
	Profile string            `json:"profile,omitempty"`
	Bundle  string            `json:"bundle,omitempty"`
	Steps   []string          `json:"steps"`
	Images  []flash.ImageInfo `json:"images,omitempty"`
}

type plannedForm struct {
	Profile string            `json:"profile,omitempty"`
	Bundle  string            `json:"bundle,omitempty"`
	Steps   []string          `json:"steps"`
	Images  []flash.ImageInfo `json:"images,omitempty"`
}

type stateChangedForm struct {
	State flash.State `json:"state"`
}

type stepStartedForm struct {
	Step  string `json:"step"`
	Bytes int64  `json:"bytes,omitempty"`
}

type stepDoneForm struct {
	Step    string           `json:"step"`
	Bytes   int64            `json:"bytes"`
	Seconds float64          `json:"seconds"`
	Result  flash.StepResult `json:"result"`
}

type progressForm struct {
	Step      string `json:"step"`
	Done      int64  `json:"done"`
	Total     int64  `json:"total"`
	WireDone  int64  `json:"wire_done"`
	WireTotal int64  `json:"wire_total"`
}

type waitingForm struct {
	For     string  `json:"for"`
	Hint    string  `json:"hint,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	Silent  float64 `json:"silent,omitempty"`
}

type retryForm struct {
	Step    string      `json:"step"`
	Message string      `json:"message"`
	Class   flash.Class `json:"class,omitempty"`
}

type warningForm struct {
	Message string      `json:"message"`
	Class   flash.Class `json:"class,omitempty"`
	Hint    string      `json:"hint,omitempty"`
}

type logForm struct {
	Message string      `json:"message"`
	Class   flash.Class `json:"class,omitempty"`
}

type jobDoneForm struct {
	Scope     flash.Scope       `json:"scope"`
	Model     string            `json:"model,omitempty"`
	Result    flash.JobResult   `json:"result"`
	Verified  string            `json:"verified,omitempty"`
	Class     flash.Class       `json:"class,omitempty"`
	Step      string            `json:"step,omitempty"`
	Error     string            `json:"error,omitempty"`
	Hint      string            `json:"hint,omitempty"`
	Retryable bool              `json:"retryable"`
	Bytes     int64             `json:"bytes"`
	Seconds   float64           `json:"seconds"`
	Retries   int               `json:"retries"`
	Record    string            `json:"record,omitempty"`
	Inventory string            `json:"inventory,omitempty"`
	Lock      string            `json:"lock,omitempty"`
	Facts     map[string]string `json:"facts,omitempty"`
	Unique    []string          `json:"-"` // for the ledger

	Answer *flash.Answer `json:"answer,omitempty"`

	Measurements []flash.Measurement `json:"measurements,omitempty"`

	NotDurable  bool   `json:"-"` // it is the exit code's
	Exhausted   bool   `json:"-"`
	Twin        bool   `json:"-"`
	OtherSerial string `json:"other_serial,omitempty"`
	Foreign     bool   `json:"-"` // its class and its message say it
}
