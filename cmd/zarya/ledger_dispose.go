// This file is zarya ledger dispose: what becomes of a failed tablet.

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

func newLedgerDispose(a *app) *cobra.Command {
	var by string
	cmd := &cobra.Command{
		Use:   "dispose RECORD rework|scrap|quarantine",
		Short: "Record what becomes of a failed tablet",
		Long: `Record what becomes of the tablet of a job that failed or was interrupted. It is an entry
of its own; a later one overrides an earlier.`,
		Example: "  zarya ledger dispose bench-42 quarantine --by 17",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) (err error) {
			d := ledger.Disposition(args[1])
			if !slices.Contains(ledger.Dispositions, d) {
				return problem.New(problem.Usage, "rework, scrap or quarantine", "%q is no disposition", args[1])
			}
			if a.ledger == "none" {
				return problem.New(problem.Usage, "name one with --ledger sqlite:PATH", "there is no ledger with --ledger none")
			}
			path, err := a.ledgerPath()
			if err != nil {
				return err
			}
			if _, err := os.Stat(path); err != nil { // else a mistyped name would make a ledger
				return ledgerTrouble(path, err)
			}
			l, err := a.openLedger()
			if err != nil {
				return err
			}
			defer func() {
				if cerr := l.Close(); cerr != nil && err == nil {
					err = ledgerTrouble(a.ledger, cerr)
				}
			}()
			ctx, cancel := a.untilSignal()
			defer cancel()
			if err := l.Dispose(ctx, args[0], d, by); err != nil {
				return disposeTrouble(err)
			}
			if !a.quiet {
				fmt.Fprintf(a.stderr, "recorded: %s, %s\n", args[0], d)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&by, "by", "", "record that `NAME` decided it")
	return cmd
}

// disposeTrouble says what can be done about a disposition that was not recorded.
func disposeTrouble(err error) error {
	var not *ledger.NotFailedError
	var write *ledger.WriteError
	switch {
	case errors.As(err, &not):
		return problem.New(problem.Usage, "zarya ledger list --result fail shows the records of tablets that failed", "%w", err)
	case errors.As(err, &write):
		return problem.New(problem.Station, "give the ledger's disk room, then do it again", "%w", err)
	}
	return err
}
