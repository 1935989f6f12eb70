// This file is zarya ledger verify: the chain, the tables beside it, and the heads that
// were kept outside.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/problem"
)

const hintRolledBack = "put the right file back; to go on with this one: zarya ledger verify --accept-head, " +
	"then burn the identities that were given since"

func newLedgerVerify(a *app) *cobra.Command {
	var head string
	var accept bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that nothing of the ledger was changed, removed, put in between or put back",
		Long: `Check that no entry of the ledger was changed, removed or put in between; that the tables
beside the chain (identities, claims, attempts, tried codes) are what the entries say, row by row;
and that the chain still has the head that it had when it was last written, so that an
older file that was put back is seen. Warn of what only one tablet can have and two have,
as stations see that do not know of each other.

Prints where each station's chain ends. Keep that line elsewhere: --head FILE compares the
ledger with every line in FILE.

--accept-head takes a ledger that was put back on purpose: what was lost is recorded, and
work goes on.`,
		Example: "  zarya ledger verify\n  zarya ledger verify --json >> heads.jsonl\n  zarya ledger verify --head heads.jsonl",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if accept {
				if err := a.acceptHead(); err != nil {
					return err
				}
			}
			kept, err := readHeads(head)
			if err != nil {
				return err
			}
			return a.withReader(func(ctx context.Context, l *ledger.Ledger) error { return a.verifyLedger(ctx, l, kept, head) })
		},
	}
	cmd.Flags().StringVar(&head, "head", "", "compare with the heads in `FILE`, as verify --json prints them")
	cmd.Flags().BoolVar(&accept, "accept-head", false, "go on with a ledger that lost entries: record which")
	return cmd
}

// readHeads reads the file of --head; "" is none.
func readHeads(file string) ([]ledger.Head, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file) //nolint:gosec // the file that the user names
	if err != nil {
		return nil, problem.New(problem.Usage, "name a file with what zarya ledger verify --json printed", "--head: %w", err)
	}
	defer func() { _ = f.Close() }()
	kept, err := ledger.ReadHeads(f)
	if err == nil && len(kept) == 0 {
		err = errors.New("there is no head in it")
	}
	if err != nil {
		return nil, problem.New(problem.Invalid, "name a file with what zarya ledger verify --json printed", "--head %s: %w", file, err)
	}
	return kept, nil
}

// verifyLedger checks everything and prints the heads.
func (a *app) verifyLedger(ctx context.Context, l *ledger.Ledger, kept []ledger.Head, from string) error {
	heads, err := l.Verify(ctx)
	if err != nil {
		return problem.New(problem.Invalid, "keep this file as it is, and compare it with a backup or an export", "the ledger is broken: %w", err)
	}
	if err := l.CompareHeads(ctx, kept, from); err != nil {
		return headProblem(err)
	}
	if err := l.CheckHead(ctx); err != nil {
		return headProblem(err)
	}
	differences, err := l.VerifyClaims(ctx)
	if err != nil {
		return err
	}
	attempts, err := l.VerifyAttempts(ctx)
	if err != nil {
		return err
	}
	pools, err := pool.Verify(ctx, l)
	if err != nil {
		return err
	}
	if err := a.reportDifferences(slices.Concat(differences, attempts, pools)); err != nil {
		return err
	}
	clashes, err := l.Clashes(ctx)
	if err != nil {
		return err
	}
	for _, c := range clashes { // found by two stations that did not know of each other
		a.warn("%s %q is on two tablets: records %s and %s", c.Fact, c.Value, c.Records[0], c.Records[1])
	}
	if a.json {
		return a.document("heads", append([]ledger.Head{}, heads...))
	}
	for _, h := range heads {
		fmt.Fprintf(a.stdout, "%s: %d entries, unbroken, the last is %s\n", h.Station, h.Seq, h.Hash)
	}
	return nil
}

// headProblem is an error about heads.
func headProblem(err error) error {
	var rolled *ledger.RolledBackError
	if errors.As(err, &rolled) {
		return problem.New(problem.Invalid, hintRolledBack, "the ledger was rolled back: %w", err)
	}
	return problem.New(problem.Invalid, "zarya ledger verify --accept-head writes the head file anew", "the head file: %w", err)
}

// reportDifferences prints rows that are not what the chain says, and fails if there are any.
func (a *app) reportDifferences(differences []ledger.Difference) error {
	const shown = 20
	for i, d := range differences {
		if i == shown {
			fmt.Fprintf(a.stderr, "and %d more\n", len(differences)-shown)
			break
		}
		fmt.Fprintln(a.stderr, d)
	}
	if n := len(differences); n > 0 {
		return problem.New(problem.Invalid, "the chain is right: keep this file as it is, and compare these rows with a backup",
			"the ledger was edited beside its chain: %d differences", n)
	}
	return nil
}

// acceptHead records what a ledger has lost.
func (a *app) acceptHead() error {
	path, err := a.ledgerPath()
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return ledgerTrouble(path, err)
	}
	station, err := a.stationName()
	if err != nil {
		return err
	}
	ctx, cancel := a.untilSignal()
	defer cancel()
	lost, err := ledger.AcceptRollback(ctx, path, station)
	var broken *ledger.BrokenError
	switch {
	case errors.As(err, &broken):
		return problem.New(problem.Invalid, "a broken chain cannot be accepted: use a backup, or begin a new ledger",
			"the ledger is broken: %w", err)
	case err != nil:
		return ledgerTrouble(path, err)
	}
	for _, h := range lost {
		fmt.Fprintf(a.stderr, "accepted: %s-%d is lost, and the ledger says so\n", h.Station, h.Seq)
	}
	return nil
}
