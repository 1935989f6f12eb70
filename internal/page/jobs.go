// This file is lists of jobs: those of some days, with filters, and those of one tablet.

package page

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/untrusted"
	"github.com/zarya-station/zarya/internal/words"
)

const (
	mostRows     = 100 // of a list on one page
	mostPast     = 50  // jobs of one port or one tablet that are listed
	portDays     = 7   // that a port's history goes back
	mostAttempts = 200 // of one tablet that are looked at
)

// Records are what the page reads of the ledger. Lists are the newest first, without steps.
type Records interface {
	// Recent are the jobs that were begun or ended since a time.
	Recent(ctx context.Context, since time.Time) ([]*ledger.JobRecord, error)
	// Job is the job with this name, of whichever day; nil if there is none.
	Job(ctx context.Context, name string) (*ledger.JobRecord, error)
	// Tablet are all jobs that concern the tablet with this serial.
	Tablet(ctx context.Context, serial string) ([]*ledger.JobRecord, error)
}

// recent are lists that were read lately, by their days.
type recent struct {
	sync.Mutex // held while one is read: a hundred browsers do not read the ledger at once
	by         map[int]listed
}

type listed struct {
	at   time.Time
	jobs []*ledger.JobRecord
}

// listAge is how old a list may be: a month takes longer to read than a day.
func listAge(days int) time.Duration { return time.Duration(days+1) * time.Second }

// lately are the jobs of so many days, today's among them.
func (s *Server) lately(ctx context.Context, days int) ([]*ledger.JobRecord, error) {
	if s.o.Records == nil {
		return nil, nil
	}
	r := s.recent
	r.Lock()
	defer r.Unlock()
	now := time.Now()
	if l, ok := r.by[days]; ok && now.Sub(l.at) < listAge(days) && now.Sub(l.at) >= 0 {
		return l.jobs, nil
	}
	jobs, err := s.o.Records.Recent(ctx, firstOf(days, now))
	if err != nil {
		return nil, err
	}
	if r.by == nil {
		r.by = map[int]listed{}
	}
	r.by[days] = listed{now, jobs}
	return jobs, nil
}

// forget makes the next list a new one.
func (r *recent) forget() {
	r.Lock()
	defer r.Unlock()
	clear(r.by)
}

// firstOf is the beginning of the first of so many days, today's the last.
func firstOf(days int, now time.Time) time.Time {
	return time.Date(now.Year(), now.Month(), now.Day()-days+1, 0, 0, 0, 0, now.Location())
}

// filter chooses jobs. Its zero value takes all; Result is a state of a port.
type filter struct {
	Days                        int
	Result, Class, Port, Serial string
}

// asFilter reads a filter from an address; what means nothing is left out.
func asFilter(q url.Values) filter {
	f := filter{Days: 1, Port: untrusted.Line(q.Get("port"), untrusted.Word), Serial: untrusted.Line(q.Get("serial"), untrusted.Word)}
	for _, n := range spans {
		if q.Get("days") == strconv.Itoa(n) {
			f.Days = n
		}
	}
	if slices.Contains(results, station.PortState(q.Get("result"))) {
		f.Result = q.Get("result")
	}
	if slices.Contains(flash.Classes(), flash.Class(q.Get("class"))) {
		f.Class = q.Get("class")
	}
	return f
}

// address is where the jobs of a filter are, from so many on.
func (f filter) address(from int) string {
	q := url.Values{"days": {strconv.Itoa(f.Days)}}
	for name, value := range map[string]string{"result": f.Result, "class": f.Class, "port": f.Port, "serial": f.Serial} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if from > 0 {
		q.Set("from", strconv.Itoa(from))
	}
	return "/jobs?" + q.Encode()
}

