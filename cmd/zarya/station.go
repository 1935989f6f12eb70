// This file is zarya station: all day long, each tablet that is plugged in is one job.

package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zarya-station/zarya/internal/daemon"
	"github.com/zarya-station/zarya/internal/help"
)

// stationOptions are how a station is shown.
type stationOptions struct{ plain, bell bool }

func newStation(a *app) *cobra.Command {
	var q daemon.Request
	var o stationOptions
	cmd := &cobra.Command{
		Use:   "station {--profile PROFILE | --bundle BUNDLE | --follow TAG}… [--target TARGET]…",
		Short: "Work all day: flash, check and record every tablet that is plugged in",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q.Page.Asked = cmd.Flags().Changed("listen")
			if err := a.applyStationConfig(cmd); err != nil {
				return err
			}
			return a.runStation(q, o)
		},
	}
	help.MarkJobs(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&q.Profiles, "profile", nil, "the `PROFILE`, repeatable: the tablet's model chooses")
	f.StringArrayVar(&q.Bundles, "bundle", nil, "the `BUNDLE` with a profile in it, repeatable")
	f.StringArrayVarP(&q.Targets, "target", "s", nil, "the `TARGET` to watch, repeatable: port:GLOB, or [NAME=]tcp:HOST[:PORT]")
	f.StringArrayVar(&q.Allow, "allow-partition", nil, "allow writing the protected `PARTITION` (bootloader, identity)")
	f.StringVar(&q.Operator, "operator", "", "who works here: `NAME` or number of the badge, recorded with each job")
	f.StringVar(&q.Lot, "lot", "", "the `LOT` (pallet) of the tablets, recorded with each job")
	f.StringArrayVar(&q.Golden, "golden", nil, "the `SERIAL` of a golden or test unit that no statistic counts, repeatable")
	f.StringArrayVar(&q.Supervisors, "supervisor", nil,
		"the `BADGE` of a supervisor, or its beginning and *, repeatable: others only sign in and name the lot")
	f.StringArrayVar(&q.LimitTexts, "limit", nil,
		"what a measurement should be, `NAME=VALUE`, repeatable: flash=3m, boot=, provision=, check= (most time), "+
			"wire=10MB (least a second), battery=50")
	f.IntVar(&q.PoolLow, "pool-low", 0, "say so when a pool of identities has only `N` left (default: what an hour uses)")
	f.StringVar(&q.Scanner, "scanner", "", "the barcode scanner, as /dev/input/by-path/`NAME`: it is grabbed, and nothing else types")
	f.Float64Var(&q.Plan, "plan", 0, "tablets an hour that are planned, to be shown")
	f.IntVar(&q.Concurrency, "concurrency", 0, "tablets at once (0: all)")
	f.BoolVar(&o.plain, "plain", false, "write a line for each change instead of the board")
	pageFlags(f, &q.Page)
	f.BoolVar(&o.bell, "bell", false, "ring the terminal's bell when a tablet passed or failed")
	f.StringArrayVar(&q.Tags, "follow", nil,
		"take over what the tag `oci://HOST/REPO:TAG` names, whenever it moves, if its signer is trusted; repeatable")
	f.DurationVar(&q.Every, "follow-every", 10*time.Minute, "look that often")
	trustFlag(cmd, &q.Trust)
	a.tagFlags(cmd)
	return cmd
}

// runStation works until it is told to stop.
func (a *app) runStation(q daemon.Request, o stationOptions) error {
	stderr := a.Err
	defer func() { a.Err = stderr }()
	return daemon.Work(&a.Front, q, func() daemon.Shown { return a.screen(o) })
}

// pageFlags are the flags of the page.
func pageFlags(f *pflag.FlagSet, p *daemon.Page) {
	f.StringVar(&p.Listen, "listen", "127.0.0.1:8420", "`HOST:PORT` of the page, or none; for others to reach it, TLS and a token are needed")
	f.StringVar(&p.TokenFile, "page-token-file", "", "`FILE` with the token that the page asks for")
	f.StringVar(&p.Cert, "page-cert", "", "`FILE` with the page's certificate (PEM)")
	f.StringVar(&p.Key, "page-key", "", "`FILE` with the certificate's key (PEM)")
}
