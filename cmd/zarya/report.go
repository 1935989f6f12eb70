// This file is zarya report: yields, reasons of failures, times, tablets an hour.

package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/build"
	"github.com/zarya-station/zarya/internal/ledger"
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
	f.StringVar(&format, "format", "text", strings.Join(reportForms, ", "))
	f.BoolVar(&ru, "excel-ru", false, excelHelp)
	cmd.AddCommand(newReportProtocol(a))
	return cmd
}

// reportForms are the forms of a report.
var reportForms = []string{"text", "json", "csv", "xlsx", "html", "openhtf", "wsjf"}

// printReport reads the ledger once and prints what was counted, or the jobs themselves.
func (a *app) printReport(q report.Question, format string, ru bool) error {
	if a.json {
		format = "json"
	}
	r, err := q.Ask(time.Now())
	switch {
	case err != nil:
		return err
	case !slices.Contains(reportForms, format):
		return problem.New(problem.Usage, "known are "+strings.Join(reportForms, ", "), "--format: no format %q", format)
	case ru && format != "csv":
		return problem.New(problem.Usage, "add --format csv", "--excel-ru does not go with --format %s", format)
	}
	count := r.Count
	switch format { // a line a job
	case "openhtf":
		count = func(ctx context.Context, l *ledger.Ledger) error { return r.Export(ctx, a.stdout, l, report.OpenHTF) }
	case "wsjf":
		count = func(ctx context.Context, l *ledger.Ledger) error { return r.Export(ctx, a.stdout, l, report.WSJF) }
	}
	begun, err := a.ledgerBegun()
	if err != nil {
		return err
	}
	if begun {
		err = a.readLedger(count)
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
	case "xlsx":
		return r.XLSX(a.stdout)
	case "html":
		return r.HTML(a.stdout, a.words, build.Version(), time.Now())
	case "text":
		return r.Text(a.stdout)
	}
	return nil
}

func newReportProtocol(a *app) *cobra.Command {
	var template string
	cmd := &cobra.Command{
		Use:   "protocol LOT",
		Short: "Write a lot's protocol of acceptance, as a page to print and sign",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			text := ""
			if template != "" {
				b, err := os.ReadFile(template) //nolint:gosec // the file that the user names
				if err != nil {
					return problem.New(problem.Usage, "", "--template: %w", err)
				}
				text = string(b)
			}
			return a.readLedger(func(ctx context.Context, l *ledger.Ledger) error {
				p, err := report.NewProtocol(ctx, l, args[0], a.words)
				if err != nil {
					return err
				}
				return p.HTML(a.stdout, text, a.words)
			})
		},
	}
	cmd.Flags().StringVar(&template, "template", "", "the page's template, in `FILE`, in place of the built-in one")
	return cmd
}
