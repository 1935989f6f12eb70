// This file is the pages beside the board: today's tablets, one of them, one port.

package page

import (
	"bytes"
	"cmp"
	"context"
	"html/template"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

// recordsAge is how old the list of today's jobs may be: it is read from the whole chain.
const recordsAge = 2 * time.Second

// parse reads the templates. {{t "id" "name" value}} in them is what is said with an id.
func parse(w *words.Words) (*template.Template, error) {
	s := &Server{o: Options{Words: w}}
	return template.New("").Funcs(template.FuncMap{"t": s.text}).ParseFS(files, "templates/*.html")
}

// head is what all pages have.
type head struct {
	Lang, Title, Lot, Operator string
	Tab                        string
	Live                       bool // loads itself anew where there is no script
}

func (s *Server) head(tab string) head {
	h := head{Lang: s.o.Words.Lang(), Tab: tab}
	if tab == "login" { // who has no token learns nothing
		h.Title = "Zarya"
		return h
	}
	v := s.front.View()
	h.Title = s.text("page.title", "station", v.Station)
	if v.Lot != "" {
		h.Lot = s.text("label.lot", "lot", v.Lot)
	}
	if v.Operator != "" {
		h.Operator = s.text("label.operator", "name", v.Operator)
	}
	return h
}

type (
	loginPage struct {
		head
		Wrong bool
	}
	boardPage struct {
		head
		Board template.HTML
	}
	jobsPage struct {
		head
		Jobs []row
	}
	errorPage struct {
		head
		Code    int
		Message string
		Back    string
	}
	jobPage struct {
		head
		Job    row
		Action string
		Error  string
		Facts  []pair
		Steps  []stepRow
		Lines  []string
		Port   string
		Record string
	}
	portPage struct {
		head
		Port    card
		Name    string
		Facts   []pair
		Error   string
		Action  string
		Job     string
		Jobs    []row
		Lines   []string
		Clear   bool
		Stop    bool
		SetBack bool // it is set aside
	}
)

// pair is a name and a value.
type pair struct{ Name, Value string }

// row is a job in a list.
type row struct {
	ID, When, Port, Serial, Model, Time, Attempt, Why string
	Class, Sign, Word                                 string
}

type stepRow struct{ Step, Time, Class, Result, Bytes string }

// render sends a page.
func (s *Server) render(w http.ResponseWriter, code int, name string, data any) {
	var b bytes.Buffer
	if err := s.templates.ExecuteTemplate(&b, name, data); err != nil {
		s.o.Log("the page: %v", err)
		text(w, http.StatusInternalServerError, "the page cannot be shown; the station goes on")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, visible(b.String()))
}

// visible is HTML without what moves a cursor or turns the reading direction around. Text
// from tablets has none of it; this is the page's own door.
func visible(html string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, html)
}

func (s *Server) fail(w http.ResponseWriter, code int, message, back string) {
	s.render(w, code, "error", errorPage{s.head(""), code, message, back})
}

func (s *Server) board(w http.ResponseWriter, _ *http.Request) {
	html, err := s.fragment()
	if err != nil {
		s.o.Log("the page: %v", err)
	}
	h := s.head("station")
	h.Live = true
	s.render(w, http.StatusOK, "board", boardPage{h, template.HTML(html)}) //nolint:gosec // made by html/template
}

// today are today's jobs, the newest first.
func (s *Server) today(ctx context.Context) ([]*ledger.JobRecord, error) {
	r := &s.recent
	r.Lock()
	defer r.Unlock()
	if s.o.Records == nil || !r.at.IsZero() && time.Since(r.at) < recordsAge {
		return r.jobs, nil
	}
	list, err := s.o.Records(ctx)
	if err != nil {
		return nil, err
	}
	list = slices.Clone(list)
	slices.Reverse(list)
	r.jobs, r.at = list, time.Now()
	return list, nil
}

func (s *Server) jobs(w http.ResponseWriter, r *http.Request) {
	list, err := s.today(r.Context())
	if err != nil {
		s.fail(w, http.StatusServiceUnavailable, err.Error(), "/")
		return
	}
	p := jobsPage{head: s.head("tablets")}
	for _, j := range list {
		p.Jobs = append(p.Jobs, s.row(j))
	}
	s.render(w, http.StatusOK, "jobs", p)
}

// row is a job in words.
func (s *Server) row(j *ledger.JobRecord) row {
	state := stateOf(j)
	out := row{ID: j.Job, Port: j.Tablet, Serial: j.Serial, Model: j.Model, When: local(cmp.Or(j.Started, j.Ended)),
		Word: s.text("state." + string(state)), Why: s.reason(j.Class)}
	out.Class, out.Sign = paint(state)
	if j.Result == "running" {
		out.Class, out.Sign, out.Word = "run", "▶", s.text("page.running")
	} else {
		out.Time = words.Clock(seconds(j.Seconds))
	}
	if j.Attempt > 1 {
		out.Attempt = s.o.Words.Count("count.try", int(min(j.Attempt, 1<<30)), nil)
	}
	return out
}

// stateOf is the state that the board showed for a job's result.
func stateOf(j *ledger.JobRecord) station.PortState {
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
		return station.Foreign
	case flash.Fail:
	}
	switch {
	case j.Foreign:
		return station.Foreign
	case j.Class.Bench():
		return station.Retry
	}
	return station.Failed
}

