// This file is zarya report: yields, reasons of failures, times, tablets an hour.

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"github.com/zarya-station/zarya/internal/ui"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/stats"
)

const excelHelp = "with --format csv: as the Russian Excel reads it (UTF-8 with a mark, semicolons, decimal commas, serials as text)"

// reportOptions are the flags of zarya report.
type reportOptions struct {
	since, until, by, format string
	ru                       bool
}

func newReport(a *app) *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Count what came of jobs: yields, failures, times, tablets an hour",
		Long: `Count the jobs in the ledger. First-pass yield is the part of the tablets whose first job
of a day passed, second-pass of those that passed within two, last-pass of those whose last
job passed. Failures of the bench count as not passed; jobs that were interrupted, golden
and test units, and tablets that nothing here was for count as nothing.

TIME is a date (2026-11-26; --until takes all of it), a date with a time
(2026-11-26T14:00), today, or how long ago (8h; 7d from that midnight on).`,
		Example: `  zarya report --since today
  zarya report --since 30d --by port
  zarya report --since 2026-11-01 --until 2026-11-30 --by day --format csv --excel-ru > november.csv`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.printReport(o) },
	}
	names := make([]string, len(stats.Groupings))
	for i, by := range stats.Groupings {
		names[i] = string(by)
	}
	f := cmd.Flags()
	f.StringVar(&o.since, "since", "", "only jobs that ended at `TIME` or later")
	f.StringVar(&o.until, "until", "", "only jobs that ended before `TIME`")
	f.StringVar(&o.by, "by", "", "group by `WHAT`: "+strings.Join(names, ", "))
	f.StringVar(&o.format, "format", "text", "text, json or csv")
	f.BoolVar(&o.ru, "excel-ru", false, excelHelp)
	return cmd
}

// counted is what a report shows.
type counted struct {
	by           stats.By
	since, until time.Time // zero: no limit
	all          stats.Group
	groups       []stats.Group // nil: it is not grouped
}

// printReport reads the ledger once and prints what was counted.
func (a *app) printReport(o reportOptions) error {
	if a.json {
		o.format = "json"
	}
	c := counted{by: stats.By(o.by)}
	if c.by != stats.ByAll && !slices.Contains(stats.Groupings, c.by) {
		return problem.New(problem.Usage, "zarya report --help lists what there is", "--by: nothing is grouped by %q", o.by)
	}
	if !slices.Contains([]string{"text", "json", "csv"}, o.format) {
		return problem.New(problem.Usage, "known are text, json, csv", "--format: no format %q", o.format)
	}
	if o.ru && o.format != "csv" {
		return problem.New(problem.Usage, "add --format csv", "--excel-ru does not go with --format %s", o.format)
	}
	var err error
	if c.since, err = parseMoment(o.since, "--since", time.Now(), false); err != nil {
		return err
	}
	if c.until, err = parseMoment(o.until, "--until", time.Now(), true); err != nil {
		return err
	}
	if !c.since.IsZero() && !c.until.IsZero() && !c.since.Before(c.until) {
		return problem.New(problem.Usage, "", "--until %s is not after --since %s", o.until, o.since)
	}
	path, err := a.ledgerPath()
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); path != "" && errors.Is(err, fs.ErrNotExist) {
		if o.format == "text" {
			fmt.Fprintf(a.stderr, "nothing was recorded yet at %s\n", path)
			return nil
		}
	} else if err := a.readLedger(func(ctx context.Context, l *ledger.Ledger) error { return c.count(ctx, l) }); err != nil {
		return err
	}
	switch o.format {
	case "json":
		return a.document("report", c.items())
	case "csv":
		return c.csv(a.stdout, o.ru)
	}
	return c.text(a.stdout)
}

// count reads the records.
func (c *counted) count(ctx context.Context, l *ledger.Ledger) error {
	all, grouped := stats.New(stats.ByAll, time.Local), stats.New(c.by, time.Local)
	for r, err := range stats.FromLedger(ctx, l, c.since, c.until) {
		if err != nil {
			return problem.New(problem.Invalid, "zarya ledger verify says more", "ledger: %w", err)
		}
		if all.Add(r); c.by != stats.ByAll {
			grouped.Add(r)
		}
	}
	if groups := all.Groups(); len(groups) > 0 {
		c.all = groups[0]
	}
	c.groups = grouped.Groups()
	return nil
}

