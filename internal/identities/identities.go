// Package identities works with pools of identities wherever they are kept: in the ledger of this
// machine, or in the database of a fleet.
//
// [Pools] decides which of the two is meant. A machine that is a station of a fleet means its own
// ledger, into which it leases identities; a machine that is no station but has the fleet's
// database in its settings is a supervisor's, and means the database. It imports, lists, counts,
// moves and gives back identities. The tables themselves are in packages pool and lease; asking a
// person before something that cannot be undone is left to the front end.
package identities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"slices"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/lease"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/machine"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/sheet"
	"github.com/zarya-station/zarya/internal/show"
	"github.com/zarya-station/zarya/internal/words"
	"github.com/zarya-station/zarya/profiles"
)

// Pools are those that a machine means.
type Pools struct {
	*machine.Machine
	Database string // as it was typed; "" is what the machine's settings say
}

// supervised is the fleet's database, if that is meant; "" is the ledger of this machine.
func (p Pools) supervised() string {
	u := p.Settings.Fleet()
	if p.Database != "" || u == "" {
		return p.Database
	}
	if named, err := url.Parse(u); err == nil && named.User != nil {
		return u
	}
	path, err := p.LedgerPath()
	if err != nil || path == "" {
		return u
	}
	if _, _, err := outbox.Files(path).Login(); errors.Is(err, fs.ErrNotExist) {
		return u
	}
	return ""
}

// Import adds the rows of a file to a pool, which is made if it is not there. It returns how
// many rows there were and how many of them were new. recipients are the age keys of others
// who may let stations of a fleet open what is secret. Its context ends what is not begun.
func (p Pools) Import(ctx context.Context, name, file string, declared pool.Declaration, recipients []string) (table *sheet.Sheet,
	rows int, added int64, err error) {
	if err := pool.CheckName(name); err != nil {
		return nil, 0, 0, err
	}
	if table, err = pool.ReadTable(file); err != nil {
		return nil, 0, 0, err
	}
	u := p.supervised()
	if u == "" {
		err = p.Write(ctx, func(ctx context.Context, l *ledger.Ledger) error {
			n, more, err := pool.ImportTable(ctx, l, name, file, table, declared, profiles.SecretColumn, p.Key())
			rows, added = n, int64(more)
			return err
		})
		return table, rows, added, err
	}
	own, err := fleet.Recipient(p.Settings.AgeKey())
	if err != nil {
		return nil, 0, 0, err
	}
	supervisors, err := lease.Recipients(own, recipients)
	if err != nil {
		return nil, 0, 0, err
	}
	err = p.Fleet(ctx, u, func(ctx context.Context, db *fleet.DB) (err error) {
		rows, added, err = lease.ImportTable(ctx, db, name, file, table, declared, profiles.SecretColumn, supervisors...)
		return err
	})
	return table, rows, added, err
}

// List lists identities as the items of a document, and as a text. pool, station and state
// narrow it, where they are not "".
func (p Pools) List(ctx context.Context, name, station, state string) (items any, text func(io.Writer, *words.Words) error, err error) {
	if u := p.supervised(); u != "" {
		list := []lease.Listed{}
		err = p.Fleet(ctx, u, func(ctx context.Context, db *fleet.DB) error {
			return lease.List(ctx, db, name, station, func(i lease.Listed) error {
				if state == "" || state == i.State {
					list = append(list, i)
				}
				return nil
			})
		})
		return list, func(w io.Writer, ws *words.Words) error { return show.Leased(w, ws, list) }, err
	}
	rows := []pool.Identity{}
	err = p.Read(ctx, func(ctx context.Context, l *ledger.Ledger) error {
		all, err := pool.List(ctx, l, name)
		rows = append(rows, slices.DeleteFunc(all, func(r pool.Identity) bool { return state != "" && r.State != state })...)
		return err
	})
	return rows, func(w io.Writer, ws *words.Words) error { return show.Identities(w, ws, rows) }, err
}

// Count counts identities by pool, station and state, and finds what does not go together.
func (p Pools) Count(ctx context.Context, name, station string) (counts []lease.Count, trouble []lease.Found, err error) {
	if u := p.supervised(); u != "" {
		err = p.Fleet(ctx, u, func(ctx context.Context, db *fleet.DB) (err error) {
			if counts, err = lease.Counts(ctx, db, name, station); err == nil {
				trouble, err = lease.Trouble(ctx, db, name, station)
			}
			return err
		})
		return counts, trouble, err
	}
	err = p.Read(ctx, func(ctx context.Context, l *ledger.Ledger) error {
		rows, err := pool.List(ctx, l, name)
		for _, r := range rows {
			counts = append(counts, lease.Count{Pool: r.Pool, State: r.State, Count: 1})
		}
		return err
	})
	return counts, nil, err
}

// Move is what changes the state of an identity: pool.Return or pool.Burn.
type Move func(l *ledger.Ledger, pool string, id int64, why string) error

// Move moves the identities that names mean: numbers, or COLUMN=VALUE. allow may refuse those
// that were chosen, before any is moved; done hears of each that was.
func (p Pools) Move(ctx context.Context, name string, names []string, why string, move Move,
	allow func([]pool.Identity) error, done func(pool.Identity)) error {
	switch {
	case p.Database != "":
		return problem.New(problem.Usage, "leave --database out at the station that has it; --station STATION writes off all of one",
			"a single identity is burned at its station")
	case name == "":
		return problem.New(problem.Usage, "zarya identity list shows them", "--pool is missing")
	case len(names) == 0:
		return problem.New(problem.Usage, "write a number, or inventory=C-000123", "no identity is named")
	}
	return p.Write(ctx, func(ctx context.Context, l *ledger.Ledger) error {
		chosen, err := pool.Choose(ctx, l, name, names)
		if err == nil {
			err = allow(chosen)
		}
		if err != nil {
			return err
		}
		for _, r := range chosen {
			if err := move(l, r.Pool, r.ID, why); err != nil {
				return pool.Trouble(err)
			}
			done(r)
		}
		return nil
	})
}

// InUse names the identities of a list that were read back from their tablets: the tablets
// keep them when they are burned, and get others when they are run again.
func InUse(list []pool.Identity) (names []string) {
	for _, r := range list {
		if r.State == pool.StateBound {
			names = append(names, fmt.Sprintf("%s %d (on the tablet %s)", r.Pool, r.ID, cmp.Or(r.Serial, "without a serial")))
		}
	}
	return names
}

// GiveBack gives the unused ends of a pool's leases back to the fleet, and returns how many
// identities that are. The fleet has them as soon as it has this station's records.
func (p Pools) GiveBack(ctx context.Context, name string) (given int64, err error) {
	if name == "" {
		return 0, problem.New(problem.Usage, "zarya identity list shows them", "--pool is missing")
	}
	err = p.Write(ctx, func(ctx context.Context, l *ledger.Ledger) error {
		list, err := pool.Leases(ctx, l, name)
		for _, i := range list {
			n, gerr := pool.GiveBack(l, name, i.Lease)
			given, err = given+n, errors.Join(err, gerr)
		}
		return err
	})
	return given, err
}

// Grant lets all stations of the fleet open the secrets of a pool.
func (p Pools) Grant(ctx context.Context, db *fleet.DB, name string) error {
	key, err := fleet.Identity(p.Settings.AgeKey())
	if err != nil {
		return problem.New(problem.Station, "name it with ZARYA_AGE_KEY", "the key with which the pool was imported: %w", err)
	}
	return lease.Grant(ctx, db, name, key)
}
