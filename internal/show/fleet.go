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
)

// Stations writes a line for each station, and to said what is to be done for those that have
// a fault.
func Stations(out, said io.Writer, list []fleet.Status, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STATION\tSTATE\tLAST\tWAITING\tHEARD\tFAULT")
	for _, s := range list {
		heard, fault := "-", ""
		if s.Seen != nil {
			heard = max(0, now.Sub(*s.Seen)).Round(time.Second).String() + " ago"
		}
		switch {
		case s.Fault != nil:
			fault = s.Fault.Kind + " from " + ledger.RecordName(s.Station, s.Fault.Seq)
		case s.State == "joined" && !s.Proven:
			fault = "key not proven"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\n", s.Station, s.State, s.Last, s.Waiting, heard, ui.Dash(fault))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range list {
		if s.Fault != nil {
			what, todo := s.Fault.Meaning()
			fmt.Fprintf(said, "%s: %s (%s)\n  → %s\n", s.Station, what, s.Fault.Note, todo)
		}
		if s.Rewound > 0 {
			fmt.Fprintf(said, "%s had sent up to %d before this database was restored; it sent the rest again\n", s.Station, s.Rewound)
		}
	}
	return nil
}
