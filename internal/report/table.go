// This file is a report as one table: what CSV and spreadsheets have of it.

package report

import (
	"cmp"
	"slices"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/stats"
)

// stateColumns are the times of the table.
var stateColumns = []string{flash.MeasureFlash, flash.MeasureBoot, flash.MeasureProvision, flash.MeasureCheck, stats.Total}

// decimal is a number with so many digits after the point.
type decimal struct {
	v      float64
	digits int
}

// table has a row a group; without a grouping one row. A cell is a string, an int, a decimal,
// or nil: there is nothing to count.
func (r *Report) table() (head []string, rows [][]any) {
	head = []string{"by", "key", "tablets", "jobs", "interrupted", "passed",
		"first_pass", "second_pass", "last_pass", "hours", "tablets_per_hour"}
	for _, class := range flash.Classes() {
		head = append(head, "failed_"+string(class))
	}
	for _, state := range stateColumns {
		head = append(head, state+"_p50_s", state+"_p95_s")
	}
	groups := r.Groups
	if r.By == stats.ByAll {
		groups = []stats.Group{r.All}
	}
	for _, g := range groups {
		rows = append(rows, r.row(g))
	}
	return head, rows
}

// row is one group.
func (r *Report) row(g stats.Group) []any {
	number := func(v float64, digits int) any {
		if v < 0 {
			return nil
		}
		return decimal{v, digits}
	}
	row := []any{cmp.Or(string(r.By), "all"), g.Key, g.Units, g.Jobs, g.Interrupted, g.Passed,
		number(g.Yield(g.First), 4), number(g.Yield(g.Second), 4), number(g.Yield(g.Last), 4), g.Hours, number(g.Rate(), 2)}
	for _, class := range flash.Classes() {
		n := 0
		for _, f := range g.Failures {
			if f.Class == string(class) {
				n += f.N
			}
		}
		row = append(row, n)
	}
	for _, state := range stateColumns {
		i := slices.IndexFunc(g.States, func(t stats.Times) bool { return t.Name == state })
		if i < 0 {
			row = append(row, nil, nil)
			continue
		}
		row = append(row, decimal{float64(g.States[i].P50) / 1000, 1}, decimal{float64(g.States[i].P95) / 1000, 1})
	}
	return row
}
