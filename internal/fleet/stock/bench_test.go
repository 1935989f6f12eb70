//go:build linux

// Stations for the tests: each with a ledger, an outbox and a stock, at real servers.

package stock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/fleet/lease"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/flock"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// enough is a limit for what would hang otherwise, also on a machine that has much to do.
const enough = 5 * time.Minute

// seal seals for an age key, as a station's does.
type seal struct{ key *age.X25519Identity }

func (s seal) Seal(plain []byte) (string, error) {
	var b strings.Builder
	a := armor.NewWriter(&b)
	w, err := age.Encrypt(a, s.key.Recipient())
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = errors.Join(w.Close(), a.Close())
	}
	return b.String(), err
}

func (s seal) Open(sealed string) ([]byte, error) {
	r, err := age.Decrypt(armor.NewReader(strings.NewReader(sealed)), s.key)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func newKey(t testing.TB) *age.X25519Identity {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// machine is one that is a station.
type machine struct {
	t     testing.TB
	name  string
	files fleet.Files
	url   string
	key   *age.X25519Identity
	boot  string
	ahead int
	alone bool

	connect func(context.Context) (*fleet.DB, error) // of the stock; nil: the outbox's
	answer  time.Duration                            // how long the database may take while a tablet waits
}

func newMachine(t testing.TB, s *fleettest.Server, name string) *machine {
	t.Helper()
	key := newKey(t)
	return &machine{t: t, name: name, files: s.Enrol(t, name, key.Recipient().String()), url: s.StationURL(), key: key, ahead: 4,
		answer: time.Minute}
}

func (m *machine) path() string { return filepath.Join(m.files.Dir, "ledger.db") }

// clone is a copy of the machine's disk, as it is between two contacts of the outbox: what was
// sent is kept at the end of one.
func (w *working) clone() *machine {
	w.m.t.Helper()
	lock, err := os.OpenFile(w.m.path()+".forward", os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		defer lock.Close()
		err = flock.Wait(lock)
	}
	if err != nil {
		w.m.t.Fatal(err)
	}
	again := *w.m
	again.files.Dir = w.m.t.TempDir()
	if err := w.ledger.CopyTo(w.m.t.Context(), again.path()); err != nil {
		w.m.t.Fatal(err)
	}
	for _, name := range []string{"fleet_login", "ledger.db.sent"} { // the head file may be newer than the copy
		text, err := os.ReadFile(filepath.Join(w.m.files.Dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(again.files.Dir, name), text, 0o600)
		}
		if err != nil {
			w.m.t.Fatal(err)
		}
	}
	return &again
}

// working is a machine whose program runs.
type working struct {
	*Stock
	m       *machine
	ledger  *ledger.Ledger
	outbox  *outbox.Forwarder
	stop    func()
	mu      sync.Mutex
	warned  []string      // guarded by mu
	heard   chan struct{} // closed at the next warning; guarded by mu
	stopped bool
}

// start starts the program; it runs until the test ends, or end.
func (m *machine) start(pools ...string) *working {
	m.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &working{m: m, heard: make(chan struct{})}
	fail := func(err error) {
		m.t.Helper()
		if err != nil {
			cancel()
			m.t.Fatal(err)
		}
	}
	var err error
	w.ledger, err = ledger.Open(ctx, m.path(), m.name)
	fail(err)
	connect, err := outbox.Connector(m.url, m.path(), m.name)
	fail(err)
	w.outbox, err = outbox.New(ctx, outbox.Options{Ledger: m.path(), Station: m.name, Connect: connect,
		Changed: w.ledger.Changed, Boot: m.boot})
	fail(err)
	if m.connect != nil {
		connect = m.connect
	}
	w.Stock, err = New(ctx, Options{Ledger: w.ledger, Supply: pool.NewSupply(w.ledger, seal{m.key}), Seal: seal{m.key}, Key: m.key,
		Outbox: w.outbox, Connect: connect, Ahead: m.ahead, Alone: m.alone, Warn: w.warn}, pools...)
	fail(err)
	w.t = timing{answer: m.answer, refill: time.Minute, look: 50 * time.Millisecond, again: 50 * time.Millisecond}
	var all sync.WaitGroup
	all.Go(func() { w.outbox.Run(ctx) })
	all.Go(func() { w.Run(ctx) })
	w.stop = func() {
		cancel()
		all.Wait()
		w.Close()
		if err := errors.Join(w.outbox.Close(), w.ledger.Close()); err != nil {
			m.t.Error(err)
		}
	}
	m.t.Cleanup(w.end)
	return w
}

func (w *working) end() {
	if !w.stopped {
		w.stopped = true
		w.stop()
	}
}

func (w *working) warn(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.warned = append(w.warned, fmt.Sprintf(format, args...))
	close(w.heard)
	w.heard = make(chan struct{})
}

// warns waits for a warning that says this: what it is about is in the ledger a moment before.
func (w *working) warns(text string) {
	w.m.t.Helper()
	w.until("a warning of "+text, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return strings.Contains(strings.Join(w.warned, "\n"), text)
	})
}

// unanswered lets the stock take the database for away until then.
func (w *working) unanswered(until time.Time) {
	w.Stock.mu.Lock()
	defer w.Stock.mu.Unlock()
	w.away = until
}

// nextWarning is closed at the next warning.
func (w *working) nextWarning() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heard
}

