// This file is identities: of this machine, and of a fleet.

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
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/internal/words"
)

// Identities writes identities as a table.
func Identities(out io.Writer, ws *words.Words, rows []pool.Identity) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, ws.Titles("POOL", "ID", "STATE", "TABLET", "COLUMNS"))
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", r.Pool, r.ID, ws.Say(r.State), ui.Dash(r.Serial), columns(r.Columns))
	}
	return w.Flush()
}

// columns are what an identity has, as NAME=VALUE.
func columns(values map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, name+"="+values[name])
	}
	return strings.Join(list, " ")
}

// Leased writes a line for each identity that the fleet has.
func Leased(out io.Writer, ws *words.Words, list []lease.Listed) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, ws.Titles("POOL", "ID", "STATE", "STATION", "TABLET", "COLUMNS"))
	for _, i := range list {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", i.Pool, i.Number, ws.Say(i.State), ui.Dash(i.Station), ui.Dash(i.Serial),
			columns(i.Columns))
	}
	return w.Flush()
}

// states are the states of identities in the order in which they are shown.
var states = []string{"free", "leased", "assigned", "bound", "burned", "returned", "written-off", "abandoned"}

// Counts writes a line for each pool and station with the states that its identities are in,
// and to said what does not go together.
func Counts(out, said io.Writer, ws *words.Words, counts []lease.Count, trouble []lease.Found) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, ws.Titles("POOL", "STATION")+"\t"+strings.ToUpper(ws.Titles(states...)))
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
			fmt.Fprintln(said, ws.Sayf("%s: the tablet %s had the identities %d and %d of %s; it keeps %d",
				t.Record, t.Serial, t.Number, t.Other, t.Pool, t.Other))
			fmt.Fprintf(said, "  → %s\n", ws.Sayf("if it shows %d, run it again", t.Number))
		default:
			fmt.Fprintln(said, ws.Sayf("%s: identity %d of %s, on the tablet %s: %s", t.Record, t.Number, t.Pool, t.Serial, t.Note))
			if t.What != "second" {
				fmt.Fprintf(said, "  → %s\n", ws.Say("look at the tablets that may have it"))
			}
		}
	}
	return nil
}
