// This file is zarya identity: the pools from which tablets get what makes them somebody's.

package main

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/console"
	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/lease"
	"github.com/zarya-station/zarya/internal/identities"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/show"
)

func newIdentity(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "identity", Short: "Pools of identities: import, list, status, return, burn", Args: cobra.NoArgs}
	cmd.AddCommand(newIdentityImport(a), newIdentityList(a), newIdentityStatus(a),
		newIdentityOfFleet(a, "grant", "Let all stations of the fleet open the secrets of a pool", a.pools("").Grant),
		newIdentityOfFleet(a, "settle", "Lease a pool again after the fleet's database was restored: all stations have reported", lease.Settle),
		newIdentityOfFleet(a, "abandon", "Take what a pool has left out of use, after the fleet's database was restored", a.abandonPool),
		newIdentityReturn(a), newIdentityBurn(a))
	return cmd
}

// pools are those that this machine means, or those of a database.
func (a *app) pools(database string) identities.Pools {
	return identities.Pools{Machine: &a.Machine, Database: database}
}

func newIdentityImport(a *app) *cobra.Command {
	var name, database string
	var recipients []string
	var declared pool.Declaration
	cmd := &cobra.Command{
		Use:   "import --pool POOL FILE.csv",
		Short: "Add the rows of a CSV file to a pool",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			table, rows, added, err := a.pools(database).Import(a.Context, name, args[0], declared, recipients)
			if err != nil {
				return err
			}
			if says := table.Says(); says != "" {
				a.Notef("%s: %s", args[0], says)
			}
			return a.Answer("identity-import", []any{map[string]any{"pool": name, "rows": rows, "added": added}},
				a.Line("%s: %d rows, %d of them new", name, rows, added))
		},
	}
	cmd.Flags().StringVar(&name, "pool", "", "the `POOL`; it is made if it is not there")
	cmd.Flags().StringVar(&declared.Key, "key", "", "the `COLUMN` in which every identity has its own value")
	cmd.Flags().StringArrayVar(&declared.Secret, "secret", nil, "encrypt this `COLUMN` too; repeatable")
	cmd.Flags().StringArrayVar(&recipients, "recipient", nil,
		"with a fleet: the age `KEY` of another supervisor who may let stations open what is secret; repeatable")
	databaseFlag(cmd, &database)
	_ = cmd.MarkFlagRequired("pool")
	return cmd
}

func newIdentityList(a *app) *cobra.Command {
	var name, state, database, station string
	cmd := &cobra.Command{
		Use:   "list [--pool POOL] [--state STATE] [--station STATION]",
		Short: "List identities, their states and their tablets; secrets are not shown",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			items, text, err := a.pools(database).List(a.Context, name, station, state)
			if err != nil {
				return err
			}
			return a.Answer("identities", items, func(w io.Writer) error { return text(w, a.Words) })
		},
	}
	cmd.Flags().StringVar(&name, "pool", "", "only this `POOL`")
	cmd.Flags().StringVar(&state, "state", "", "only this `STATE`: free, assigned, bound, burned, returned; of a fleet also leased, "+
		"written-off, abandoned")
	cmd.Flags().StringVar(&station, "station", "", "of a fleet: only what this `STATION` has")
	databaseFlag(cmd, &database)
	return cmd
}

func newIdentityStatus(a *app) *cobra.Command {
	var name, station, database string
	cmd := &cobra.Command{
		Use:   "status [--pool POOL] [--station STATION]",
		Short: "Count identities by pool, station and state, and show what does not go together",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			counts, trouble, err := a.pools(database).Count(a.Context, name, station)
			if err != nil {
				return err
			}
			items := map[string]any{"counts": lease.Sum(counts), "trouble": append([]lease.Found{}, trouble...)}
			return a.Answer("identity-status", []any{items}, func(w io.Writer) error { return show.Counts(w, a.Err, a.Words, counts, trouble) })
		},
	}
	cmd.Flags().StringVar(&name, "pool", "", "only this `POOL`")
	cmd.Flags().StringVar(&station, "station", "", "of a fleet: only what this `STATION` has")
	databaseFlag(cmd, &database)
	return cmd
}

