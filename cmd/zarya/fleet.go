// This file is zarya fleet and zarya ledger sync: stations that share one database.

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/machine"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/show"
)

func newFleet(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Let stations into a fleet with one database, and see how they stand",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newFleetInit(a), newFleetEnrol(a), newFleetJoin(a), newFleetRevoke(a), newFleetResume(a),
		newFleetRestored(a), newFleetStatus(a))
	return cmd
}

// databaseFlag is for verbs of people, who have logins of their own.
func databaseFlag(cmd *cobra.Command, u *string) {
	cmd.Flags().StringVar(u, "database", "", "the fleet's database: postgres://LOGIN@HOST/DATABASE; the password is better in "+
		"~/.pgpass or PGPASSWORD (default: the setting fleet: {database})")
}

// verifyAgainst checks the ledger, and compares it with what a database has of it.
func (a *app) verifyAgainst(database, signers string) error {
	return a.Fleet(a.ctx, database, func(_ context.Context, db *fleet.DB) error {
		return a.ReadUnchecked(a.ctx, func(ctx context.Context, l *ledger.Ledger) error {
			kept, compared, err := machine.KeptByFleet(ctx, db, l, signers)
			if err != nil {
				return err
			}
			if !a.quiet {
				a.say("compared with %d entries and %d signed heads of the fleet's database", compared, len(kept))
			}
			return a.verifyLedger(ctx, l, kept, outbox.Witness{}.String())
		})
	})
}

func newFleetInit(a *app) *cobra.Command {
	var database string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make an empty database one of a fleet, or bring it to this version's form",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			u, err := a.FleetURL(database)
			if err != nil {
				return err
			}
			ctx := a.ctx
			from, to, err := fleet.Migrate(ctx, u, fleet.Login{})
			if err != nil {
				return err
			}
			if a.json {
				return a.document("schema", []map[string]int64{{"from": from, "to": to}})
			}
			fmt.Fprintf(a.stdout, "the fleet's database has version %d (it had %d)\n", to, from)
			return nil
		},
	}
	databaseFlag(cmd, &database)
	return cmd
}

func newFleetEnrol(a *app) *cobra.Command {
	var database string
	var hours int
	var again bool
	cmd := &cobra.Command{
		Use:   "enrol NAME",
		Short: "Make the token with which a machine becomes the station NAME, once",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if hours < 1 || hours > 24*31 {
				return problem.New(problem.Usage, "1 to 744", "--hours: %d", hours)
			}
			return a.Fleet(a.ctx, database, func(ctx context.Context, db *fleet.DB) error {
				token, until, err := db.Enrol(ctx, args[0], hours, again)
				if err != nil {
					return err
				}
				if a.json {
					return a.document("tokens", []map[string]any{{"station": token.Station, "token": token.String(), "until": until.UTC()}})
				}
				fmt.Fprintln(a.stdout, token)
				a.say("good until %s; on the station: zarya fleet join URL --token TOKEN",
					until.Local().Format("2006-01-02 15:04"))
				return nil
			})
		},
	}
	databaseFlag(cmd, &database)
	cmd.Flags().IntVar(&hours, "hours", 24, "how many `HOURS` it is good for")
	cmd.Flags().BoolVar(&again, "again", false, "a station that has joined, and lost its password, joins once more")
	return cmd
}

func newFleetJoin(a *app) *cobra.Command {
	var text string
	cmd := &cobra.Command{
		Use:   "join URL --token TOKEN|-",
		Short: "Make this machine a station of the fleet",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if text == "-" {
				line, err := bufio.NewReader(io.LimitReader(a.stdin, 1024)).ReadString('\n')
				if err != nil && line == "" {
					return problem.New(problem.Usage, "write it to stdin", "--token -: %w", err)
				}
				text = strings.TrimSpace(line)
			}
			token, err := fleet.ParseToken(text)
			if err != nil {
				return err
			}
			return a.joinFleet(args[0], token)
		},
	}
	cmd.Flags().StringVar(&text, "token", "", "the `TOKEN` of zarya fleet enrol, or - to read it from stdin")
	return cmd
}

// joinFleet makes this machine the station that a token is for.
func (a *app) joinFleet(database string, token fleet.Token) error {
	if err := a.Join(a.ctx, database, token); err != nil {
		return err
	}
	if a.json {
		return a.document("joined", []map[string]string{{"station": token.Station, "database": database}})
	}
	fmt.Fprintf(a.stdout, "fleet: {database: %q, station: %q}\n", database, token.Station)
	a.say("this machine is a station of the fleet: put the line above into its settings (docs/settings.md)")
	return nil
}

func newFleetRevoke(a *app) *cobra.Command {
	var database string
	cmd := &cobra.Command{
		Use:   "revoke NAME",
		Short: "Take a station out, at once and for good; its records stay",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.Fleet(a.ctx, database, func(ctx context.Context, db *fleet.DB) error { return db.Revoke(ctx, args[0]) })
		},
	}
	databaseFlag(cmd, &database)
	return cmd
}

func newFleetResume(a *app) *cobra.Command {
	var database string
	cmd := &cobra.Command{
		Use:   "resume NAME",
		Short: "Take records of a station again, after somebody has looked at its fault",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.Fleet(a.ctx, database, func(ctx context.Context, db *fleet.DB) error {
				was, err := db.Resume(ctx, args[0])
				if err == nil && was == "" && !a.quiet {
					a.say("%s had no fault", args[0])
				}
				return err
			})
		},
	}
	databaseFlag(cmd, &database)
	return cmd
}

func newFleetRestored(a *app) *cobra.Command {
	var database string
	cmd := &cobra.Command{
		Use:   "restored",
		Short: "Lease no identities for now: the database was restored from a backup",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.Fleet(a.ctx, database, func(ctx context.Context, db *fleet.DB) error {
				pools, err := db.Restored(ctx)
				if err == nil {
					fmt.Fprintf(a.stdout, "nothing is leased from %d pools until zarya identity settle or abandon\n", pools)
				}
				return err
			})
		},
	}
	databaseFlag(cmd, &database)
	return cmd
}

func newFleetStatus(a *app) *cobra.Command {
	var database string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the stations: their last record, what waits, and what is wrong",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.Fleet(a.ctx, database, func(ctx context.Context, db *fleet.DB) error {
				list, err := db.Stations(ctx)
				if err != nil {
					return err
				}
				if a.json {
					return a.document("stations", append([]fleet.Status{}, list...))
				}
				return show.Stations(a.stdout, a.stderr, list, time.Now())
			})
		},
	}
	databaseFlag(cmd, &database)
	return cmd
}

func newLedgerSync(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "sync",
		Short: "Send what waits to the fleet's database now",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.Settings.Fleet() == "" {
				return problem.New(problem.Usage, "set fleet: {database: URL, station: NAME}, as zarya fleet join printed it",
					"this station is in no fleet")
			}
			begun, err := a.Begun()
			if err != nil {
				return err
			}
			if !begun {
				return a.nothingRecorded()
			}
			sent, state, err := a.Sync(a.ctx)
			if err != nil {
				return err
			}
			if a.json {
				return a.document("sync", []map[string]int64{{"sent": sent, "last": state.Sent, "waiting": state.Waiting}})
			}
			fmt.Fprintf(a.stdout, "%d entries sent; the database has %d\n", sent, state.Sent)
			return nil
		},
	}
}
