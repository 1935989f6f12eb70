package daemon

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/scanner"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/internal/virtual/fleet"
	"github.com/zarya-station/zarya/internal/virtual/imageset"
	"github.com/zarya-station/zarya/internal/words"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kept is a sink that keeps what it is told.
type kept struct {
	mu     sync.Mutex
	done   []flash.JobDone // guarded by mu
	closed bool            // guarded by mu
}

func (k *kept) Event(e flash.Event) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if d, ok := e.Body.(flash.JobDone); ok {
		k.done = append(k.done, d)
	}
}

func (k *kept) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.done)
}

func (k *kept) Close() error { k.closed = true; return nil }

var _ ui.Sink = (*kept)(nil)

// place is a folder with a profile of one small image.
type place struct {
	*testing.T
	dir    string
	maker  *recipe.Maker
	record *ledger.Ledger
	sink   *kept

	profile string
	scope   flash.Scope

	mu     sync.Mutex
	warned []string // guarded by mu
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{T: t, dir: t.TempDir(), sink: &kept{}, profile: "p.yaml", scope: flash.ScopeFlash}
	text := strings.Repeat("boot", 1024)
	p.write("boot.img", text)
	p.write("p.yaml", fmt.Sprintf("zarya: 1\nname: small\ntablet: {models: [AGS3-L09]}\npartitions: [boot]\n"+
		"images: {boot: {file: boot.img, sha256: %x}}\nflash: [{images: [boot]}]\n", sha256.Sum256([]byte(text))))
	p.maker = &recipe.Maker{Config: p.dir, Trust: filepath.Join(p.dir, "no-trust"), Key: &recipe.Key{}, Secrets: &flash.Secrets{},
		Cache: func() *image.Cache { return nil }, Floor: func(context.Context, string) (string, error) { return "", nil }, Warn: p.warn}
	var err error
	if p.record, err = ledger.Open(t.Context(), filepath.Join(p.dir, "ledger.db"), "bench"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.record.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *place) write(name, text string) {
	p.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.Fatal(err)
	}
}

func (p *place) warn(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.warned = append(p.warned, fmt.Sprintf(format, args...))
}

// wasWarned reports whether a warning has the words.
func (p *place) wasWarned(words string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.warned, func(w string) bool { return strings.Contains(w, words) })
}

// set prepares the profile.
func (p *place) set(ctx context.Context) (*recipe.Set, error) {
	common := recipe.Request{Trust: p.maker.Trust, Scope: p.scope}
	return p.maker.PrepareSet(ctx, common, []string{filepath.Join(p.dir, p.profile)}, nil)
}

// options are those of a station that watches targets.
func (p *place) options(targets ...string) Options {
	p.Helper()
	set, err := p.set(p.Context())
	if err != nil {
		p.Fatal(err)
	}
	bench := target.NewBench(target.Options{LockDir: filepath.Join(p.dir, "locks")})
	p.Cleanup(bench.Close)
	places, watchers, err := station.ParsePlaces(bench, targets)
	if err != nil {
		p.Fatal(err)
	}
	return Options{Name: "bench", Program: "dev", Operator: "Ann", Lot: "L1", Places: places, Watchers: watchers,
		Lock: station.Lock(bench, "a test"),
		Log:  filepath.Join(p.dir, "events"), Run: "run", Ledger: p.record, Supply: pool.NewSupply(p.record, p.maker.Key), Set: set,
		Reload: p.set, Secrets: p.maker.Secrets,
		Sinks: []ui.Sink{p.sink}, Page: Page{Listen: "127.0.0.1:0"}, Words: words.For("en"), Warn: p.warn}
}

// tablet serves a virtual tablet until the test ends.
func tablet(t *testing.T) (name string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- fleet.Serve(ctx, fleet.Options{Count: 1, Listen: "tcp:127.0.0.1:0", Family: "kirin710a-ags3", State: t.TempDir()},
			func(places []fleet.Place) { ready <- places[0].Target })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case name = <-ready:
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	return name
}

