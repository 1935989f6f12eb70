// This file is zarya label.

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/console"
	"github.com/zarya-station/zarya/internal/label"
	"github.com/zarya-station/zarya/internal/ledger"
)

func newLabel(a *app) *cobra.Command {
	var o label.Order
	cmd := &cobra.Command{
		Use:   "label RECORD|JOB|SERIAL",
		Short: "Print a tablet's label: its result, numbers, barcodes and QR code",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.Name, o.Words = args[0], a.Words
			printer, _ := a.Settings.Lookup("label")
			if err := o.Ready(printer, console.Terminal(a.Out) != nil); err != nil {
				return err
			}
			var made []byte
			err := a.Amend(a.Context, func(ctx context.Context, l *ledger.Ledger) (err error) {
				made, err = o.Issue(ctx, l)
				return err
			})
			switch {
			case err != nil:
				return err
			case o.To != "-":
				return label.Printer(o.To).Print(a.Context, made)
			}
			_, err = a.Out.Write(made)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Format, "format", "", "zpl, pdf or png (default: what the name of --to ends with, or zpl)")
	f.StringVar(&o.To, "to", "", "print at `PLACE`: tcp:HOST[:PORT], a device, a file or - (default: the setting label, or -)")
	f.StringVar(&o.Size, "label-size", "", "the label's `WIDTHxHEIGHT` in mm (default: 58x40)")
	f.StringVar(&o.DPI, "label-dpi", "", "the printer's dots per inch: 203, 300 or 600 (default: 203)")
	f.StringVar(&o.By, "by", "", "record that `NAME` wanted it")
	return cmd
}
