// This file is a report for people.

package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/zarya-station/zarya/internal/sheet"
	"github.com/zarya-station/zarya/internal/stats"
	"github.com/zarya-station/zarya/internal/ui"
)

// shownReasons bounds the lists of a report for people.
const shownReasons = 15

// Text is for people: everything in one line, the groups, the failures, the times.
func (r *Report) Text(out io.Writer) error {
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
	fmt.Fprintf(w, "from %s until %s\n\n", span(r.Since, "the beginning"), span(r.Until, "now"))
	fmt.Fprintf(w, "%s\tTABLETS\tPASSED\tFIRST\tSECOND\tLAST\tAN HOUR\tJOBS\tINTERRUPTED\n", strings.ToUpper(string(r.By)))
	line := func(key string, g stats.Group) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t%d\t%d\n", key, g.Units, g.Passed, percent(g.Yield(g.First)), percent(g.Yield(g.Second)),
			percent(g.Yield(g.Last)), rate(g), g.Jobs, g.Interrupted)
	}
	if r.By != stats.ByAll {
		for _, g := range r.Groups {
			line(ui.Dash(g.Key), g)
		}
	}
	line("all", r.All)
	if len(r.All.Failures) > 0 {
		fmt.Fprintln(w, "\nFAILED\tOF JOBS\tCLASS\tSTEP")
		for i, f := range r.All.Failures {
			if i == shownReasons {
				fmt.Fprintf(w, "…\t\tand %d more reasons\n", len(r.All.Failures)-i)
				break
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", f.N, percent(float64(f.N)/float64(r.All.Jobs)), ui.Dash(f.Class), ui.Dash(f.Step))
		}
	}
	if len(r.All.States)+len(r.All.Steps) > 0 {
		fmt.Fprintf(w, "\nTIME\tJOBS\tHALF WITHIN\t95 %% WITHIN\n")
		for i, t := range slices.Concat(r.All.States, r.All.Steps) {
			if i == len(r.All.States)+shownReasons {
				fmt.Fprintf(w, "…\t\tand %d faster steps\n", len(r.All.Steps)-shownReasons)
				break
			}
			fmt.Fprintf(w, "%s\t%d\t%.1fs\t%.1fs\n", t.Name, t.N, float64(t.P50)/1000, float64(t.P95)/1000)
		}
	}
	if len(r.All.Limits) > 0 {
		fmt.Fprintln(w, "\nMEASURED\tJOBS\tBEYOND ITS LIMIT")
		for _, l := range r.All.Limits {
			fmt.Fprintf(w, "%s\t%d\t%d\n", l.Name, l.Jobs, l.Outside)
		}
	}
	if err := w.Flush(); err != nil {
		return sheet.WriteProblem(err)
	}
	return nil
}
