// This file is what this machine proves to others: its key, and the heads and receipts that
// are made while jobs run.

package machine

import (
	"context"

	"github.com/zarya-station/zarya/internal/evidence"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/label"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/records"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/internal/words"
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
		if evidence.IsRemote(witness) {
			o.Witnesses = []evidence.Witness{evidence.Remote(witness)}
		}
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

// Following starts what the settings ask to be made of each record while jobs run: labels,
// receipts and heads. Each is an output of events, and ends when it is closed. ws are the words of
// labels; allDay says that it is a station's.
func (m *Machine) Following(ctx context.Context, record *ledger.Ledger, ws *words.Words, allDay bool) (list []ui.Sink, err error) {
	o, err := label.FromSettings(m.Settings.Lookup)
	if err != nil {
		return nil, err
	}
	if o.Printer != "" && record != nil {
		o.Words, o.Record, o.Note, o.Warn = ws, Beside(record), record.Label, m.Warn
		list = append(list, label.Start(ctx, o))
	}
	made, err := m.Evidence(ctx, record, allDay)
	if made != nil {
		list = append(list, made)
	}
	return list, err
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
