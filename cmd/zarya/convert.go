// This file is zarya image convert: raw to sparse and back.

package main

import (
	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/flash/image/convert"
)

func newImageConvert(a *app) *cobra.Command {
	var to string
	var raw bool
	cmd := &cobra.Command{
		Use:   "convert FILE… OUT",
		Short: "Convert images between raw and sparse; join pieces",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			files, out := args[:len(args)-1], args[len(args)-1]
			err := convert.Make(a.Context, files, out, to, image.Options{Cache: a.ImageCache(), Raw: raw}, a.Warnf)
			if err != nil {
				return err
			}
			return a.inspect([]string{out}, 0, true)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "`FORMAT` of OUT: raw, sparse (default: the other one; that of the pieces)")
	cmd.Flags().BoolVar(&raw, "raw", false, rawHelp)
	return cmd
}
