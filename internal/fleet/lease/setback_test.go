package lease

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/ledger"
)

// recording is a station with a ledger that is sent to the database.
type recording struct {
	*Station
	server *fleettest.Server
	files  fleet.Files
	path   string
}

func record(t *testing.T, path, station string, n int) {
	t.Helper()
	l, err := ledger.Open(t.Context(), path, station)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := l.Append("note", map[string]any{"n": i}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func (r *recording) sync(t *testing.T) {
	t.Helper()
	f, err := outbox.New(t.Context(), outbox.Options{Ledger: r.path, Station: "a", Boot: r.Boot,
		Connect: r.server.Connector(r.files)})
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

// lease leases one number as the machine with the ledger at path.
func (r *recording) lease(t *testing.T, path, boot, request string) (Range, error) {
	t.Helper()
	l, err := ledger.Open(t.Context(), path, "a")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	st := *r.Station
	st.Chain, st.Boot = LedgerChain{l, "a"}, boot
	return st.Lease(t.Context(), "p", request, 1)
}

func TestAStationThatWasSetBackGetsNothing(t *testing.T) {
	s := fleettest.Start(t)
	anna := supervisor(t, s)
	mustImport(t, anna, "p", "", numbered(1, 100), 100)
	r := &recording{server: s, files: s.Enrol(t, "a", ""), path: filepath.Join(t.TempDir(), "ledger.db")}
	r.Station = &Station{DB: s.OpenAs(t, r.files), Boot: "boot-1"}
	copyOf := func(from string) string {
		path := filepath.Join(t.TempDir(), "ledger.db")
		if err := os.CopyFS(filepath.Dir(path), os.DirFS(filepath.Dir(from))); err != nil {
			t.Fatal(err)
		}
		return path
	}
	count := func() (n int) {
		t.Helper()
		if err := anna.QueryRow(t.Context(), "SELECT count(*) FROM zarya.lease").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	record(t, r.path, "a", 3)
	backup := copyOf(r.path)
	record(t, r.path, "a", 4)
	r.sync(t)
	forked := copyOf(r.path)
	record(t, r.path, "a", 2) // the database has not these yet: no harm
	request := NewRequest()
	if _, err := r.lease(t, r.path, "boot-1", request); err != nil {
		t.Fatal(err)
	}
	r.sync(t)
	longer := copyOf(backup) // it went on by itself, beyond what the database has
	record(t, longer, "a", 20)
	record(t, forked, "a", 2) // as long as the database's
	for _, c := range []struct{ name, path, says string }{
		{"a restored backup", backup, "older copy was put back"},
		{"a backup that went on", longer, "two ledgers go by its name"},
		{"one with another end", forked, "two ledgers go by its name"},
	} {
		for _, id := range []string{NewRequest(), request} { // not what it had either
			before := count()
			if got, err := r.lease(t, c.path, "boot-1", id); err == nil || !strings.Contains(err.Error(), c.says) || count() != before {
				t.Errorf("%s got %+v: %v", c.name, got, err)
			}
			if was, err := anna.Resume(t.Context(), "a"); err != nil || was == "" {
				t.Errorf("%s: the database knows of no fault: %v", c.name, err)
			}
		}
	}
	if again, err := r.lease(t, r.path, "boot-1", request); err != nil || again.First != 1 {
		t.Errorf("the station itself: %+v %v", again, err)
	}
	// Its whole disk was cloned: the clone is a run of the machine that begins, and then the
	// other speaks again. From then on neither gets anything.
	if _, err := r.lease(t, r.path, "boot-2", NewRequest()); err != nil {
		t.Fatal(err)
	}
	for _, boot := range []string{"boot-1", "boot-2"} {
		if got, err := r.lease(t, r.path, boot, NewRequest()); err == nil || !strings.Contains(err.Error(), "has a fault") {
			t.Errorf("%s got %+v: %v", boot, got, err)
		}
	}
}
