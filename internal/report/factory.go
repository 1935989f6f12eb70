// This file is single jobs as the programs of factories read them: records of OpenHTF, and
// reports of WATS (WATS Standard JSON Format). One job is one line.

package report

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/sheet"
	"github.com/zarya-station/zarya/internal/stats"
)

// Export writes each job that ended within the question's span as a line that form makes of it.
func (r *Report) Export(ctx context.Context, out io.Writer, l Source, form func(*ledger.JobRecord) (any, error)) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	for j, err := range l.Ended(ctx, r.Since, r.Until) {
		var v any
		var record stats.Record
		if err == nil && r.only != nil {
			if record, err = stats.FromJob(j); err == nil && !r.wants(record) {
				continue
			}
		}
		if err == nil {
			v, err = form(j)
		}
		if err != nil {
			return readProblem(err)
		}
		if err := e.Encode(v); err != nil {
			return sheet.WriteProblem(err)
		}
	}
	return nil
}

// span is when a job was begun and when it ended.
func span(j *ledger.JobRecord) (begun, ended time.Time, err error) {
	if ended, err = time.Parse(time.RFC3339Nano, j.Ended); err != nil {
		return begun, ended, fmt.Errorf("record %s: %w", j.Record, err)
	}
	begun = ended.Add(-time.Duration(j.Seconds * float64(time.Second)))
	if j.Started != "" {
		if begun, err = time.Parse(time.RFC3339Nano, j.Started); err != nil {
			return begun, ended, fmt.Errorf("record %s: %w", j.Record, err)
		}
	}
	return begun, ended, nil
}

// passed reports whether a job did what was asked.
func passed(j *ledger.JobRecord) bool { return endingOf(j) == endedPassed }

// ending is how a job ended as the systems of factories see it.
type ending int

const (
	endedFailed  ending = iota // the tablet's fault
	endedPassed                // it is as it should be
	endedCutOff                // it was interrupted, or never begun
	endedByBench               // the bench's fault: the tablet was not tested to its end
)

func endingOf(j *ledger.JobRecord) ending {
	switch flash.JobResult(j.Result) {
	case flash.Pass, flash.Compliant:
		return endedPassed
	case flash.Interrupted, flash.Skipped:
		return endedCutOff
	case flash.Fail:
	}
	if j.Class.Bench() {
		return endedByBench
	}
	return endedFailed
}

// OpenHTF is a job as a test record of OpenHTF, in the form of its JSON output. A failure of
// the bench is its ERROR, and a job that was cut off its ABORTED.
func OpenHTF(j *ledger.JobRecord) (any, error) {
	begun, ended, err := span(j)
	if err != nil {
		return nil, err
	}
	outcome := map[ending]string{endedFailed: "FAIL", endedPassed: "PASS", endedCutOff: "ABORTED", endedByBench: "ERROR"}[endingOf(j)]
	type measurement struct {
		Name       string   `json:"name"`
		Outcome    string   `json:"outcome"`
		Value      any      `json:"measured_value"`
		Units      string   `json:"units,omitempty"`
		Validators []string `json:"validators,omitempty"`
	}
	type phase struct {
		Name         string                 `json:"name"`
		Outcome      string                 `json:"outcome"`
		Start        int64                  `json:"start_time_millis"`
		End          int64                  `json:"end_time_millis"`
		Measurements map[string]measurement `json:"measurements"`
	}
	var phases []phase
	at := begun.UnixMilli()
	for _, s := range j.Steps {
		end := at + int64(s.Seconds*1000)
		p := phase{Name: s.Step, Outcome: "PASS", Start: at, End: end, Measurements: map[string]measurement{}}
		if s.Result == string(flash.StepFail) {
			p.Outcome = "FAIL"
		}
		phases, at = append(phases, p), end
	}
	found := phase{Name: "measured", Outcome: "PASS", Start: ended.UnixMilli(), End: ended.UnixMilli(), Measurements: map[string]measurement{}}
	for _, m := range j.Measurements {
		one := measurement{Name: m.Name, Outcome: "PASS", Value: m.Value, Units: m.Unit}
		if m.Limited() {
			one.Validators = []string{limits(m)}
		}
		if m.Outside() && m.Limited() {
			one.Outcome = "FAIL" // of the measurement: it fails no tablet here
		}
		found.Measurements[m.Name] = one
	}
	for _, name := range slices.Sorted(maps.Keys(j.Facts)) {
		found.Measurements[name] = measurement{Name: name, Outcome: "PASS", Value: j.Facts[name]}
	}
	phases = append(phases, found)
	details := []map[string]string{}
	if j.Class != "" || j.Error != "" {
		details = append(details, map[string]string{"code": string(j.Class), "description": j.Error})
	}
	return map[string]any{
		"dut_id": cmp.Or(j.Serial, j.Tablet), "station_id": j.Station,
		"start_time_millis": begun.UnixMilli(), "end_time_millis": ended.UnixMilli(),
		"outcome": outcome, "outcome_details": details, "phases": phases, "log_records": []any{},
		"metadata": map[string]any{"test_name": cmp.Or(j.Profile, string(j.Scope)), "test_version": j.Bundle, "record": j.Record,
			"model":    j.Model,
			"operator": j.Operator, "lot": j.Lot, "attempt": j.Attempt, "program": j.Program, "golden": j.Golden, "port": j.Tablet,
			"inventory": j.Inventory, "step": j.Step, "result": j.Result},
	}, nil
}