// takes reports whether a job is chosen.
func (f filter) takes(j *ledger.JobRecord) bool {
	return (f.Result == "" || f.Result == string(stateOf(j))) && (f.Class == "" || f.Class == string(j.Class)) &&
		(f.Port == "" || f.Port == j.Tablet) && (f.Serial == "" || strings.Contains(strings.ToLower(j.Serial), strings.ToLower(f.Serial)))
}

// underWay stands for all states of a job that has not ended.
const underWay = station.PortState("running")

// results are what jobs are filtered by.
var results = []station.PortState{station.Passed, station.Compliant, station.Flashed, station.Failed, station.Retry, station.Interrupted,
	station.Skipped, station.Foreign, underWay}

type (
	jobsPage struct {
		head
		Filter                  filter
		Spans                   []span
		Results, Classes, Ports []choice
		Found                   string
		Any                     bool // it is filtered
		Jobs                    []row
		Newer, Older            string // addresses; "" is none
	}
	choice struct {
		Value, Name string
		Now         bool
	}
	tabletPage struct {
		head
		Serial string
		Found  string
		Jobs   []row
	}
)

// row is a job in a list.
type row struct {
	ID, When, Port, Serial, Model, Time, Attempt, Why string
	Class, Sign, Word                                 string
	Marks                                             string // what a person decided
}

func (s *Server) jobs(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := asFilter(q)
	list, err := s.lately(r.Context(), f.Days)
	if err != nil {
		s.noRecords(w, err, "/")
		return
	}
	p := jobsPage{head: s.head("tablets"), Filter: f, Any: f != filter{Days: f.Days}, Spans: s.spans(f.Days)}
	ports := []string{f.Port}
	for _, h := range s.front.View().Hubs {
		for _, q := range h.Ports {
			ports = append(ports, q.Name)
		}
	}
	found := list[:0:0]
	for _, j := range list {
		if !slices.Contains(ports, j.Tablet) {
			ports = append(ports, j.Tablet)
		}
		if f.takes(j) {
			found = append(found, j)
		}
	}
	for _, result := range results {
		p.Results = append(p.Results, choice{string(result), s.stateName(result), f.Result == string(result)})
	}
	for _, c := range flash.Classes() {
		p.Classes = append(p.Classes, choice{string(c), s.reason(c), f.Class == string(c)})
	}
	slices.SortFunc(ports, station.CompareNames)
	for _, name := range slices.Compact(ports) {
		if name != "" {
			p.Ports = append(p.Ports, choice{name, name, f.Port == name})
		}
	}
	p.Found = s.o.Words.Count("count.tablet", len(found), nil)
	from, _ := strconv.Atoi(q.Get("from")) // no number is the first page
	from = max(0, min(from, len(found)-1))
	if from > 0 {
		p.Newer = f.address(max(0, from-mostRows))
	}
	if len(found) > from+mostRows {
		p.Older = f.address(from + mostRows)
	}
	p.Jobs = s.rows(found[from:], mostRows, f.Days > 1)
	s.render(w, http.StatusOK, "jobs", p)
}

// tablet is all that happened to one tablet here.
func (s *Server) tablet(w http.ResponseWriter, r *http.Request) {
	serial := r.URL.Query().Get("serial")
	list, err := s.ofTablet(r.Context(), serial)
	if err != nil {
		s.noRecords(w, err, "/jobs")
		return
	}
	if len(list) == 0 {
		s.fail(w, http.StatusNotFound, s.text("page.no-tablet"), "/jobs")
		return
	}
	s.render(w, http.StatusOK, "tablet",
		tabletPage{s.head("tablets"), serial, s.o.Words.Count("page.tries", len(list), nil), s.rows(list, mostAttempts, true)})
}

