// This file is zarya ledger, and the opening of the ledger for verbs that run jobs.

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/records"
)

// nothingRecorded says that nothing was recorded yet.
func (a *app) nothingRecorded() error {
	path, err := a.LedgerPath()
	a.say("nothing was recorded yet at %s", path)
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
			if err := s.Check(); err != nil {
				return err
			}
			begun, err := a.Begun()
			switch {
			case err != nil:
				return err
			case !begun && a.json:
				return a.document("jobs", []any{})
			case !begun:
				return a.nothingRecorded()
			}
			return a.Read(a.ctx, func(ctx context.Context, l *ledger.Ledger) error {
				jobs, err := s.Jobs(ctx, l)
				if err != nil {
					return err
				}
				if a.json {
					return a.document("jobs", append([]*ledger.JobRecord{}, jobs...))
				}
				return records.Table(a.stdout, jobs)
			})
		},
	}
	selectionFlags(cmd, &s)
	return cmd
}

func newLedgerShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show RECORD|JOB|SERIAL",
		Short: "Show everything that is recorded of a job, or of a tablet's jobs",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.Read(a.ctx, func(ctx context.Context, l *ledger.Ledger) error {
				jobs, err := records.Named(ctx, l, args[0])
				if err != nil {
					return err
				}
				if len(jobs) == 0 {
					return problem.New(problem.Usage, "zarya ledger list shows what there is", "no record, job or serial %q is in the ledger", args[0])
				}
				if a.json {
					return a.document("jobs", jobs)
				}
				records.Text(a.stdout, jobs)
				return nil
			})
		},
	}
}

func newLedgerExport(a *app) *cobra.Command {
	var s records.Selection
	var format string
	var ru bool
	cmd := &cobra.Command{
		Use:   "export --format csv|jsonl",
		Short: "Write jobs as CSV for a spreadsheet, or the whole chain as JSON lines",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.Check(); err != nil {
				return err
			}
			switch format {
			case "csv":
			case "jsonl":
				for _, f := range []string{"since", "result", "serial", "excel-ru"} {
					if cmd.Flags().Changed(f) {
						return problem.New(problem.Usage, "a chain with holes proves nothing; --format csv can be narrowed",
							"--%s does not go with --format jsonl", f)
					}
				}
			default:
				return problem.New(problem.Usage, "known are csv, jsonl", "--format: no format %q", format)
			}
			return a.Read(a.ctx, func(ctx context.Context, l *ledger.Ledger) error {
				if format == "jsonl" {
					return records.Chain(ctx, a.stdout, l)
				}
				jobs, err := s.Jobs(ctx, l)
				if err != nil {
					return err
				}
				return records.CSV(a.stdout, jobs, ru)
			})
		},
	}
	selectionFlags(cmd, &s)
	cmd.Flags().StringVar(&format, "format", "csv", "csv or jsonl")
	cmd.Flags().BoolVar(&ru, "excel-ru", false, excelHelp)
	return cmd
}

func newLedgerVerify(a *app) *cobra.Command {
	var head, signers, database string
	var accept bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that nothing of the ledger was changed, removed, put in between or put back",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if accept {
				if err := a.acceptHead(); err != nil {
					return err
				}
			}
			if database != "" {
				if head != "" {
					return problem.New(problem.Usage, "do one after the other", "--head and --database do not go together")
				}
				return a.verifyAgainst(database, signers)
			}
			kept, err := records.ReadHeads(head, signers)
			if err != nil {
				return err
			}
			return a.ReadUnchecked(a.ctx, func(ctx context.Context, l *ledger.Ledger) error { return a.verifyLedger(ctx, l, kept, head) })
		},
	}
	cmd.Flags().StringVar(&head, "head", "", "compare with the heads in `FILE`, as verify --json prints them")
	cmd.Flags().StringVar(&database, "database", "", "compare with all that the fleet's database at `URL` has of this ledger")
	cmd.Flags().StringVar(&signers, "signers", "", "the `FILE` of keys that must have signed them, lines of zarya ledger key")
	cmd.Flags().BoolVar(&accept, "accept-head", false, "go on with a ledger that lost entries: record which")
	return cmd
}

// verifyLedger checks everything and prints the heads.
func (a *app) verifyLedger(ctx context.Context, l *ledger.Ledger, kept []ledger.Head, from string) error {
	v, err := records.Verify(ctx, l, kept, from)
	var edited *records.EditedError
	if errors.As(err, &edited) {
		edited.Text(a.stderr)
	}
	if err != nil {
		return err
	}
	for _, c := range v.Clashes {
		a.warn("%s %q is on two tablets: records %s and %s", c.Fact, c.Value, c.Records[0], c.Records[1])
	}
	if len(kept) == 0 && from == "" && !a.json {
		a.say(
			"internally consistent only: no head that was kept elsewhere was compared (--head FILE, --database URL)")
	}
	return a.printHeads(v.Heads)
}

// printHeads prints where chains end.
func (a *app) printHeads(heads []ledger.Head) error {
	if a.json {
		return a.document("heads", append([]ledger.Head{}, heads...))
	}
	for _, h := range heads {
		fmt.Fprintf(a.stdout, "%s: %d entries, unbroken, the last is %s\n", h.Station, h.Seq, h.Hash)
	}
	return nil
}

// acceptHead records what a ledger has lost.
func (a *app) acceptHead() error {
	path, station, err := a.OwnLedger()
	if err != nil {
		return err
	}
	lost, err := records.Accept(a.ctx, path, station)
	for _, h := range lost {
		a.say("accepted: %s-%d is lost, and the ledger says so", h.Station, h.Seq)
	}
	return err
}

func newLedgerBackup(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the ledger into a new file while a station writes it",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := a.LedgerPath()
			if err != nil {
				return err
			}
			heads, err := records.Backup(a.ctx, path, args[0])
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
		Short: "Put a backup in the place of the ledger, and record what is lost",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path, station, err := a.OwnLedger()
			if err != nil {
				return err
			}
			done, err := records.Restore(a.ctx, path, station, args[0])
			if done.Kept != "" {
				a.say("what was there is kept: %s", done.Kept)
			}
			for _, h := range done.Lost {
				a.say("the backup ends before %s-%d; that is recorded", h.Station, h.Seq)
			}
			return err
		},
	}
}

func newLedgerDispose(a *app) *cobra.Command {
	var by string
	cmd := &cobra.Command{
		Use:   "dispose RECORD rework|scrap|quarantine",
		Short: "Record what becomes of a failed tablet",
		Args:  cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) (err error) {
			if err := records.CheckDisposition(args[1]); err != nil {
				return err
			}
			path, station, err := a.OwnLedger()
			if err != nil {
				return err
			}
			if !records.Begun(path) { // else a mistyped name would make a ledger
				return records.Trouble(path, fs.ErrNotExist)
			}
			l, err := records.Open(a.ctx, path, station)
			if err != nil {
				return err
			}
			defer records.Close(l, &err)
			if err := records.Dispose(a.ctx, l, args[0], args[1], by); err != nil {
				return err
			}
			if !a.quiet {
				a.say("recorded: %s, %s", args[0], args[1])
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&by, "by", "", "record that `NAME` decided it")
	return cmd
}
