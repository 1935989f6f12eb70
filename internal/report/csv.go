// This file is a report for a spreadsheet.

package report

import (
	"cmp"
	"io"
	"slices"
	"strconv"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/sheet"
	"github.com/zarya-station/zarya/internal/stats"
)

// stateColumns are the times of CSV.
var stateColumns = []string{flash.MeasureFlash, flash.MeasureBoot, flash.MeasureProvision, flash.MeasureCheck, stats.Total}

// CSV has one row a group; without --by one row.
func (r *Report) CSV(out io.Writer, ru bool) error {
	s, err := sheet.NewWriter(out, ru)
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
	s.Row(head...)
	number := func(v float64, digits int) string {
		if v < 0 {
			return ""
		}
		return s.Decimal(v, digits)
	}
	groups := r.Groups
	if r.By == stats.ByAll {
		groups = []stats.Group{r.All}
	}
	for _, g := range groups {
		key := g.Key
		if r.By != stats.ByDay { // which is a date for spreadsheets too
			key = s.Text(key)
		}
		row := []string{cmp.Or(string(r.By), "all"), key,
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
			row = append(row, s.Decimal(float64(g.States[i].P50)/1000, 1), s.Decimal(float64(g.States[i].P95)/1000, 1))
		}
		s.Row(row...)
	}
	return s.End()
}
