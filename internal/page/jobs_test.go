// This file has the lists of jobs: filters, pages, one job's history, and what a person decides
// about a tablet.

package page

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/traces"
	"github.com/zarya-station/zarya/internal/words"
)

// day is a shelf of a day with so many jobs, the newest first.
func day(n int) *shelf {
	s := &shelf{}
	for i := range n {
		j := &ledger.JobRecord{Job: fmt.Sprint("n", i), Tablet: fmt.Sprint("A", i%12+1), Serial: fmt.Sprintf("HT%05d", i),
			Result: "pass", Started: ago(0), Ended: ago(0)}
		switch i % 10 {
		case 1:
			j.Result, j.Class = "fail", flash.ClassLocked
		case 2:
			j.Result, j.Class = "fail", flash.ClassCable
		case 3:
			j.Result, j.Class, j.Ended = "running", "", ""
		}
		s.jobs = append(s.jobs, j)
	}
	return s
}

func TestJobsAreFiltered(t *testing.T) {
	base := open(t, newStage(oneView()), Options{Records: day(250)})
	for query, want := range map[string]struct {
		found string
		rows  int
	}{
		"":                           {"250 tablets", mostRows},
		"?from=200":                  {"250 tablets", 50},
		"?from=9999":                 {"250 tablets", 1},
		"?from=-7":                   {"250 tablets", mostRows},
		"?from=x&days=x&result=x":    {"250 tablets", mostRows}, // what means nothing is left out
		"?result=fail":               {"25 tablets", 25},        // by the tablet
		"?result=retry":              {"25 tablets", 25},        // by the bench
		"?class=cable":               {"25 tablets", 25},
		"?class=cable&result=fail":   {"0 tablets", 0},
		"?result=running":            {"25 tablets", 25},
		"?port=A12":                  {"20 tablets", 20},
		"?port=A1&result=pass":       {"17 tablets", 17},
		"?serial=ht0001":             {"10 tablets", 10},
		"?serial=" + "%3Cscript%3E":  {"0 tablets", 0},
		"?days=30&port=Z9":           {"0 tablets", 0},
		"?result=interrupted&days=7": {"0 tablets", 0},
	} {
		res, body := get(t, base+"/jobs"+query)
		if rows := strings.Count(body, "<tr><td>"); res.StatusCode != http.StatusOK || rows != want.rows ||
			!strings.Contains(body, ">"+want.found+"<") {
			t.Errorf("%s: %s, %d rows, want %d of %s", query, res.Status, rows, want.rows, want.found)
		}
		if want.rows == 0 && !strings.Contains(body, "No tablets match") {
			t.Errorf("%s: an empty list says nothing", query)
		}
	}
	_, body := get(t, base+"/jobs?class=cable&port=A3&from=100")
	for _, want := range []string{`value="cable" selected`, `value="A3" selected`, `href="/jobs?days=1"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	_, body = get(t, base+"/jobs?result=pass&from=100")
	for _, want := range []string{`href="/jobs?days=1&amp;result=pass"`, `value="pass" selected`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	if i, j := strings.Index(body, `value="A2"`), strings.Index(body, `value="A10"`); i < 0 || j < i {
		t.Error("A10 stands before A2")
	}
}

// A page that is loaded again and again does not read the ledger each time.
func TestListsAreReadOnce(t *testing.T) {
	s := day(3)
	base := open(t, newStage(oneView()), Options{Records: s})
	for range 20 {
		_, _ = get(t, base+"/jobs?days=30")
	}
	read := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.asked
	}
	before := read()
	if before > 2 {
		t.Errorf("the ledger was read %d times", before)
	}
	_, _ = ask(t, request(t, http.MethodPost, base+"/order", "do=golden")) // a person who decided sees what became of it
	if _, _ = get(t, base+"/jobs?days=30"); read() != before+1 {
		t.Error("after a decision the list is an old one")
	}
}

func TestNoLedger(t *testing.T) {
	s := filled()
	s.fail = errNoLedger
	base := open(t, newStage(oneView()), Options{Records: s})
	for _, path := range []string{"/jobs", "/job/j2", "/tablet?serial=HT4821", "/confirm?do=disposition&disposition=scrap&job=j2"} {
		if res, body := get(t, base+path); res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, errNoLedger.Error()) {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
	if res, _ := get(t, base+"/port/A3"); res.StatusCode != http.StatusOK {
		t.Errorf("a port is not shown without its history: %s", res.Status)
	}
	base = open(t, newStage(oneView()), Options{})
	if res, body := get(t, base+"/jobs"); res.StatusCode != http.StatusOK || !strings.Contains(body, "none yet") {
		t.Errorf("without records: %s", res.Status)
	}
	if res, _ := get(t, base+"/job/j2"); res.StatusCode != http.StatusNotFound {
		t.Errorf("without records: %s", res.Status)
	}
}

func TestADispositionIsAskedForAndGiven(t *testing.T) {
	f := newStage(oneView())
	base := open(t, f, Options{Records: filled()})
	_, body := get(t, base+"/job/j2")
	for _, want := range []string{`name="disposition" value="scrap"`, `name="job" value="j2"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the job has no %s", want)
		}
	}
	if _, body := get(t, base+"/job/j1"); strings.Contains(body, `name="disposition"`) {
		t.Error("it is asked of a tablet that passed")
	}
	if _, body := get(t, base+"/job/j0"); !strings.Contains(body, `value="rework" class="now"`) {
		t.Errorf("what was decided is not shown:\n%s", body)
	}
	form := url.Values{"do": {"disposition"}, "disposition": {"scrap"}, "job": {"j2"}, "by": {"Ann\x1b[2J" + strings.Repeat("x", 99)}}
	_, body = get(t, base+"/confirm?"+form.Encode())
	if strings.Contains(body, "Ann") || strings.Contains(body, "required") {
		t.Error("a badge is taken from an address, or needed where nobody has one")
	}
	for _, want := range []string{"is scrapped?", `name="by"`, `method="post"`, `name="job" value="j2"`, `name="disposition" value="scrap"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the question has no %s:\n%s", want, body)
		}
	}
	if len(f.done()) != 0 {
		t.Fatal("it was done without being asked")
	}
	if res, _ := ask(t, request(t, http.MethodPost, base+"/order", form.Encode())); res.StatusCode != http.StatusSeeOther ||
		res.Header.Get("Location") != "/job/j2" {
		t.Errorf("the order: %s to %s", res.Status, res.Header.Get("Location"))
	}
	_, _ = ask(t, request(t, http.MethodPost, base+"/order", "do=golden"))
	_, _ = ask(t, request(t, http.MethodPost, base+"/order", "do=not-golden"))
	got := f.done()
	if len(got) != 3 || got[0].Record != "bench3-48213" || got[0].Disposition != "scrap" ||
		!strings.HasPrefix(got[0].By, "Ann[2Jx") || len(got[0].By) > maxName {
		t.Fatalf("orders %+v", got)
	}
	if got[1] != (station.Order{Do: station.OrderGolden}) || got[2] != (station.Order{Do: station.OrderNotGolden}) {
		t.Errorf("golden: %+v", got[1:])
	}
	f.set(func(v *station.View) { v.Golden, v.Badges = true, true })
	for path, want := range map[string]bool{"/confirm?do=golden": true, "/confirm?do=clear&port=A3": true, "/confirm?do=lot&value=x": false} {
		if _, body := get(t, base+path); strings.Contains(body, ` name="by" `) != want || strings.Contains(body, " required>") != want {
			t.Errorf("%s asks for a supervisor's badge: %v", path, !want)
		}
	}
	if _, body := get(t, base+"/supervisor"); !strings.Contains(body, `value="not-golden"`) {
		t.Error("golden cannot be taken back")
	}
}

// A port says how many in a row did not pass, whichever was interrupted between.
func TestAPortsHistory(t *testing.T) {
	s := &shelf{}
	for i, result := range []string{"fail", "interrupted", "fail", "fail", "pass", "fail"} {
		s.jobs = append(s.jobs, &ledger.JobRecord{Job: fmt.Sprint("n", i), Tablet: "A3", Result: result,
			Scope: flash.ScopeRun, Started: ago(time.Duration(i) * time.Hour)})
	}
	base := open(t, newStage(oneView()), Options{Records: s})
	_, body := get(t, base+"/port/A3")
	if n := strings.Count(body, `href="/job/n`); n != len(s.jobs) || !strings.Contains(body, "3 in a row did not pass") {
		t.Errorf("%d jobs in\n%s", n, body)
	}
}

