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
	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/jobs"
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
	var from reportSource
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Count what came of jobs: yields, failures, times, tablets an hour",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.printReport(q, from, format, ru) },
	}
	names := make([]string, len(stats.Groupings))
	for i, by := range stats.Groupings {
		names[i] = string(by)
	}
	f := cmd.Flags()
	f.StringVar(&q.Since, "since", "", "only jobs that ended at `TIME` or later")
	f.StringVar(&q.Until, "until", "", "only jobs that ended before `TIME`")
	f.StringVar(&q.By, "by", "", "group by `WHAT`: "+strings.Join(names, ", "))
	f.StringArrayVar(&q.Only, "only", nil, "only jobs with `WHAT=VALUE`, such as lot=PALLET-17; may be given again")
	from.flags(cmd)
	f.StringVar(&format, "format", "text", strings.Join(reportForms, ", "))
	f.BoolVar(&ru, "excel-ru", false, excelHelp)
	cmd.AddCommand(newReportProtocol(a))
	return cmd
}

// reportForms are the forms of a report.
var reportForms = []string{"text", "json", "csv", "xlsx", "html", "openhtf", "wsjf"}

// reportSource is where the jobs of a report are: in the station's ledger, or in the fleet's database.
type reportSource struct {
	database string
	fleet    bool
}

func (s *reportSource) flags(cmd *cobra.Command) {
	databaseFlag(cmd, &s.database)
	cmd.Flags().BoolVar(&s.fleet, "fleet", false, "the fleet's database of the settings, in place of the ledger")
}

// readSource opens where a report's jobs are and calls do; stations are those that are meant,
// none are all. begun is false if there is no ledger yet.
func (a *app) readSource(from reportSource, stations []string, do func(context.Context, report.Source) error) (begun bool, err error) {
	if from.database != "" || from.fleet {
		return true, a.Fleet(a.ctx, from.database, func(ctx context.Context, db *fleet.DB) error {
			return do(ctx, jobs.Reader{DB: db, Stations: stations})
		})
	}
	if begun, err = a.Begun(); begun && err == nil {
		err = a.Read(a.ctx, func(ctx context.Context, l *ledger.Ledger) error { return do(ctx, l) })
	}
	return begun, err
}

// printReport reads the jobs once and prints what was counted, or the jobs themselves.
func (a *app) printReport(q report.Question, from reportSource, format string, ru bool) error {
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
		count = func(ctx context.Context, l report.Source) error { return r.Export(ctx, a.stdout, l, report.OpenHTF) }
	case "wsjf":
		count = func(ctx context.Context, l report.Source) error { return r.Export(ctx, a.stdout, l, report.WSJF) }
	}
	begun, err := a.readSource(from, r.Stations(), count)
	switch {
	case err != nil:
		return err
	case !begun && format == "text":
		return a.nothingRecorded()
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
	var from reportSource
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
			begun, err := a.readSource(from, nil, func(ctx context.Context, l report.Source) error {
				p, err := report.NewProtocol(ctx, l, args[0], a.words)
				if err != nil {
					return err
				}
				return p.HTML(a.stdout, text, a.words)
			})
			if err == nil && !begun {
				err = problem.New(problem.Usage, "zarya report --by lot lists them", "nothing is recorded of the lot %q", args[0])
			}
			return err
		},
	}
	from.flags(cmd)
	cmd.Flags().StringVar(&template, "template", "", "the page's template, in `FILE`, in place of the built-in one")
	return cmd
}
