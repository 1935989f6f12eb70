// This file is zarya version.

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/build"
	"github.com/zarya-station/zarya/usb/libusb"
)

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := build.Of(libusb.Available, hasVirtual)
			if a.JSON {
				return a.Document("version", []build.Info{v})
			}
			fmt.Fprintln(a.Out, v)
			return nil
		},
	}
}