// local is the time of day of an entry at the station.
func local(ts string) string {
	t, err := time.Parse(time.RFC3339Nano, ts)
	if err != nil {
		return ""
	}
	return t.Local().Format("15:04")
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (s *Server) job(w http.ResponseWriter, r *http.Request) {
	list, err := s.today(r.Context())
	if err != nil {
		s.fail(w, http.StatusServiceUnavailable, err.Error(), "/jobs")
		return
	}
	i := slices.IndexFunc(list, func(j *ledger.JobRecord) bool { return j.Job == r.PathValue("id") })
	if i < 0 {
		s.fail(w, http.StatusNotFound, s.text("page.no-job"), "/jobs")
		return
	}
	j := list[i]
	p := jobPage{head: s.head("tablets"), Job: s.row(j), Error: j.Error, Record: j.Record}
	if j.Class != "" {
		p.Action = s.o.Words.Text("action."+string(j.Class), words.Args{"port": j.Tablet, "s": "…", "words": j.Error, "serial": j.Serial, "record": j.Record})
	}
	number := func(n int64) string { return s.o.Words.Number(float64(n), 0) }
	p.Facts = pairs(
		pair{s.text("job.serial"), j.Serial}, pair{s.text("job.model"), j.Model}, pair{s.text("page.inventory"), j.Inventory},
		pair{s.text("job.attempt"), number(max(1, j.Attempt))}, pair{s.text("job.profile"), j.Profile}, pair{s.text("job.bundle"), j.Bundle},
		pair{s.text("page.verified"), j.Verified}, pair{s.text("page.operator"), j.Operator}, pair{s.text("page.lot"), j.Lot},
		pair{s.text("job.record"), j.Record}, pair{s.text("page.disposition"), string(j.Disposition)})
	if j.Bytes > 0 {
		p.Facts = append(p.Facts, pair{s.text("job.written"), s.o.Words.Bytes(j.Bytes)})
	}
	for _, k := range slices.Sorted(maps.Keys(j.Facts)) {
		p.Facts = append(p.Facts, pair{k, j.Facts[k]})
	}
	for _, st := range j.Steps {
		p.Steps = append(p.Steps, s.stepRow(st))
	}
	for _, h := range s.front.View().Hubs {
		for _, q := range h.Ports {
			if q.Job == j.Job { // it is the last in its port: what it said is still there
				p.Lines = s.front.Lines(q.Name)
			}
			if q.Name == j.Tablet {
				p.Port = q.Name
			}
		}
	}
	s.render(w, http.StatusOK, "job", p)
}

func pairs(all ...pair) []pair {
	return slices.DeleteFunc(all, func(p pair) bool { return p.Value == "" })
}

func (s *Server) stepRow(st ledger.StepRecord) stepRow {
	result := "page.step." + st.Result
	r := stepRow{Step: st.Step, Result: s.text(result)}
	r.Time = s.text("page.seconds", "n", s.o.Words.Number(st.Seconds, 1))
	if st.Seconds >= 60 {
		r.Time = words.Clock(seconds(st.Seconds))
	}
	switch flash.StepResult(st.Result) {
	case flash.StepFail:
		r.Class = "fail"
	case flash.StepOK, flash.StepChanged, flash.StepAlready:
		r.Class = "pass"
	case flash.StepSkipped, flash.StepDiffers:
		r.Class = "wait"
	}
	if st.Bytes > 0 {
		r.Bytes = s.o.Words.Bytes(st.Bytes)
		if st.Seconds > 0 {
			r.Bytes += ", " + s.o.Words.Rate(float64(st.Bytes)/st.Seconds)
		}
	}
	return r
}

// find is a port by its name.
func (s *Server) find(name string) (station.Port, bool) {
	for _, h := range s.front.View().Hubs {
		for _, p := range h.Ports {
			if p.Name == name {
				return p, true
			}
		}
	}
	return station.Port{}, false
}

func (s *Server) port(w http.ResponseWriter, r *http.Request) {
	q, ok := s.find(r.PathValue("name"))
	if !ok {
		s.fail(w, http.StatusNotFound, s.text("page.no-port"), "/")
		return
	}
	p := portPage{head: s.head("station"), Port: s.card(q), Name: q.Name, Error: q.Error, Job: q.Job, Lines: s.front.Lines(q.Name)}
	p.Live = true
	if q.Reason != "" {
		p.Action = s.text("action."+q.Reason, "port", q.Name, "s", int(q.Within.Seconds()), "words", cmp.Or(q.Error, q.Keys),
			"keys", q.Keys, "serial", q.Serial, "record", q.Record)
	}
	attempt := ""
	if q.Attempt > 0 {
		attempt = s.o.Words.Number(float64(q.Attempt), 0)
	}
	p.Facts = pairs(pair{s.text("job.serial"), q.Serial}, pair{s.text("job.model"), q.Model}, pair{s.text("job.attempt"), attempt},
		pair{s.text("job.profile"), q.Profile}, pair{s.text("job.bundle"), q.Bundle}, pair{s.text("job.step"), q.Step},
		pair{s.text("job.record"), q.Record})
	if b := q.Before; b != nil {
		p.Facts = append(p.Facts, pair{s.text("page.earlier"), strings.Join([]string{b.Time.Local().Format("15:04"), b.Port, b.Error}, " · ")})
	}
	p.SetBack = q.State == station.SetAside
	p.Stop = q.State.Working()
	p.Clear = !p.Stop && !p.SetBack && q.State != station.Empty
	list, err := s.today(r.Context())
	if err != nil {
		s.o.Log("the page: %v", err)
	}
	for _, j := range list {
		if j.Tablet == q.Name && len(p.Jobs) < 50 {
			p.Jobs = append(p.Jobs, s.row(j))
		}
	}
	s.render(w, http.StatusOK, "port", p)
}
