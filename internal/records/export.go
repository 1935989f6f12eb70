// This file is zarya ledger export.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

func newLedgerExport(a *app) *cobra.Command {
	var s selection
	var format string
	var ru bool
	cmd := &cobra.Command{
		Use:   "export --format csv|jsonl",
		Short: "Write jobs as CSV for a spreadsheet, or the whole chain as JSON lines",
		Long: `Write the ledger to stdout: csv has one row a job, safe to open in a spreadsheet
(a cell that would be read as a formula begins with an apostrophe); jsonl has one
line an entry with its hashes, enough to follow the chain without this program.`,
		Example: "  zarya ledger export --format csv --since 24h > today.csv\n  zarya ledger export --format jsonl > chain.jsonl",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.check(); err != nil {
				return err
			}
			switch format {
			case "csv":
			case "jsonl":
				for _, f := range []string{"since", "result", "serial", "excel-ru"} {
					if cmd.Flags().Changed(f) {
						return problem.New(problem.Usage, "a chain with holes proves nothing; --format csv can be narrowed",
							"--%s does not go with --format jsonl", f)
					}
				}
			default:
				return problem.New(problem.Usage, "known are csv, jsonl", "--format: no format %q", format)
			}
			return a.readLedger(func(ctx context.Context, l *ledger.Ledger) error {
				if format == "jsonl" {
					return exportChain(ctx, a.stdout, l)
				}
				jobs, err := s.jobs(ctx, l)
				if err != nil {
					return err
				}
				return exportCSV(a.stdout, jobs, ru)
			})
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&format, "format", "csv", "csv or jsonl")
	cmd.Flags().BoolVar(&ru, "excel-ru", false, excelHelp)
	return cmd
}

func exportCSV(out io.Writer, jobs []*ledger.JobRecord, ru bool) error {
	s, err := newSpreadsheet(out, ru)
	if err != nil {
		return err
	}
	s.row("record", "station", "job", "started", "ended", "scope", "profile", "tablet", "serial", "model",
		"result", "verified", "class", "step", "error", "bytes", "seconds",
		"bundle", "operator", "lot", "attempt", "golden", "program", "disposition", "battery_percent", "wire_bytes_per_s",
		"flash_ms", "boot_ms", "provision_ms", "check_ms")
	for _, j := range jobs {
		s.row(s.text(j.Record), s.text(j.Station), s.text(j.Job), j.Started, j.Ended, string(j.Scope), s.text(j.Profile), s.text(j.Tablet),
			s.text(j.Serial), s.text(j.Model), j.Result, j.Verified, string(j.Class), s.text(j.Step), s.text(j.Error),
			strconv.FormatInt(j.Bytes, 10), s.decimal(j.Seconds, 3),
			s.text(j.Bundle), s.text(j.Operator), s.text(j.Lot), known(j.Attempt),
			strconv.FormatBool(j.Golden), s.text(j.Program), string(j.Disposition),
			measuredIn(j, flash.MeasureBattery), measuredIn(j, flash.MeasureWire),
			measuredIn(j, flash.MeasureFlash), measuredIn(j, flash.MeasureBoot),
			measuredIn(j, flash.MeasureProvision), measuredIn(j, flash.MeasureCheck))
	}
	return s.end()
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

func exportChain(ctx context.Context, out io.Writer, l *ledger.Ledger) error {
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
			return problem.New(problem.Station, "write to a disk with room", "export: %w", err)
		}
	}
	return nil
}
