// This file is what this machine's doctor found, what a result means, and identities.

package show

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/zarya-station/zarya/internal/doctor"
	"github.com/zarya-station/zarya/internal/explain"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/words"
)

// Findings writes what was found, each with its remedy.
func Findings(w io.Writer, ws *words.Words, findings []doctor.Finding) {
	for _, f := range findings {
		fmt.Fprintf(w, "%-8s %-12s %s\n", ws.Say(string(f.Level)), ws.Say(f.About), ws.Say(f.Says))
		if f.Remedy != "" {
			fmt.Fprintf(w, "  → %s\n", ws.Say(f.Remedy))
		}
	}
}

// Explanation writes what something means, and what to do next.
func Explanation(w io.Writer, ws *words.Words, e explain.Explanation) {
	fmt.Fprintf(w, "%s\n\n%s\n", ws.Say(e.Subject), ws.Say(e.Happened))
	if e.Tablet != "" {
		fmt.Fprintf(w, "\n%s\n", ws.Sayf("On the tablet now: %s", e.Tablet))
	}
	if len(e.Next) > 0 {
		fmt.Fprintf(w, "\n%s\n", ws.Say("Next:"))
	}
	for _, n := range e.Next {
		fmt.Fprintf(w, "  → %s\n", ws.Say(n))
	}
}

// Identities writes identities as a table.
func Identities(out io.Writer, rows []pool.Identity) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "POOL\tID\tSTATE\tTABLET\tCOLUMNS")
	for _, r := range rows {
		var words []string
		for _, c := range slices.Sorted(maps.Keys(r.Columns)) {
			words = append(words, c+"="+r.Columns[c])
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", r.Pool, r.ID, r.State, cmp.Or(r.Serial, "-"), strings.Join(words, " "))
	}
	return w.Flush()
}
