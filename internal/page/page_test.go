// This file has the page over real connections to a front that tests write: what is shown,
// what is refused, what acts.

package page

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
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
	return station.View{Version: 1, Station: "bench 3", Lot: "P-118", Operator: "17", Hubs: []station.Hub{{Name: "A", Rate: 38e6, Limit: 40e6, Writing: 1, Ports: []station.Port{
		{Name: "A1", State: station.Passed, Model: "AGS3-L09", Serial: "HT4821", Elapsed: 192 * time.Second, Percent: -1, Part: -1},
		{Name: "A2", State: station.Flashing, Model: "AGS3-L09", Serial: "HT4822", Percent: 63, Part: .63, Left: 80 * time.Second},
		{Name: "A3", State: station.Failed, Model: evil, Serial: evil, Reason: "locked", Error: evil, Class: flash.ClassLocked, Percent: -1, Part: -1},
	}}},
		Actions: []station.Action{{Key: "locked", Ports: []string{"A3"}}, {Key: "take-out", Ports: []string{"A1"}}},
		Today: station.Figures{Done: 214, Hour: 39, Plan: 40, FirstPass: .972, LastPass: -1, Failures: []station.Count{{Key: "locked", N: 7}},
			Hours: []station.Hour{{Hour: 8, N: 31}, {Hour: 9, N: 0}}}}
}

// open serves a front until the test ends.
func open(t *testing.T, front station.Front, o Options) (base string) {
	t.Helper()
	o.Listen, o.Words, o.Version = "127.0.0.1:0", words.For("en"), "1.2.3"
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

func records(context.Context) ([]*ledger.JobRecord, error) {
	return []*ledger.JobRecord{
		{Job: "j1", Tablet: "A1", Serial: "HT4821", Result: "pass", Scope: flash.ScopeRun, Started: "2026-11-26T10:00:00.000000Z", Seconds: 192},
		{Job: "j2", Tablet: "A3", Serial: evil, Model: evil, Result: "fail", Class: flash.ClassLocked, Error: evil, Attempt: 2, Record: "bench3-48213",
			Started: "2026-11-26T10:05:00.000000Z", Seconds: 12, Facts: map[string]string{"hostname": evil},
			Steps: []ledger.StepRecord{{Step: "flash:system", Result: "fail", Seconds: 84, Bytes: 3_100_000_000}}},
	}, nil
}

func TestPagesShowAndEscape(t *testing.T) {
	base := open(t, newStage(oneView()), Options{Records: records})
	for path, wants := range map[string][]string{
		"/":                         {"A3: set aside: bootloader is locked", "A1: take out", "flash 63%", "1:20 left", "3:12", "214", "97.2 %", `value="63"`, "<svg", "…4821", "plan 40"},
		"/jobs":                     {"HT4821", "/job/j2", "FAIL", "try 2"},
		"/job/j2":                   {"flash:system", "1:24", "3.1 GB", "A3: set aside: bootloader is locked", "hostname", "bench3-48213"},
		"/port/A3":                  {"FAIL", "(bootloader)", "/confirm", "/job/j2"},
		"/supervisor":               {"P-118", "17"},
		"/confirm?do=clear&port=A3": {"Clear A3?", `action="/order"`},
	} {
		res, body := get(t, base+path)
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, res.Status)
		}
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s has no %q:\n%s", path, want, body)
			}
		}
		for _, bad := range []string{"<script>alert", "<script>words", "style=", "<style", "onclick", "http://", "https://", "ZgotmplZ", "\x1b"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s has %q", path, bad)
			}
		}
		if csp := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; ") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") {
			t.Errorf("%s: policy %q", path, csp)
		}
	}
	for _, path := range []string{"/job/none", "/port/Z9", "/nothing", "/confirm?do=clear&port=Z9"} {
		if res, _ := get(t, base+path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s, want 404", path, res.Status)
		}
	}
}

func TestAllWordsAreThere(t *testing.T) {
	for _, lang := range words.Languages {
		w := words.For(lang)
		for _, s := range portStates {
			if !w.Has("state." + string(s)) {
				t.Errorf("%s: no words for state %s", lang, s)
			}
		}
		for do := range decisions {
			if !w.Has("page.ask." + string(do)) {
				t.Errorf("%s: no question for %s", lang, do)
			}
		}
		s := &Server{o: Options{Words: w}}
		s.templates, _ = parse(w)
		var b strings.Builder
		for name, data := range map[string]any{"login": loginPage{}, "supervisor": supervisorPage{}, "jobs": jobsPage{}, "job": jobPage{}, "error": errorPage{},
			"report": reportPage{}, "port": portPage{Clear: true, Stop: true, Job: "x"}, "confirm": confirmPage{}, "fragment": s.face(oneView())} {
			if err := s.templates.ExecuteTemplate(&b, name, data); err != nil {
				t.Error(err)
			}
		}
		for _, id := range []string{"page.", "board.", "label.", "job."} {
			if _, after, found := strings.Cut(b.String(), ">"+id); found {
				t.Errorf("%s: no words for %s%.20s", lang, id, after)
			}
		}
	}
}

