//go:build linux

// A station and its database in different network namespaces, and packets that are lost on the
// way: no connection is reset, and nobody is told.

package outbox

import (
	"context"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
)

func TestPacketsThatAreLost(t *testing.T) {
	between := fleettest.SetApart(t)
	if between == nil {
		t.Skip("this user may make no network namespace: run it as root")
	}
	s := fleettest.Start(t)
	b := newBench(t, s, "a")
	b.url = between.Serve(s)
	b.write(1)
	f, err := New(t.Context(), Options{Ledger: b.path, Station: b.name, Batch: 7, Connect: func(ctx context.Context) (*fleet.DB, error) {
		_, as, err := b.files.Login()
		if err != nil {
			return nil, err
		}
		c, err := fleet.Parse(b.url, as)
		if err != nil {
			return nil, err
		}
		c.ConnConfig.DialFunc = between.Dial
		db, err := fleet.Connect(ctx, c)
		if err != nil {
			return nil, err
		}
		if err := db.CheckVersion(ctx); err != nil {
			db.Close()
			return nil, err
		}
		return db, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	f.t = quick
	f.t.answer = 2 * time.Second
	running(t, f)
	until(t, f, "sent", func(s State) bool { return s.Sent == 1 && s.Waiting == 0 })
	sent := int64(1)
	for _, lost := range []string{fleettest.ServerAddress, fleettest.StationAddress} { // questions; answers
		between.Lose(lost)
		b.write(30) // jobs go on
		state := until(t, f, "behind, without "+lost, func(s State) bool { return s.Err != nil && s.Waiting > 0 })
		if state.Oldest.IsZero() || state.Contact.IsZero() || state.Fault != nil || !state.Confirmed || fleet.IsRefused(state.Err) {
			t.Errorf("without %s: %+v", lost, state)
		}
		sent += 30
		between.Carry(lost)
		until(t, f, "up to date, with "+lost, func(s State) bool { return s.Err == nil && s.Sent == sent && s.Waiting == 0 })
		b.arrived()
	}
}
