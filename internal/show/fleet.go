// This file is the stations of a fleet.

package show

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/internal/words"
)

// Stations writes a line for each station, and to said what is to be done for those that have
// a fault.
func Stations(out, said io.Writer, ws *words.Words, list []fleet.Status, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, ws.Titles("STATION", "STATE", "ENTRIES", "WAITING", "HEARD", "FAULT"))
	for _, s := range list {
		heard, fault := "-", ""
		if s.Seen != nil {
			heard = ws.Sayf("%s ago", max(0, now.Sub(*s.Seen)).Round(time.Second))
		}
		switch {
		case s.Fault != nil:
			fault = ws.Sayf("%s from record %s", s.Fault.Kind, ledger.RecordName(s.Station, s.Fault.Seq))
		case s.State == "joined" && !s.Proven:
			fault = ws.Say("key not proven")
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\n", s.Station, ws.Say(s.State), s.Last, s.Waiting, heard, ui.Dash(fault))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range list {
		if s.Fault != nil {
			what, todo := s.Fault.Meaning()
			fmt.Fprintf(said, "%s: %s (%s)\n  → %s\n", s.Station, ws.Say(what), ws.Say(s.Fault.Note), ws.Say(todo))
		}
		if s.Rewound > 0 {
			fmt.Fprintln(said, ws.Sayf("%s had sent up to %d before this database was restored; it sent the rest again", s.Station, s.Rewound))
		}
	}
	return nil
}

// Retired says which months were taken out, and where they are.
func Retired(out io.Writer, ws *words.Words, months []fleet.Month, dropped bool) {
	for _, m := range months {
		line := ws.Sayf("%s: taken out, in the table %s", m.Month, m.Table)
		if dropped {
			line = ws.Sayf("%s: taken out, dropped", m.Month)
		}
		if m.Earlier {
			line += "; " + ws.Say("an earlier run had taken it out, and was cut off")
		}
		fmt.Fprintln(out, line)
	}
	if len(months) == 0 {
		fmt.Fprintln(out, ws.Say("the database has no entries of that time"))
	}
}
