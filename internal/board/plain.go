// This file is the station in plain lines, for screen readers and logs: one line for each
// change of a port's state and of what holds for the whole station, and one for each new day.

package board

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

// Plain writes the station's changes to w until ctx ends, or until w refuses a line.
func Plain(ctx context.Context, out io.Writer, front station.Front, w *words.Words) error {
	var s plainState
	for over := false; ; {
		changed := front.Changed()
		for _, line := range s.lines(front.View(), w) {
			if _, err := fmt.Fprintln(out, line); err != nil {
				return fmt.Errorf("write the station's lines: %w", err)
			}
		}
		if over {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			over = true // what changed last is written still
		}
	}
}

// answered is the banner that answers whoever scans.
const answered = "said"

// plainState is what was written last of each port and of the station.
type plainState struct {
	day     string
	ports   map[string]string
	banners map[string]string
}

// lines are what is new in a view.
func (s *plainState) lines(v station.View, w *words.Words) (list []string) {
	at := v.Time
	if at.IsZero() {
		at = time.Now()
	}
	say := func(format string, args ...any) {
		list = append(list, at.Local().Format(time.TimeOnly)+" "+fmt.Sprintf(format, args...))
	}
	if day := at.Local().Format(w.DateForm()); day != s.day {
		s.day = day
		list = append(list, day)
	}
	first := s.ports == nil
	ports, banners := map[string]string{}, map[string]string{}
	for _, n := range v.Banners {
		key := n.Key
		if key == answered {
			key += n.Words // each is another
		}
		banners[key] = Banner(w, n)
		if _, said := s.banners[key]; !said {
			say("%s", banners[key])
		}
	}
	for key, said := range s.banners {
		if _, still := banners[key]; !still && !strings.HasPrefix(key, answered) {
			say("%s", w.Text("board.over", words.Args{"words": said}))
		}
	}
	for _, h := range v.Hubs {
		for _, p := range h.Ports {
			key := string(p.State) + " " + p.Reason
			if !p.State.Working() {
				key += " " + p.Job // another tablet with the same result
			}
			ports[p.Name] = key
			if s.ports[p.Name] != key && (!first || p.State != station.Empty) {
				say("%s", plainPort(p, w))
			}
		}
	}
	s.ports, s.banners = ports, banners
	return list
}

// plainPort is one port in one sentence.
func plainPort(p station.Port, w *words.Words) string {
	parts := []string{w.Text("state."+string(p.State), nil)}
	for _, part := range []string{clean(p.Model), clean(p.Serial)} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if p.State.Good() {
		parts = append(parts, words.Clock(p.Elapsed))
	}
	line := clean(p.Name) + " " + strings.Join(parts, ", ")
	if p.Reason != "" {
		name := "row." + p.Reason
		if !w.Has(name) {
			name = "row.bug"
		}
		line += ", " + w.Text(name, nil) + "; " + actionOf(w, p)
	}
	return line
}
