package fleet_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/problem"
)

// Months are taken out from the oldest on. One whose taking out was cut off, because somebody
// read it for long, is taken out to the end by the next try.
func TestAMonthThatWasHalfTakenOut(t *testing.T) {
	s := fleettest.Start(t)
	owner := fleettest.Open(t, s.URL(fleettest.Owner), fleet.Login{})
	reader := fleettest.Open(t, s.URL(fleettest.Reader), fleet.Login{})
	s.Exec("SELECT zarya.make_month('2026-05-01'); SELECT zarya.make_month('2026-06-01')")
	names := func() (list []string) {
		t.Helper()
		months, err := owner.Months(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range months {
			list = append(list, m.Month)
		}
		return list
	}
	all := names()
	if !slices.IsSorted(all) || !slices.Contains(all, "2026-05") || !slices.Contains(all, "2026-06") {
		t.Fatal(all)
	}
	long, err := reader.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := long.Exec(t.Context(), "SELECT count(*) FROM zarya.entry"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		done, err := owner.Retire(t.Context(), "2026-05", true)
		if len(done) > 0 {
			t.Errorf("taken out while it is read: %+v", done)
		}
		ended <- err
	}()
	for begun := false; !begun; { // the server says when it waits for the reader
		select {
		case err := <-ended:
			t.Fatalf("it did not wait for the reader: %v", err)
		default:
		}
		if err := reader.QueryRow(t.Context(), "SELECT bool_or(inhdetachpending) FROM pg_inherits").Scan(&begun); err != nil {
			t.Fatal(err)
		}
	}
	s.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'ALTER TABLE zarya.entry DETACH%'")
	if err := <-ended; err == nil {
		t.Error("it was cut off, and says that it is done")
	}
	if err := long.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	done, err := owner.Retire(t.Context(), "2026-05", true)
	if err != nil || len(done) == 0 || done[len(done)-1].Month != "2026-05" {
		t.Fatalf("%+v, %v", done, err)
	}
	if left := names(); !slices.Equal(left, all[slices.Index(all, "2026-05")+1:]) {
		t.Errorf("of %q are left %q", all, left)
	}
	var is bool
	if err := owner.QueryRow(t.Context(), "SELECT to_regclass('zarya.entry_2026_05') IS NOT NULL").Scan(&is); err != nil || is {
		t.Errorf("its table is there still: %v, %v", is, err)
	}
}

// cutAt is a tracer of a connection: it calls a function before a statement that begins like this.
type cutAt struct {
	statement string
	cut       func()
}

// TraceQueryStart calls the function.
func (c cutAt) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if strings.HasPrefix(q.SQL, c.statement) {
		c.cut()
	}
	return ctx
}

// TraceQueryEnd does nothing.
func (cutAt) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// A run that was cut off between the taking out of a month and its dropping is gone on with by the
// next one, and nothing else is dropped: a month that was taken out to be kept stays.
func TestAMonthThatWasTakenOutAndNotDropped(t *testing.T) {
	s := fleettest.Start(t)
	owner := fleettest.Open(t, s.URL(fleettest.Owner), fleet.Login{})
	for _, month := range []string{"2026-03", "2026-04", "2026-05", "2026-06"} {
		s.Exec("SELECT zarya.make_month('" + month + "-01')")
	}
	retire := func(db *fleet.DB, last string, drop bool, want ...string) {
		t.Helper()
		done, err := db.Retire(t.Context(), last, drop)
		var said []string
		for _, m := range done {
			said = append(said, fmt.Sprint(m.Month, " ", m.Earlier))
		}
		if err != nil || !slices.Equal(said, want) {
			t.Errorf("%q, %v; want %q", said, err, want)
		}
	}
	// cutOff drops until something is to be dropped, and is cut off there.
	cutOff := func(last string) {
		t.Helper()
		c, err := fleet.Parse(s.URL(fleettest.Owner), fleet.Login{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c.ConnConfig.Tracer = cutAt{"DROP TABLE", cancel}
		db, err := fleet.Connect(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if done, err := db.Retire(ctx, last, true); err == nil || len(done) > 0 {
			t.Fatalf("it was cut off, and says %+v, %v", done, err)
		}
	}
	there := func(want ...string) {
		t.Helper()
		rows, err := owner.Query(t.Context(), "SELECT relname FROM pg_class WHERE relname ~ '^entry_2026_0[3-6]$' ORDER BY 1")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	retire(owner, "2026-03", false, "2026-03 false")
	cutOff("2026-04")
	there("entry_2026_03", "entry_2026_04", "entry_2026_05", "entry_2026_06")
	retire(owner, "2026-03", true) // it is of a later month
	retire(owner, "2026-04", true, "2026-04 true")
	there("entry_2026_03", "entry_2026_05", "entry_2026_06")
	// Who changes his mind has what is left, and it is his to keep.
	cutOff("2026-05")
	retire(owner, "2026-05", false, "2026-05 true")
	retire(owner, "2026-06", true, "2026-06 false")
	there("entry_2026_03", "entry_2026_05")
}

// A tablet is erased by a supervisor, for a reason, which is kept.
func TestErasingHasAReason(t *testing.T) {
	s := fleettest.Start(t)
	anna := fleettest.Open(t, s.URL(fleettest.Supervisor), fleet.Login{})
	reader := fleettest.Open(t, s.URL(fleettest.Reader), fleet.Login{})
	for _, c := range [][2]string{{"", "asked"}, {"S1", ""}} {
		_, err := anna.Erase(t.Context(), c[0], c[1])
		if kind, ok := problem.KindOf(err); !ok || kind != problem.Usage {
			t.Errorf("%q: %v", c, err)
		}
	}
	_, err := reader.Erase(t.Context(), "S1", "asked")
	denied(t, "a reader erases", err)
	if n, err := anna.Erase(t.Context(), "S1", "its owner asked"); err != nil || n != 0 {
		t.Errorf("nobody has seen it: %d, %v", n, err)
	}
	_, err = reader.Restored(t.Context())
	denied(t, "a reader stops the leasing", err)
	if pools, err := anna.Restored(t.Context()); err != nil || pools != 0 {
		t.Errorf("%d pools, %v", pools, err)
	}
}
