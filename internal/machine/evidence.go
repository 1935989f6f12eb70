// This file is what this machine proves to others: its key, and the heads and receipts that
// are made while jobs run.

package machine

import (
	"context"

	"github.com/zarya-station/zarya/internal/evidence"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/records"
)

// headEvery is how many entries lie between two heads that witnesses keep: a dozen tablets'.
const headEvery = 250

// SigningKey opens the station's key, and makes it the first time.
func (m *Machine) SigningKey() (key *evidence.Key, station string, err error) {
	path, station, err := m.OwnLedger()
	if err != nil {
		return nil, "", err
	}
	key, err = evidence.OpenKey(m.Settings.SigningKey(path), station)
	return key, station, err
}

// Evidence makes the evidence that the settings ask for while jobs run, until it is closed as
// an output of events; nil if they ask for none. allDay says that it is a station, whose heads
// go to the fleet's database too.
func (m *Machine) Evidence(ctx context.Context, record *ledger.Ledger, allDay bool) (*evidence.Service, error) {
	receipts, witness := m.Settings.Evidence()
	database := ""
	if allDay { // a single run would wait for it when it ends
		database = m.Settings.Fleet()
	}
	if record == nil || receipts == "" && witness == "" && database == "" {
		return nil, nil //nolint:nilnil // nothing is asked for
	}
	key, station, err := m.SigningKey()
	if err != nil {
		return nil, err
	}
	o := evidence.Options{Key: key, Chain: record, Every: headEvery, Receipts: receipts, Record: Beside(record), Warn: m.Warn}
	if witness != "" {
		o.Witnesses = []evidence.Witness{evidence.FileOf(witness, station)}
	}
	if database != "" {
		connect, err := outbox.Connector(database, record.Path(), station)
		if err != nil {
			return nil, err
		}
		o.Witnesses = append(o.Witnesses, outbox.Witness{Connect: connect})
	}
	return evidence.Start(ctx, o), nil
}

// Beside reads jobs back while the ledger is written.
func Beside(record *ledger.Ledger) func(context.Context, string) (*ledger.JobRecord, ledger.Head, bool, error) {
	return func(ctx context.Context, name string) (j *ledger.JobRecord, at ledger.Head, ok bool, err error) {
		err = records.Beside(ctx, record, func(l *ledger.Ledger) (err error) {
			j, at, ok, err = l.Record(ctx, name)
			return err
		})
		return j, at, ok, err
	}
}
