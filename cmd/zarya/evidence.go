// This file is what a station proves to others: zarya ledger key and receipt.

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/evidence"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/records"
)

func newLedgerKey(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "key",
		Short: "Print the key that this station signs with, for those who check it",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			key, station, err := a.SigningKey()
			if err != nil {
				return err
			}
			fmt.Fprint(a.Out, key.AllowedLine(station))
			return nil
		},
	}
}

func newLedgerReceipt(a *app) *cobra.Command {
	var out, check, signers string
	cmd := &cobra.Command{
		Use:   "receipt RECORD|JOB|SERIAL…",
		Short: "Sign what was done to a tablet, or check what another station signed",
		RunE: func(_ *cobra.Command, names []string) error {
			if check != "" {
				return a.checkReceipt(check, signers, names)
			}
			if len(names) == 0 {
				return problem.New(problem.Usage, "zarya ledger list shows what there is", "name a record, a job or a tablet's serial")
			}
			key, _, err := a.SigningKey()
			if err != nil {
				return err
			}
			return a.Read(a.Context, func(ctx context.Context, l *ledger.Ledger) error {
				paths, err := records.Receipts(ctx, l, key, names, out)
				for _, path := range paths {
					fmt.Fprintln(a.Out, path)
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&out, "out", ".", "write RECORD.json and RECORD.json.sig into `FOLDER`")
	cmd.Flags().StringVar(&check, "check", "", "check the receipt in `FILE`, with FILE.sig beside it")
	cmd.Flags().StringVar(&signers, "signers", "", "with --check: the `FILE` of keys that may sign, lines of zarya ledger key")
	return cmd
}

// checkReceipt says whether a receipt is what its station signed.
func (a *app) checkReceipt(path, file string, names []string) error {
	switch {
	case len(names) > 0:
		return problem.New(problem.Usage, "", "--check takes one FILE and nothing else")
	case file == "":
		return problem.New(problem.Usage, "collect what zarya ledger key prints at each station in one file", "--check needs --signers FILE")
	}
	signers, err := evidence.LoadSigners(file)
	if err != nil {
		return err
	}
	r, err := signers.CheckReceipt(path)
	if err != nil {
		return err
	}
	return a.Answer("receipt", []*evidence.Receipt{r}, a.Line("%s: %s, %s, signed by %s", r.Record, r.Serial, r.Result, r.Station))
}