// parseMoment reads a TIME; "" is the zero time. whole takes all of a day that is named.
func parseMoment(text, flag string, now time.Time, whole bool) (time.Time, error) {
	midnight := func(t time.Time, days int) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day()+days, 0, 0, 0, 0, time.Local)
	}
	end := 0
	if whole {
		end = 1
	}
	if text == "" {
		return time.Time{}, nil
	}
	if text == "today" {
		return midnight(now, end), nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return midnight(t, end), nil
	}
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.ParseInLocation(form, text, time.Local); err == nil {
			return t, nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 100_000 {
			return midnight(now, -n), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, problem.New(problem.Usage,
		"write a date (2026-11-26), a date with a time (2026-11-26T14:00), today, or how long ago (8h, 7d)",
		"%s: %q is no time", flag, text)
}

// reportItem is one group in JSON.
type reportItem struct {
	By string `json:"by"` // all, or what the groups are
	stats.Group
	FirstPass  *float64 `json:"first_pass"` // 0 to 1; null: there is nothing to count
	SecondPass *float64 `json:"second_pass"`
	LastPass   *float64 `json:"last_pass"`
	Rate       *float64 `json:"tablets_per_hour"`
}

// items are all groups, after the one of everything.
func (c *counted) items() []reportItem {
	number := func(v float64) *float64 {
		if v < 0 {
			return nil
		}
		return &v
	}
	item := func(by string, g stats.Group) reportItem {
		if g.Failures == nil { // of an empty ledger
			g.Failures, g.States, g.Steps = []stats.Failure{}, []stats.Times{}, []stats.Times{}
		}
		return reportItem{by, g, number(g.Yield(g.First)), number(g.Yield(g.Second)), number(g.Yield(g.Last)), number(g.Rate())}
	}
	items := []reportItem{item("all", c.all)}
	if c.by != stats.ByAll {
		for _, g := range c.groups {
			items = append(items, item(string(c.by), g))
		}
	}
	return items
}

// stateColumns are the times of csv.
var stateColumns = []string{flash.MeasureFlash, flash.MeasureBoot, flash.MeasureProvision, flash.MeasureCheck, stats.Total}

// csv has one row a group; without --by one row.
func (c *counted) csv(out io.Writer, ru bool) error {
	s, err := newSpreadsheet(out, ru)
	if err != nil {
		return err
	}
	head := []string{"by", "key", "tablets", "jobs", "interrupted", "passed",
		"first_pass", "second_pass", "last_pass", "hours", "tablets_per_hour"}
	for _, class := range flash.Classes() {
		head = append(head, "failed_"+string(class))
	}
	for _, state := range stateColumns {
		head = append(head, state+"_p50_s", state+"_p95_s")
	}
	s.row(head...)
	number := func(v float64, digits int) string {
		if v < 0 {
			return ""
		}
		return s.decimal(v, digits)
	}
	groups := c.groups
	if c.by == stats.ByAll {
		groups = []stats.Group{c.all}
	}
	for _, g := range groups {
		key := g.Key
		if c.by != stats.ByDay { // which is a date for spreadsheets too
			key = s.text(key)
		}
		row := []string{cmp.Or(string(c.by), "all"), key,
			strconv.Itoa(g.Units), strconv.Itoa(g.Jobs), strconv.Itoa(g.Interrupted), strconv.Itoa(g.Passed),
			number(g.Yield(g.First), 4), number(g.Yield(g.Second), 4), number(g.Yield(g.Last), 4), strconv.Itoa(g.Hours), number(g.Rate(), 2)}
		for _, class := range flash.Classes() {
			n := 0
			for _, f := range g.Failures {
				if f.Class == string(class) {
					n += f.N
				}
			}
			row = append(row, strconv.Itoa(n))
		}
		for _, state := range stateColumns {
			i := slices.IndexFunc(g.States, func(t stats.Times) bool { return t.Name == state })
			if i < 0 {
				row = append(row, "", "")
				continue
			}
			row = append(row, s.decimal(float64(g.States[i].P50)/1000, 1), s.decimal(float64(g.States[i].P95)/1000, 1))
		}
		s.row(row...)
	}
	return s.end()
}

// shownReasons bounds the lists of a report for people.
const shownReasons = 15

// text is for people: everything in one line, the groups, the failures, the times.
func (c *counted) text(out io.Writer) error {
	span := func(t time.Time, none string) string {
		if t.IsZero() {
			return none
		}
		return t.Local().Format("2006-01-02 15:04")
	}
	percent := func(v float64) string {
		if v < 0 {
			return "-"
		}
		return strconv.FormatFloat(v*100, 'f', 1, 64) + " %"
	}
	rate := func(g stats.Group) string {
		if g.Rate() < 0 {
			return "-"
		}
		return strconv.FormatFloat(g.Rate(), 'f', 1, 64)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "from %s until %s\n\n", span(c.since, "the beginning"), span(c.until, "now"))
	fmt.Fprintf(w, "%s\tTABLETS\tPASSED\tFIRST\tSECOND\tLAST\tAN HOUR\tJOBS\tINTERRUPTED\n", strings.ToUpper(string(c.by)))
	line := func(key string, g stats.Group) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t%d\t%d\n", key, g.Units, g.Passed, percent(g.Yield(g.First)), percent(g.Yield(g.Second)),
			percent(g.Yield(g.Last)), rate(g), g.Jobs, g.Interrupted)
	}
	if c.by != stats.ByAll {
		for _, g := range c.groups {
			line(ui.Dash(g.Key), g)
		}
	}
	line("all", c.all)
	if len(c.all.Failures) > 0 {
		fmt.Fprintln(w, "\nFAILED\tOF JOBS\tCLASS\tSTEP")
		for i, f := range c.all.Failures {
			if i == shownReasons {
				fmt.Fprintf(w, "…\t\tand %d more reasons\n", len(c.all.Failures)-i)
				break
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", f.N, percent(float64(f.N)/float64(c.all.Jobs)), ui.Dash(f.Class), ui.Dash(f.Step))
		}
	}
	if len(c.all.States)+len(c.all.Steps) > 0 {
		fmt.Fprintf(w, "\nTIME\tJOBS\tHALF WITHIN\t95 %% WITHIN\n")
		for i, t := range slices.Concat(c.all.States, c.all.Steps) {
			if i == len(c.all.States)+shownReasons {
				fmt.Fprintf(w, "…\t\tand %d faster steps\n", len(c.all.Steps)-shownReasons)
				break
			}
			fmt.Fprintf(w, "%s\t%d\t%.1fs\t%.1fs\n", t.Name, t.N, float64(t.P50)/1000, float64(t.P95)/1000)
		}
	}
	if err := w.Flush(); err != nil {
		return exportTrouble(err)
	}
	return nil
}
