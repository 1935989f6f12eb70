// This file is the trace of a job: its last lines on the job's page, all of it to take away.

package page

import (
	"encoding/json"
	"mime"
	"net/http"
	"time"

	"github.com/zarya-station/zarya/internal/traces"
)

// mostTrace is how many lines of a trace the page of a job has.
const mostTrace = 200

// traceRow is a line of a trace.
type traceRow struct{ When, Dir, Class, Text, Bytes, Error string }

// trace is a job's; none where it is not kept.
func (s *Server) trace(job string) []traces.Line {
	if s.o.Trace == nil {
		return nil
	}
	list, err := s.o.Trace(job)
	if err != nil {
		s.o.Log("the page: the trace of %s: %v", job, err)
	}
	return list
}

// traceRows are the last lines of a trace in words.
func (s *Server) traceRows(list []traces.Line) (rows []traceRow) {
	for _, l := range list[max(0, len(list)-mostTrace):] {
		r := traceRow{Dir: l.Dir, Text: l.Text, Error: l.Error}
		if t, err := time.Parse(time.RFC3339Nano, l.TS); err == nil {
			r.When = t.Local().Format("15:04:05.000")
		}
		switch l.Dir {
		case ">":
			r.Class = "out"
		case "<":
			r.Class = "in"
		case "…":
			r.Class, r.Text = "said", s.o.Words.Count("page.left-out", int(l.Bytes), nil)
		default:
			r.Class = "said"
		}
		if l.Bytes > 0 && l.Dir != "…" {
			r.Bytes = s.text("page.payload", "n", s.number(int(l.Bytes)))
		}
		rows = append(rows, r)
	}
	return rows
}

// download sends the trace of a job as JSON lines, to be kept or sent to whoever mends it.
func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	job := r.PathValue("id")
	list := s.trace(job)
	if len(list) == 0 {
		s.fail(w, http.StatusNotFound, s.text("page.no-trace"), "/jobs")
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "trace-" + job + ".jsonl"}))
	enc := json.NewEncoder(w)
	for _, l := range list {
		if enc.Encode(l) != nil {
			return // who asked is gone
		}
	}
}