// limits are a measurement's, in words.
func limits(m flash.Measurement) string {
	switch {
	case m.Low != 0 && m.High != 0:
		return fmt.Sprintf("%d <= x <= %d", m.Low, m.High)
	case m.Low != 0:
		return fmt.Sprintf("x >= %d", m.Low)
	}
	return fmt.Sprintf("x <= %d", m.High)
}

// wsjfText is how long a text may be in WATS.
const wsjfText = 100

func wsjf(s string) string {
	r := []rune(s)
	return string(r[:min(len(r), wsjfText)])
}

// WSJF is a job as a test report (UUT) of WATS. The process code is that of the site; 100 is
// its "end of line test". What a bench broke off is E, what was cut off T.
func WSJF(j *ledger.JobRecord) (any, error) {
	begun, _, err := span(j)
	if err != nil {
		return nil, err
	}
	result := map[ending]string{endedFailed: "F", endedPassed: "P", endedCutOff: "T", endedByBench: "E"}[endingOf(j)]
	type numeric struct {
		Name   string `json:"name,omitempty"`
		Comp   string `json:"compOp"`
		Status string `json:"status"`
		Unit   string `json:"unit"`
		Value  int64  `json:"value"`
		Low    *int64 `json:"lowLimit,omitempty"`
		High   *int64 `json:"highLimit,omitempty"`
	}
	type step struct {
		ID      int       `json:"id"`
		Group   string    `json:"group"` // S, M, C: set-up, main, clean-up
		Type    string    `json:"stepType"`
		Name    string    `json:"name"`
		Status  string    `json:"status"`
		Start   string    `json:"start,omitempty"`
		Seconds float64   `json:"totTime"`
		Numeric []numeric `json:"numericMeas,omitempty"`
		Steps   []step    `json:"steps,omitempty"`
		Report  string    `json:"reportText,omitempty"`
	}
	root := step{Group: "M", Type: "SequenceCall", Name: wsjf(cmp.Or(j.Profile, string(j.Scope))), Status: result,
		Seconds: j.Seconds, Report: j.Error}
	for _, s := range j.Steps {
		one := step{ID: len(root.Steps) + 1, Group: "M", Type: "Action", Name: wsjf(s.Step), Status: "P", Seconds: s.Seconds}
		switch flash.StepResult(s.Result) {
		case flash.StepFail:
			one.Status = "F"
		case flash.StepSkipped:
			one.Status = "S"
		case flash.StepOK, flash.StepChanged, flash.StepAlready, flash.StepDiffers:
		}
		root.Steps = append(root.Steps, one)
	}
	for _, m := range j.Measurements {
		n := numeric{Comp: "LOG", Status: "P", Unit: m.Unit, Value: m.Value}
		switch {
		case m.Low != 0 && m.High != 0:
			n.Comp, n.Low, n.High = "GELE", &m.Low, &m.High
		case m.Low != 0:
			n.Comp, n.Low = "GE", &m.Low
		case m.High != 0:
			n.Comp, n.High = "LE", &m.High
		}
		if m.Limited() && m.Outside() {
			n.Status = "F"
		}
		root.Steps = append(root.Steps, step{ID: len(root.Steps) + 1, Group: "M", Type: "ET_NLT", Name: m.Name, Status: n.Status,
			Numeric: []numeric{n}})
	}
	type misc struct {
		Description string `json:"description"`
		Text        string `json:"text"`
	}
	about := []misc{{"record", j.Record}, {"lot", j.Lot}, {"inventory", j.Inventory}, {"bundle", j.Bundle}, {"program", j.Program},
		{"class", string(j.Class)}, {"step", j.Step}}
	for _, name := range slices.Sorted(maps.Keys(j.Facts)) {
		about = append(about, misc{name, wsjf(j.Facts[name])})
	}
	about = slices.DeleteFunc(about, func(m misc) bool { return m.Text == "" })
	_, version, _ := strings.Cut(j.Bundle, " ")
	return map[string]any{
		"id": guid(j.Record), "type": "T", "result": result, "pn": wsjf(cmp.Or(j.Model, "unknown")), "rev": wsjf(cmp.Or(version, "-")),
		"sn": wsjf(cmp.Or(j.Serial, j.Tablet)), "machineName": wsjf(j.Station), "location": wsjf(j.Station), "purpose": "production",
		"start": begun.Local().Format("2006-01-02T15:04:05.000-07:00"), "startUTC": begun.UTC().Format("2006-01-02T15:04:05.000Z"),
		"processCode": 100, "root": root,
		"uut":       map[string]any{"execTime": j.Seconds, "user": wsjf(cmp.Or(j.Operator, "-")), "fixtureId": wsjf(j.Tablet)},
		"miscInfos": about,
	}, nil
}

// guid is a record's, the same whenever it is exported: a name-based UUID (RFC 9562, version 8).
func guid(record string) string {
	s := sha256.Sum256([]byte("zarya record " + record))
	s[6], s[8] = s[6]&0x0f|0x80, s[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", s[0:4], s[4:6], s[6:8], s[8:10], s[10:16])
}
