package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

// quick is for tests: what takes seconds takes moments. For an answer there is time enough for a
// machine that has much to do.
var quick = timing{answer: time.Minute, gather: time.Millisecond, look: 20 * time.Millisecond, greet: 20 * time.Millisecond,
	backoff: time.Millisecond, longest: 10 * time.Millisecond}

// bench is a station with a ledger.
type bench struct {
	t      *testing.T
	server *fleettest.Server
	name   string
	path   string
	files  fleet.Files
	url    string
	boot   string
}

func newBench(t *testing.T, s *fleettest.Server, name string) *bench {
	t.Helper()
	return &bench{t: t, server: s, name: name, path: filepath.Join(t.TempDir(), "ledger.db"),
		files: s.Enrol(t, name, ""), url: s.StationURL()}
}

// write appends n entries to the ledger.
func (b *bench) write(n int) {
	b.t.Helper()
	l, err := ledger.Open(b.t.Context(), b.path, b.name)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := range n {
		body := map[string]any{"n": i, "text": "планшет \u0001\"" + strings.Repeat("x", i%50)}
		if _, err := l.Append("note", body, nil); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		b.t.Fatal(err)
	}
}

// alter changes the ledger's file behind the program's back.
func (b *bench) alter(statements ...string) {
	b.t.Helper()
	db, err := sql.Open("sqlite", b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	for _, s := range append([]string{"DROP TRIGGER entry_update", "DROP TRIGGER entry_delete"}, statements...) {
		if _, err := db.Exec(s); err != nil {
			b.t.Fatal(err)
		}
	}
}

// clone is the same machine again, as a copied disk makes it.
func (b *bench) clone() *bench {
	b.t.Helper()
	again := *b
	again.path = filepath.Join(b.t.TempDir(), "ledger.db")
	if err := os.CopyFS(filepath.Dir(again.path), os.DirFS(filepath.Dir(b.path))); err != nil {
		b.t.Fatal(err)
	}
	return &again
}

func (b *bench) connect(ctx context.Context) (*fleet.DB, error) {
	_, as, err := b.files.Login()
	if err != nil {
		return nil, err
	}
	return fleet.Open(ctx, b.url, as)
}

func (b *bench) forwarder() *Forwarder {
	b.t.Helper()
	f, err := New(b.t.Context(), Options{Ledger: b.path, Station: b.name, Connect: b.connect, Batch: 7, Boot: b.boot})
	if err != nil {
		b.t.Fatal(err)
	}
	f.t = quick
	b.t.Cleanup(func() {
		if err := f.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return f
}

// sync sends what waits.
func (b *bench) sync() (int64, error) { return b.forwarder().Sync(b.t.Context()) }

func (b *bench) mustSync(want int64) {
	b.t.Helper()
	if sent, err := b.sync(); err != nil || sent != want {
		b.t.Fatalf("%s sent %d, %v; want %d", b.name, sent, err, want)
	}
}

// arrived fails the test unless the database has the ledger's chain, entry by entry.
func (b *bench) arrived() {
	b.t.Helper()
	l, err := ledger.OpenReader(b.t.Context(), b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer l.Close()
	db := fleettest.Open(b.t, b.server.URL(fleettest.Reader), fleet.Login{})
	rows, err := db.Query(b.t.Context(), "SELECT seq, ts, kind, body, prev, hash FROM zarya.entry WHERE station = $1 ORDER BY seq", b.name)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	for e, err := range l.Entries(b.t.Context()) {
		if err != nil {
			b.t.Fatal(err)
		}
		var seq int64
		var ts, kind, body string
		var prev, hash []byte
		if !rows.Next() {
			b.t.Fatalf("%s is missing: %v", e.Record(), rows.Err())
		}
		if err := rows.Scan(&seq, &ts, &kind, &body, &prev, &hash); err != nil {
			b.t.Fatal(err)
		}
		if seq != e.Seq || ts != e.TS || kind != e.Kind || body != string(e.Body) ||
			string(prev) != string(e.Prev[:]) || string(hash) != string(e.Hash[:]) {
			b.t.Fatalf("%s arrived as %d %s %s %s", e.Record(), seq, ts, kind, body)
		}
	}
	if rows.Next() {
		b.t.Fatal("there is more than the ledger has")
	}
}

// caught fails the test unless a contact finds a fault, now and after a restart, before
// anything is confirmed.
func (b *bench) caught(kind string, seq int64) {
	b.t.Helper()
	for _, again := range []string{"", "after a restart "} {
		f := b.forwarder()
		_, err := f.Sync(b.t.Context())
		s := f.State()
		if s.Fault == nil || s.Fault.Kind != kind || s.Fault.Seq != seq {
			b.t.Fatalf("%s%+v, %v; want %s from %d", again, s.Fault, err, kind, seq)
		}
		if k, _ := problem.KindOf(err); k != problem.Invalid || !strings.Contains(err.Error(), fmt.Sprintf("%s-%d", b.name, seq)) {
			b.t.Errorf("%s%v", again, err)
		}
		if err := f.Confirm(b.t.Context()); err == nil {
			b.t.Errorf("%sit was confirmed", again)
		}
	}
	// It is remembered where nobody answers.
	away := *b
	away.url = "postgres:///zarya?host=/nowhere"
	if err := away.forwarder().Confirm(b.t.Context()); err == nil || !strings.Contains(err.Error(), kind) {
		b.t.Errorf("without a line: %v", err)
	}
	list, err := fleettest.Open(b.t, b.server.URL(fleettest.Reader), fleet.Login{}).Stations(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, s := range list {
		if (s.Fault != nil) != (s.Station == b.name) || s.Fault != nil && (s.Fault.Kind != kind || s.Fault.Seq != seq) {
			b.t.Errorf("the database says of %s: %+v", s.Station, s.Fault)
		}
	}
}

// resume is what a supervisor does who has looked.
func (b *bench) resume() {
	b.t.Helper()
	if _, err := fleettest.Open(b.t, b.server.URL(fleettest.Supervisor), fleet.Login{}).Resume(b.t.Context(), b.name); err != nil {
		b.t.Fatal(err)
	}
}

// until waits for a state.
func until(t *testing.T, f *Forwarder, what string, is func(State) bool) State {
	t.Helper()
	limit := time.After(5 * time.Minute) // else a failure hangs
	for {
		changed := f.Changed()
		if s := f.State(); is(s) {
			return s
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("never %s: %+v", what, f.State())
		}
	}
}

// running runs a forwarder until stop, at the latest until the test ends.
func running(t *testing.T, f *Forwarder) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { f.Run(ctx); close(done) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}