// give waits until the tablet has an identity, and ends its job.
func (w *working) give(name, serial string) *flash.Identity {
	w.m.t.Helper()
	defer w.Release("job-" + serial)
	var id *flash.Identity
	w.until(serial+" has an identity", func() (is bool) {
		var err error
		id, err = w.Assign(w.m.t.Context(), name, serial, "job-"+serial)
		var none *flash.PoolError
		if err != nil && (!errors.As(err, &none) || !none.Empty) {
			w.m.t.Fatalf("%s at %s: %v", serial, w.m.name, err)
		}
		return err == nil
	})
	return id
}

// refuses fails the test unless the tablet gets nothing now, for a reason.
func (w *working) refuses(name, serial, says string) {
	w.m.t.Helper()
	id, err := w.Assign(w.m.t.Context(), name, serial, "job-"+serial)
	w.Release("job-" + serial)
	var none *flash.PoolError
	if !errors.As(err, &none) || !strings.Contains(err.Error(), says) {
		w.m.t.Fatalf("%s at %s got %+v: %v; want %q", serial, w.m.name, id, err, says)
	}
}

func (w *working) bind(id *flash.Identity) {
	w.m.t.Helper()
	if err := w.Bind(w.m.t.Context(), id, "job"); err != nil {
		w.m.t.Fatal(err)
	}
}

// until waits until something is so, looking at each change of the outbox and of the stock, and at each warning.
func (w *working) until(what string, is func() bool) {
	w.m.t.Helper()
	limit := time.After(enough)
	for {
		told, changed, heard := w.outbox.Changed(), w.soon(), w.nextWarning()
		if is() {
			return
		}
		select {
		case <-told:
		case <-changed:
		case <-heard:
		case <-limit:
			w.mu.Lock()
			defer w.mu.Unlock()
			w.m.t.Fatalf("%s is never so at %s: %+v, %q", what, w.m.name, w.outbox.State(), w.warned)
		}
	}
}

// sent waits until the database has all.
func (w *working) sent() {
	w.m.t.Helper()
	w.until("all sent", func() bool {
		last, err := w.ledger.Last(w.m.t.Context(), w.m.name)
		return err == nil && w.outbox.State().Sent == last
	})
}

// numbered are rows to import.
func numbered(first, n int) (rows []lease.Row) {
	for i := range n {
		rows = append(rows, lease.Row{Columns: map[string]string{"inventory": fmt.Sprintf("C-%05d", first+i)},
			Secrets: map[string]string{"pin": fmt.Sprint(1000 + first + i)}})
	}
	return rows
}

// office is a supervisor.
type office struct {
	*fleet.DB
	t   testing.TB
	key *age.X25519Identity
}

func newOffice(t testing.TB, s *fleettest.Server) *office {
	t.Helper()
	return &office{fleettest.Open(t, s.URL(fleettest.Supervisor), fleet.Login{}), t, newKey(t)}
}

func (o *office) imports(name string, first, n int) {
	o.t.Helper()
	if added, err := lease.Import(o.t.Context(), o.DB, name, "", numbered(first, n), o.key.Recipient()); err != nil || added != int64(n) {
		o.t.Fatalf("%d %v", added, err)
	}
}

// states are those of a pool's numbers, as the database lists them: "1 bound a T1".
func (o *office) states(name string) (list []string) {
	o.t.Helper()
	if err := lease.List(o.t.Context(), o.DB, name, "", func(i lease.Listed) error {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%d %s %s %s", i.Number, i.State, i.Station, i.Serial)))
		return nil
	}); err != nil {
		o.t.Fatal(err)
	}
	return list
}
