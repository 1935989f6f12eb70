//go:build !novirtual

// This file is zarya try: virtual tablets, images, a profile and a run in one command,
// for whoever wants to see what zarya does before a tablet is at hand.

package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/runs"
	"github.com/zarya-station/zarya/internal/virtual/fleet"
)

// tryOptions are the flags of zarya try.
type tryOptions struct {
	count  int
	size   string
	faults []string
	keep   bool
}

func newTry(a *app) *cobra.Command {
	var o tryOptions
	cmd := &cobra.Command{
		Use:   "try",
		Short: "See zarya at work on virtual tablets, in one command",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.try(o) },
	}
	f := cmd.Flags()
	f.IntVar(&o.count, "count", 4, "how many tablets")
	f.StringVar(&o.size, "size", "64MiB", "`SIZE` of the system image")
	f.StringArrayVar(&o.faults, "fault-on", nil, "`SERIAL=SPEC`: a fault of one tablet, repeatable, as zarya virtual has them")
	f.BoolVar(&o.keep, "keep", false, "keep the folder, and say where it is")
	return cmd
}

func (a *app) try(o tryOptions) (err error) {
	size, err := imageSize(o.size)
	if err != nil {
		return err
	}
	if o.count < 1 || o.count > 1000 { // before images are made
		return problem.New(problem.Usage, "", "--count %d: from 1 to 1000", o.count)
	}
	dir, err := os.MkdirTemp("", "zarya-try-")
	if err != nil {
		return problem.New(problem.Station, "", "%w", err)
	}
	defer func() {
		if o.keep {
			a.Sayf("kept: %s: images, profile.yaml, ledger.db", dir)
		} else if rerr := os.RemoveAll(dir); rerr != nil && err == nil {
			err = problem.New(problem.Station, "remove it by hand", "%w", rerr)
		}
	}()
	if !a.JSON {
		a.Notef("making images of %s and starting %d virtual tablets in %s", bytesize.Text(size), o.count, dir)
	}
	set, err := a.images(filepath.Join(dir, "images"), size)
	if err != nil {
		return err
	}
	a.Ledger, a.Yes = "sqlite:"+filepath.Join(dir, "ledger.db"), true // they are made for it
	tablets := fleet.Options{Count: o.count, Listen: "tcp:127.0.0.1:0", Family: "kirin710a-ags3", FaultsOn: o.faults,
		State: filepath.Join(dir, "tablets"), Log: a.tabletLog()}
	places, stop, err := fleet.Start(context.WithoutCancel(a.Context), tablets)
	if err != nil {
		return err
	}
	var targets []string
	for _, p := range places {
		targets = append(targets, p.Target)
	}
	err = a.Profile(runs.Options{Targets: targets, Profile: set.Profile, Trust: recipe.StationTrust}, flash.ScopeRun)
	if serr := stop(); err == nil {
		err = serr
	}
	return err
}
