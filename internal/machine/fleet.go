// This file is this machine's place in a fleet: the database, and who speaks to it.

package machine

import (
	"context"
	"net/url"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
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

// Synced is how things stand after what waited was sent to the fleet's database.
type Synced struct {
	Last    int64 `json:"last"` // up to this entry the database has all
	Sent    int64 `json:"sent"` // now
	Waiting int64 `json:"waiting"`
}

// Sync sends what waits to the fleet's database now; nil is that nothing was recorded yet.
func (m *Machine) Sync(ctx context.Context) (*Synced, error) {
	if m.Settings.Fleet() == "" {
		return nil, problem.New(problem.Usage, "set fleet: {database: URL, station: NAME}, as zarya fleet join printed it",
			"this station is in no fleet")
	}
	if begun, err := m.Begun(); err != nil || !begun {
		return nil, err
	}
	f, err := m.Outbox(ctx, nil)
	if err == nil && f == nil {
		err = problem.New(problem.Usage, "name one with --ledger sqlite:PATH", "there is no ledger to send")
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it has sent what it could
	sent, err := f.Sync(ctx)
	if err != nil {
		return nil, err
	}
	state := f.State()
	return &Synced{Sent: sent, Last: state.Sent, Waiting: state.Waiting}, nil
}
