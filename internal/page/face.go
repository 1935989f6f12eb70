// This file is what the board's template shows: a View in words, colours and signs.

package page

import (
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

// face is the board.
type face struct {
	Next    next
	Banners []banner
	Hubs    []hub
	Tiles   []tile
	Hours   *bars
	Why     *bars
}

// next is the one next action, and the others in short.
type next struct {
	Class, Text, Others string
	Say                 string // for screen readers: without the seconds that run
}

type banner struct{ Class, Text string }

type hub struct {
	Name, Title, About string
	Ports              []card
}

type tile struct{ Name, Value, More string }

// card is one port.
type card struct {
	Name, Class, Sign, State, Model, Serial, Time, Why, Before string
	Percent                                                    int // -1: no bar
}

// paint is the class of a state's colour and its sign. The signs are asked for as text.
func paint(s station.PortState) (class, sign string) {
	switch s {
	case station.Passed, station.Compliant, station.Flashed:
		return "pass", "✔"
	case station.Failed, station.Interrupted, station.Unplugged:
		return "fail", "✘"
	case station.Retry:
		return "warn", "✘"
	case station.Skipped:
		return "warn", "–"
	case station.SetAside:
		return "off", "⊘"
	case station.Silent:
		return "warn", "?"
	case station.Away, station.YourTurn:
		return "warn", "!"
	case station.NoIdentity:
		return "warn", "‖"
	case station.Queued:
		return "wait", "‖"
	case station.Booting:
		return "run", "↻"
	case station.Flashing, station.Provisioning, station.Checking:
		return "run", "▶"
	case station.Foreign:
		return "empty", "–"
	case station.Empty:
		return "empty", "·"
	default:
	}
	return "plain", "…"
}

// text is what is said with an id; names and values alternate.
func (s *Server) text(id string, args ...any) string {
	a := words.Args{}
	for i := 0; i+1 < len(args); i += 2 {
		a[args[i].(string)] = args[i+1]
	}
	return s.o.Words.Text(id, a)
}

func (s *Server) face(v station.View) face {
	f := face{Next: s.next(v.Actions)}
	for _, b := range v.Banners {
		class := "warn"
		if b.Urgent {
			class = "fail"
		}
		f.Banners = append(f.Banners, banner{class, s.text("banner."+b.Key, "words", b.Words, "n", b.Count,
			"t", s.o.Words.Count("count.minute", int(b.Elapsed.Minutes()), nil))})
	}
	for _, h := range v.Hubs {
		f.Hubs = append(f.Hubs, s.hub(h))
	}
	f.Tiles = s.tiles(v.Today)
	f.Hours, f.Why = s.hours(v.Today), s.why(v.Today)
	return f
}

// next says the actions: the first large, two others in short, how many more.
func (s *Server) next(actions []station.Action) next {
	var n next
	var others, say []string
	for i, a := range actions {
		ports := strings.Join(a.Ports, " ")
		brief := s.text("brief." + a.Key)
		if ports != "" {
			brief = ports + ": " + brief
		}
		switch {
		case i == 0:
			n.Class = urgency(a.Key)
			n.Text = s.text("action."+a.Key, "port", ports, "ports", ports, "s", a.Seconds, "words", a.Words, "keys", a.Words,
				"serial", a.Serial, "record", a.Record, "n", a.Count)
			say = append(say, brief)
		case i <= 2:
			others = append(others, brief)
		}
	}
	if more := len(actions) - 3; more > 0 {
		others = append(others, s.o.Words.Count("count.more", more, nil))
	}
	n.Others, n.Say = strings.Join(others, " · "), strings.Join(say, " ")
	return n
}

// urgency is the class of an action's colour: red is the tablet's fault, amber the bench's.
func urgency(key string) string {
	switch key {
	case "next":
		return "plain"
	case "take-out":
		return "pass"
	case "port-off":
		return "off"
	case "unplugged", "station":
		return "fail"
	case "away", "keys", "pool-low", "battery", "no-identity":
		return "warn"
	}
	if flash.Class(key).Bench() {
		return "warn"
	}
	return "fail"
}

func (s *Server) hub(h station.Hub) hub {
	w := s.o.Words
	var about []string
	switch {
	case h.Rate > 0 && h.Limit > 0:
		about = append(about, s.text("label.uplink.of", "n", w.Number(h.Rate/1e6, 0), "rate", w.Rate(h.Limit)))
	case h.Rate > 0:
		about = append(about, s.text("label.uplink", "rate", w.Rate(h.Rate)))
	}
	if h.Writing > 0 {
		about = append(about, w.Count("count.writing", h.Writing, nil))
	}
	if h.Queued > 0 {
		about = append(about, w.Count("count.queued", h.Queued, nil))
	}
	out := hub{Name: h.Name, About: strings.Join(about, " · ")}
	if h.Name != "" {
		out.Title = s.text("label.hub", "name", h.Name)
	} else {
		out.Title = w.Count("count.port", len(h.Ports), nil)
	}
	for _, p := range h.Ports {
		out.Ports = append(out.Ports, s.card(p))
	}
	return out
}

func (s *Server) card(p station.Port) card {
	c := card{Name: p.Name, Model: p.Model, Serial: tail(p.Serial), Percent: -1}
	c.Class, c.Sign = paint(p.State)
	c.State = s.state(p)
	if p.State.Working() && c.Class == "run" || p.State == station.Silent {
		c.Percent = p.Percent
		if p.Part >= 0 && p.Part <= 1 {
			c.Percent = int(p.Part * 100)
		}
	}
	switch {
	case p.State == station.Queued:
		if p.Within > 0 {
			c.Time = s.text("label.about", "time", words.Clock(p.Within))
		}
	case p.State.Working() && p.Left > 0:
		c.Time = s.text("page.left", "time", words.Clock(p.Left))
	case p.State.Good() && p.Elapsed > 0:
		c.Time = words.Clock(p.Elapsed)
	}
	if p.Reason != "" && c.Class != "run" {
		c.Why = s.text("hint." + p.Reason)
	}
	if p.State == station.YourTurn && p.Keys != "" {
		c.Why = p.Keys
	}
	if b := p.Before; b != nil && (p.State.Working() || !p.State.Good()) && p.State != station.Empty {
		c.Before = s.text("page.before", "time", b.Time.Local().Format("15:04"), "port", b.Port, "why", s.reason(b.Class))
	}
	return c
}

// state is the state's words with what belongs to them.
func (s *Server) state(p station.Port) string {
	w := s.o.Words
	switch {
	case p.State == station.Identified && p.Model != "":
		return p.Model
	case p.State == station.Flashing && p.Percent >= 0:
		return s.text("state.flashing.percent", "percent", p.Percent)
	case p.State == station.Provisioning && p.Steps > 0:
		return s.text("state.provisioning.step", "step", p.StepNo, "steps", p.Steps)
	case p.State == station.Silent && p.Quiet > 0:
		return s.text("state.silent.for", "time", w.Seconds(p.Quiet))
	case p.State == station.Away && p.Within > 0:
		return s.text("state.away.left", "time", w.Seconds(p.Within))
	}
	return s.text("state." + string(p.State))
}

// reason is the word of a class of failures.
func (s *Server) reason(c flash.Class) string {
	if c == "" {
		return ""
	}
	return s.text("row." + string(c))
}

// tail is the end of a serial, by which tablets are told apart.
func tail(serial string) string {
	r := []rune(serial)
	if len(r) <= 4 {
		return serial
	}
	return "…" + string(r[len(r)-4:])
}

func (s *Server) tiles(f station.Figures) []tile {
	w := s.o.Words
	plan := ""
	if f.Plan > 0 {
		plan = s.text("label.plan", "n", w.Number(f.Plan, 0))
	}
	part := func(p float64) string {
		if p < 0 {
			return "–"
		}
		return w.PercentWide(p)
	}
	list := []tile{
		{s.text("label.today"), w.Number(float64(f.Done), 0), ""},
		{s.text("label.per-hour"), w.Number(f.Hour, 0), plan},
		{s.text("label.first-pass"), part(f.FirstPass), ""},
		{s.text("label.last-pass"), part(f.LastPass), ""},
	}
	if f.Slowest != "" {
		list = append(list, tile{s.text("page.slowest"), s.text("state." + f.Slowest),
			"p95 " + words.Clock(time.Duration(f.P95)*time.Millisecond)})
	}
	return list
}