// newIdentityOfFleet is a verb about a pool of the fleet.
func newIdentityOfFleet(a *app, verb, short string, do func(ctx context.Context, db *fleet.DB, pool string) error) *cobra.Command {
	var name, database string
	cmd := &cobra.Command{
		Use: verb + " --pool POOL", Short: short, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.Fleet(a.Context, database, func(ctx context.Context, db *fleet.DB) error { return do(ctx, db, name) })
		},
	}
	cmd.Flags().StringVar(&name, "pool", "", "the `POOL`")
	_ = cmd.MarkFlagRequired("pool")
	databaseFlag(cmd, &database)
	return cmd
}

func (a *app) abandonPool(ctx context.Context, db *fleet.DB, name string) error {
	if err := a.Confirmed("Take for ever out of use what the pool " + name + " has left"); err != nil {
		return err
	}
	lost, err := lease.Abandon(ctx, db, name)
	if err != nil {
		return err
	}
	return a.Line("%s: %d identities are out of use", name, lost)(a.Out)
}

func newIdentityReturn(a *app) *cobra.Command {
	var name, why string
	var unused bool
	cmd := &cobra.Command{
		Use:   "return --pool POOL {ID | COLUMN=VALUE}…",
		Short: "Give identities back that were assigned and never came to a tablet",
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case !unused:
				return a.pools("").Move(a.Signals.Context(), name, args, why, pool.Return,
					func([]pool.Identity) error { return nil },
					func(r pool.Identity) { a.Notef("%s %d: %s", r.Pool, r.ID, a.Words.Say("free")) })
			case len(args) > 0:
				return problem.New(problem.Usage, "leave them out", "--unused gives back the end of each lease, and names no identities")
			}
			given, err := a.pools("").GiveBack(a.Signals.Context(), name)
			if err != nil {
				return err
			}
			a.Notef("the fleet has them as soon as its database has this station's records: zarya ledger sync")
			return a.Line("%s: %d identities given back", name, given)(a.Out)
		},
	}
	cmd.Flags().StringVar(&name, "pool", "", "the `POOL`")
	cmd.Flags().StringVar(&why, "because", "", "the `REASON`, for the record")
	cmd.Flags().BoolVar(&unused, "unused", false, "give the unused end of what was leased from the fleet back to it")
	return cmd
}

func newIdentityBurn(a *app) *cobra.Command {
	var name, why, station, database string
	cmd := &cobra.Command{
		Use:   "burn --pool POOL {ID | COLUMN=VALUE}…",
		Short: "Take identities out of use for ever",
		RunE: func(_ *cobra.Command, args []string) error {
			if station != "" {
				return a.writeOff(database, station, args)
			}
			return a.pools(database).Move(a.Signals.Context(), name, args, why, pool.Burn, a.confirmBurn,
				func(r pool.Identity) { a.Notef("%s %d: %s", r.Pool, r.ID, a.Words.Say("burned")) })
		},
	}
	cmd.Flags().StringVar(&name, "pool", "", "the `POOL`")
	cmd.Flags().StringVar(&why, "because", "", "the `REASON`, for the record")
	cmd.Flags().StringVar(&station, "station", "", "of a fleet: write off all that this `STATION` has, which is lost, and revoke it")
	databaseFlag(cmd, &database)
	return cmd
}

// confirmBurn asks before identities are burned that their tablets have.
func (a *app) confirmBurn(chosen []pool.Identity) error {
	names := strings.Join(identities.InUse(chosen), ", ")
	if names == "" || a.Yes {
		return nil
	}
	if a.NoInput || console.Terminal(a.In) == nil {
		return problem.New(problem.Usage, "add --yes if these tablets are lost or scrapped",
			"burning what is in use needs a yes, and no one can be asked: %s", names)
	}
	if !a.Agreed("Burn for ever what is in use, " + names) {
		return problem.New(problem.Usage, "", "nothing was burned")
	}
	return nil
}

// writeOff burns what a station of the fleet has.
func (a *app) writeOff(database, station string, args []string) error {
	if len(args) > 0 {
		return problem.New(problem.Usage, "leave them out", "--station writes off all that a station has, and names no identities")
	}
	if err := a.Confirmed("Revoke the station " + station + ", and burn for ever what it has"); err != nil {
		return err
	}
	return a.Fleet(a.Context, database, func(ctx context.Context, db *fleet.DB) error {
		lost, err := lease.Burn(ctx, db, station)
		if err != nil {
			return err
		}
		return a.Line("%s: revoked; %d identities that no tablet is known to have are burned", station, lost)(a.Out)
	})
}
