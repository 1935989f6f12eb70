//go:build linux

package jobs_test

import (
	"bytes"
	"context"
	"database/sql"
	"flag"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/fleet/jobs"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/report"
	"github.com/zarya-station/zarya/internal/words"
)

// stations are in another order for people than for bytes.
var stations = []string{"Line-2", "line-1.10", "line-1.2"}

// fill writes jobs of all stations into one ledger, and sends each chain from a ledger of its
// own to the database. It returns the one ledger.
func fill(t *testing.T, s *fleettest.Server, n int) *ledger.Ledger {
	t.Helper()
	all := filepath.Join(t.TempDir(), "all.db")
	for i, station := range stations {
		own := filepath.Join(t.TempDir(), "ledger.db")
		for _, path := range []string{all, own} {
			l, err := ledger.Open(t.Context(), path, station) // makes it
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			write(t, path, station, uint64(i), n)
		}
		files := s.Enrol(t, station, "")
		f, err := outbox.New(t.Context(), outbox.Options{Ledger: own, Station: station, Connect: s.Connector(files)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// As they are received over months: the entries lie in several partitions.
	s.Exec(`SELECT zarya.make_month('2026-08-01');
		UPDATE zarya.entry SET month = '2026-08-01' WHERE seq % 3 = 0`)
	l, err := ledger.OpenReader(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// write puts entries into a ledger's file as they are.
func write(t *testing.T, path, station string, seed uint64, n int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for e := range fleettest.Jobs(station, seed, n) {
		if _, err := tx.ExecContext(t.Context(), "INSERT INTO entry (station, seq, ts, kind, body, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
			e.Station, e.Seq, e.TS, e.Kind, string(e.Body), e.Prev[:], e.Hash[:]); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// allForms are the forms of a report, and of the single jobs. All of one report are made of one
// count, which one of them shows: a question is asked in all of them where it is a new kind.
var allForms = []string{"text", "csv", "xlsx", "html", "htf", "wsjf"}

// forms writes a report in these forms.
func forms(t *testing.T, q report.Question, from report.Source, names ...string) map[string]string {
	t.Helper()
	now := time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)
	r, err := q.Ask(now)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Count(t.Context(), from); err != nil {
		t.Fatal(err)
	}
	written := map[string]string{}
	for name, form := range map[string]func(*bytes.Buffer) error{
		"text": func(b *bytes.Buffer) error { return r.Text(b, nil) },
		"csv":  func(b *bytes.Buffer) error { return r.CSV(b, true) },
		"xlsx": func(b *bytes.Buffer) error { return r.XLSX(b) },
		"html": func(b *bytes.Buffer) error { return r.HTML(b, words.For("ru"), "dev", now) },
		"htf":  func(b *bytes.Buffer) error { return r.Export(t.Context(), b, from, report.OpenHTF) },
		"wsjf": func(b *bytes.Buffer) error { return r.Export(t.Context(), b, from, report.WSJF) },
	} {
		if !slices.Contains(names, name) {
			continue
		}
		var b bytes.Buffer
		if err := form(&b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		written[name] = b.String()
	}
	return written
}

func TestTheDatabaseReportsAsALedgerDoes(t *testing.T) {
	s := fleettest.Start(t)
	l := fill(t, s, 200)
	db := fleettest.Open(t, s.URL(fleettest.Reader), fleet.Login{})
	empty := forms(t, report.Question{Until: "2001-01-01"}, l, "htf")
	for i, q := range []report.Question{
		{}, {By: "day"}, {By: "station"}, {By: "port"}, {By: "operator"}, {By: "lot"}, {By: "model"}, {By: "bundle"}, {By: "class"},
		{By: "day", Since: "2026-09-28T12:00", Until: "2026-09-29T02:00"}, {By: "lot", Since: "2026-09-28T11:00"},
		{By: "lot", Until: "2026-09-28"},
		{By: "day", Only: []string{"station=Line-2"}}, {By: "station", Only: []string{"lot=ПАРТИЯ-2", "lot=ПАРТИЯ-3", "model=AGS2-W09"}},
		{By: "port", Only: []string{"operator=-", "bundle=census 5.1"}},
		{By: "class", Only: []string{"class=device", "class=cable", "port=line-1.2 A3", "port=line-1.2 A4", "port=Line-2 A1"}},
		{By: "lot", Only: []string{"day=2026-09-28", "class=-"}},
	} {
		r, _ := q.Ask(time.Now())
		names := []string{"csv", "htf"}
		if i == 0 || q.By == "day" || q.By == "class" {
			names = allForms
		}
		want, got := forms(t, q, l, names...), forms(t, q, jobs.Reader{DB: db, Stations: r.Stations()}, names...)
		for name := range want {
			if want[name] != got[name] {
				t.Errorf("%+v as %s: the ledger says\n%.2000s\nthe database says\n%.2000s", q, name, want[name], got[name])
			}
			if len(want[name]) < 10 || name == "htf" && want[name] == empty[name] {
				t.Errorf("%+v as %s: there is nothing in it", q, name)
			}
		}
	}
	for _, lot := range []string{"ПАРТИЯ-0", "ПАРТИЯ-4"} {
		var written [2]bytes.Buffer
		for i, from := range []report.Source{l, jobs.Reader{DB: db}} {
			p, err := report.NewProtocol(t.Context(), from, lot, words.For("ru"))
			if err != nil {
				t.Fatal(err)
			}
			if err := p.HTML(&written[i], "", words.For("ru")); err != nil {
				t.Fatal(err)
			}
		}
		if a, b := written[0].String(), written[1].String(); a != b || len(a) < 4000 {
			t.Errorf("the protocols of %s differ, or have nothing: %d bytes and %d", lot, len(a), len(b))
		}
	}
}

// TestAStationReportsItsOwn: the database gives a station nothing else.
func TestAStationReportsItsOwn(t *testing.T) {
	s := fleettest.Start(t)
	l := fill(t, s, 50)
	files := s.Enrol(t, "line-9", "")
	var b bytes.Buffer
	r, err := report.Question{}.Ask(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Export(t.Context(), &b, jobs.Reader{DB: s.OpenAs(t, files)}, report.OpenHTF); err != nil || b.Len() > 0 {
		t.Errorf("a station that has sent nothing reports %v\n%s", err, &b)
	}
	if err := r.Export(t.Context(), &b, l, report.OpenHTF); err != nil || b.Len() == 0 {
		t.Error("there was nothing to hide", err)
	}
}

// TestWhatIsNotWantedIsNotRead: who stops reading holds no connection.
func TestWhatIsNotWantedIsNotRead(t *testing.T) {
	s := fleettest.Start(t)
	fill(t, s, 50)
	db := fleettest.Open(t, s.URL(fleettest.Reader), fleet.Login{})
	for range 20 { // more than the pool has
		for _, err := range (jobs.Reader{DB: db}).Ended(t.Context(), time.Time{}, time.Time{}) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	s.Stop()
	for _, err := range (jobs.Reader{DB: db}).Ended(t.Context(), time.Time{}, time.Time{}) {
		if err == nil {
			t.Error("a server that was stopped gave a job")
		}
	}
}

var each = flag.Int("each", 6000, "jobs of each of 60 stations, for BenchmarkReport")

// BenchmarkReport counts 360,000 jobs of 60 stations in the database.
func BenchmarkReport(b *testing.B) {
	const stations = 60
	s := fleettest.Start(b)
	c, err := pgx.Connect(b.Context(), s.URL(fleettest.Superuser))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(context.Background())
	s.Exec("SELECT zarya.make_month('2026-11-01'); SELECT zarya.make_month('2026-10-01')")
	entries := 0
	for i := range stations {
		name := "line-" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		s.Enrol(b, name, "")
		var rows [][]any
		for e := range fleettest.Jobs(name, uint64(i), *each) {
			rows = append(rows, []any{e.Station, e.Seq, e.TS, e.Kind, string(e.Body), e.Prev[:], e.Hash[:],
				time.Date(2026, time.Month(10+e.Seq%2), 1, 0, 0, 0, 0, time.UTC)})
		}
		entries += len(rows)
		if _, err := c.CopyFrom(b.Context(), pgx.Identifier{"zarya", "entry"},
			[]string{"station", "seq", "ts", "kind", "body", "prev", "hash", "month"}, pgx.CopyFromRows(rows)); err != nil {
			b.Fatal(err)
		}
	}
	s.Exec("ANALYZE zarya.entry")
	var size int64
	err = c.QueryRow(b.Context(), "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('zarya.entry')").Scan(&size)
	if err != nil {
		b.Fatal(err)
	}
	db := fleettest.Open(b, s.URL(fleettest.Reader), fleet.Login{})
	runtime.GC()
	for b.Loop() {
		begun := time.Now()
		r, err := report.Question{By: "day"}.Ask(begun)
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Count(b.Context(), jobs.Reader{DB: db}); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(entries), "entries")
		b.ReportMetric(float64(size)/float64(entries), "B/entry")
		b.ReportMetric(float64(entries)/time.Since(begun).Seconds(), "entries/s")
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapInuse)/(1<<20), "MB-held")
		runtime.KeepAlive(r)
	}
}
