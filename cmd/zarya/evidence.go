// This file is what a station proves to others: zarya ledger key and receipt, and the heads
// and receipts that are made while jobs run.

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/evidence"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/records"
)

// headEvery is how many entries lie between two heads that witnesses keep: a dozen tablets'.
const headEvery = 250

// signingKey opens the station's key, and makes it the first time.
func (a *app) signingKey() (key *evidence.Key, station string, err error) {
	path, station, err := a.ownLedger()
	if err != nil {
		return nil, "", err
	}
	key, err = evidence.OpenKey(a.config.SigningKey(path), station)
	return key, station, err
}

// startEvidence makes the evidence and the labels that the settings ask for while jobs run. a.fileSinks has it
// among the outputs. allDay says that it is a station, whose heads go to the fleet's database too.
func (a *app) startEvidence(record *ledger.Ledger, allDay bool) error {
	receipts, witness := a.config.Evidence()
	database := ""
	if allDay { // a single run would wait for it when it ends
		database = a.config.Fleet()
	}
	if err := a.startLabels(record); err != nil || record == nil || receipts == "" && witness == "" && database == "" {
		return err
	}
	key, station, err := a.signingKey()
	if err != nil {
		return err
	}
	o := evidence.Options{Key: key, Chain: record, Every: headEvery, Receipts: receipts, Record: beside(record), Warn: a.warn}
	if witness != "" {
		o.Witnesses = []evidence.Witness{evidence.FileOf(witness, station)}
	}
	if database != "" {
		connect, err := outbox.Connector(database, record.Path(), station)
		if err != nil {
			return err
		}
		o.Witnesses = append(o.Witnesses, outbox.Witness{Connect: connect})
	}
	a.beside = append(a.beside, evidence.Start(a.signals.Context(), o))
	return nil
}

// beside reads jobs back while the ledger is written.
func beside(record *ledger.Ledger) func(context.Context, string) (*ledger.JobRecord, ledger.Head, bool, error) {
	return func(ctx context.Context, name string) (j *ledger.JobRecord, at ledger.Head, ok bool, err error) {
		err = records.Beside(ctx, record, func(l *ledger.Ledger) (err error) {
			j, at, ok, err = l.Record(ctx, name)
			return err
		})
		return j, at, ok, err
	}
}

func newLedgerKey(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "key",
		Short: "Print the key that this station signs with, for those who check it",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			key, station, err := a.signingKey()
			if err != nil {
				return err
			}
			fmt.Fprint(a.stdout, key.AllowedLine(station))
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
			key, _, err := a.signingKey()
			if err != nil {
				return err
			}
			return a.readLedger(func(ctx context.Context, l *ledger.Ledger) error {
				paths, err := records.Receipts(ctx, l, key, names, out)
				for _, path := range paths {
					fmt.Fprintln(a.stdout, path)
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
	if a.json {
		return a.document("receipt", []*evidence.Receipt{r})
	}
	fmt.Fprintf(a.stdout, "%s: %s, %s, signed by %s\n", r.Record, r.Serial, r.Result, r.Station)
	return nil
}
