// This file is one job: its steps, what was read and decided, what was said.

package page

import (
	"maps"
	"net/http"
	"slices"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

type (
	jobPage struct {
		head
		Job     row
		Action  string
		Error   string
		Facts   []pair
		Steps   []stepRow
		Lines   []string
		Port    string // "": it is none of those here
		Past    []row  // other jobs of the same tablet
		Becomes []choice
		Trace   []traceRow
		Traced  string // how many lines there are
	}
	stepRow struct{ Step, Time, Class, Result, Bytes string }
)

func (s *Server) job(w http.ResponseWriter, r *http.Request) {
	j, err := s.recordOf(r.Context(), r.PathValue("id"))
	if err != nil {
		s.noRecords(w, err, "/jobs")
		return
	}
	if j == nil {
		s.fail(w, http.StatusNotFound, s.text("page.no-job"), "/jobs")
		return
	}
	p := jobPage{head: s.head("tablets"), Job: s.row(j, true), Error: s.o.Words.Say(j.Error), Facts: s.jobFacts(j)}
	if j.Class != "" {
		p.Action = s.o.Words.Text("action."+string(j.Class),
			words.Args{"port": j.Tablet, "s": "…", "words": j.Error, "serial": j.Serial, "record": j.Record})
	}
	for _, st := range j.Steps {
		p.Steps = append(p.Steps, s.stepRow(st))
	}
	if disposable(j) {
		for _, d := range station.Dispositions {
			p.Becomes = append(p.Becomes, choice{d, s.becomes(d), d == string(j.Disposition)})
		}
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
	trace := s.trace(j.Job)
	p.Trace, p.Traced = s.traceRows(trace), s.o.Words.Count("page.lines", len(trace), nil)
	past, err := s.ofTablet(r.Context(), j.Serial)
	if err != nil {
		s.o.Log("the page: %v", err) // the rest of the page is worth showing
	}
	p.Past = s.rows(slices.DeleteFunc(past, func(o *ledger.JobRecord) bool { return o.Job == j.Job }), mostPast, true)
	s.render(w, http.StatusOK, "job", p)
}

// disposable reports whether something may become of a job's tablet.
func disposable(j *ledger.JobRecord) bool {
	return j.Ended != "" && (j.Result == string(flash.Fail) || j.Result == string(flash.Interrupted))
}

// becomes is the words of a disposition.
func (s *Server) becomes(d string) string {
	id := "fate." + d
	return s.text(id)
}

// jobFacts are what is known of a job, beside its steps.
func (s *Server) jobFacts(j *ledger.JobRecord) []pair {
	number := func(n int64) string { return s.o.Words.Number(float64(n), 0) }
	becomes := ""
	if j.Disposition != "" {
		becomes = s.becomes(string(j.Disposition))
		if j.DisposedBy != "" {
			becomes += " · " + j.DisposedBy
		}
	}
	facts := pairs(
		pair{s.text("job.serial"), j.Serial}, pair{s.text("job.model"), j.Model}, pair{s.text("page.inventory"), j.Inventory},
		pair{s.text("job.attempt"), number(max(1, j.Attempt))}, pair{s.text("job.profile"), j.Profile}, pair{s.text("job.bundle"), j.Bundle},
		pair{s.text("page.verified"), j.Verified}, pair{s.text("page.operator"), j.Operator}, pair{s.text("page.lot"), j.Lot},
		pair{s.text("job.record"), j.Record}, pair{s.text("page.disposition"), becomes})
	if j.Bytes > 0 {
		facts = append(facts, pair{s.text("job.written"), s.o.Words.Bytes(j.Bytes)})
	}
	for _, k := range slices.Sorted(maps.Keys(j.Facts)) {
		facts = append(facts, pair{k, j.Facts[k]})
	}
	return facts
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
