// This file is zarya identity for a fleet: what supervisors order in its database, and what a
// station gives back.

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/lease"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/sheet"
	"github.com/zarya-station/zarya/internal/show"
	"github.com/zarya-station/zarya/profiles"
)

// supervised is the database that is meant by identity verbs; "" is the pools of this machine's
// ledger. A machine that is a station means its own, unless it is told otherwise.
func (a *app) supervised(typed string) string {
	u := a.Settings.Fleet()
	if typed != "" || u == "" {
		return typed
	}
	if named, err := url.Parse(u); err == nil && named.User != nil {
		return u
	}
	path, err := a.LedgerPath()
	if err != nil || path == "" {
		return u
	}
	if _, _, err := outbox.Files(path).Login(); errors.Is(err, fs.ErrNotExist) {
		return u
	}
	return ""
}

func (a *app) importFleet(u, name, file string, table *sheet.Sheet, declared pool.Declaration, recipients []string) error {
	own, err := fleet.Recipient(a.Settings.AgeKey())
	if err != nil {
		return err
	}
	supervisors, err := lease.Recipients(own, recipients)
	if err != nil {
		return err
	}
	return a.Fleet(a.ctx, u, func(ctx context.Context, db *fleet.DB) error {
		rows, added, err := lease.ImportTable(ctx, db, name, file, table, declared, profiles.SecretColumn, supervisors...)
		if err != nil {
			return err
		}
		return a.sayImported(name, file, table, rows, added)
	})
}

func (a *app) listFleet(u, name, station, state string) error {
	return a.Fleet(a.ctx, u, func(ctx context.Context, db *fleet.DB) error {
		list := []lease.Listed{}
		err := lease.List(ctx, db, name, station, func(i lease.Listed) error {
			if state == "" || state == i.State {
				list = append(list, i)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if a.json {
			return a.document("identities", list)
		}
		return show.Leased(a.stdout, list)
	})
}

func newIdentityStatus(a *app) *cobra.Command {
	var name, station, database string
	cmd := &cobra.Command{
		Use:   "status [--pool POOL] [--station STATION]",
		Short: "Count identities by pool, station and state, and show what does not go together",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if u := a.supervised(database); u != "" {
				return a.Fleet(a.ctx, u, func(ctx context.Context, db *fleet.DB) error {
					counts, err := lease.Counts(ctx, db, name, station)
					if err != nil {
						return err
					}
					trouble, err := lease.Trouble(ctx, db, name, station)
					if err != nil {
						return err
					}
					return a.sayCounts(counts, trouble)
				})
			}
			return a.Read(a.ctx, func(ctx context.Context, l *ledger.Ledger) error {
				rows, err := pool.List(ctx, l, name)
				if err != nil {
					return err
				}
				var counts []lease.Count
				for _, r := range rows {
					counts = append(counts, lease.Count{Pool: r.Pool, State: r.State, Count: 1})
				}
				return a.sayCounts(counts, nil)
			})
		},
	}
	cmd.Flags().StringVar(&name, "pool", "", "only this `POOL`")
	cmd.Flags().StringVar(&station, "station", "", "of a fleet: only what this `STATION` has")
	databaseFlag(cmd, &database)
	return cmd
}

func (a *app) sayCounts(counts []lease.Count, trouble []lease.Found) error {
	if a.json {
		counted := lease.Sum(counts)
		return a.document("identity-status", []any{map[string]any{"counts": counted, "trouble": append([]lease.Found{}, trouble...)}})
	}
	return show.Counts(a.stdout, a.stderr, counts, trouble)
}

// newIdentityOfFleet is a verb about a pool of the fleet.
func newIdentityOfFleet(a *app, verb, short string, do func(ctx context.Context, db *fleet.DB, pool string) error) *cobra.Command {
	var name, database string
	cmd := &cobra.Command{
		Use: verb + " --pool POOL", Short: short, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.Fleet(a.ctx, database, func(ctx context.Context, db *fleet.DB) error { return do(ctx, db, name) })
		},
	}
	cmd.Flags().StringVar(&name, "pool", "", "the `POOL`")
	_ = cmd.MarkFlagRequired("pool")
	databaseFlag(cmd, &database)
	return cmd
}

func (a *app) grantPool(ctx context.Context, db *fleet.DB, name string) error {
	key, err := fleet.Identity(a.Settings.AgeKey())
	if err != nil {
		return problem.New(problem.Station, "name it with ZARYA_AGE_KEY", "the key with which the pool was imported: %w", err)
	}
	return lease.Grant(ctx, db, name, key)
}

func (a *app) settlePool(ctx context.Context, db *fleet.DB, name string) error {
	return lease.Settle(ctx, db, name)
}

func (a *app) abandonPool(ctx context.Context, db *fleet.DB, name string) error {
	if err := a.confirmed("Take for ever out of use what the pool " + name + " has left"); err != nil {
		return err
	}
	lost, err := lease.Abandon(ctx, db, name)
	if err == nil {
		fmt.Fprintf(a.stdout, "%s: %d identities are out of use\n", name, lost)
	}
	return err
}

// writeOff burns what a station has.
func (a *app) writeOff(database, station string, args []string) error {
	if len(args) > 0 {
		return problem.New(problem.Usage, "leave them out", "--station writes off all that a station has, and names no identities")
	}
	if err := a.confirmed("Revoke the station " + station + ", and burn for ever what it has"); err != nil {
		return err
	}
	return a.Fleet(a.ctx, database, func(ctx context.Context, db *fleet.DB) error {
		lost, err := lease.Burn(ctx, db, station)
		if err == nil {
			fmt.Fprintf(a.stdout, "%s: revoked; %d identities that no tablet is known to have are burned\n", station, lost)
		}
		return err
	})
}

// giveBack gives the unused ends of a pool's leases back.
func (a *app) giveBack(name string, args []string) error {
	if len(args) > 0 {
		return problem.New(problem.Usage, "leave them out", "--unused gives back the end of each lease, and names no identities")
	}
	var all int64
	if err := a.Write(a.signals.Context(), func(ctx context.Context, l *ledger.Ledger) error {
		list, err := pool.Leases(ctx, l, name)
		for _, i := range list {
			n, gerr := pool.GiveBack(l, name, i.Lease)
			all, err = all+n, errors.Join(err, gerr)
		}
		return err
	}); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s: %d identities given back\n", name, all)
	if !a.quiet {
		fmt.Fprintln(a.stderr, "the fleet has them as soon as its database has this station's records: zarya ledger sync")
	}
	return nil
}

// confirmed asks before something that cannot be taken back.
func (a *app) confirmed(question string) error {
	if a.yes {
		return nil
	}
	if err := a.askable("add --yes", "this cannot be taken back"); err != nil {
		return err
	}
	if !a.agreed(question) {
		return problem.New(problem.Usage, "", "nothing was changed")
	}
	return nil
}
