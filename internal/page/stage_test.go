// This file is what tests have the page with: a front whose view they write, and records.

package page

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage is a front whose view a test sets.
type stage struct {
	mu      sync.Mutex
	view    station.View
	changed chan struct{}
	orders  []station.Order
	refuse  error
}

func newStage(v station.View) *stage { return &stage{view: v, changed: make(chan struct{})} }

func (f *stage) View() station.View {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.view
}

func (f *stage) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *stage) Do(_ context.Context, o station.Order) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.orders = append(f.orders, o)
	return f.refuse
}

func (f *stage) Lines(string) []string { return []string{"(bootloader) <script>words()</script>"} }

func (f *stage) done() []station.Order {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.orders
}

// set changes the view.
func (f *stage) set(change func(*station.View)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.view)
	f.view.Version++
	close(f.changed)
	f.changed = make(chan struct{})
}

const evil = "<script>alert(1)</script>\x1b[31m\"'"

func oneView() station.View {
	return station.View{Version: 1, Station: "bench 3", Lot: "P-118", Operator: "17",
		Hubs: []station.Hub{{Name: "A", Rate: 38e6, Limit: 40e6, Writing: 1, Ports: []station.Port{
			{Name: "A1", State: station.Passed, Model: "AGS3-L09", Serial: "HT4821", Elapsed: 192 * time.Second, Percent: -1, Part: -1},
			{Name: "A2", State: station.Flashing, Model: "AGS3-L09", Serial: "HT4822", Percent: 63, Part: .63, Left: 80 * time.Second},
			{Name: "A3", State: station.Failed, Model: evil, Serial: evil, Reason: "locked", Error: evil,
				Class: flash.ClassLocked, Percent: -1, Part: -1},
		}}},
		Actions: []station.Action{{Key: "locked", Ports: []string{"A3"}}, {Key: "take-out", Ports: []string{"A1"}}},
		Today: station.Figures{Done: 214, Hour: 39, Plan: 40, FirstPass: .972, LastPass: -1, Failures: []station.Count{{Key: "locked", N: 7}},
			Hours: []station.Hour{{Hour: 8, N: 31}, {Hour: 9, N: 0}}}}
}

// open serves a front until the test ends.
func open(t *testing.T, front station.Front, o Options) (base string) {
	t.Helper()
	o.Listen, o.Version = "127.0.0.1:0", "1.2.3"
	if o.Words == nil {
		o.Words = words.For("en")
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	start(t, s, front)
	return "http://" + s.Addr()
}

func start(t *testing.T, s *Server, front station.Front) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, front) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
}

// ask sends a request and returns what came.
func ask(t *testing.T, r *http.Request) (*http.Response, string) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func request(t *testing.T, method, address, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

func get(t *testing.T, address string) (*http.Response, string) {
	t.Helper()
	return ask(t, request(t, http.MethodGet, address, ""))
}

// shelf is records that a test has; the newest are the first.
type shelf struct {
	mu    sync.Mutex
	jobs  []*ledger.JobRecord
	asked int   // lists
	fail  error // of whatever is asked
}

func (s *shelf) Recent(_ context.Context, since time.Time) ([]*ledger.JobRecord, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	from := since.UTC().Format(time.RFC3339Nano)
	return slices.DeleteFunc(slices.Clone(s.jobs), func(j *ledger.JobRecord) bool { return j.Started < from }), s.fail
}

func (s *shelf) Job(_ context.Context, name string) (*ledger.JobRecord, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		if j.Job == name {
			return j, s.fail
		}
	}
	return nil, s.fail
}

func (s *shelf) Tablet(_ context.Context, serial string) ([]*ledger.JobRecord, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.jobs), func(j *ledger.JobRecord) bool { return j.Serial != serial }), s.fail
}

var errNoLedger = errors.New("no such ledger")

// ago is a time of a record.
func ago(d time.Duration) string { return time.Now().Add(-d).UTC().Format(time.RFC3339Nano) }

// filled is a shelf with two jobs of now, and one of five days ago.
func filled() *shelf {
	return &shelf{jobs: []*ledger.JobRecord{
		{Job: "j2", Tablet: "A3", Serial: evil, Model: evil, Result: "fail", Class: flash.ClassLocked, Error: evil,
			Attempt: 2, Record: "bench3-48213",
			Started: ago(time.Second), Ended: ago(0), Seconds: 12, Facts: map[string]string{"hostname": evil},
			Steps: []ledger.StepRecord{{Step: "flash:system", Result: "fail", Seconds: 84, Bytes: 3_100_000_000}}},
		{Job: "j1", Tablet: "A1", Serial: "HT4821", Result: "pass", Scope: flash.ScopeRun, Record: "bench3-48200",
			Started: ago(2 * time.Second), Ended: ago(time.Second), Seconds: 192, Golden: true},
		{Job: "j0", Tablet: "A3", Serial: "HT4821", Result: "interrupted", Class: flash.ClassStation,
			Record: "bench3-17", Disposition: ledger.Rework,
			Started: ago(5 * 24 * time.Hour), Ended: ago(5 * 24 * time.Hour)},
	}}
}