// The page has a trace's end, and all of it to take away; nothing in it acts.
func TestATraceIsShownAndTaken(t *testing.T) {
	list := []traces.Line{{TS: "2026-11-26T10:00:00Z", Dir: ">", Text: "getvar:first"}}
	for range mostTrace - 3 {
		list = append(list, traces.Line{TS: "not a time", Dir: "<", Text: "INFO"})
	}
	list = append(list, traces.Line{Dir: "…", Bytes: 1234}, traces.Line{Dir: ">", Bytes: 4_000_000},
		traces.Line{Dir: "<", Text: evil, Error: evil}, traces.Line{Dir: "=", Text: "flash:boot: begins"})
	base := open(t, newStage(oneView()), Options{Records: filled(), Trace: func(job string) ([]traces.Line, error) {
		switch job {
		case "j2":
			return list, nil
		case "j1":
			return nil, errNoLedger
		}
		return nil, nil
	}})
	_, body := get(t, base+"/job/j2")
	for _, want := range []string{"202 lines", "1,234 lines are left out here", "4,000,000 bytes",
		"flash:boot: begins", `href="/job/j2/trace"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
	if strings.Contains(body, "getvar:first") || strings.Contains(body, "<script>alert") {
		t.Error("the page has more of the trace than its end, or something in it acts")
	}
	res, body := get(t, base+"/job/j2/trace")
	if got := res.Header.Get("Content-Disposition"); got != "attachment; filename=trace-j2.jsonl" ||
		res.Header.Get("X-Content-Type-Options") != "nosniff" ||
		res.Header.Get("Content-Type") != "application/x-ndjson" || strings.Count(body, "\n") != len(list) ||
		!strings.Contains(body, "getvar:first") {
		t.Errorf("%s, %d lines", got, strings.Count(body, "\n"))
	}
	for _, path := range []string{"/job/none/trace", "/job/..%2F..%2Fetc%2Fpasswd/trace", "/job/j1/trace"} {
		if res, _ := get(t, base+path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
	if res, body := get(t, base+"/job/j1"); res.StatusCode != http.StatusOK || strings.Contains(body, "went over the wire") {
		t.Errorf("a job without its trace: %s", res.Status)
	}
}

// A record is shown as the board showed its port.
func TestARecordsState(t *testing.T) {
	skip := &flash.Answer{Say: flash.SaySkip}
	s := &Server{o: Options{Words: words.For("en")}}
	for _, c := range []struct {
		j    ledger.JobRecord
		want station.PortState
	}{
		{ledger.JobRecord{Result: "pass", Scope: flash.ScopeRun}, station.Passed},
		{ledger.JobRecord{Result: "pass", Scope: flash.ScopeFlash}, station.Flashed},
		{ledger.JobRecord{Result: "compliant"}, station.Compliant},
		{ledger.JobRecord{Result: "interrupted", Class: flash.ClassOperator}, station.Interrupted},
		{ledger.JobRecord{Result: "skipped", Class: flash.ClassOperator, Answer: skip}, station.Skipped},
		{ledger.JobRecord{Result: "skipped", Class: flash.ClassOperator}, station.Interrupted}, // it never started
		{ledger.JobRecord{Result: "skipped", Class: flash.ClassProfile, Foreign: true, Answer: skip}, station.Foreign},
		{ledger.JobRecord{Result: "fail", Class: flash.ClassCable}, station.Retry},
		{ledger.JobRecord{Result: "fail", Class: flash.ClassLocked}, station.Failed},
		{ledger.JobRecord{Result: "fail", Class: flash.ClassOperator, Answer: &flash.Answer{Say: flash.SayAbort}}, station.Failed},
		{ledger.JobRecord{Result: "running"}, underWay},
	} {
		if got := stateOf(&c.j); got != c.want {
			t.Errorf("%+v is shown as %s, not %s", c.j, got, c.want)
		}
		want := map[station.PortState]string{station.Skipped: "left out", station.Failed: "refused"}[c.want]
		if got := s.whyNot(&c.j); c.j.Answer.Refused(c.j.Class) && got != want {
			t.Errorf("%+v is shown because of %q, not %q", c.j, got, want)
		}
	}
}
