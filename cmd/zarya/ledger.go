// This file is zarya ledger: the record of all jobs.

package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/machine"
	"github.com/zarya-station/zarya/internal/records"
)

// nothingRecorded says that nothing was recorded yet.
func (a *app) nothingRecorded() error {
	path, err := a.LedgerPath()
	a.Sayf("nothing was recorded yet at %s", path)
	return err
}

func newLedger(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "Show, export and verify the record of all jobs",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newLedgerList(a), newLedgerShow(a), newLedgerExport(a), newLedgerVerify(a), newLedgerDispose(a),
		newLedgerSync(a), newLedgerKey(a), newLedgerReceipt(a), newLedgerBackup(a), newLedgerRestore(a))
	return cmd
}

// selectionFlags are the flags of verbs that are about some jobs.
func selectionFlags(cmd *cobra.Command, s *records.Selection) {
	f := cmd.Flags()
	f.DurationVar(&s.Since, "since", 0, "only jobs begun in the last `TIME`, such as 8h")
	f.StringVar(&s.Result, "result", "", "only jobs that ended with `RESULT`: "+strings.Join(records.Results, ", "))
	f.StringVar(&s.Serial, "serial", "", "only jobs of the tablet with `SERIAL`")
}

func newLedgerList(a *app) *cobra.Command {
	var s records.Selection
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List jobs, the newest last",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			jobs, begun, err := a.Select(a.Context, s)
			switch {
			case err != nil:
				return err
			case !begun && !a.JSON:
				return a.nothingRecorded()
			}
			return a.Answer("jobs", append([]*ledger.JobRecord{}, jobs...), func(w io.Writer) error { return records.Table(w, a.Words, jobs) })
		},
	}
	selectionFlags(cmd, &s)
	return cmd
}

func newLedgerShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show RECORD|JOB|SERIAL",
		Short: "Show everything recorded about a job, or about a tablet's jobs",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.Read(a.Context, func(ctx context.Context, l *ledger.Ledger) error {
				jobs, err := records.Find(ctx, l, args[0])
				if err != nil {
					return err
				}
				return a.Answer("jobs", jobs, func(w io.Writer) error { records.Text(w, a.Words, jobs); return nil })
			})
		},
	}
}

func newLedgerExport(a *app) *cobra.Command {
	var e records.Export
	cmd := &cobra.Command{
		Use:   "export --format csv|jsonl",
		Short: "Write jobs as CSV for a spreadsheet, or the whole chain as JSON lines",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := e.Check(); err != nil {
				return err
			}
			return a.Read(a.Context, func(ctx context.Context, l *ledger.Ledger) error { return e.Write(ctx, a.Out, l) })
		},
	}
	selectionFlags(cmd, &e.Selection)
	cmd.Flags().StringVar(&e.Format, "format", "csv", "the `FORMAT`: csv or jsonl")
	cmd.Flags().BoolVar(&e.ExcelRu, "excel-ru", false, excelHelp)
	return cmd
}

func newLedgerVerify(a *app) *cobra.Command {
	var kept machine.Kept
	var accept bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that nothing in the ledger was changed, removed, inserted or rolled back",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := kept.Check(); err != nil { // before anything is recorded
				return err
			}
			if accept {
				lost, err := a.AcceptLoss(a.Context)
				if err != nil {
					return err
				}
				for _, h := range lost {
					a.Sayf("accepted: %s-%d is lost, and the ledger says so", h.Station, h.Seq)
				}
			}
			return a.verifyLedger(kept)
		},
	}
	cmd.Flags().StringVar(&kept.Heads, "head", "", "compare with the heads in `FILE`, as verify --json prints them, "+
		"or at a station that is a witness: https://HOST:PORT/heads/STATION")
	cmd.Flags().StringVar(&kept.Database, "database", "", "compare with all that the fleet's database at `URL` has of this ledger")
	cmd.Flags().StringVar(&kept.Signers, "signers", "", "the `FILE` of keys that must have signed them, lines of zarya ledger key")
	cmd.Flags().BoolVar(&accept, "accept-head", false, "go on with a ledger that lost entries: record which")
	return cmd
}

// verifyLedger checks everything and prints the heads.
func (a *app) verifyLedger(kept machine.Kept) error {
	v, err := a.Verify(a.Context, kept)
	for _, line := range v.Said {
		a.Sayf("%s", line)
	}
	var edited *records.EditedError
	if errors.As(err, &edited) {
		edited.Text(a.Err, a.Words)
	}
	if err != nil {
		return err
	}
	for _, c := range v.Clashes {
		a.Warnf("%s %q is on two tablets: records %s and %s", c.Fact, c.Value, c.Records[0], c.Records[1])
	}
	if v.Alone && !a.JSON {
		a.Sayf("internally consistent only: no head that was kept elsewhere was compared (--head FILE, --database URL)")
	}
	return a.printHeads(v.Heads)
}

// printHeads prints where chains end.
func (a *app) printHeads(heads []ledger.Head) error {
	return a.Answer("heads", append([]ledger.Head{}, heads...), func(w io.Writer) error { return records.Heads(w, a.Words, heads) })
}

func newLedgerBackup(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the ledger to a new file, even while a station works",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			heads, err := a.Backup(a.Context, args[0])
			if err != nil {
				return err
			}
			return a.printHeads(heads)
		},
	}
}

func newLedgerRestore(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE",
		Short: "Replace the ledger with a backup, and record what is lost",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			done, err := a.Restore(a.Context, args[0])
			if done.Kept != "" {
				a.Sayf("what was there is kept: %s", done.Kept)
			}
			for _, h := range done.Lost {
				a.Sayf("the backup ends before %s-%d; that is recorded", h.Station, h.Seq)
			}
			return err
		},
	}
}

func newLedgerDispose(a *app) *cobra.Command {
	var by string
	cmd := &cobra.Command{
		Use:   "dispose RECORD rework|scrap|quarantine",
		Short: "Record a decision about a failed tablet",
		Args:  cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := records.CheckDisposition(args[1]); err != nil {
				return err
			}
			return a.Amend(a.Context, func(ctx context.Context, l *ledger.Ledger) error {
				if err := records.Dispose(ctx, l, args[0], args[1], by); err != nil {
					return err
				}
				a.Notef("recorded: %s, %s", args[0], args[1])
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&by, "by", "", "record that `NAME` decided it")
	return cmd
}

func newLedgerSync(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "sync",
		Short: "Send what waits to the fleet's database now",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			done, err := a.Sync(a.Context)
			switch {
			case err != nil:
				return err
			case done == nil:
				return a.nothingRecorded()
			}
			return a.Answer("sync", []*machine.Synced{done}, a.Line("%d entries sent; the database has %d", done.Sent, done.Last))
		},
	}
}
