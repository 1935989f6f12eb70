package lease

import (
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/fleet/fleettest"
)

// TestARestoredDatabaseLeasesNothingTwice: it does not know what it leased since its backup,
// nor does anybody tell it before the station that has it speaks.
func TestARestoredDatabaseLeasesNothingTwice(t *testing.T) {
	s := fleettest.Start(t)
	anna, a, b := supervisor(t, s), enrolled(t, s, "a"), enrolled(t, s, "b")
	mustImport(t, anna, "p", "", numbered(1, 40), 40)
	mustImport(t, anna, "q", "", numbered(101, 10), 10)
	mustLease(t, a, "p", 10, 1, 10)
	backup := s.Backup()
	mustLease(t, a, "p", 10, 11, 20)
	for _, db := range []interface{ Reset() }{anna, a.DB, b.DB} {
		db.Reset() // the connections of the server that was
	}
	s.Restore(backup)
	if pools, err := anna.Restored(t.Context()); err != nil || pools != 2 {
		t.Fatal(pools, err)
	}
	for _, pool := range []string{"p", "q"} {
		if r, err := b.Lease(t.Context(), pool, NewRequest(), 5); err == nil || !strings.Contains(err.Error(), "restored from a backup") {
			t.Fatalf("%s was leased: %+v %v", pool, r, err)
		}
	}
	if _, err := b.DB.Restored(t.Context()); !isDenied(err) {
		t.Errorf("a station stopped the leasing for all: %v", err)
	}
	// q was never leased since: its supervisor knows that. What p has left, nobody knows.
	if err := Settle(t.Context(), anna, "q"); err != nil {
		t.Fatal(err)
	}
	mustLease(t, b, "q", 5, 1, 5)
	if lost, err := Abandon(t.Context(), anna, "p"); err != nil || lost != 30 {
		t.Errorf("%d %v", lost, err)
	}
	mustImport(t, anna, "p", "", numbered(41, 5), 5)
	mustLease(t, b, "p", 5, 41, 45)
}
