// This file is one port: what is in it, what happened in it, what can be decided about it.

package page

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/station"
)

type portPage struct {
	head
	Port    card
	Name    string
	Facts   []pair
	Error   string
	Action  string
	Job     string
	Jobs    []row  // of the port
	Days    string // that they are of
	Past    []row  // of the tablet in it
	Streak  string // how the port does
	More    string // where the rest of the jobs is
	Lines   []string
	Clear   bool
	Stop    bool
	SetBack bool // it is set aside
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
	p := portPage{head: s.head("station"), Port: s.card(q), Name: q.Name, Error: s.o.Words.Say(q.Error), Job: q.Job,
		Days: s.o.Words.Count("page.days", portDays, nil), Lines: s.front.Lines(q.Name)}
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
		said := []string{b.Time.Local().Format("15:04"), b.Port, s.o.Words.Say(b.Error)}
		p.Facts = append(p.Facts, pair{s.text("page.earlier"), strings.Join(said, " · ")})
	}
	p.SetBack = q.State == station.SetAside
	p.Stop = q.State.Working()
	p.Clear = !p.Stop && !p.SetBack && q.State != station.Empty
	list, err := s.lately(r.Context(), portDays)
	if err != nil {
		s.o.Log("the page: %v", err) // the rest of the page is worth showing
	}
	here := filter{Port: q.Name}
	list = slices.DeleteFunc(slices.Clone(list), func(j *ledger.JobRecord) bool { return !here.takes(j) })
	p.Jobs, p.Streak = s.rows(list, mostPast, true), s.streak(list)
	if len(list) > mostPast {
		p.More = filter{Days: portDays, Port: q.Name}.address(0)
	}
	if past, err := s.ofTablet(r.Context(), q.Serial); err != nil {
		s.o.Log("the page: %v", err)
	} else if len(past) > 1 {
		p.Past = s.rows(past, mostPast, true)
	}
	s.render(w, http.StatusOK, "port", p)
}

// streak says how many jobs in a row did not pass in a port; the newest is the first.
func (s *Server) streak(list []*ledger.JobRecord) string {
	n := 0
	for _, j := range list {
		switch state := stateOf(j); {
		case state.Good():
			return s.inARow(n)
		case state == station.Failed || state == station.Retry:
			n++
		}
	}
	return s.inARow(n)
}

func (s *Server) inARow(n int) string {
	if n < 2 {
		return ""
	}
	return s.o.Words.Count("page.in-a-row", n, nil)
}
