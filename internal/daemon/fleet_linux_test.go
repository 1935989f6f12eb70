package daemon

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/station"
)

// get reads one page of a station that works.
func (d *Daemon) get(t *testing.T, path string) string {
	t.Helper()
	answer, err := http.Get("http://" + d.page.Addr() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// heardOf waits until a warning with the words was given.
func (p *place) heardOf(told <-chan struct{}, words string) {
	p.Helper()
	for !p.wasWarned(words) {
		select {
		case <-told:
		case <-p.Context().Done():
			p.Fatalf("nobody said %q", words)
		}
	}
}

// A tablet's record goes to the fleet's database as it is written, waits while that does not
// answer, and stays here once the station is taken out; each is said once.
func TestAStationOfAFleet(t *testing.T) {
	s := fleettest.Start(t)
	files := s.Enrol(t, "bench", "")
	reader := fleettest.Open(t, s.URL(fleettest.Reader), fleet.Login{})
	there := func() (n int64) {
		t.Helper()
		if err := reader.QueryRow(t.Context(), "SELECT count(*) FROM zarya.entry WHERE station = 'bench'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	p := newPlace(t)
	f, err := outbox.New(t.Context(), outbox.Options{Ledger: p.record.Path(), Station: "bench", Changed: p.record.Changed,
		Connect: s.Connector(files)})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	o := p.options("A1=" + tablet(t))
	told := make(chan struct{}, 1)
	o.Outbox, o.Warn = f, func(format string, args ...any) {
		p.warn(format, args...)
		select {
		case told <- struct{}{}:
		default:
		}
	}
	d, ended := p.run(o)
	until(t, d.Station, "A1 is done", passed)
	sent := func(what string) {
		t.Helper()
		for {
			changed := f.Changed()
			last, err := p.record.Last(t.Context(), "bench")
			if err != nil {
				t.Fatal(err)
			}
			if state := f.State(); state.Sent == last && state.Err == nil {
				if n := there(); n < last { // one may have been written meanwhile
					t.Errorf("%s: the database has %d of %d entries", what, n, last)
				}
				return
			}
			<-changed
		}
	}
	sent("a tablet passed")
	jobs, err := p.record.Jobs(t.Context())
	if err != nil || len(jobs) != 1 {
		t.Fatalf("%+v, %v", jobs, err)
	}
	for { // something more of the tablet may be written, and sent
		changed := f.Changed()
		if strings.Contains(d.get(t, "/metrics"), `zarya_queue_records{queue="outbox"} 0`) {
			break
		}
		<-changed
	}
	for path, want := range map[string]string{
		"/job/run-1":            jobs[0].Record,
		"/tablet?serial=VT0001": `href="/job/run-1"`,
		"/port/A1":              "VT0001",
		"/job/run-1/trace":      "getvar:product",
	} {
		if text := d.get(t, path); !strings.Contains(text, want) {
			t.Errorf("%s has no %q:\n%s", path, want, text)
		}
	}

	note := func(n int) {
		t.Helper()
		if _, err := p.record.Append("x", struct{}{}, nil); err != nil {
			t.Fatal(err, n)
		}
	}
	reader.Reset()
	s.Kill()
	note(1)
	p.heardOf(told, "records wait here")
	until(t, d.Station, "the database is away", func(v station.View) bool {
		return v.Fleet != nil && v.Fleet.Away > 0 && v.Fleet.Waiting == 1 && v.Fleet.Refused == ""
	})
	s.Restart()
	p.heardOf(told, "answers again")
	sent("the database is back")

	before := there()
	if err := fleettest.Open(t, s.URL(fleettest.Supervisor), fleet.Login{}).Revoke(t.Context(), "bench"); err != nil {
		t.Fatal(err)
	}
	note(2)
	until(t, d.Station, "the station was taken out", func(v station.View) bool { return v.Fleet.Refused != "" })
	if err := d.Station.Do(t.Context(), station.Order{Do: station.OrderStop}); err != nil {
		t.Error(err)
	}
	if err := errors.Join(<-ended, d.Close()); err != nil {
		t.Error(err)
	}
	if n := there(); n != before {
		t.Errorf("a station that was taken out sent %d entries", n-before)
	}
	count := 0
	for _, w := range p.warned {
		if strings.Contains(w, "answers again") {
			count++
		}
	}
	if count != 1 {
		t.Errorf("it was said %d times that the database answers: %q", count, fmt.Sprint(p.warned))
	}
}

// Once the station ends, what was written last is still sent.
func TestTheLastRecordsAreSent(t *testing.T) {
	s := fleettest.Start(t)
	files := s.Enrol(t, "bench", "")
	p := newPlace(t)
	f, err := outbox.New(t.Context(), outbox.Options{Ledger: p.record.Path(), Station: "bench", // and is not told of new entries
		Connect: s.Connector(files)})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	o := p.options("A1=tcp:127.0.0.1:1")
	o.Outbox = f
	d, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	d.lastSent = 5 * time.Minute // on a machine that has much to do
	stop := d.startOutbox(t.Context())
	for changed := f.Changed(); f.State().Contact.IsZero(); changed = f.Changed() {
		<-changed
	}
	last, err := p.record.Append("x", struct{}{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if sent := f.State().Sent; sent != last {
		t.Errorf("%d of %d entries were sent", sent, last)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
