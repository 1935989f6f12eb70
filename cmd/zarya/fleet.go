// This file is zarya fleet: stations that share one database.

package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/console"
	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/show"
)

func newFleet(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Run many stations with one database",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newFleetInit(a), newFleetEnrol(a), newFleetJoin(a), newFleetRevoke(a), newFleetResume(a),
		newFleetRestored(a), newFleetStatus(a), newFleetErase(a), newFleetRetire(a))
	return cmd
}

// databaseFlag is for verbs of people, who have logins of their own.
func databaseFlag(cmd *cobra.Command, u *string) {
	cmd.Flags().StringVar(u, "database", "", "the fleet's database: postgres://LOGIN@HOST/DATABASE; the password is better in "+
		"~/.pgpass or PGPASSWORD (default: the setting fleet: {database})")
}

// fleetVerb makes a command a verb about the fleet's database, which --database names.
func (a *app) fleetVerb(cmd *cobra.Command, do func(ctx context.Context, db *fleet.DB, args []string) error) *cobra.Command {
	var database string
	databaseFlag(cmd, &database)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return a.Fleet(a.Context, database, func(ctx context.Context, db *fleet.DB) error { return do(ctx, db, args) })
	}
	return cmd
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
			from, to, err := fleet.Migrate(a.Context, u, fleet.Login{})
			if err != nil {
				return err
			}
			return a.Answer("schema", []map[string]int64{{"from": from, "to": to}},
				a.Line("the fleet's database has version %d (it had %d)", to, from))
		},
	}
	databaseFlag(cmd, &database)
	return cmd
}

func newFleetEnrol(a *app) *cobra.Command {
	var hours int
	var again bool
	cmd := a.fleetVerb(&cobra.Command{
		Use:   "enrol NAME",
		Short: "Make the token with which a machine becomes the station NAME, once",
		Args:  cobra.ExactArgs(1),
	}, func(ctx context.Context, db *fleet.DB, args []string) error {
		token, until, err := db.Enrol(ctx, args[0], hours, again)
		if err != nil {
			return err
		}
		items := []map[string]any{{"station": token.Station, "token": token.String(), "until": until.UTC()}}
		if err := a.Answer("tokens", items, console.Linef("%s", token)); err != nil || a.JSON {
			return err
		}
		a.Sayf("good until %s; on the station: zarya fleet join URL --token TOKEN", until.Local().Format(a.Words.DateForm()+" 15:04"))
		return nil
	})
	cmd.Flags().IntVar(&hours, "hours", 24, "how many `HOURS` it is good for")
	cmd.Flags().BoolVar(&again, "again", false, "a station that has joined, and lost its password, joins once more")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if hours < 1 || hours > 24*31 {
			return problem.New(problem.Usage, "1 to 744", "--hours: %d", hours)
		}
		return nil
	}
	return cmd
}

func newFleetJoin(a *app) *cobra.Command {
	var text string
	cmd := &cobra.Command{
		Use:   "join URL --token TOKEN|-",
		Short: "Make this machine a station of the fleet",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			token, err := fleet.ReadToken(text, a.In)
			if err != nil {
				return err
			}
			if err := a.Join(a.Context, args[0], token); err != nil {
				return err
			}
			items := []map[string]string{{"station": token.Station, "database": args[0]}}
			line := console.Linef("fleet: {database: %q, station: %q}", args[0], token.Station)
			if err := a.Answer("joined", items, line); err != nil || a.JSON {
				return err
			}
			a.Sayf("this machine is a station of the fleet: put the line above into its settings (docs/settings.md)")
			return nil
		},
	}
	cmd.Flags().StringVar(&text, "token", "", "the `TOKEN` of zarya fleet enrol, or - to read it from stdin")
	return cmd
}

func newFleetRevoke(a *app) *cobra.Command {
	return a.fleetVerb(&cobra.Command{
		Use:   "revoke NAME",
		Short: "Take a station out, at once and for good; its records stay",
		Args:  cobra.ExactArgs(1),
	}, func(ctx context.Context, db *fleet.DB, args []string) error { return db.Revoke(ctx, args[0]) })
}

func newFleetResume(a *app) *cobra.Command {
	return a.fleetVerb(&cobra.Command{
		Use:   "resume NAME",
		Short: "Take records of a station again, after somebody has looked at its fault",
		Args:  cobra.ExactArgs(1),
	}, func(ctx context.Context, db *fleet.DB, args []string) error {
		was, err := db.Resume(ctx, args[0])
		if err == nil && was == "" {
			a.Notef("%s had no fault", args[0])
		}
		return err
	})
}

func newFleetRestored(a *app) *cobra.Command {
	return a.fleetVerb(&cobra.Command{
		Use:   "restored",
		Short: "Lease no identities for now: the database was restored from a backup",
		Args:  cobra.NoArgs,
	}, func(ctx context.Context, db *fleet.DB, _ []string) error {
		pools, err := db.Restored(ctx)
		if err != nil {
			return err
		}
		return a.Line("nothing is leased from %d pools until zarya identity settle or abandon", pools)(a.Out)
	})
}

func newFleetErase(a *app) *cobra.Command {
	var why string
	cmd := a.fleetVerb(&cobra.Command{
		Use:   "erase SERIAL --why TEXT",
		Short: "Take what leads to a person out of all that the database has of a tablet",
		Args:  cobra.ExactArgs(1),
	}, func(ctx context.Context, db *fleet.DB, args []string) error {
		if err := a.Confirmed("Erase the facts and serials of " + args[0] + " from all entries"); err != nil {
			return err
		}
		n, err := db.Erase(ctx, args[0], why)
		if err != nil {
			return err
		}
		return a.Line("%d entries were erased; the chains go on through them", n)(a.Out)
	})
	cmd.Flags().StringVar(&why, "why", "", "the reason, which is kept; of the tablet nothing is")
	_ = cmd.MarkFlagRequired("why")
	return cmd
}

func newFleetRetire(a *app) *cobra.Command {
	var drop bool
	cmd := a.fleetVerb(&cobra.Command{
		Use:   "retire MONTH",
		Short: "Take the entries up to the end of a month (2026-01) out of the database",
		Args:  cobra.ExactArgs(1),
	}, func(ctx context.Context, db *fleet.DB, args []string) error {
		if err := a.Confirmed("Take all entries up to the end of " + args[0] + " out of the database"); err != nil {
			return err
		}
		done, err := db.Retire(ctx, args[0], drop)
		if err == nil || len(done) > 0 {
			show.Retired(a.Out, a.Words, done, drop)
		}
		return err
	})
	cmd.Flags().BoolVar(&drop, "drop", false, "drop them; else each month stays as a table that only the owner reads")
	return cmd
}

func newFleetStatus(a *app) *cobra.Command {
	return a.fleetVerb(&cobra.Command{
		Use:   "status",
		Short: "Show the stations: last record, waiting entries, faults",
		Args:  cobra.NoArgs,
	}, func(ctx context.Context, db *fleet.DB, _ []string) error {
		list, err := db.Stations(ctx)
		if err != nil {
			return err
		}
		return a.Answer("stations", append([]fleet.Status{}, list...),
			func(w io.Writer) error { return show.Stations(w, a.Err, a.Words, list, time.Now()) })
	})
}
