package machine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/report"
	"github.com/zarya-station/zarya/internal/settings"
)

// here is a machine with everything in one folder, and what it told.
func here(t *testing.T, more map[string]string) (m *Machine, dir string, told *strings.Builder) {
	t.Helper()
	dir, told = t.TempDir(), &strings.Builder{}
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	t.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state"))
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	all := settings.Settings{"station": "A"}
	for key, value := range more {
		all[key] = value
	}
	tell := func(format string, args ...any) { fmt.Fprintf(told, format+"\n", args...) }
	m = &Machine{Settings: all, Secrets: &flash.Secrets{}, Warn: tell, Say: tell, LockDir: filepath.Join(dir, "locks")}
	t.Cleanup(m.Close)
	return m, dir, told
}

// isKind fails unless err is a problem of a kind whose words have said.
func isKind(t *testing.T, err error, kind problem.Kind, said string) {
	t.Helper()
	if got, ok := problem.KindOf(err); !ok || got != kind || !strings.Contains(err.Error(), said) {
		t.Errorf("%v is not a problem of the kind %s with %q", err, kind, said)
	}
}

func fill(_ context.Context, l *ledger.Ledger) error {
	_, err := l.Append("note", map[string]string{"a": "b"}, nil)
	return err
}

func TestNoLedger(t *testing.T) {
	m, _, _ := here(t, nil)
	m.Ledger = settings.NoLedger
	never := func(context.Context, *ledger.Ledger) error { t.Error("a ledger was opened"); return nil }
	if l, err := m.OpenLedger(t.Context()); l != nil || err != nil {
		t.Errorf("opened %v, %v", l, err)
	}
	isKind(t, m.Write(t.Context(), never), problem.Usage, "there is no ledger")
	isKind(t, m.Read(t.Context(), never), problem.Usage, "no ledger to read")
	m.Peek(t.Context(), never)
	if jobs, err := m.Jobs(t.Context()); jobs != nil || err != nil {
		t.Errorf("jobs %v, %v", jobs, err)
	}
	if m.Maker().Codes != nil {
		t.Error("unlock codes would be tried without a record")
	}
	_, err := m.Sync(t.Context())
	isKind(t, err, problem.Usage, "in no fleet")
	m.Settings["fleet-database"] = "postgres://h/d"
	_, err = m.Sync(t.Context())
	isKind(t, err, problem.Usage, "no ledger to send")
	delete(m.Settings, "fleet-database")
	if s, err := m.Evidence(t.Context(), nil, true); s != nil || err != nil {
		t.Errorf("evidence of nothing: %v, %v", s, err)
	}
}