// stream reads boards.
func stream(t *testing.T, base string) (next func() string, res *http.Response) {
	t.Helper()
	res, err := http.DefaultClient.Do(request(t, http.MethodGet, base+"/events", ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	lines := bufio.NewScanner(res.Body)
	return func() string {
		var b strings.Builder
		for lines.Scan() {
			line := lines.Text()
			if line == "" && strings.Contains(b.String(), "event: board") {
				return b.String()
			}
			if line == "" {
				b.Reset()
				continue
			}
			b.WriteString(line + "\n")
		}
		return ""
	}, res
}

func TestEventsFollow(t *testing.T) {
	f := newStage(oneView())
	base := open(t, f, Options{})
	next, res := stream(t, base)
	if got := res.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/event-stream") {
		t.Errorf("type %s", got)
	}
	if b := next(); !strings.Contains(b, "flash 63%") || strings.Contains(b, "<script>") {
		t.Errorf("the first board:\n%s", b)
	}
	for i := range 50 { // many changes at once: the last is shown
		f.set(func(v *station.View) { v.Hubs = percent(v.Hubs, i) })
	}
	for b := ""; !strings.Contains(b, "flash 49%"); {
		if b = next(); b == "" {
			t.Fatal("the stream ended")
		}
	}
	begun := time.Now()
	for i := range 4 { // each as soon as the one before was seen: the pace holds
		f.set(func(v *station.View) { v.Hubs = percent(v.Hubs, 50+i) })
		_ = next()
	}
	if took := time.Since(begun); took < 3*pace {
		t.Errorf("4 boards in %s", took)
	}
}

// percent is the hubs with another percentage in A2.
func percent(hubs []station.Hub, n int) []station.Hub {
	h := hubs[0]
	h.Ports = append([]station.Port(nil), h.Ports...)
	h.Ports[1].Percent = n
	return []station.Hub{h}
}

func TestAtMostSoManyStreams(t *testing.T) {
	base := open(t, newStage(oneView()), Options{})
	var refused int
	for range 2 * maxStreams {
		res, err := http.DefaultClient.Do(request(t, http.MethodGet, base+"/events", ""))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		if res.StatusCode == http.StatusServiceUnavailable {
			refused++
		}
	}
	if refused != maxStreams {
		t.Errorf("%d of %d streams were refused, want %d", refused, 2*maxStreams, maxStreams)
	}
	if res, _ := get(t, base+"/"); res.StatusCode != http.StatusOK {
		t.Errorf("the page itself: %s", res.Status)
	}
}

func TestSlowClientHoldsUpNobody(t *testing.T) {
	v := oneView()
	v.Actions = []station.Action{{Key: strings.Repeat("y", 16<<20)}} // more than a connection holds
	f := newStage(v)
	base := open(t, f, Options{})
	slow, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Close() }()
	_, _ = io.WriteString(slow, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if _, err := io.ReadFull(slow, make([]byte, 16)); err != nil { // and reads no more
		t.Fatal(err)
	}
	f.set(func(v *station.View) { v.Actions = []station.Action{{Key: "next"}} })
	next, _ := stream(t, base)
	_ = next()
	for i := range 5 {
		f.set(func(v *station.View) { v.Hubs = percent(v.Hubs, 90+i) })
		if b := next(); !strings.Contains(b, fmt.Sprintf("flash %d%%", 90+i)) {
			t.Fatalf("board %d did not come", i)
		}
	}
}

func TestReady(t *testing.T) {
	f := newStage(oneView())
	base := open(t, f, Options{})
	if res, _ := get(t, base+"/readyz"); res.StatusCode != http.StatusOK {
		t.Error(res.Status)
	}
	f.set(func(v *station.View) { v.Banners = []station.Notice{{Key: "disk-full", Urgent: true}} })
	if res, body := get(t, base+"/readyz"); res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "disk-full") {
		t.Error(res.Status, body)
	}
	if res, _ := get(t, base+"/healthz"); res.StatusCode != http.StatusOK {
		t.Error(res.Status)
	}
	if _, body := get(t, base+"/"); !strings.Contains(body, "DISK FULL") {
		t.Error("the board does not say it")
	}
}

// TestServeForBrowser serves one stage to scripts/pages.mjs, which says on stdin what
// happens: next lines are percentages, and the end of the input ends it.
func TestServeForBrowser(t *testing.T) {
	listen := os.Getenv("ZARYA_PAGE_LISTEN")
	if listen == "" {
		t.Skip("scripts/pages.sh runs it")
	}
	f := newStage(benchView())
	lang := os.Getenv("ZARYA_PAGE_LANG")
	s, err := New(Options{Listen: listen, Words: words.For(lang), Version: "test", Records: records, Count: month})
	if err != nil {
		t.Fatal(err)
	}
	start(t, s, f)
	fmt.Fprintln(os.Stderr, "listening on", s.Addr()) //nolint:forbidigo // a person, or the browser's test, reads it
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var n int
		if _, err := fmt.Sscan(lines.Text(), &n); err == nil {
			f.set(func(v *station.View) { v.Hubs = append(percent(v.Hubs, n), v.Hubs[1:]...) })
		}
	}
}
