// This file is zarya report: yields, reasons of failures, times, tablets an hour.

package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/build"
	"github.com/zarya-station/zarya/internal/machine"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/report"
	"github.com/zarya-station/zarya/internal/stats"
)

const excelHelp = "with --format csv: as the Russian Excel reads it (UTF-8 with a mark, semicolons, decimal commas, serials as text)"

func newReport(a *app) *cobra.Command {
	var q report.Question
	var form report.Form
	var from machine.Source
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Count results: yields, failures, times, tablets an hour",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.JSON {
				form.Name = "json"
			}
			return a.printReport(q, from, form)
		},
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
	sourceFlags(cmd, &from)
	f.StringVar(&form.Name, "format", "text", "the `FORMAT`: "+strings.Join(report.Forms, ", "))
	f.BoolVar(&form.ExcelRu, "excel-ru", false, excelHelp)
	cmd.AddCommand(newReportProtocol(a))
	return cmd
}

// sourceFlags are where the jobs of a report are.
func sourceFlags(cmd *cobra.Command, from *machine.Source) {
	databaseFlag(cmd, &from.Database)
	cmd.Flags().BoolVar(&from.Fleet, "fleet", false, "the fleet's database of the settings, in place of the ledger")
}

// printReport reads the jobs once and prints what was counted, or the jobs themselves.
func (a *app) printReport(q report.Question, from machine.Source, form report.Form) error {
	r, err := q.Ask(time.Now())
	if err != nil {
		return err
	}
	if err := form.Check(); err != nil {
		return err
	}
	begun, err := a.ReadJobs(a.Context, from, r.Stations(), func(ctx context.Context, l report.Source) error {
		return r.Read(ctx, l, form, a.Out)
	})
	switch {
	case err != nil:
		return err
	case !begun && form.Name == "text":
		return a.nothingRecorded()
	case form.Name == "json":
		return a.Document("report", r.Items())
	}
	return r.Write(a.Out, form, a.Words, build.Version(), time.Now())
}

func newReportProtocol(a *app) *cobra.Command {
	var template string
	var from machine.Source
	cmd := &cobra.Command{
		Use:   "protocol LOT",
		Short: "Write the acceptance protocol of a lot, as a page to print and sign",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := report.ReadTemplate(template)
			if err != nil {
				return err
			}
			begun, err := a.ReadJobs(a.Context, from, nil, func(ctx context.Context, l report.Source) error {
				p, err := report.NewProtocol(ctx, l, args[0], a.Words)
				if err != nil {
					return err
				}
				return p.HTML(a.Out, text, a.Words)
			})
			if err == nil && !begun {
				err = problem.New(problem.Usage, "zarya report --by lot lists them", "nothing is recorded of the lot %q", args[0])
			}
			return err
		},
	}
	sourceFlags(cmd, &from)
	cmd.Flags().StringVar(&template, "template", "", "the page's template, in `FILE`, in place of the built-in one")
	return cmd
}