// ofTablet are all jobs that concern a tablet.
func (s *Server) ofTablet(ctx context.Context, serial string) ([]*ledger.JobRecord, error) {
	if s.o.Records == nil || serial == "" || flash.Placeholder(serial) {
		return nil, nil
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	return s.o.Records.Tablet(ctx, serial)
}

// recordOf is the job with a name; nil if there is none.
func (s *Server) recordOf(ctx context.Context, name string) (*ledger.JobRecord, error) {
	if s.o.Records == nil || name == "" {
		return nil, nil //nolint:nilnil // there is none, and all who ask know it
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	return s.o.Records.Job(ctx, name)
}

// noRecords says that the ledger cannot be read.
func (s *Server) noRecords(w http.ResponseWriter, err error, back string) {
	s.o.Log("the page: %v", err)
	s.fail(w, http.StatusServiceUnavailable, s.text("page.no-records", "words", err.Error()), back)
}

// spans are the days that a list may be of.
func (s *Server) spans(now int) (list []span) {
	for _, n := range spans {
		name := s.text("label.today")
		if n > 1 {
			name = s.o.Words.Count("page.days", n, nil)
		}
		list = append(list, span{n, name, n == now})
	}
	return list
}

// rows are the first so many of a list; dated: they are of several days.
func (s *Server) rows(list []*ledger.JobRecord, most int, dated bool) (rows []row) {
	for _, j := range list[:min(most, len(list))] {
		rows = append(rows, s.row(j, dated))
	}
	return rows
}

// row is a job in words.
func (s *Server) row(j *ledger.JobRecord, dated bool) row {
	state := stateOf(j)
	out := row{ID: j.Job, Port: j.Tablet, Serial: j.Serial, Model: j.Model, When: s.local(cmp.Or(j.Started, j.Ended), dated),
		Word: s.stateName(state), Why: s.whyNot(j)}
	out.Class, out.Sign = paint(state)
	if state == underWay {
		out.Class, out.Sign = "run", "▶"
	} else if j.Seconds > 0 {
		out.Time = words.Clock(seconds(j.Seconds))
	}
	var marks []string
	if j.Disposition != "" {
		marks = append(marks, s.becomes(string(j.Disposition)))
	}
	if j.Golden {
		marks = append(marks, s.text("page.golden"))
	}
	out.Marks = strings.Join(marks, " · ")
	if j.Attempt > 1 {
		out.Attempt = s.o.Words.Count("count.try", int(min(j.Attempt, 1<<30)), nil)
	}
	return out
}

// whyNot is the word of a record's failure, as the board says it.
func (s *Server) whyNot(j *ledger.JobRecord) string {
	if !j.Answer.Refused(j.Class) {
		return s.reason(j.Class)
	}
	if stateOf(j) == station.Skipped {
		return s.text("row.skipped")
	}
	return s.reason(flash.ClassDevice)
}

// stateOf is the state that the board showed for a job's result.
func stateOf(j *ledger.JobRecord) station.PortState {
	if j.Result == "running" {
		return underWay
	}
	switch flash.JobResult(j.Result) {
	case flash.Pass:
		if j.Scope == flash.ScopeFlash {
			return station.Flashed
		}
		return station.Passed
	case flash.Compliant:
		return station.Compliant
	case flash.Interrupted:
		return station.Interrupted
	case flash.Skipped:
		switch {
		case j.Foreign:
			return station.Foreign
		case j.Answer.Refused(j.Class):
			return station.Skipped
		}
		return station.Interrupted // it never started
	case flash.Fail:
	}
	switch {
	case j.Foreign:
		return station.Foreign
	case j.Class.Bench() && !j.Answer.Refused(j.Class):
		return station.Retry
	}
	return station.Failed
}

// stateName is the word of a state, or of a job that has not ended.
func (s *Server) stateName(state station.PortState) string {
	if state == underWay {
		return s.text("page.running")
	}
	return s.text("state." + string(state))
}

// local is the time of day of an entry at the station, with its day where that is not clear.
func (s *Server) local(ts string, dated bool) string {
	t, err := time.Parse(time.RFC3339Nano, ts)
	if err != nil {
		return ""
	}
	if dated {
		return t.Local().Format(s.o.Words.DayForm() + " 15:04")
	}
	return t.Local().Format("15:04")
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
