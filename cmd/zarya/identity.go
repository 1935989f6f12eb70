// This file is zarya identity: the pools from which tablets get what makes them
// somebody's.

package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/sheet"
	"github.com/zarya-station/zarya/internal/show"
	"github.com/zarya-station/zarya/profiles"
)

func newIdentity(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "identity", Short: "Pools of identities: import, list, status, return, burn", Args: cobra.NoArgs}
	cmd.AddCommand(newIdentityImport(a), newIdentityList(a), newIdentityStatus(a),
		newIdentityOfFleet(a, "grant", "Let all stations of the fleet open the secrets of a pool", a.grantPool),
		newIdentityOfFleet(a, "settle", "Lease a pool again after the fleet's database was restored: all stations have reported", a.settlePool),
		newIdentityOfFleet(a, "abandon", "Take what a pool has left out of use, after the fleet's database was restored", a.abandonPool),
		newIdentityMove(a, "return", "Give identities back that were assigned and never came to a tablet", pool.Return),
		newIdentityMove(a, "burn", "Take identities out of use for ever", pool.Burn))
	return cmd
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
			if err := pool.CheckName(name); err != nil {
				return err
			}
			table, err := pool.ReadTable(args[0])
			if err != nil {
				return err
			}
			if u := a.supervised(database); u != "" {
				return a.importFleet(u, name, args[0], table, declared, recipients)
			}
			return a.Write(a.signals.Context(), func(ctx context.Context, l *ledger.Ledger) error {
				return a.importIdentities(ctx, l, name, args[0], table, declared)
			})
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

// importIdentities imports a table into a pool, with what the pool declares.
func (a *app) importIdentities(ctx context.Context, l *ledger.Ledger, name, file string,
	table *sheet.Sheet, declared pool.Declaration) error {
	rows, added, err := pool.ImportTable(ctx, l, name, file, table, declared, profiles.SecretColumn, a.Key())
	if err != nil {
		return err
	}
	return a.sayImported(name, file, table, rows, int64(added))
}

func (a *app) sayImported(name, file string, table *sheet.Sheet, rows int, added int64) error {
	if says := table.Says(); says != "" && !a.quiet {
		a.say("%s: %s", file, says)
	}
	if a.json {
		return a.document("identity-import", []any{map[string]any{"pool": name, "rows": rows, "added": added}})
	}
	fmt.Fprintf(a.stdout, "%s: %d rows, %d of them new\n", name, rows, added)
	return nil
}

func newIdentityList(a *app) *cobra.Command {
	var name, state, database, station string
	cmd := &cobra.Command{
		Use:   "list [--pool POOL] [--state STATE] [--station STATION]",
		Short: "List identities, their states and their tablets; secrets are not shown",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if u := a.supervised(database); u != "" {
				return a.listFleet(u, name, station, state)
			}
			return a.Read(a.ctx, func(ctx context.Context, l *ledger.Ledger) error {
				rows, err := pool.List(ctx, l, name)
				if err != nil {
					return err
				}
				rows = slices.DeleteFunc(rows, func(r pool.Identity) bool { return state != "" && r.State != state })
				if a.json {
					if rows == nil {
						rows = []pool.Identity{}
					}
					return a.document("identities", rows)
				}
				return show.Identities(a.stdout, rows)
			})
		},
	}
	cmd.Flags().StringVar(&name, "pool", "", "only this `POOL`")
	cmd.Flags().StringVar(&state, "state", "", "only this `STATE`: free, assigned, bound, burned, returned; of a fleet also leased, "+
		"written-off, abandoned")
	cmd.Flags().StringVar(&station, "station", "", "of a fleet: only what this `STATION` has")
	databaseFlag(cmd, &database)
	return cmd
}

// newIdentityMove is a verb that changes the state of identities.
func newIdentityMove(a *app, verb, short string, do func(l *ledger.Ledger, pool string, id int64, why string) error) *cobra.Command {
	var name, why, whole, database string
	var unused bool
	cmd := &cobra.Command{
		Use: verb + " --pool POOL {ID | COLUMN=VALUE}…", Short: short,
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case whole != "":
				return a.writeOff(database, whole, args)
			case database != "":
				return problem.New(problem.Usage, "leave --database out at the station that has it; --station STATION writes off all of one",
					"a single identity is burned at its station")
			case name == "":
				return problem.New(problem.Usage, "zarya identity list shows them", "--pool is missing")
			case unused:
				return a.giveBack(name, args)
			case len(args) == 0:
				return problem.New(problem.Usage, "write a number, or inventory=C-000123", "no identity is named")
			}
			return a.Write(a.signals.Context(), func(ctx context.Context, l *ledger.Ledger) error {
				chosen, err := pool.Choose(ctx, l, name, args)
				if err != nil {
					return err
				}
				if verb == "burn" {
					if err := a.confirmBurn(chosen); err != nil {
						return err
					}
				}
				for _, r := range chosen {
					if err := do(l, r.Pool, r.ID, why); err != nil {
						return pool.Trouble(err)
					}
					if !a.quiet {
						a.say("%s %d: %s", r.Pool, r.ID, map[string]string{"return": "free", "burn": "burned"}[verb])
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&name, "pool", "", "the `POOL`")
	cmd.Flags().StringVar(&why, "because", "", "the `REASON`, for the record")
	if verb == "return" {
		cmd.Flags().BoolVar(&unused, "unused", false, "give the unused end of what was leased from the fleet back to it")
		return cmd
	}
	cmd.Flags().StringVar(&whole, "station", "", "of a fleet: write off all that this `STATION` has, which is lost, and revoke it")
	databaseFlag(cmd, &database)
	return cmd
}

// confirmBurn asks before identities are burned that were read back from their tablets: the
// tablets keep them, and get others when they are run again.
func (a *app) confirmBurn(chosen []pool.Identity) error {
	var bound []string
	for _, r := range chosen {
		if r.State == pool.StateBound {
			bound = append(bound, fmt.Sprintf("%s %d (on the tablet %s)", r.Pool, r.ID, cmp.Or(r.Serial, "without a serial")))
		}
	}
	if len(bound) == 0 || a.yes {
		return nil
	}
	names := strings.Join(bound, ", ")
	if a.noInput || terminal(a.stdin) == nil {
		return problem.New(problem.Usage, "add --yes if these tablets are lost or scrapped",
			"burning what is in use needs a yes, and no one can be asked: %s", names)
	}
	if !a.agreed("Burn for ever what is in use, " + names) {
		return problem.New(problem.Usage, "", "nothing was burned")
	}
	return nil
}
