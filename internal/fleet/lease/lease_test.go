package lease

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
)

// noChain is that of a station that has recorded nothing yet.
type noChain struct{}

func (noChain) Last(context.Context) (int64, error)         { return 0, nil }
func (noChain) Hash(context.Context, int64) ([]byte, error) { return make([]byte, 32), nil }

// numbered makes n rows, from a number on.
func numbered(from, n int) []Row {
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = Row{Columns: map[string]string{"inventory": fmt.Sprintf("C-%06d", from+i)}}
	}
	return rows
}

func newKey(t testing.TB) *age.X25519Identity {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// enrolled is a station of the fleet with a key and nothing recorded.
func enrolled(t testing.TB, s *fleettest.Server, name string) *Station {
	t.Helper()
	key := newKey(t)
	return &Station{DB: s.OpenAs(t, s.Enrol(t, name, key.Recipient().String())), Chain: noChain{}, Key: key}
}

func supervisor(t testing.TB, s *fleettest.Server) *fleet.DB {
	t.Helper()
	return fleettest.Open(t, s.URL(fleettest.Supervisor), fleet.Login{})
}

func mustImport(t testing.TB, db *fleet.DB, pool, key string, rows []Row, want int64, to ...age.Recipient) {
	t.Helper()
	if n, err := Import(t.Context(), db, pool, key, rows, to...); err != nil || n != want {
		t.Fatalf("imported %d, want %d: %v", n, want, err)
	}
}

func mustLease(t testing.TB, s *Station, pool string, n int, first, last int64) Range {
	t.Helper()
	r, err := s.Lease(t.Context(), pool, NewRequest(), n)
	if err != nil || r.First != first || r.Last != last {
		t.Fatalf("%+v, want %d to %d: %v", r, first, last, err)
	}
	return r
}

// isDenied says whether the database refused who asked.
func isDenied(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42501"
}

func TestSecretsAreOpenToTheStationAlone(t *testing.T) {
	s := fleettest.Start(t)
	anna, boss := supervisor(t, s), newKey(t)
	a := enrolled(t, s, "a")
	rows := numbered(1, 3)
	for i := range rows {
		rows[i].Secrets = map[string]string{"wifi_password": fmt.Sprintf("hunter-%d", i+1)}
	}
	if _, err := Import(t.Context(), anna, "school", "inventory", rows); err == nil {
		t.Error("secrets were imported that no supervisor can open")
	}
	mustImport(t, anna, "school", "inventory", rows, 3, boss.Recipient())
	mustImport(t, anna, "school", "", rows, 0, boss.Recipient())

	r := mustLease(t, a, "school", 2, 1, 2)
	got, err := a.Rows(t.Context(), r)
	if err != nil || len(got) != 2 || got[1].All()["wifi_password"] != "hunter-2" || got[1].Columns["inventory"] != "C-000002" {
		t.Fatalf("%+v %v", got, err)
	}
	var found bool
	super := fleettest.Open(t, s.URL(fleettest.Superuser), fleet.Login{})
	if err := super.QueryRow(t.Context(),
		"SELECT bool_or(i::text ~ 'hunter' OR m::text ~ 'AGE-SECRET') FROM zarya.identity i, zarya.import m").Scan(&found); err != nil || found {
		t.Errorf("a secret is in the database: %v %v", found, err)
	}

	// Another station reads none of it, also not under the request's id.
	b := enrolled(t, s, "b")
	if got, err := b.read(t.Context(), "SELECT number, columns, sealed, import::text, import_key FROM zarya.leased_rows($1)",
		r.Request); err != nil || len(got) > 0 {
		t.Errorf("b reads %+v %v", got, err)
	}
	for _, sql := range []string{
		"SELECT * FROM zarya.identity", "SELECT * FROM zarya.import_key", "SELECT * FROM zarya.import", "UPDATE zarya.lease SET station = 'b'",
		"DELETE FROM zarya.binding", "UPDATE zarya.pool SET next = 1", "SELECT zarya.burn_station('a')",
		"SELECT zarya.begin_import('x', gen_random_uuid(), '', false, '')",
		"SELECT zarya.return_range('" + r.Request + "', 1)", "SELECT zarya.bind('school', 1, 'T1', 'bound', '')",
	} {
		if _, err := b.DB.Exec(t.Context(), sql); !isDenied(err) {
			t.Errorf("b may %s: %v", sql, err)
		}
	}
	// It came after the import: it gets nothing that it could not open, until it is let.
	if _, err := b.Lease(t.Context(), "school", NewRequest(), 5); err == nil || !strings.Contains(err.Error(), "cannot open the secrets") {
		t.Errorf("%v", err)
	}
	if err := Grant(t.Context(), anna, "school", newKey(t)); err == nil {
		t.Error("a pool was granted with a key that does not open it")
	}
	if err := Grant(t.Context(), anna, "school", boss); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Rows(t.Context(), mustLease(t, b, "school", 5, 3, 3)); err != nil || got[0].Secrets["wifi_password"] != "hunter-3" {
		t.Errorf("%+v %v", got, err)
	}
}

func TestKeysAreUniqueOverAllPools(t *testing.T) {
	s := fleettest.Start(t)
	anna := supervisor(t, s)
	mustImport(t, anna, "old", "", numbered(1, 5), 5) // has declared nothing
	mustImport(t, anna, "north", "inventory", numbered(11, 5), 5)
	// A row of a refused import would be one whose number is missing in its pool.
	for pool, c := range map[string]struct {
		rows []Row
		want KeyError
	}{
		"south": {numbered(15, 3), KeyError{"inventory", "C-000015", 0, "north", 5, 0, ""}},
		"north": {[]Row{{Columns: map[string]string{"inventory": "C-000011", "x": "1"}}},
			KeyError{"inventory", "C-000011", 0, "north", 1, 0, ""}},
		"old":  {numbered(9, 4), KeyError{"inventory", "C-000011", 2, "north", 1, 0, ""}},
		"west": {numbered(3, 1), KeyError{"inventory", "C-000003", 0, "old", 3, 0, ""}}, // it had it before it was declared
		"east": {numbered(70, chunk+1), KeyError{}},
		"long": {append(numbered(3000, chunk+4), numbered(12, 1)...), KeyError{"inventory", "C-000012", chunk + 4, "north", 2, 0, ""}},
	} {
		n, err := Import(t.Context(), anna, pool, "", c.rows)
		var taken *KeyError
		if c.want.Key == "" && err == nil && n == int64(len(c.rows)) {
			continue
		}
		if !errors.As(err, &taken) || *taken != c.want {
			t.Errorf("%s: %d, %v; want %v", pool, n, err, &c.want)
		}
	}
	if _, err := Import(t.Context(), anna, "north", "hostname", numbered(21, 1)); err == nil ||
		!strings.Contains(err.Error(), "is its column inventory") {
		t.Errorf("%v", err)
	}
	// What is here already must keep to a new key.
	mustImport(t, anna, "x", "", []Row{{Columns: map[string]string{"host": "h1", "n": "1"}},
		{Columns: map[string]string{"host": "h1", "n": "2"}}}, 2)
	var twice *KeyError
	if _, err := Import(t.Context(), anna, "y", "host", []Row{{Columns: map[string]string{"host": "h2"}}}); !errors.As(err, &twice) ||
		*twice != (KeyError{"host", "h1", -1, "x", 1, 2, "x"}) {
		t.Errorf("a column became a key though two have the same: %v", err)
	}
	mustImport(t, anna, "north", "", append(numbered(11, 5), numbered(31, 2)...), 2)
	mustLease(t, enrolled(t, s, "a"), "north", 100, 1, 7)
}

func TestReturnBurnAndEmpty(t *testing.T) {
	s := fleettest.Start(t)
	ctx := t.Context()
	anna, a, b := supervisor(t, s), enrolled(t, s, "a"), enrolled(t, s, "b")
	var empty *EmptyError
	if _, err := a.Lease(ctx, "p", NewRequest(), 1); !errors.As(err, &empty) || !empty.Missing {
		t.Fatal(err)
	}
	mustImport(t, anna, "p", "", numbered(1, 30), 30)
	ra := mustLease(t, a, "p", 10, 1, 10)
	mustLease(t, b, "p", 20, 11, 30)
	if _, err := a.Lease(ctx, "p", NewRequest(), 1); !errors.As(err, &empty) || empty.Missing {
		t.Fatal(err)
	}
	if held, _, err := a.Bind(ctx, Binding{Pool: "p", Number: 4, Serial: "T4"}); err != nil || !held {
		t.Fatal(held, err)
	}
	if _, err := a.Return(ctx, ra, 4); err == nil || !strings.Contains(err.Error(), "has a tablet") {
		t.Fatal(err)
	}
	for range 2 { // the answer was lost
		if left, err := a.Return(ctx, ra, 5); err != nil || left.Last != 4 {
			t.Fatal(left, err)
		}
	}
	if _, _, err := a.Bind(ctx, Binding{Pool: "p", Number: 5, Serial: "T5"}); !isDenied(err) {
		t.Errorf("what was given back was bound: %v", err)
	}
	mustLease(t, b, "p", 4, 5, 8)
	again, err := a.Lease(ctx, "p", ra.Request, 10)
	if err != nil || again.First != 1 || again.Last != 4 {
		t.Errorf("%+v %v", again, err)
	}
	mustLease(t, a, "p", 10, 9, 10)

	// The database was restored: what it takes for free may be at a station.
	mustImport(t, anna, "p", "", numbered(31, 10), 10)
	if left, err := a.Return(ctx, again, 3); err == nil {
		t.Error("number 4 has a tablet", left)
	}
	rc := mustLease(t, a, "p", 4, 31, 34)
	if _, err := a.Return(ctx, rc, 33); err != nil {
		t.Fatal(err)
	}
	if lost, err := Abandon(ctx, anna, "p"); err != nil || lost != 8 {
		t.Errorf("%d %v", lost, err)
	}
	if r, err := a.Lease(ctx, "p", NewRequest(), 1); !errors.As(err, &empty) {
		t.Errorf("what was abandoned is leased: %+v %v", r, err)
	}

	// b is stolen: 20 + 4, of which one tablet is known.
	if held, _, err := b.Bind(ctx, Binding{Pool: "p", Number: 12, Serial: "T12", Bound: true}); err != nil || !held {
		t.Fatal(held, err)
	}
	for range 2 {
		if lost, err := Burn(ctx, anna, "b"); err != nil || lost != 23 {
			t.Errorf("%d %v", lost, err)
		}
	}
	if _, err := b.Lease(ctx, "p", NewRequest(), 1); !isDenied(err) {
		t.Errorf("a stolen station leases: %v", err)
	}
	if _, _, err := b.Bind(ctx, Binding{Pool: "p", Number: 13, Serial: "T13"}); !isDenied(err) {
		t.Errorf("a stolen station binds: %v", err)
	}
	if _, err := a.Lease(ctx, "p", NewRequest(), 1); !errors.As(err, &empty) {
		t.Errorf("what was burned is leased: %v", err)
	}
}

func TestATabletNeverHasTwoIdentities(t *testing.T) {
	s := fleettest.Start(t)
	ctx := t.Context()
	anna, a, b := supervisor(t, s), enrolled(t, s, "a"), enrolled(t, s, "b")
	mustImport(t, anna, "p", "", numbered(1, 200), 200)
	mustLease(t, a, "p", 100, 1, 100)
	mustLease(t, b, "p", 100, 101, 200)
	monday := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	tuesday := monday.Add(24 * time.Hour)
	bind := func(st *Station, n int64, serial string, bound bool, at time.Time, wantHeld bool, wantOther int64) {
		t.Helper()
		held, other, err := st.Bind(ctx, Binding{"p", n, serial, bound, at})
		if err != nil || held != wantHeld || other != wantOther {
			t.Errorf("%d of %s: held %v, other %d, %v", n, serial, held, other, err)
		}
	}
	// Online: b asks, gets a's, and binds it.
	bind(a, 1, "T1", false, monday, true, 0)
	got, err := b.Held(ctx, "p", "T1")
	if err != nil || got == nil || got.Number != 1 || got.Columns["inventory"] != "C-000001" {
		t.Fatal(got, err)
	}
	bind(b, 1, "T1", true, tuesday, true, 0)
	if got, err := b.Held(ctx, "p", "T9"); err != nil || got != nil {
		t.Fatal(got, err)
	}
	// Offline. It failed at a and passed at b; entries meet in either order.
	bind(a, 2, "T2", false, monday, true, 0)
	bind(b, 102, "T2", true, tuesday, true, 2)
	bind(b, 103, "T3", true, tuesday, true, 0)
	bind(a, 3, "T3", false, monday, false, 103)
	// What was read back stays, also if a later attempt only began.
	bind(a, 4, "T4", true, monday, true, 0)
	bind(b, 104, "T4", false, tuesday, false, 4)
	// Both were read back: the later one is on the tablet.
	bind(a, 5, "T5", true, monday, true, 0)
	bind(b, 105, "T5", true, tuesday, true, 5)
	bind(b, 106, "T6", true, tuesday, true, 0)
	bind(a, 6, "T6", true, monday, false, 106)
	// What is burned stays so, and told again nothing changes.
	bind(a, 5, "T5", true, tuesday.Add(time.Hour), false, 0)
	bind(b, 105, "T5", false, monday, true, 0)
	if _, _, err := b.Bind(ctx, Binding{"p", 105, "T7", true, tuesday}); !errors.Is(err, ErrTwice) {
		t.Errorf("an identity went to a second tablet: %v", err)
	}
	if _, _, err := b.Bind(ctx, Binding{"p", 7, "T7", true, tuesday}); !isDenied(err) {
		t.Errorf("b bound what a has: %v", err)
	}
	var twice int
	if err := anna.QueryRow(ctx,
		`SELECT count(*) FROM (SELECT serial FROM zarya.binding WHERE state <> 'burned'
			GROUP BY pool, serial HAVING count(*) > 1) x`).Scan(&twice); err != nil || twice > 0 {
		t.Errorf("%d tablets have two: %v", twice, err)
	}
	// Not the functions alone: the tables themselves refuse it, to everybody.
	super := fleettest.Open(t, s.URL(fleettest.Superuser), fleet.Login{})
	for _, sql := range []string{
		"UPDATE zarya.binding SET state = 'bound' WHERE number = 5",
		`INSERT INTO zarya.lease (pool, pool_id, first, last, station, request)
			SELECT pool, pool_id, 100, 100, 'b', gen_random_uuid() FROM zarya.lease LIMIT 1`,
	} {
		if _, err := super.Exec(ctx, sql); err == nil {
			t.Errorf("the database let: %s", sql)
		}
	}
}

// leases reads the leases of a pool, in order.
func leases(t testing.TB, db *fleet.DB) []Range {
	t.Helper()
	rows, err := db.Query(t.Context(), "SELECT pool, replace(request::text, '-', ''), first, last FROM zarya.lease ORDER BY pool, first, last")
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Range])
	if err != nil {
		t.Fatal(err)
	}
	return all
}
