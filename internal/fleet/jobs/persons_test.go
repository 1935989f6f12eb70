//go:build linux

package jobs_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/fleet/jobs"
	"github.com/zarya-station/zarya/internal/report"
)

// TestWhoCountsSeesNobody: the same numbers, and no serial, no IMEI.
func TestWhoCountsSeesNobody(t *testing.T) {
	s := fleettest.Start(t)
	l := fill(t, s, 100)
	s.Exec("CREATE ROLE carl LOGIN PASSWORD '" + fleettest.Password + "' IN ROLE zarya_counter")
	db := fleettest.Open(t, s.URL("carl"), fleet.Login{})
	for _, by := range []string{"", "day", "port", "lot"} {
		names := allForms
		if by != "" {
			names = []string{"csv", "htf"}
		}
		want, got := forms(t, report.Question{By: by}, l, names...), forms(t, report.Question{By: by}, jobs.Reader{DB: db}, names...)
		if len(want["csv"]) < 100 {
			t.Errorf("by %q there is nothing: %q", by, want["csv"])
		}
		for _, form := range []string{"text", "csv", "xlsx", "html"} {
			if want[form] != got[form] {
				t.Errorf("by %q as %s: the ledger says\n%.1500s\nwho counts is told\n%.1500s", by, form, want[form], got[form])
			}
		}
		if !strings.Contains(want["htf"], "VT0") || strings.Contains(got["htf"], "VT0") || strings.Contains(got["htf"], "INV-") ||
			!strings.Contains(got["htf"], `"dut_id":"p-`) {
			t.Errorf("single jobs have serials for who counts: %.1000s", got["htf"])
		}
	}
	for _, secret := range []string{"zarya.entry", "zarya.pepper", "zarya.identity", "zarya.binding", "zarya.station"} {
		if _, err := db.Exec(t.Context(), "SELECT * FROM "+secret); err == nil {
			t.Errorf("who counts reads %s", secret)
		}
	}
}

// TestATabletIsErasedAndTheChainIsWhole: what is sent again fits, and nothing of the tablet is left.
func TestATabletIsErasedAndTheChainIsWhole(t *testing.T) {
	s := fleettest.Start(t)
	fill(t, s, 60)
	super := fleettest.Open(t, s.URL(fleettest.Superuser), fleet.Login{})
	anna := fleettest.Open(t, s.URL(fleettest.Supervisor), fleet.Login{})
	reader := fleettest.Open(t, s.URL(fleettest.Reader), fleet.Login{})
	ask := func(sql string, args ...any) (n int) {
		t.Helper()
		if err := super.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	var serial string
	if err := super.QueryRow(t.Context(), `SELECT body::jsonb ->> 'serial' FROM zarya.entry WHERE kind = 'result'
		AND body::jsonb ->> 'serial' LIKE 'VT%' AND body LIKE '%imei%' LIMIT 1`).Scan(&serial); err != nil {
		t.Fatal(err)
	}
	count := func() string {
		r, err := report.Question{By: "day"}.Ask(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := r.Count(t.Context(), jobs.Reader{DB: reader}); err != nil {
			t.Fatal(err)
		}
		if err := r.CSV(&b, false); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	hashes := "SELECT count(*)::int FROM zarya.entry WHERE hash = zarya.entry_hash(station, seq, ts, kind, body, prev)"
	all := ask("SELECT count(*)::int FROM zarya.entry")
	if whole := ask(hashes); whole != all {
		t.Fatal(whole, all)
	}
	if _, err := reader.Erase(t.Context(), serial, "asked"); err == nil {
		t.Error("a reader erases")
	}
	if _, err := anna.Erase(t.Context(), serial, ""); err == nil {
		t.Error("it was erased for no reason")
	}
	n, err := anna.Erase(t.Context(), serial, "the owner asked")
	erased := int(n)
	if err != nil || erased < 2 {
		t.Fatal(erased, err)
	}
	if left := ask("SELECT count(*)::int FROM zarya.entry WHERE strpos(body, $1) > 0", serial); left != 0 {
		t.Errorf("%d entries still have it", left)
	}
	if n := ask("SELECT count(*)::int FROM zarya.entry WHERE (body::jsonb -> 'erased')::boolean AND body::jsonb ? 'facts'"); n != 0 {
		t.Errorf("%d entries that were erased have facts", n)
	}
	if whole := ask(hashes); whole != all-erased {
		t.Errorf("of %d entries %d were erased, and %d are what their hashes say", all, erased, whole)
	}
	broken := ask(`SELECT count(*)::int FROM (SELECT prev, lag(hash) OVER (PARTITION BY station ORDER BY seq) AS before FROM zarya.entry) x
		WHERE prev <> before`)
	if n := ask("SELECT entries::int FROM zarya.erasure"); n != erased || broken != 0 {
		t.Errorf("%d were recorded as erased, of %d; the chains are broken at %d places", n, erased, broken)
	}
	if text := count(); !strings.Contains(text, "day,2026-09-28,") {
		t.Errorf("a report over what was erased: %s", text)
	}
}

// TestAMonthIsTakenOut: the chain goes on where it ended, and a report has the rest.
func TestAMonthIsTakenOut(t *testing.T) {
	s := fleettest.Start(t)
	fill(t, s, 30)
	super := fleettest.Open(t, s.URL(fleettest.Superuser), fleet.Login{})
	var before, after, moved int
	const sql = "SELECT count(*)::int FROM zarya.entry"
	if err := super.QueryRow(t.Context(), sql).Scan(&before); err != nil {
		t.Fatal(err)
	}
	s.Exec("ALTER TABLE zarya.entry DETACH PARTITION zarya.entry_2026_08 CONCURRENTLY")
	if err := super.QueryRow(t.Context(), sql).Scan(&after); err != nil {
		t.Fatal(err)
	}
	if err := super.QueryRow(t.Context(), "SELECT count(*)::int FROM zarya.entry_2026_08").Scan(&moved); err != nil || moved == 0 ||
		before != after+moved {
		t.Errorf("%d entries, then %d and %d: %v", before, after, moved, err)
	}
	for _, err := range (jobs.Reader{DB: super}).Ended(t.Context(), time.Time{}, time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
	}
}
