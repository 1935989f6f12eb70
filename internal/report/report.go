// Package report is the report of a warehouse: what the jobs in a ledger, or in a fleet's database,
// add up to.
//
// A [Question] is what a person asks, in words; Question.Ask makes a [Report] of it, which has a
// span of time and a grouping; Report.Count reads the records once, from any [Source]. A [Form]
// says how the report is written: text, JSON, CSV, a workbook, a page, or each job for a factory's
// system ([OpenHTF], [WSJF]). A [Protocol] is the acceptance protocol of one lot. Which jobs count,
// and what a yield is, is defined in package stats.
package report

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/stats"
)

// Report is what was counted.
type Report struct {
	By           stats.By
	Since, Until time.Time // zero: no limit
	All          stats.Group
	Groups       []stats.Group // nil: it is not grouped

	only map[stats.By][]string
}

// Source is where jobs are read: a station's ledger, or the fleet's database.
type Source interface {
	stats.Source
	Dispositions(ctx context.Context) (map[string]ledger.Disposition, error)
}

// Question is what a person asks: TIMEs as [ParseMoment] reads them, and one of
// [stats.Groupings]; all may be "". Only are WHAT=VALUE, where WHAT is a grouping: the jobs that
// have one of the values of each WHAT are meant.
type Question struct {
	Since, Until, By string
	Only             []string
}

// Ask reads a question, as it is asked now. The answer is a report in which nothing is counted yet.
func (q Question) Ask(now time.Time) (r *Report, err error) {
	r = &Report{By: stats.By(q.By)}
	if r.By != stats.ByAll && !slices.Contains(stats.Groupings, r.By) {
		return nil, problem.New(problem.Usage, "zarya report --help lists what there is", "--by: nothing is grouped by %q", q.By)
	}
	for _, text := range q.Only {
		what, value, ok := strings.Cut(text, "=")
		if by := stats.By(what); ok && slices.Contains(stats.Groupings, by) {
			if value == "-" { // as reports show what is not told
				value = ""
			}
			if r.only == nil {
				r.only = map[stats.By][]string{}
			}
			r.only[by] = append(r.only[by], value)
			continue
		}
		return nil, problem.New(problem.Usage, "write lot=PALLET-17, or day, station, port, operator, model, bundle or class",
			"--only: nothing is chosen by %q", text)
	}
	if r.Since, err = ParseMoment(q.Since, now, false); err != nil {
		return nil, fmt.Errorf("--since: %w", err)
	}
	if r.Until, err = ParseMoment(q.Until, now, true); err != nil {
		return nil, fmt.Errorf("--until: %w", err)
	}
	if !r.Since.IsZero() && !r.Until.IsZero() && !r.Since.Before(r.Until) {
		return nil, problem.New(problem.Usage, "", "--until %s is not after --since %s", q.Until, q.Since)
	}
	return r, nil
}

// Stations are those whose jobs are meant; none are all.
func (r *Report) Stations() []string { return r.only[stats.ByStation] }

// wants reports whether a job is one of those that are meant.
func (r *Report) wants(record stats.Record) bool {
	for by, values := range r.only {
		if !slices.Contains(values, by.Key(record, time.Local)) {
			return false
		}
	}
	return true
}

// readProblem is a source that cannot be read; the fleet's database says itself what is wrong.
func readProblem(err error) error {
	if _, told := problem.KindOf(err); told {
		return err
	}
	return problem.New(problem.Invalid, "zarya ledger verify says more", "ledger: %w", err)
}

// Count reads the records of a source.
func (r *Report) Count(ctx context.Context, l Source) error {
	all, grouped := stats.New(stats.ByAll, time.Local), stats.New(r.By, time.Local)
	for record, err := range stats.FromLedger(ctx, l, r.Since, r.Until) {
		if err != nil {
			return readProblem(err)
		}
		if !r.wants(record) {
			continue
		}
		if all.Add(record); r.By != stats.ByAll {
			grouped.Add(record)
		}
	}
	if groups := all.Groups(); len(groups) > 0 {
		r.All = groups[0]
	}
	r.Groups = grouped.Groups()
	return nil
}

// Item is one group in JSON.
type Item struct {
	By string `json:"by"` // all, or what the groups are
	stats.Group
	FirstPass  *float64 `json:"first_pass"` // 0 to 1; null: there is nothing to count
	SecondPass *float64 `json:"second_pass"`
	LastPass   *float64 `json:"last_pass"`
	Rate       *float64 `json:"tablets_per_hour"`
}

// Items are all groups, after the one of everything.
func (r *Report) Items() []Item {
	number := func(v float64) *float64 {
		if v < 0 {
			return nil
		}
		return &v
	}
	item := func(by string, g stats.Group) Item {
		if g.Failures == nil { // of an empty ledger
			g.Failures, g.States, g.Steps = []stats.Failure{}, []stats.Times{}, []stats.Times{}
			g.Limits = []stats.Limited{}
		}
		return Item{by, g, number(g.Yield(g.First)), number(g.Yield(g.Second)), number(g.Yield(g.Last)), number(g.Rate())}
	}
	items := []Item{item("all", r.All)}
	if r.By != stats.ByAll {
		for _, g := range r.Groups {
			items = append(items, item(string(r.By), g))
		}
	}
	return items
}
