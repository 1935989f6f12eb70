// This file is a supervisor's decisions: a page that asks, and the one address that acts.

package page

import (
	"net/http"
	"net/url"

	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/untrusted"
)

// decisions are what the page can order; true: it is about a port.
var decisions = map[station.OrderKind]bool{
	station.OrderClear: true, station.OrderSetAside: true, station.OrderUse: true, station.OrderStopPort: true,
	station.OrderReload: false, station.OrderOperator: false, station.OrderLot: false, station.OrderStop: false,
}

type confirmPage struct {
	head
	Do, Port, Value string
	Question        string
	Back            string
}

// decision reads an order from a form; false: it was refused.
func (s *Server) decision(w http.ResponseWriter, form url.Values) (station.Order, bool) {
	o := station.Order{Do: station.OrderKind(form.Get("do")), Port: form.Get("port"), Value: untrusted.Line(form.Get("value"), untrusted.Word)}
	ofPort, ok := decisions[o.Do]
	if !ok {
		s.fail(w, http.StatusBadRequest, s.text("page.no-order"), "/")
		return o, false
	}
	if !ofPort {
		o.Port = ""
	} else if _, there := s.find(o.Port); !there {
		s.fail(w, http.StatusNotFound, s.text("page.no-port"), "/")
		return o, false
	}
	return o, true
}

// back is where a person was.
func back(o station.Order) string {
	if o.Port != "" {
		return "/port/" + url.PathEscape(o.Port)
	}
	return "/supervisor"
}

type supervisorPage struct {
	head
	LotNow, OperatorNow string
	Draining            bool
}

func (s *Server) supervisor(w http.ResponseWriter, _ *http.Request) {
	v := s.front.View()
	s.render(w, http.StatusOK, "supervisor", supervisorPage{s.head("supervisor"), v.Lot, v.Operator, v.Draining})
}

// confirm asks. It changes nothing.
func (s *Server) confirm(w http.ResponseWriter, r *http.Request) {
	o, ok := s.decision(w, r.URL.Query())
	if !ok {
		return
	}
	id := "page.ask." + string(o.Do)
	if o.Value == "" && (o.Do == station.OrderLot || o.Do == station.OrderOperator) {
		id += ".none"
	}
	s.render(w, http.StatusOK, "confirm", confirmPage{s.head(""), string(o.Do), o.Port, o.Value,
		s.text(id, "port", o.Port, "value", o.Value), back(o)})
}

// order acts.
func (s *Server) order(w http.ResponseWriter, r *http.Request) {
	if !s.form(w, r) {
		return
	}
	o, ok := s.decision(w, r.PostForm)
	if !ok {
		return
	}
	if err := s.front.Do(r.Context(), o); err != nil {
		s.fail(w, http.StatusConflict, s.text("page.refused", "words", err.Error()), back(o))
		return
	}
	http.Redirect(w, r, back(o), http.StatusSeeOther) //nolint:gosec // back is a path of this page: see there
}
