// This file is the identities of a fleet.

package show

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/zarya-station/zarya/internal/fleet/lease"
	"github.com/zarya-station/zarya/internal/ui"
)

// Leased writes a line for each identity that the fleet has.
func Leased(out io.Writer, list []lease.Listed) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "POOL\tID\tSTATE\tSTATION\tTABLET\tCOLUMNS")
	for _, i := range list {
		var words []string
		for _, c := range slices.Sorted(maps.Keys(i.Columns)) {
			words = append(words, c+"="+i.Columns[c])
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", i.Pool, i.Number, i.State, ui.Dash(i.Station), ui.Dash(i.Serial), strings.Join(words, " "))
	}
	return w.Flush()
}

// states are the states of identities in the order in which they are shown.
var states = []string{"free", "leased", "assigned", "bound", "burned", "returned", "written-off", "abandoned"}

// Counts writes a line for each pool and station with the states that its identities are in,
// and to said what does not go together.
func Counts(out, said io.Writer, counts []lease.Count, trouble []lease.Found) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "POOL\tSTATION\t"+strings.ToUpper(strings.Join(states, "\t")))
	type line struct{ pool, station string }
	lines := map[line]map[string]int64{}
	for _, c := range counts {
		of := line{c.Pool, c.Station}
		if lines[of] == nil {
			lines[of] = map[string]int64{}
		}
		lines[of][c.State] += c.Count
	}
	for _, of := range slices.SortedFunc(maps.Keys(lines), func(a, b line) int {
		return cmp.Or(cmp.Compare(a.pool, b.pool), cmp.Compare(a.station, b.station))
	}) {
		fmt.Fprintf(w, "%s\t%s", of.pool, ui.Dash(of.station))
		for _, s := range states {
			fmt.Fprintf(w, "\t%d", lines[of][s])
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, t := range trouble {
		switch {
		case t.What == "second" && t.Other != 0:
			fmt.Fprintf(said, "%s: the tablet %s had the identities %d and %d of %s; it keeps %d\n  → if it shows %d, run it again\n",
				t.Record, t.Serial, t.Number, t.Other, t.Pool, t.Other, t.Number)
		case t.What == "second":
			fmt.Fprintf(said, "%s: identity %d of %s, on the tablet %s: %s\n", t.Record, t.Number, t.Pool, t.Serial, t.Note)
		default:
			fmt.Fprintf(said, "%s: identity %d of %s, on the tablet %s: %s\n  → look at the tablets that may have it\n",
				t.Record, t.Number, t.Pool, t.Serial, t.Note)
		}
	}
	return nil
}
