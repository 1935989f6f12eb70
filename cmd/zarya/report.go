// This file is zarya report: yields, reasons of failures, times, tablets an hour.

package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/report"
	"github.com/zarya-station/zarya/internal/stats"
)

const excelHelp = "with --format csv: as the Russian Excel reads it (UTF-8 with a mark, semicolons, decimal commas, serials as text)"

func newReport(a *app) *cobra.Command {
	var q report.Question
	var format string
	var ru bool
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Count what came of jobs: yields, failures, times, tablets an hour",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.printReport(q, format, ru) },
	}
	names := make([]string, len(stats.Groupings))
	for i, by := range stats.Groupings {
		names[i] = string(by)
	}
	f := cmd.Flags()
	f.StringVar(&q.Since, "since", "", "only jobs that ended at `TIME` or later")
	f.StringVar(&q.Until, "until", "", "only jobs that ended before `TIME`")
	f.StringVar(&q.By, "by", "", "group by `WHAT`: "+strings.Join(names, ", "))
	f.StringVar(&format, "format", "text", "text, json or csv")
	f.BoolVar(&ru, "excel-ru", false, excelHelp)
	return cmd
}

// printReport reads the ledger once and prints what was counted.
func (a *app) printReport(q report.Question, format string, ru bool) error {
	if a.json {
		format = "json"
	}
	r, err := q.Ask(time.Now())
	switch {
	case err != nil:
		return err
	case !slices.Contains([]string{"text", "json", "csv"}, format):
		return problem.New(problem.Usage, "known are text, json, csv", "--format: no format %q", format)
	case ru && format != "csv":
		return problem.New(problem.Usage, "add --format csv", "--excel-ru does not go with --format %s", format)
	}
	begun, err := a.ledgerBegun()
	if err != nil {
		return err
	}
	if begun {
		err = a.readLedger(r.Count)
	} else if format == "text" {
		return a.nothingRecorded()
	}
	if err != nil {
		return err
	}
	switch format {
	case "json":
		return a.document("report", r.Items())
	case "csv":
		return r.CSV(a.stdout, ru)
	}
	return r.Text(a.stdout)
}
