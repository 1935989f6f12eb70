// This file is the ledger for other programs: CSV, and the chain as JSON lines.

package records

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/sheet"
)

// CSV writes a row for each job, safe to open in a spreadsheet; ru is for the Russian Excel.
func CSV(out io.Writer, jobs []*ledger.JobRecord, ru bool) error {
	s, err := sheet.NewWriter(out, ru)
	if err != nil {
		return err
	}
	s.Row("record", "station", "job", "started", "ended", "scope", "profile", "tablet", "serial", "model",
		"result", "verified", "class", "step", "error", "bytes", "seconds",
		"bundle", "operator", "lot", "attempt", "golden", "program", "disposition", "battery_percent", "wire_bytes_per_s",
		"flash_ms", "boot_ms", "provision_ms", "check_ms")
	for _, j := range jobs {
		s.Row(s.Text(j.Record), s.Text(j.Station), s.Text(j.Job), j.Started, j.Ended, string(j.Scope), s.Text(j.Profile), s.Text(j.Tablet),
			s.Text(j.Serial), s.Text(j.Model), j.Result, j.Verified, string(j.Class), s.Text(j.Step), s.Text(j.Error),
			strconv.FormatInt(j.Bytes, 10), s.Decimal(j.Seconds, 3),
			s.Text(j.Bundle), s.Text(j.Operator), s.Text(j.Lot), known(j.Attempt),
			strconv.FormatBool(j.Golden), s.Text(j.Program), string(j.Disposition),
			measuredIn(j, flash.MeasureBattery), measuredIn(j, flash.MeasureWire),
			measuredIn(j, flash.MeasureFlash), measuredIn(j, flash.MeasureBoot),
			measuredIn(j, flash.MeasureProvision), measuredIn(j, flash.MeasureCheck))
	}
	return s.End()
}

// known is a number; 0 is not known.
func known(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// measuredIn is a measurement of a job in its unit; "" if it was not taken.
func measuredIn(j *ledger.JobRecord, name string) string {
	for _, m := range j.Measurements {
		if m.Name == name {
			return strconv.FormatInt(m.Value, 10)
		}
	}
	return ""
}

// Chain writes a line for each entry, with its hashes: enough to follow the chain without
// this program.
func Chain(ctx context.Context, out io.Writer, l *ledger.Ledger) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for e, err := range l.Entries(ctx) {
		if err != nil {
			return problem.New(problem.Invalid, "zarya ledger verify says more", "ledger: %w", err)
		}
		err = enc.Encode(struct {
			Station string          `json:"station"`
			Seq     int64           `json:"seq"`
			TS      string          `json:"ts"`
			Kind    string          `json:"kind"`
			Body    json.RawMessage `json:"body"`
			Prev    string          `json:"prev"`
			Hash    string          `json:"hash"`
		}{e.Station, e.Seq, e.TS, e.Kind, e.Body, fmt.Sprintf("%x", e.Prev), fmt.Sprintf("%x", e.Hash)})
		if err != nil {
			return sheet.WriteProblem(err)
		}
	}
	return nil
}
