// This file is where jobs here get identities from: the pools of the ledger, and what is
// leased from the fleet.

package machine

import (
	"context"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/fleet/stock"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
)

// Supply is the pools of a ledger, whose identities no two processes of this machine give to
// one serial.
func (m *Machine) Supply(record *ledger.Ledger) *pool.Supply {
	s := pool.NewSupply(record, m.Key())
	s.Lock = func(serial, job string) (func(), string, error) {
		return m.Bench().LockSerial(serial, Owner()+", job "+job)
	}
	return s
}

// StockOf are the options of a station's stock; see package stock.
func (m *Machine) StockOf(record *ledger.Ledger) (p stock.Place, o stock.Options, err error) {
	o = stock.Options{Ledger: record, Supply: m.Supply(record), Seal: m.Key(), Warn: m.Warn}
	o.Ahead, o.Alone, err = m.Settings.FleetStock()
	return stock.Place{URL: m.Settings.Fleet(), AgeKey: m.Settings.AgeKey()}, o, err
}

// Stock is the supply of a station of a fleet.
func (m *Machine) Stock(ctx context.Context, record *ledger.Ledger, f *outbox.Forwarder, pools []string) (*stock.Stock, error) {
	p, o, err := m.StockOf(record)
	if err != nil {
		return nil, err
	}
	o.Outbox = f
	return stock.Open(ctx, p, o, pools...)
}

// SupplyFor is the supply of one run, until end. A run that is not recorded leases nothing.
func (m *Machine) SupplyFor(ctx context.Context, record *ledger.Ledger, unrecorded bool, pool string) (
	supply flash.Identities, end func(), err error) {
	if m.Settings.Fleet() == "" || unrecorded {
		return m.Supply(record), func() {}, nil
	}
	p, o, err := m.StockOf(record)
	if err != nil {
		return nil, nil, err
	}
	s, end, err := stock.Beside(ctx, p, o, pool)
	if s == nil {
		return o.Supply, end, err
	}
	return s, end, err
}