// run begins a station; ended has how it ended.
func (p *place) run(o Options) (d *Daemon, ended <-chan error) {
	p.Helper()
	d, err := New(p.Context(), o)
	if err != nil {
		p.Fatal(err)
	}
	end := make(chan error, 1)
	go func() { end <- d.Run(context.Background()) }()
	return d, end
}

// until waits until what the station shows fulfils a condition.
func until(t *testing.T, s *station.Station, what string, is func(station.View) bool) {
	t.Helper()
	for {
		changed := s.Changed()
		if is(s.View()) {
			return
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatalf("never: %s", what)
		}
	}
}

func passed(v station.View) bool {
	return slices.ContainsFunc(v.Hubs, func(h station.Hub) bool {
		return slices.ContainsFunc(h.Ports, func(p station.Port) bool { return p.Name == "A1" && p.State.Good() })
	})
}

// announced reports whether the scanner is said to be away, for a reason.
func announced(v station.View, why string) bool {
	return slices.ContainsFunc(v.Banners, func(n station.Notice) bool {
		return n.Key == "scanner-away" && strings.Contains(n.Words, why)
	})
}

// A tablet is flashed and recorded, and seen on the page; the next station of the day knows.
func TestAStationWorks(t *testing.T) {
	p := newPlace(t)
	o := p.options("A1=" + tablet(t))
	o.Unseen = true
	d, ended := p.run(o)
	until(t, d.Station, "A1 is done", passed)
	if err := d.Station.Do(t.Context(), station.Order{Do: station.OrderReload}); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]string{"/": "A1", "/jobs": "VT0001", "/report": "100"} {
		answer, err := http.Get("http://" + d.page.Addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if answer.Body.Close(); err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %v, %s", path, err, body)
		}
	}
	for _, e := range []scanner.Event{
		{Kind: scanner.Scanned, Scan: scanner.Scan{Text: "OP:Ben", Order: station.Order{Do: station.OrderOperator, Value: "Ben"}}},
		{Kind: scanner.Scanned, Scan: scanner.Scan{Text: "?", Order: station.Order{Do: station.OrderClear, Port: "B9"}}},
		{Kind: scanner.Dropped, Err: io.EOF},
		{Kind: scanner.Away, Err: io.ErrClosedPipe},
	} {
		var orders sync.WaitGroup
		d.scanned(t.Context(), e, &orders)
		orders.Wait()
	}
	if who := d.Station.View().Operator; who != "Ben" || !p.wasWarned("no port") || !p.wasWarned("scanner: EOF") ||
		!announced(d.Station.View(), "io: read/write on closed pipe") {
		t.Errorf("the operator is %s, warned %q", who, p.warned)
	}
	d.scanned(t.Context(), scanner.Event{Kind: scanner.Ready, Name: "back"}, &sync.WaitGroup{})
	if announced(d.Station.View(), "") {
		t.Error("the scanner is back, and is still called away")
	}
	trace, err := d.traces.Lines("run-1")
	if text := fmt.Sprint(trace); err != nil || !strings.Contains(text, "getvar:product") || !strings.Contains(text, "flash:boot: ok") {
		t.Errorf("its trace is %s, %v", text, err)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := d.Station.Do(t.Context(), station.Order{Do: station.OrderStop}); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if len(p.sink.done) != 1 || p.sink.done[0].Result != flash.Pass || !p.sink.closed {
		t.Errorf("told %+v, closed %v", p.sink.done, p.sink.closed)
	}
	jobs, err := p.record.Jobs(t.Context())
	if err != nil || len(jobs) != 1 || jobs[0].Result != "pass" ||
		jobs[0].Operator != "Ann" || jobs[0].Lot != "L1" || jobs[0].Program != "dev" {
		t.Errorf("recorded %+v, %v", jobs, err)
	}
	again, err := New(t.Context(), p.options("A1=tcp:127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	if n := again.Station.View().Today.Done; n != 1 {
		t.Errorf("the next station knows of %d jobs of today", n)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// A tablet whose pool is empty is flashed and waits; identities that another process imports
// let it go on, without a hand on it. Who ordered what is in the ledger.
func TestAnEmptyPoolHoldsATabletUp(t *testing.T) {
	p := newPlace(t)
	images, err := imageset.Build(t.Context(), filepath.Join(p.dir, "images"), imageset.Options{Size: 16 << 20})
	if err != nil {
		t.Skipf("no images: %v", err)
	}
	text, err := os.ReadFile(images.Profile)
	if err != nil {
		t.Fatal(err)
	}
	p.profile, p.scope = "images/numbered.yaml", flash.ScopeRun
	p.write(p.profile, string(text)+"identity: {pool: census, columns: [inventory]}\n")
	o := p.options("A1=" + tablet(t))
	o.Supervisors = []string{"900"}
	d, ended := p.run(o)
	until(t, d.Station, "A1 waits for an identity", func(v station.View) bool {
		return v.Hubs[0].Ports[0].State == station.NoIdentity
	})
	other, err := ledger.Open(t.Context(), filepath.Join(p.dir, "ledger.db"), "bench")
	if err != nil {
		t.Fatal(err)
	}
	row := pool.Row{Columns: map[string]string{"inventory": "C-1"}}
	if _, err := pool.Import(other, "census", []pool.Row{row}, pool.Declaration{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, d.Station, "A1 is done", passed)
	if err := d.Station.Do(t.Context(), station.Order{Do: station.OrderStop, By: "17"}); err == nil {
		t.Error("anybody may stop it")
	}
	if err := d.Station.Do(t.Context(), station.Order{Do: station.OrderStop, By: "900"}); err != nil {
		t.Error(err)
	}
	if err := errors.Join(<-ended, d.Close()); err != nil {
		t.Error(err)
	}
	jobs, err := p.record.Jobs(t.Context())
	if err != nil || len(jobs) != 1 || jobs[0].Result != "pass" || jobs[0].Inventory != "C-1" {
		t.Errorf("recorded %+v, %v", jobs, err)
	}
	booted := slices.IndexFunc(jobs[0].Measurements, func(m flash.Measurement) bool { return m.Name == flash.MeasureBoot })
	if booted < 0 || jobs[0].Measurements[booted].High != 180_000 { // the profile gives it three minutes
		t.Errorf("measured %+v", jobs[0].Measurements)
	}
	var orders []string
	for e, err := range p.record.Entries(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == ledger.KindOrder {
			orders = append(orders, string(e.Body))
		}
	}
	if want := []string{`{"by":"900","order":"stop"}`}; !slices.Equal(orders, want) {
		t.Errorf("%q, want %q", orders, want)
	}
}

// An address that is taken is no reason not to work, unless somebody asked for it.
func TestAnAddressThatIsTaken(t *testing.T) {
	p := newPlace(t)
	o := p.options("A1=tcp:127.0.0.1:1")
	first, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	o = p.options("A1=tcp:127.0.0.1:1")
	o.Page.Listen = first.page.Addr()
	second, err := New(t.Context(), o)
	if err != nil || second.page != nil || !p.wasWarned("there is no page") {
		t.Errorf("%v, warned %q", err, p.warned)
	} else if err := second.Close(); err != nil {
		t.Error(err)
	}
	o = p.options("A1=tcp:127.0.0.1:1")
	o.Page.Listen, o.Page.Asked = first.page.Addr(), true
	if _, err := New(t.Context(), o); err == nil {
		t.Error("a page that was asked for is not there, and nobody says so")
	}
	o = p.options("A1=tcp:127.0.0.1:1")
	p.write("token", "\n")
	o.Page.TokenFile = filepath.Join(p.dir, "token")
	if _, err := New(t.Context(), o); err == nil {
		t.Error("an empty token was taken")
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
}
