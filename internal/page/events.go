// This file is the stream of events: the board anew whenever it changed.

package page

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	pace  = time.Second / 4 // the shortest time between two boards
	alive = 5 * time.Second // the longest without anything: a client that hears nothing for longer is cut off
	clock = time.Second     // how often times are shown anew while something runs
)

// events sends the board as it is now and at each change, at most four times a second. The id of
// an event is the station's time, which a browser that lost the stream shows as the last it knows. Each
// time it is the newest: a client that takes long misses those in between and holds up
// nobody.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		w.Header().Set("Retry-After", "10")
		text(w, http.StatusServiceUnavailable, "too many boards are open")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no")
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // nothing more is read
	send := func(text string) bool {
		if control.SetWriteDeadline(time.Now().Add(clientSlow)) != nil {
			return false
		}
		if _, err := io.WriteString(w, text); err != nil {
			return false
		}
		return control.Flush() == nil
	}
	if !send("retry: 2000\n\n") {
		return
	}
	last := ""
	for {
		changed := s.front.Changed()
		board, err := s.fragment()
		if err != nil {
			s.o.Log("the page: %v", err)
			return
		}
		next := "event: alive\ndata:\n\n"
		if board != last {
			next, last = event(board), board
		}
		if !send("id: "+time.Now().Format("15:04:05")+"\n"+next) || !wait(r.Context().Done(), nil, pace) {
			return
		}
		again := alive
		if s.busy() {
			again = clock
		}
		if !wait(r.Context().Done(), changed, again) {
			return
		}
	}
}

// wait waits for a change, and at most for d; false: done.
func wait(done, changed <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return false
	case <-changed:
	case <-t.C:
	}
	return true
}

// event is a board as an event.
func event(html string) string {
	return "event: board\ndata: " + strings.ReplaceAll(html, "\n", "\ndata: ") + "\n\n"
}

// busy reports whether times run on the board.
func (s *Server) busy() bool {
	for _, h := range s.front.View().Hubs {
		for _, p := range h.Ports {
			if p.State.Working() {
				return true
			}
		}
	}
	return false
}

// drawn is the board as it was shown last.
type drawn struct {
	sync.Mutex
	version int64
	at      time.Time
	html    string
}

// fragment is the board in HTML. It is made once for all who look at the same moment.
func (s *Server) fragment() (string, error) {
	d := s.drawn
	d.Lock()
	defer d.Unlock()
	v := s.front.View()
	if d.html != "" && d.version == v.Version && time.Since(d.at) < pace {
		return d.html, nil
	}
	var b strings.Builder
	if err := s.templates[s.o.Words.Lang()].ExecuteTemplate(&b, "fragment", s.face(v)); err != nil {
		return "", err
	}
	d.html, d.version, d.at = visible(b.String()), v.Version, time.Now()
	return d.html, nil
}
