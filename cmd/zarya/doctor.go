// This file is zarya doctor: it prints what package doctor finds out about this machine,
// and mends what it is told to.

package main

import (
	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/author"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/doctor"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/show"
)

type doctorOptions struct {
	tablets int
	size    string
	profile string
	scanner string
	fix     bool
}

func newDoctor(a *app) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check whether this machine can flash tablets, and what to fix",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.doctor(o) },
	}
	f := cmd.Flags()
	f.IntVar(&o.tablets, "tablets", 0, "how many are to be flashed at once (default: those that are plugged in)")
	f.StringVar(&o.size, "size", "", "bytes that each one takes over the wire, such as 4.1GB")
	f.StringVar(&o.profile, "profile", "", "take the size of this `PROFILE`'s images")
	f.StringVar(&o.scanner, "scanner", "", "look at the barcode scanner at this `DEVICE`, too")
	f.BoolVar(&o.fix, "fix", false, "mend what can be mended safely, after asking")
	return cmd
}

func (a *app) doctor(o doctorOptions) error {
	size, err := bytesize.Parse(o.size)
	if err != nil {
		return problem.New(problem.Usage, "write --size 4.1GB", "--size: %w", err)
	}
	if o.tablets < 0 || o.tablets > 1000 {
		return problem.New(problem.Usage, "", "--tablets %d: from 1 to 1000", o.tablets)
	}
	if o.profile != "" {
		if size, err = author.Size(a.Maker(), o.profile); err != nil {
			return err
		}
	}
	if o.fix && !a.Yes {
		if err := a.Askable("add --yes to do all of it", "--fix asks before each change"); err != nil {
			return err
		}
	}
	path, err := a.LedgerPath()
	if err != nil {
		return err
	}
	findings, err := doctor.Examine(a.Context, a.Bench(), doctor.Question{Tablets: o.tablets, Size: size, Ledger: path, Scanner: o.scanner})
	if err != nil {
		return err
	}
	if a.JSON {
		if err := a.Document("doctor", findings); err != nil {
			return err
		}
	} else {
		show.Findings(a.Out, a.Words, findings)
	}
	bad := 0
	for _, f := range findings {
		if o.fix && f.Fix != "" && a.Agreed(f.Fix) {
			if err := f.Mend(); err != nil {
				a.Sayf("zarya: %s: %v", f.Fix, err)
			} else {
				a.Sayf("done: %s", f.Fix)
				continue
			}
		}
		if f.Level == doctor.Error {
			bad++
		}
	}
	if bad > 0 {
		return problem.Said(problem.Station)
	}
	return nil
}
