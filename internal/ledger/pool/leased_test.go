package pool

import (
	"errors"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
)

func takeIn(t *testing.T, l *ledger.Ledger, request string, first int64, rows []Row, want int) {
	t.Helper()
	if n, err := TakeIn(l, "f", request, first, rows, seal); err != nil || n != want {
		t.Fatalf("%d rows of %s, want %d: %v", n, request, want, err)
	}
}

func TestALeaseIsTakenInOnceAndGivenUnderItsEntry(t *testing.T) {
	l, ctx := memory(t), t.Context()
	takeIn(t, l, "r1", 11, numbered(11, 4), 4) // entry 1
	takeIn(t, l, "r1", 11, numbered(11, 4), 0)
	takeIn(t, l, "r2", 31, numbered(31, 2), 2) // entry 2
	verified(t, l)
	ids := NewSupply(l, seal)
	var empty *flash.PoolError
	if id, err := ids.Assign(ctx, "f", "Z", "j"); !errors.As(err, &empty) || !empty.Empty {
		t.Fatalf("without a fleet %+v was given: %v", id, err)
	}
	from, to := int64(1), int64(1)
	ids.Leased = func() (int64, int64) { return from, to }
	give := func(serial string, want int64) {
		t.Helper()
		id, err := ids.Assign(ctx, "f", serial, "job"+serial)
		if want == 0 {
			if !errors.As(err, &empty) || !empty.Empty {
				t.Fatalf("%s got %+v: %v", serial, id, err)
			}
			return
		}
		if err != nil || id.ID != want {
			t.Fatalf("%s got %+v, want %d: %v", serial, id, want, err)
		}
	}
	give("A", 11)
	give("B", 12)
	var leased *LeasedError
	if err := Return(l, "f", 12, ""); !errors.As(err, &leased) {
		t.Errorf("what other stations may know was made free: %v", err)
	}
	// The end of the first lease goes back; what comes again is the same row.
	if n, err := GiveBack(l, "f", "r1"); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	if n, err := GiveBack(l, "f", "r1"); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	give("C", 0) // of the second one the entry was not sent
	to = 100
	give("C", 31)
	takeIn(t, l, "r3", 13, numbered(13, 1), 1)
	from = 2 // what was leased before a backup was put back
	give("D", 13)
	from = 50
	give("E", 0)
	if n, err := GiveBack(l, "f", "r2"); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	verified(t, l)

	// A tablet with its identity comes from elsewhere.
	if err := Adopt(l, "f", 77, numbered(77, 1)[0], "T", "jobT", seal); err != nil {
		t.Fatal(err)
	}
	give("T", 77)
	if err := Adopt(l, "f", 14, numbered(14, 1)[0], "U", "jobU", seal); err != nil { // that was given back
		t.Fatal(err)
	}
	give("U", 14)
	var state *StateError
	if err := Adopt(l, "f", 11, numbered(11, 1)[0], "V", "jobV", seal); !errors.As(err, &state) {
		t.Errorf("what another tablet has was adopted: %v", err)
	}
	verified(t, l)
	if list, err := Leases(ctx, l, "f"); err != nil || len(list) != 3 || list[0].Lease != "r1" || list[1].Lease != "r3" {
		t.Errorf("%+v %v", list, err)
	}
	for _, sql := range []string{
		"UPDATE identity SET lease = '' WHERE id = 11", "DELETE FROM identity WHERE id = 12",
		"UPDATE identity SET state = 'free' WHERE id = 32", "UPDATE identity SET columns = replace(columns, '7', '8') WHERE id = 77",
	} {
		execSQL(t, l, "CREATE TEMP TABLE good AS SELECT * FROM identity", sql)
		if differences, err := Verify(ctx, l); err != nil || len(differences) == 0 {
			t.Errorf("%s is not noticed: %v", sql, err)
		}
		execSQL(t, l, "DELETE FROM identity", "INSERT INTO identity SELECT * FROM good", "DROP TABLE good")
	}
	verified(t, l)

	// A pool is the fleet's or the station's own.
	var declaration *DeclarationError
	if _, err := Import(l, "f", numbered(90, 1), Declaration{}, seal); !errors.As(err, &declaration) {
		t.Errorf("%v", err)
	}
	importRows(t, l, "own", numbered(1, 1), Declaration{})
	var own *OwnPoolError
	if _, err := TakeIn(l, "own", "r", 5, numbered(5, 1), seal); !errors.As(err, &own) {
		t.Errorf("%v", err)
	}
	if err := Adopt(l, "own", 5, numbered(5, 1)[0], "W", "", seal); !errors.As(err, &own) {
		t.Errorf("%v", err)
	}
}
