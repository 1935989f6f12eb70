// This file is what stands around the ports: the day above them, what is to be done now
// below them, and the figures beside them.

package board

import (
	"math"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

// header says where this is and how the day goes.
func (p painter) header(v station.View, width int) string {
	gap, name := " ", clean(v.Station)
	if width >= aloneColumn {
		gap = "  "
		if v.Lot != "" {
			name += " · " + p.w.Text("label.lot", words.Args{"lot": clean(v.Lot)})
		}
		if v.Operator != "" {
			name += " · " + p.w.Text("label.operator", words.Args{"name": clean(v.Operator)})
		}
	}
	left := " " + p.bold("Zarya") + gap + name
	var right []string
	full := false
	add := func(s string) { // whose tablets these are comes before how many
		full = full || ansi.StringWidth(strings.Join(append(right, s), "  "))+2+ansi.StringWidth(left) > width
		if !full {
			right = append(right, s)
		}
	}
	add(p.w.Text("label.today.n", words.Args{"n": p.w.Number(float64(v.Today.Done), 0)}))
	add(p.w.Text("unit.hour", words.Args{"n": p.w.Number(v.Today.Hour, 0)}))
	if width >= aloneColumn {
		if v.Today.FirstPass >= 0 {
			add(p.w.Text("label.first-pass.n", words.Args{"n": p.w.Percent(v.Today.FirstPass)}))
		}
		if v.Page != "" && width >= 100 {
			add(" " + p.w.Text("label.page", words.Args{"address": clean(v.Page)}))
		}
	}
	end := strings.Join(right, "  ")
	room := width - ansi.StringWidth(end) - 2
	if room < 4 {
		return cut(left, width)
	}
	left = cut(left, room)
	return left + strings.Repeat(" ", max(1, width-1-ansi.StringWidth(left)-ansi.StringWidth(end))) + end
}

// Banner is what a notice says.
func Banner(w *words.Words, n station.Notice) string {
	return w.Text("banner."+n.Key, words.Args{"words": clean(n.Words), "n": w.Number(float64(n.Count), 0), "t": words.Clock(n.Elapsed)})
}

// mostBanners is how many lines the banners may take.
const mostBanners = 2

// banners are what holds for the whole station, the urgent first, in at most so many lines.
func (p painter) banners(v station.View, width, most int) (lines []string) {
	var urgent, other []string
	for _, n := range v.Banners {
		if n.Urgent {
			urgent = append(urgent, Banner(p.w, n))
		} else {
			other = append(other, Banner(p.w, n))
		}
	}
	if len(urgent)+len(other) == 0 {
		return nil
	}
	for _, line := range wrap(strings.Join(append(urgent, other...), " · "), width-1, most) {
		if len(urgent) > 0 {
			lines = append(lines, p.paint(bad, true, fit(" "+line, width)))
		} else {
			lines = append(lines, p.paint(warning, false, " "+line))
		}
	}
	return lines
}

// ActionText is the sentence that an action is.
func ActionText(w *words.Words, a station.Action) string { return sentence(w, "action.", a) }

func sentence(w *words.Words, family string, a station.Action) string {
	ports := make([]string, len(a.Ports))
	for i, port := range a.Ports {
		ports[i] = clean(port)
	}
	id := family + a.Key
	if !w.Has(id) {
		id = family + "bug"
	}
	list, said := strings.Join(ports, ", "), clean(a.Words)
	text := w.Text(id, words.Args{"port": list, "ports": strings.Join(ports, " "), "s": a.Seconds, "words": said, "keys": said,
		"serial": clean(a.Serial), "record": clean(a.Record), "n": w.Number(float64(a.Count), 0)})
	if family == "brief." && list != "" {
		text = list + ": " + text
	}
	return strings.Replace(text, " ()", "", 1) // station trouble without words
}

// next is the one next action, and below it the others, in at most so many lines.
func (p painter) next(v station.View, width, most int, wide bool) []string {
	gap, indent := " ", 8
	if wide {
		gap, indent = "   ", 10
	}
	actions := v.Actions
	if len(actions) == 0 {
		actions = []station.Action{{Key: "next"}}
	}
	tag := p.w.Text("label.next", nil)
	room := width - 1 - ansi.StringWidth(tag) - len(gap)
	if room < 20 {
		tag, room, gap = "", width-2, " "
	}
	said := wrap(ActionText(p.w, actions[0]), room, most)
	first := " " + p.o.style(plain, false).Bold(true).Reverse(tag != "").Render(tag) + gap
	if tag == "" {
		first = " "
	}
	lines := []string{first + p.bold(said[0])}
	for _, s := range said[1:] {
		lines = append(lines, strings.Repeat(" ", width-room-1)+" "+p.bold(s))
	}
	if len(lines) < most {
		lines = append(lines, p.others(actions[1:], width, indent))
	}
	return lines
}

// others are the actions after the first: as many as there is room for, and how many more.
func (p painter) others(actions []station.Action, width, indent int) string {
	if len(actions) == 0 {
		return ""
	}
	line := strings.Repeat(" ", indent)
	for i, a := range actions {
		s := sentence(p.w, "brief.", a)
		if i > 0 {
			s = "   " + s
		}
		more := ""
		if rest := len(actions) - i - 1; rest > 0 {
			more = "   " + p.w.Count("count.more", rest, nil)
		}
		if i == 2 || ansi.StringWidth(line+s+more) > width {
			s = p.w.Count("count.more", len(actions)-i, nil)
			if i > 0 {
				s = "   " + s
			}
			return line + s
		}
		line += s
	}
	return line
}

// mostNext is how many lines the next action and the others after it may take.
const mostNext = 3

// ends are the ways to end a board, the fullest first.
func (p painter) ends(v station.View, width int, wide bool) [][]string {
	full, next, least := p.next(v, width, mostNext, wide), p.next(v, width, mostNext-1, wide), p.next(v, width, 1, wide)
	keys := []string{" " + p.paint(dim, false, cut(p.keys(v, width), width-1))}
	if p.o.Prompt != "" {
		keys = nil
		for _, line := range wrap(p.o.Prompt, width-2, 2) {
			keys = append(keys, " "+p.paint(warning, true, line))
		}
	}
	blank := []string{""}
	if !wide && p.o.Prompt == "" {
		return [][]string{join(blank, full), full, next, least}
	}
	return [][]string{join(blank, full, blank, keys), join(blank, full, keys), join(full, keys), join(next, keys), join(least, keys)}
}

func (p painter) keys(v station.View, width int) string {
	s := p.w.Text("board.keys", nil)
	if more := s + p.w.Text("board.keys.more", nil); width >= 100 && ansi.StringWidth(more) < width {
		return more
	}
	if port, ok := find(v, p.o.Selected); ok && decidable(port) {
		return p.w.Text("board.keys.failed", nil)
	}
	return s
}

func join(parts ...[]string) (all []string) {
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

// wrap is s in lines of at most width cells, the last of at most so many cut.
func wrap(s string, width, most int) []string {
	lines := strings.Split(ansi.Wordwrap(s, max(1, width), " "), "\n")
	if len(lines) > most {
		lines = append(lines[:most-1:most-1], strings.Join(lines[most-1:], " "))
	}
	for i := range lines {
		lines[i] = cut(strings.TrimSpace(lines[i]), width)
	}
	return lines
}

// The figures' widths, in cells.
const (
	figureColumn = 33
	reasonWidth  = 13
	reasonBar    = 14
	mostReasons  = 5
)

// figures are the day's, in as many lines as there is room for.
func (p painter) figures(f station.Figures, width, room int) []string {
	yields := p.w.Text("label.yields", nil)
	column := max(figureColumn, ansi.StringWidth(yields)+2)
	var lines []string
	add := func(label, value string) {
		lines = append(lines, cut("  "+fit(label, column)+value, width))
	}
	if f.FirstPass >= 0 {
		add(yields, p.w.Text("label.yields.of", words.Args{"first": p.w.PercentWide(f.FirstPass), "last": p.w.PercentWide(max(0, f.LastPass))}))
	}
	hour := p.w.Number(f.Hour, 0)
	if f.Plan > 0 {
		hour += "  (" + p.w.Text("label.plan", words.Args{"n": p.w.Number(f.Plan, 0)}) + ")"
	}
	add(p.w.Text("label.tablets-hour", nil), hour)
	reasons := f.Failures[:max(0, min(len(f.Failures), mostReasons, room-len(lines)-2))]
	if len(reasons) > 0 {
		lines = append(lines, "  "+p.w.Text("label.failed-by", nil))
	}
	for _, c := range reasons {
		name := "row." + c.Key
		if !p.w.Has(name) {
			name = "row.bug"
		}
		n := int(math.Round(reasonBar * float64(c.N) / float64(max(1, reasons[0].N))))
		bar := p.paint(bad, false, strings.Repeat("█", max(0, min(reasonBar, n))))
		lines = append(lines, "    "+fit(p.w.Text(name, nil), reasonWidth)+fit(bar, reasonBar)+"  "+p.w.Number(float64(c.N), 0))
	}
	if f.Slowest != "" {
		lines = append(lines, "  "+p.w.Text("label.slowest", words.Args{"step": p.w.Text("state."+f.Slowest, nil),
			"time": words.Clock(time.Duration(f.P95) * time.Millisecond)}))
	}
	return lines[:min(len(lines), room)]
}
