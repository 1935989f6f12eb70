// This file is a supervisor's decisions: a page that asks, and the one address that acts.

package page

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/untrusted"
)

// about is what an order is about.
type about int

const (
	ofStation about = iota
	ofPort
	ofJob
)

// decisions are what the page can order.
var decisions = map[station.OrderKind]about{
	station.OrderClear: ofPort, station.OrderSetAside: ofPort, station.OrderUse: ofPort, station.OrderStopPort: ofPort,
	station.OrderReload: ofStation, station.OrderOperator: ofStation, station.OrderLot: ofStation, station.OrderStop: ofStation,
	station.OrderGolden: ofStation, station.OrderNotGolden: ofStation, station.OrderDisposition: ofJob,
}

// maxName is how long what a person types may be, in bytes.
const maxName = 64

// decision is an order, and what it is about as a person sees it.
type decision struct {
	station.Order
	Job    string // of a disposition; its record is the order's
	Serial string
}

type confirmPage struct {
	head
	Fields   []pair // what the order is made of again
	Question string
	Back     string
	Badge    bool // it may be said who decides
	Needed   bool // it must be
}

// decision reads an order from a form; false: it was refused. A disposition names its job,
// and the record is the job's own.
func (s *Server) decision(w http.ResponseWriter, r *http.Request, form url.Values) (d decision, ok bool) {
	d.Do, d.Value = station.OrderKind(form.Get("do")), untrusted.Line(form.Get("value"), maxName)
	of, known := decisions[d.Do]
	if !known {
		s.fail(w, http.StatusBadRequest, s.text("page.no-order"), "/")
		return d, false
	}
	switch of {
	case ofPort:
		if _, there := s.find(form.Get("port")); !there {
			s.fail(w, http.StatusNotFound, s.text("page.no-port"), "/")
			return d, false
		}
		d.Port = form.Get("port")
	case ofJob:
		d.Disposition = form.Get("disposition")
		if !slices.Contains(station.Dispositions, d.Disposition) {
			s.fail(w, http.StatusBadRequest, s.text("page.no-order"), "/jobs")
			return d, false
		}
		j, err := s.recordOf(r.Context(), form.Get("job"))
		switch {
		case err != nil:
			s.noRecords(w, err, "/jobs")
			return d, false
		case j == nil:
			s.fail(w, http.StatusNotFound, s.text("page.no-job"), "/jobs")
			return d, false
		case !disposable(j):
			s.fail(w, http.StatusConflict, s.text("page.not-failed"), "/job/"+url.PathEscape(j.Job))
			return d, false
		}
		d.Job, d.Record, d.Serial = j.Job, j.Record, j.Serial
	case ofStation:
	}
	return d, true
}

// fields are what a form needs to give the order again; its record is looked up again.
func (d decision) fields() []pair {
	return pairs(pair{"do", string(d.Do)}, pair{"port", d.Port}, pair{"value", d.Value}, pair{"job", d.Job},
		pair{"disposition", d.Disposition})
}

// back is where a person was.
func (d decision) back() string {
	switch {
	case d.Port != "":
		return "/port/" + url.PathEscape(d.Port)
	case d.Job != "":
		return "/job/" + url.PathEscape(d.Job)
	}
	return "/supervisor"
}

// question is what a person is asked before it is done.
func (s *Server) question(d decision) string {
	id := "page.ask." + string(d.Do)
	switch {
	case d.Value == "" && (d.Do == station.OrderLot || d.Do == station.OrderOperator):
		id += ".none"
	case d.Do == station.OrderDisposition:
		id += "." + d.Disposition
	}
	return s.text(id, "port", d.Port, "value", d.Value, "serial", cmp.Or(d.Serial, d.Record))
}

type supervisorPage struct {
	head
	LotNow, OperatorNow string
	Draining, Golden    bool
}

func (s *Server) supervisor(w http.ResponseWriter, _ *http.Request) {
	v := s.front.View()
	s.render(w, http.StatusOK, "supervisor", supervisorPage{s.head("supervisor"), v.Lot, v.Operator, v.Draining, v.Golden})
}

// confirm asks. It changes nothing.
func (s *Server) confirm(w http.ResponseWriter, r *http.Request) {
	if d, ok := s.decision(w, r, r.URL.Query()); ok {
		supervised := d.Do.Supervised()
		s.render(w, http.StatusOK, "confirm",
			confirmPage{s.head(""), d.fields(), s.question(d), d.back(), supervised, supervised && s.front.View().Badges})
	}
}

// order acts.
func (s *Server) order(w http.ResponseWriter, r *http.Request) {
	if !s.form(w, r) {
		return
	}
	d, ok := s.decision(w, r, r.PostForm)
	if !ok {
		return
	}
	d.By = untrusted.Line(r.PostForm.Get("by"), maxName) // not in an address, which others may see
	if err := s.front.Do(r.Context(), d.Order); err != nil {
		s.fail(w, http.StatusConflict, s.text("page.refused", "words", problem.Advice(err)), d.back())
		return
	}
	s.recent.forget()
	http.Redirect(w, r, d.back(), http.StatusSeeOther) //nolint:gosec // back is a path of this page: see there
}
