//go:build !novirtual

// This file is zarya virtual: tablets made of software, and images for them.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/internal/virtual/fleet"
	"github.com/zarya-station/zarya/internal/virtual/imageset"
)

// hasVirtual is whether this program was built with virtual tablets.
const hasVirtual = true

func newVirtual(a *app) *cobra.Command {
	var o fleet.Options
	cmd := &cobra.Command{
		Use:   "virtual",
		Short: "Run virtual tablets with fastboot over TCP or UDP, and faults on demand",
		Long: `Run virtual tablets on consecutive ports until ^C. They speak fastboot as the
named family does; AOSP's fastboot can use them too. Each prints one line when it
listens, and "ready" follows when all do.

Families: ` + strings.Join(virtual.Families(), ", ") + `

Faults: KIND[=ARG][@WHERE][*N], such as unplug=5@40%, stall@flash:system,
fail=no%20way@flash:boot, corrupt@download:2, locked. See docs/virtual.md.`,
		Example: `  zarya virtual --count 16 --listen tcp:127.0.0.1:5600 --rate 40MB
  zarya virtual --family qualcomm --listen udp:127.0.0.1:5554 --state ./tablets
  zarya virtual --count 4 --fault-on VT0002=unplug@40%
  zarya virtual --count 16 --supply 48 --follow ./events`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.virtual(o) },
	}
	f := cmd.Flags()
	f.IntVar(&o.Count, "count", 1, "how many tablets")
	f.StringVar(&o.Listen, "listen", "tcp:127.0.0.1:5554",
		"first address: `tcp:HOST:PORT`, udp:HOST:PORT, or usbredir:DIR for a virtual machine's USB ports")
	f.IntVar(&o.Ports, "ports", 0, "with usbredir: how many ports there are, the last ones empty (default: one a tablet)")
	f.StringArrayVar(&o.Android, "android", nil, "with usbredir: the tablet `SERIAL` runs Android first, with debugging on; repeatable")
	f.BoolVar(&o.FullSpeed, "full-speed", false, "with usbredir: fastboot at 12 Mbit/s instead of 480")
	f.StringVar(&o.State, "state", "", "keep partitions as files `DIR`/SERIAL/PARTITION.img (default: a temporary folder)")
	f.StringVar(&o.Family, "family", "kirin710a-ags3", "what is imitated; several with commas take turns")
	f.StringVar(&o.MaxDownload, "max-download", "", "max-download-size, such as 64MiB (default: the family's)")
	f.StringVar(&o.Rate, "rate", "", "bytes/s that each tablet takes, such as 40MB")
	f.StringVar(&o.BusRate, "bus-rate", "", "bytes/s that all tablets take together")
	f.StringVar(&o.UnlockCode, "unlock-code", "", "the `CODE` that oem unlock takes (with --fault locked)")
	f.StringVar(&o.WriteRate, "write-rate", "", "bytes/s that each tablet writes to its storage")
	f.StringArrayVar(&o.Faults, "fault", nil, "`SPEC` of a fault of every tablet, repeatable")
	f.StringArrayVar(&o.FaultsOn, "fault-on", nil, "`SERIAL=SPEC`: a fault of one tablet, repeatable")
	f.IntVar(&o.Supply, "supply", 0, "with --follow: how many tablets there are in all; the others wait to be plugged in")
	f.StringVar(&o.Follow, "follow", "", "a technician reads a station's events from `PIPE`, takes out what is done and plugs in the next")
	f.IntVar(&o.Pull, "pull", 0, "with --follow: `PERCENT` of the tablets whose cable is pulled once in the middle")
	cmd.AddCommand(newVirtualImages(a))
	return cmd
}

func newVirtualImages(a *app) *cobra.Command {
	var size string
	cmd := &cobra.Command{
		Use:   "images DIR",
		Short: "Build a set of real images for virtual tablets",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			bytes, err := imageSize(size)
			if err != nil {
				return err
			}
			if _, err := a.images(args[0], bytes); err != nil {
				return err
			}
			fmt.Fprintln(a.Out, args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&size, "size", "256MiB", "`SIZE` of the system image")
	return cmd
}

// imageSize is the --size of a system image.
func imageSize(text string) (int64, error) {
	size, err := bytesize.Parse(text)
	if err == nil {
		err = imageset.CheckSize(size)
	}
	if err != nil {
		return 0, problem.New(problem.Usage, "write --size 64MiB", "--size: %w", err)
	}
	return size, nil
}

// images builds a set of images in dir.
func (a *app) images(dir string, size int64) (*imageset.Set, error) {
	set, err := imageset.Build(a.Context, dir, imageset.Options{Size: size})
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, problem.New(problem.Station, "sudo apt-get install e2fsprogs android-sdk-libsparse-utils", "images: %w", err)
	case err != nil:
		return nil, problem.New(problem.Station, "", "images: %w", err)
	}
	return set, nil
}

// virtual serves tablets until the first signal, and says where they are.
func (a *app) virtual(o fleet.Options) error {
	o.Say = func(format string, args ...any) { fmt.Fprintf(a.Err, format+"\n", args...) }
	o.Log = a.tabletLog()
	return fleet.Serve(a.Context, o, func(places []fleet.Place) {
		for _, p := range places {
			fmt.Fprintln(a.Out, p.Serial, p.Target)
		}
		fmt.Fprintln(a.Out, "ready")
	})
}

// tabletLog writes what virtual tablets do, as the flags ask for; nil is not at all.
func (a *app) tabletLog() func(serial, line string) {
	switch {
	case a.Quiet:
	case a.JSON:
		return func(serial, line string) {
			text, _ := json.Marshal(line) // a text: always possible
			fmt.Fprintf(a.Err, `{"serial":%q,"message":%s}`+"\n", serial, text)
		}
	case a.Verbose:
		return func(serial, line string) { fmt.Fprintf(a.Err, "%s %s\n", serial, line) }
	}
	return nil
}