func TestLedger(t *testing.T) {
	m, dir, told := here(t, nil)
	m.Peek(t.Context(), func(context.Context, *ledger.Ledger) error { t.Error("nothing is there"); return nil })
	if begun, err := m.Begun(); begun || err != nil {
		t.Errorf("begun %v, %v", begun, err)
	}
	begun, err := m.ReadJobs(t.Context(), Source{}, nil, func(context.Context, report.Source) error {
		t.Error("nothing is there")
		return nil
	})
	if begun || err != nil {
		t.Errorf("begun %v, %v", begun, err)
	}
	if err := m.Write(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	path, station, err := m.OwnLedger()
	if want := filepath.Join(dir, "state", "zarya", "ledger.db"); path != want || station != "A" || err != nil {
		t.Errorf("%s of %s, %v; want %s", path, station, err, want)
	}
	err = m.Write(t.Context(), func(context.Context, *ledger.Ledger) error { return os.ErrPermission })
	isKind(t, err, problem.Station, "permission")
	read := 0
	count := func(ctx context.Context, l *ledger.Ledger) error {
		ends, err := l.Ends(ctx)
		if err == nil && len(ends) == 1 && ends[0].Station == "A" {
			read++
		}
		return err
	}
	if err := m.Read(t.Context(), count); err != nil || told.Len() > 0 {
		t.Errorf("%v, told %q", err, told)
	}
	m.Peek(t.Context(), count)
	if read != 2 {
		t.Errorf("read %d times, want 2", read)
	}
	if _, err := m.Jobs(t.Context()); err != nil {
		t.Error(err)
	}
	if v, err := m.newest(t.Context(), "census"); v != "" || err != nil {
		t.Errorf("a newest bundle %q, %v", v, err)
	}
	l, err := m.OpenLedger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if m.Record(l); m.codes.Ledger != l || m.Maker().Codes == nil {
		t.Error("unlock codes have no record")
	}
	free, _, err := m.Supply(l).Lock("SN1", "run-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, holder, err := m.Supply(l).Lock("SN1", "run-2"); err == nil && !strings.Contains(holder, "job run-1") {
		t.Errorf("held by %q, %v", holder, err)
	}
	free()
}

// TestCacheThatCannotBe: images are opened without one, and a person hears of it once.
func TestCacheThatCannotBe(t *testing.T) {
	m, _, told := here(t, map[string]string{"cache": "/proc/nowhere"})
	first, second := m.ImageCache(), m.ImageCache()
	if first != nil || second != nil || strings.Count(told.String(), "no images are kept prepared") != 1 {
		t.Errorf("told %q", told)
	}
	m, _, told = here(t, nil)
	if c := m.ImageCache(); c == nil || m.Maker().Cache() != c || told.Len() > 0 {
		t.Errorf("no cache: %s", told)
	}
}

func TestBundlesOfRegistries(t *testing.T) {
	m, dir, _ := here(t, map[string]string{"registry-mirror": "http://127.0.0.1:1", "registry-auth": "auth.json"})
	m.PlainHTTP, m.AllowTag = true, true
	if first, second := m.Bundles(), m.Bundles(); !first.AllowTag || first != second {
		t.Error("tags are not allowed, or bundles are opened twice")
	}
	c, err := m.Bundles().Client()
	if err != nil {
		t.Fatal(err)
	}
	if c.Store.Dir() != filepath.Join(dir, "cache", "zarya", "bundles") || !c.PlainHTTP {
		t.Errorf("client %+v", c)
	}
	if c.Mirror != "http://127.0.0.1:1" || c.Auth != "auth.json" {
		t.Errorf("client %+v", c)
	}
}

func TestLocksAreOfThisProcess(t *testing.T) {
	m, _, _ := here(t, nil)
	if l := m.Locks(); l.Bench != m.Bench() || !strings.Contains(l.Owner, fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("locks %+v", l)
	}
}

func TestEvidence(t *testing.T) {
	m, dir, _ := here(t, nil)
	l, err := m.OpenLedger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if s, err := m.Evidence(t.Context(), l, true); s != nil || err != nil {
		t.Errorf("nothing is asked for: %v, %v", s, err)
	}
	witness := filepath.Join(dir, "heads")
	m.Settings["witness"], m.Settings["receipts"] = witness, filepath.Join(dir, "receipts")
	s, err := m.Evidence(t.Context(), l, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := fill(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(witness); err != nil || !strings.Contains(string(text), `"station":"A"`) {
		t.Errorf("the witness keeps %s, %v", text, err)
	}
}

func TestNoFleet(t *testing.T) {
	m, _, _ := here(t, nil)
	isKind(t, m.Fleet(t.Context(), "", nil), problem.Usage, "no fleet's database")
	if f, err := m.Outbox(t.Context(), nil); f != nil || err != nil {
		t.Errorf("an outbox %v, %v", f, err)
	}
	isKind(t, m.Join(t.Context(), "postgres://me@h/d", fleet.Token{}), problem.Usage, "the URL")
	m.Ledger = settings.NoLedger
	isKind(t, m.Join(t.Context(), "postgres://h/d", fleet.Token{}), problem.Usage, "has a ledger")
}

// TestFleet: a machine joins, sends its ledger, and finds there what it sent.
func TestFleet(t *testing.T) {
	server := fleettest.Start(t)
	m, _, _ := here(t, nil)
	var token fleet.Token
	err := m.Fleet(t.Context(), server.URL(fleettest.Supervisor), func(ctx context.Context, db *fleet.DB) (err error) {
		token, _, err = db.Enrol(ctx, "A", 1, false)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Write(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	if err := m.Join(t.Context(), server.StationURL(), token); err != nil {
		t.Fatal(err)
	}
	m.Settings["fleet-database"], m.Settings["fleet-station"] = server.StationURL(), "A"
	compare := func() (n int, err error) {
		v, err := m.Verify(t.Context(), Kept{Database: server.URL(fleettest.Supervisor)})
		if err == nil {
			_, err = fmt.Sscanf(v.Said[0], "compared with %d entries", &n)
		}
		return n, err
	}
	_, err = compare()
	isKind(t, err, problem.Invalid, "has nothing of this ledger")
	done, err := m.Sync(t.Context())
	if err != nil || done.Sent == 0 || done.Last != done.Sent || done.Waiting != 0 {
		t.Fatalf("sent %+v, %v", done, err)
	}
	if n, err := compare(); err != nil || int64(n) != done.Sent {
		t.Errorf("compared %d of %d, %v", n, done.Sent, err)
	}
	for from, want := range map[Source]string{{}: "*ledger.Ledger", {Fleet: true}: "jobs.Reader",
		{Database: server.URL(fleettest.Supervisor)}: "jobs.Reader"} {
		got := ""
		begun, err := m.ReadJobs(t.Context(), from, nil, func(_ context.Context, s report.Source) error {
			got = fmt.Sprintf("%T", s)
			return nil
		})
		if !begun || err != nil || got != want {
			t.Errorf("jobs of %+v are in %s, %v, want %s", from, got, err, want)
		}
	}
	if as := m.login(server.StationURL()); as == (fleet.Login{}) {
		t.Error("the station is not who connects")
	}
}

// TestSupplyWithoutAFleet: identities come from this machine's pools alone, and a run that is
// not recorded leases none even where there is a fleet.
func TestSupplyWithoutAFleet(t *testing.T) {
	m, _, _ := here(t, nil)
	l, err := m.OpenLedger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for _, unrecorded := range []bool{false, true} {
		if unrecorded { // nobody is there: to ask would be an error
			m.Settings["fleet-database"] = "postgres://127.0.0.1:1/nowhere"
		}
		supply, end, err := m.SupplyFor(t.Context(), l, unrecorded, "census")
		if _, ours := supply.(*pool.Supply); !ours || err != nil {
			t.Fatalf("unrecorded %v: %T, %v", unrecorded, supply, err)
		}
		end()
	}
	p, o, err := m.StockOf(l)
	if err != nil || p.URL != "postgres://127.0.0.1:1/nowhere" || o.Ledger != l || o.Supply == nil {
		t.Errorf("stock %+v of %+v, %v", o, p, err)
	}
}

// TestStockWithAWrongSetting: what is set wrong is said before anything is leased.
func TestStockWithAWrongSetting(t *testing.T) {
	m, _, _ := here(t, map[string]string{"fleet-database": "postgres://127.0.0.1:1/nowhere", "fleet-ahead": "many"})
	_, _, err := m.SupplyFor(t.Context(), nil, false, "census")
	isKind(t, err, problem.Usage, `"many" is no number`)
	_, err = m.Stock(t.Context(), nil, nil, nil)
	isKind(t, err, problem.Usage, `"many" is no number`)
}
