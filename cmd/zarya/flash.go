// This file is zarya flash: write images to tablets, in parallel.

package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/runs"
)

func newFlash(a *app) *cobra.Command {
	var o runs.Options
	var images recipe.DirectRequest
	var reboot string
	cmd := &cobra.Command{
		Use:   "flash {--bundle BUNDLE | --profile PROFILE | --image PART[:SLOT]=FILE… [--erase PART] [--reboot MODE]} -s TARGET…",
		Short: "Write images to tablets, in parallel",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			what, not := "", []string{"image", "erase", "product", "sparse", "slot", "raw"}
			switch {
			case o.Profile != "":
				what, not = "profile", append(not, "reboot")
			case o.Bundle != "":
				what = "bundle"
			default:
				return a.Images(o, images, reboot)
			}
			for _, f := range not {
				if cmd.Flags().Changed(f) {
					return problem.New(problem.Usage, "the "+what+" says what is written", "--%s does not go with --%s", f, what)
				}
			}
			if what == "bundle" {
				return a.Bundle(o, reboot)
			}
			return a.Profile(o, flash.ScopeFlash)
		},
	}
	a.jobFlags(cmd, &o)
	f := cmd.Flags()
	f.StringArrayVar(&images.Images, "image", nil, "write `PART[:SLOT]=FILE`, repeatable, in this order")
	f.StringArrayVar(&images.Erase, "erase", nil, "erase `PARTITION` before the images are written, repeatable")
	f.StringVar(&reboot, "reboot", "", "afterwards reboot to `MODE`: "+strings.Join(fastboot.RebootModes, ", "))
	f.StringVar(&images.Product, "product", "", "write only if the tablet says it is `NAME`")
	f.StringVar(&images.Sparse, "sparse", "auto", "send as sparse images: auto, always, never")
	f.BoolVar(&images.Raw, "raw", false, rawHelp)
	f.StringVar(&images.Slot, "slot", "", "slot for images without one: "+strings.Join(flash.Slots, ", "))
	return cmd
}
