// This file is this machine's place in a fleet: the database, who speaks to it, and what it
// has of the ledger here.

package machine

import (
	"context"
	"net/url"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/records"
)

// FleetURL is the database that is meant: the one that was typed, or that of the settings.
func (m *Machine) FleetURL(typed string) (string, error) {
	if typed != "" {
		return typed, nil
	}
	if u := m.Settings.Fleet(); u != "" {
		return u, nil
	}
	return "", problem.New(problem.Usage, "name it with --database URL, or set fleet: {database: URL}", "no fleet's database is named")
}

// Fleet opens the fleet's database and calls do.
func (m *Machine) Fleet(ctx context.Context, typed string, do func(context.Context, *fleet.DB) error) error {
	u, err := m.FleetURL(typed)
	if err != nil {
		return err
	}
	db, err := fleet.Open(ctx, u, m.login(u))
	if err != nil {
		return err
	}
	defer db.Close()
	return do(ctx, db)
}

// login is who connects where the URL does not say it: the station, if this machine is one.
func (m *Machine) login(u string) fleet.Login {
	path, err := m.LedgerPath()
	if named, perr := url.Parse(u); err != nil || perr != nil || named.User != nil || path == "" {
		return fleet.Login{}
	}
	_, as, err := outbox.Files(path).Login()
	if err != nil {
		return fleet.Login{} // the database says that it needs one
	}
	return as
}

// Join makes this machine the station that a token is for, with the keys that it has.
func (m *Machine) Join(ctx context.Context, database string, token fleet.Token) error {
	u, err := url.Parse(database)
	if err != nil || u.User != nil {
		return problem.New(problem.Usage, "write it without a name and a password: the station gets its own",
			"the URL of the fleet's database")
	}
	path, err := m.LedgerPath()
	if err != nil {
		return err
	}
	if path == "" {
		return problem.New(problem.Usage, "name one with --ledger sqlite:PATH", "a station of a fleet has a ledger")
	}
	key, _, err := m.SigningKey()
	if err != nil {
		return err
	}
	recipient, err := fleet.Recipient(m.Settings.AgeKey())
	if err != nil {
		return err
	}
	return fleet.Join(ctx, database, token, outbox.Files(path), key, recipient)
}

// Outbox sends the ledger to the fleet's database; nil if this station is in no fleet. record
// is the ledger while it is being written here, or nil.
func (m *Machine) Outbox(ctx context.Context, record *ledger.Ledger) (*outbox.Forwarder, error) {
	path, err := m.LedgerPath()
	u := m.Settings.Fleet()
	if err != nil || path == "" || u == "" {
		return nil, err
	}
	name, err := m.Settings.Station()
	if err != nil {
		return nil, err
	}
	var changed func() <-chan struct{}
	if record != nil {
		changed = record.Changed
	}
	return outbox.Open(ctx, u, path, name, changed)
}

// Sync sends what waits to the fleet's database now; it returns how much was sent, and how
// things stand.
func (m *Machine) Sync(ctx context.Context) (sent int64, state outbox.State, err error) {
	f, err := m.Outbox(ctx, nil)
	if err == nil && f == nil {
		err = problem.New(problem.Usage, "name one with --ledger sqlite:PATH", "there is no ledger to send")
	}
	if err != nil {
		return 0, state, err
	}
	defer func() { _ = f.Close() }() // it has sent what it could
	sent, err = f.Sync(ctx)
	return sent, f.State(), err
}

// KeptByFleet compares a ledger with what a fleet's database has of it. It returns the heads
// that the database keeps, which are signed, and how many entries were compared. signers is
// the file of keys that must have signed; "": those that the database has.
func KeptByFleet(ctx context.Context, db *fleet.DB, l *ledger.Ledger, signers string) (kept []ledger.Head, compared int, err error) {
	ends, err := l.Ends(ctx)
	if err != nil {
		return nil, 0, err
	}
	var keys []string
	for _, end := range ends {
		heads, key, err := outbox.Kept(ctx, db, end.Station)
		if err != nil {
			return nil, 0, err
		}
		n, err := outbox.Compare(ctx, db, l, end.Station)
		if err != nil {
			return nil, 0, records.Rolled(err)
		}
		kept, keys, compared = append(kept, heads...), append(keys, key), compared+n
	}
	if err := records.CheckKept(kept, signers, keys); err != nil {
		return nil, 0, err
	}
	if compared == 0 {
		return nil, 0, problem.New(problem.Invalid, "zarya ledger sync sends it", "the fleet's database has nothing of this ledger")
	}
	return kept, compared, nil
}
