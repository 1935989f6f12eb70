// This file is a report for people.

package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/zarya-station/zarya/internal/sheet"
	"github.com/zarya-station/zarya/internal/stats"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/internal/words"
)

// shownReasons bounds the lists of a report for people.
const shownReasons = 15

// Text is for people: everything in one line, the groups, the failures, the times.
func (r *Report) Text(out io.Writer, ws *words.Words) error {
	span := func(t time.Time, none string) string {
		if t.IsZero() {
			return none
		}
		return t.Local().Format(ws.DateForm() + " 15:04")
	}
	percent := func(v float64) string {
		if v < 0 {
			return "-"
		}
		return ws.Decimal(v*100, 1) + " %"
	}
	rate := func(g stats.Group) string {
		if g.Rate() < 0 {
			return "-"
		}
		return ws.Decimal(g.Rate(), 1)
	}
	seconds := func(ms int64) string { return ws.Say(fmt.Sprintf("%.1fs", float64(ms)/1000)) }
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\n\n", ws.Sayf("from %s until %s", span(r.Since, ws.Say("the beginning")), span(r.Until, ws.Say("now"))))
	by := ""
	if r.By != stats.ByAll {
		by = strings.ToUpper(ws.Text("report.by."+string(r.By), nil))
	}
	if r.By == stats.ByClass && ws.Lang() == words.Languages[0] {
		by = "CLASS"
	}
	fmt.Fprintln(w, by+"\t"+ws.Titles("TABLETS", "PASSED", "FIRST", "SECOND", "LAST", "AN HOUR", "JOBS", "INTERRUPTED"))
	line := func(key string, g stats.Group) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t%d\t%d\n", key, g.Units, g.Passed, percent(g.Yield(g.First)), percent(g.Yield(g.Second)),
			percent(g.Yield(g.Last)), rate(g), g.Jobs, g.Interrupted)
	}
	if r.By != stats.ByAll {
		for _, g := range r.Groups {
			line(ui.Dash(g.Key), g)
		}
	}
	line(ws.Say("all"), r.All)
	if len(r.All.Failures) > 0 {
		fmt.Fprintln(w, "\n"+ws.Titles("FAILED", "OF JOBS", "CLASS", "STEP"))
		for i, f := range r.All.Failures {
			if i == shownReasons {
				fmt.Fprintf(w, "…\t\t%s\n", ws.Sayf("further reasons: %d", len(r.All.Failures)-i))
				break
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", f.N, percent(float64(f.N)/float64(r.All.Jobs)), ui.Dash(f.Class), ui.Dash(f.Step))
		}
	}
	if len(r.All.States)+len(r.All.Steps) > 0 {
		fmt.Fprintln(w, "\n"+ws.Titles("TIME", "JOBS", "HALF WITHIN")+"\t"+ws.Sayf("%d %% WITHIN", 95))
		for i, t := range slices.Concat(r.All.States, r.All.Steps) {
			if i == len(r.All.States)+shownReasons {
				fmt.Fprintf(w, "…\t\t%s\n", ws.Sayf("faster steps: %d", len(r.All.Steps)-shownReasons))
				break
			}
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", t.Name, t.N, seconds(t.P50), seconds(t.P95))
		}
	}
	if len(r.All.Limits) > 0 {
		fmt.Fprintln(w, "\n"+ws.Titles("MEASURED", "JOBS", "BEYOND ITS LIMIT"))
		for _, l := range r.All.Limits {
			fmt.Fprintf(w, "%s\t%d\t%d\n", l.Name, l.Jobs, l.Outside)
		}
	}
	if err := w.Flush(); err != nil {
		return sheet.WriteProblem(err)
	}
	return nil
}
