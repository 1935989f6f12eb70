//go:build linux

// Copies of a station's disk: beside the original, put back, or in another machine.

package stock

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/records"
)

func TestACopyGivesNothingAway(t *testing.T) {
	s := fleettest.Start(t)
	anna := newOffice(t, s)
	a := newMachine(t, s, "a")
	w := a.start("p")
	anna.imports("p", 1, 100)
	w.give("p", "T1")
	w.sent()
	backup := w.clone()

	// A clone, beside the original: it is too young to give anything, and the original speaks.
	twin := w.clone().start("p")
	twin.refuses("p", "T9", "")
	twin.until("young", func() bool { return twin.outbox.State().Young > 0 })
	twin.refuses("p", "T9", "another machine works with a copy")
	w.refuses("p", "T2", "gives this station no identities: its chain has a fault") // it asks, and is told
	w.end()
	twin.end()
	twin = twin.m.start("p")
	twin.until("found out", func() bool { return twin.outbox.State().Fault != nil })
	twin.refuses("p", "T9", "two ledgers go by its name")
	twin.end()
	if was, err := anna.Resume(t.Context(), "a"); err != nil || was != fleet.Fork {
		t.Fatal(was, err)
	}
	w = a.start("p")
	if id := w.give("p", "T2"); id.ID != 2 {
		t.Errorf("%+v", id)
	}
	w.sent()
	w.end()

	// The same machine again, after a restart of its program: it goes on without a line. After
	// a restart of the machine it does not, unless that was asked for.
	away := *a
	away.url = "postgres:///zarya?host=/nowhere"
	alone := away.start("p")
	if id := alone.give("p", "T3"); id.ID != 3 {
		t.Errorf("%+v", id)
	}
	alone.end()
	away.boot = "rebooted"
	alone = away.start("p")
	alone.refuses("p", "T4", "the fleet's database")
	alone.end()
	away.alone = true
	alone = away.start("p")
	if id := alone.give("p", "T4"); id.ID != 4 {
		t.Errorf("%+v", id)
	}
	alone.end()

	// A backup that was put back.
	restored := backup.start("p")
	restored.until("found out", func() bool { return restored.outbox.State().Fault != nil })
	if f := restored.outbox.State().Fault; f.Kind != fleet.SetBack {
		t.Errorf("%+v", f)
	}
	restored.refuses("p", "T5", "an older copy was put back")
	restored.end()
}

// TestACopyInAnotherMachineGivesNothing: before it was ever on the line, also where identities
// are given without one, while the original goes on off the line. A token makes it the station.
func TestACopyInAnotherMachineGivesNothing(t *testing.T) {
	s := fleettest.Start(t)
	anna := newOffice(t, s)
	fleettest.OnMachine(t, "aaaa", "52:54:00:00:00:01")
	a := newMachine(t, s, "a")
	w := a.start("p")
	anna.imports("p", 1, 100)
	w.give("p", "T1")
	w.sent()
	copied := w.clone()
	w.end()
	a.url, copied.url = "postgres:///zarya?host=/nowhere", "postgres:///zarya?host=/nowhere"
	w = a.start("p")
	if id := w.give("p", "T2"); id.ID != 2 {
		t.Errorf("%+v", id)
	}
	w.end()

	fleettest.OnMachine(t, "aaaa", "52:54:00:00:00:02")
	for _, copied.alone = range []bool{false, true} {
		twin := copied.start("p")
		twin.refuses("p", "T9", "not the machine that joined")
		twin.end()
	}
	copied.url = s.StationURL() // nor on the line, where nobody else speaks
	twin := copied.start("p")
	if _, err := twin.outbox.Sync(t.Context()); err == nil || !strings.Contains(err.Error(), "not the machine that joined") {
		t.Errorf("it speaks to the database: %v", err)
	}
	if _, err := twin.station(t.Context()); err == nil {
		t.Error("it leases")
	}
	twin.refuses("p", "T9", "not the machine that joined")
	if list, err := anna.Stations(t.Context()); err != nil || list[0].Fault != nil {
		t.Errorf("a copy harms the original: %+v %v", list, err)
	}

	twin.end()
	token, _, err := anna.Enrol(t.Context(), "a", 24, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := fleet.Join(t.Context(), copied.url, token, copied.files, fleettest.Key(t), copied.key.Recipient().String()); err != nil {
		t.Fatal(err)
	}
	twin = copied.start("p")
	twin.until("believed", func() bool { s := twin.outbox.State(); return s.Fault == nil && s.Young > 0 })
}

// TestALedgerThatWasRestored gives nothing of what it had leased, neither before it speaks nor
// when it is on the line, where it is found out.
func TestALedgerThatWasRestored(t *testing.T) {
	s := fleettest.Start(t)
	anna := newOffice(t, s)
	a := newMachine(t, s, "a")
	w := a.start("p")
	anna.imports("p", 1, 100)
	w.give("p", "T1")
	w.until("some are ahead", func() bool {
		free, err := pool.Free(t.Context(), w.ledger, "p")
		return err == nil && free > 1
	})
	w.sent()
	backup := filepath.Join(t.TempDir(), "backup.db")
	if err := w.ledger.CopyTo(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	if id := w.give("p", "T2"); id.ID != 2 {
		t.Errorf("%+v", id)
	}
	w.sent()
	w.end()
	if done, err := records.Restore(t.Context(), a.path(), "a", backup); err != nil || len(done.Lost) != 1 {
		t.Fatal(done, err)
	}
	a.alone, a.url = true, "postgres:///zarya?host=/nowhere"
	w = a.start("p")
	if free, err := pool.Free(t.Context(), w.ledger, "p"); err != nil || free < 2 { // 2 is among them
		t.Fatal(free, err)
	}
	if _, err := w.outbox.Sync(t.Context()); err == nil {
		t.Fatal("it has a line")
	}
	w.refuses("p", "T3", "its lease is not known")
	w.end()
	a.url = s.StationURL()
	w = a.start("p")
	w.until("found out", func() bool { return w.outbox.State().Fault != nil })
	w.refuses("p", "T3", "an older copy was put back")
}
