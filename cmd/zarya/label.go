// This file is zarya label, and the labels that are printed while jobs run.

package main

import (
	"cmp"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/label"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/machine"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/records"
)

func newLabel(a *app) *cobra.Command {
	var format, to, size, dpi, by string
	cmd := &cobra.Command{
		Use:   "label RECORD|JOB|SERIAL",
		Short: "Print a tablet's label: its result, numbers, barcodes and QR code",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := label.ParseSize(size, dpi)
			if err != nil {
				return err
			}
			printer, _ := a.Settings.Lookup("label")
			to = cmp.Or(to, printer, "-")
			format = cmp.Or(format, label.FormatOf(to))
			if to == "-" && format != "zpl" && terminal(a.stdout) != nil {
				return problem.New(problem.Usage, "name a file: --to label."+format, "a terminal shows no %s", format)
			}
			b, err := a.issueLabel(args[0], format, s, to, by)
			if err != nil {
				return err
			}
			if to != "-" {
				return label.Printer(to).Print(a.ctx, b)
			}
			_, err = a.stdout.Write(b)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&format, "format", "", "zpl, pdf or png (default: what the name of --to ends with, or zpl)")
	f.StringVar(&to, "to", "", "print at `PLACE`: tcp:HOST[:PORT], a device, a file or - (default: the setting label, or -)")
	f.StringVar(&size, "label-size", "", "the label's `WIDTHxHEIGHT` in mm (default: 58x40)")
	f.StringVar(&dpi, "label-dpi", "", "the printer's dots an inch: 203, 300 or 600 (default: 203)")
	f.StringVar(&by, "by", "", "record that `NAME` wanted it")
	return cmd
}

// issueLabel records a copy of a label and makes it.
func (a *app) issueLabel(name, format string, s label.Size, to, by string) (made []byte, err error) {
	path, station, err := a.OwnLedger()
	if err != nil {
		return nil, err
	}
	if !records.Begun(path) { // else a mistyped name would make a ledger
		return nil, records.Trouble(path, fs.ErrNotExist)
	}
	l, err := records.Open(a.ctx, path, station)
	if err != nil {
		return nil, err
	}
	defer records.Close(l, &err)
	j, err := label.Find(a.ctx, l, name)
	if err != nil {
		return nil, err
	}
	return label.Issue(l.Label, j, format, s, to, by)
}

// startLabels prints labels while jobs run, if the settings name a printer. a.fileSinks has it
// among the outputs.
func (a *app) startLabels(record *ledger.Ledger) error {
	o, err := label.FromSettings(a.Settings.Lookup)
	if o.Printer == "" || record == nil || err != nil {
		return err
	}
	o.Record, o.Note, o.Warn = machine.Beside(record), record.Label, a.warn
	a.beside = append(a.beside, label.Start(a.signals.Context(), o))
	return nil
}
