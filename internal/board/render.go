// This file lays the board out: what fits is shown in full, and what does not fit is shown
// with less, but every port stays a place and the next action stays to be read.

package board

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

// Size is a terminal's, in cells.
type Size struct{ Width, Height int }

// Options are how a board is drawn.
type Options struct {
	Light    bool   // the terminal's ground is light
	NoColour bool   // signs and words alone
	ASCII    bool   // the terminal shows nothing else
	Selected string // the port that a supervisor chose
	Prompt   string // a question, or what came of one; it stands where the keys are
}

// painter writes in one language for one kind of terminal.
type painter struct {
	w *words.Words
	o Options
}

func (p painter) paint(h hue, inverse bool, s string) string {
	if s == "" || h == plain && !inverse {
		return s
	}
	return p.o.style(h, inverse).Render(s)
}

func (p painter) bold(s string) string { return p.o.style(plain, false).Bold(true).Render(s) }

// Render is the board at one moment: at most as many lines as the screen has, none wider
// than it.
func Render(v station.View, size Size, w *words.Words, o Options) string {
	p := painter{w, o}
	if size.Width < 1 || size.Height < 1 {
		return ""
	}
	header := p.header(v, size.Width)
	var lines []string
	besides := false // the figures stand beside the ports already
	for _, l := range layouts(v, size) {
		var grid []string
		grid, besides = l.grid(p, v)
		if lines = p.around(grid, header, v, size, l.rows.text > 0 || l.headers); lines != nil {
			break
		}
	}
	if lines == nil {
		return p.finish(p.tiny(v, size, join([]string{header}, p.banners(v, size.Width, 1))), size)
	}
	if !besides && size.Width >= aloneColumn && size.Height-len(lines) >= leastFigures {
		lines = append(append(lines, ""), p.figures(v.Today, size.Width, size.Height-len(lines)-1)...)
	}
	return p.finish(lines, size)
}

// around is the ports with all that stands above and below them, in as many words as the
// screen has lines for; nil where even the fewest are too many.
func (p painter) around(grid []string, header string, v station.View, size Size, wide bool) []string {
	ends := p.ends(v, size.Width, wide)
	for most := mostBanners; most > 0; most-- {
		head := join([]string{header}, p.banners(v, size.Width, most))
		for _, end := range ends {
			if len(head)+len(grid)+len(end) <= size.Height {
				return join(head, grid, end)
			}
		}
	}
	return nil
}

// leastFigures is how many lines below the board are worth the day's figures.
const leastFigures = 5

// finish cuts what is too wide and replaces the signs that the terminal lacks.
func (p painter) finish(lines []string, size Size) string {
	lines = lines[:min(len(lines), size.Height)]
	for i, line := range lines {
		line = strings.TrimRight(line, " ")
		if ansi.StringWidth(line) > size.Width {
			line = cut(line, size.Width)
		}
		lines[i] = line
	}
	s := strings.Join(lines, "\n")
	if p.o.ASCII {
		s = toASCII(s)
	}
	return s
}

// layout is a way to show all ports.
type layout struct {
	headers      bool
	columns, gap int
	rows         shape
}

// The widths that a layout needs of a column.
const (
	fullColumn  = 59
	aloneColumn = 70
	leastColumn = 25
	columnGap   = 2
)

// layouts are the ways to show a view's ports on a screen, the fullest first.
func layouts(v station.View, size Size) (list []layout) {
	name, count := 4, 0
	for _, h := range v.Hubs {
		for _, port := range h.Ports {
			name = max(name, min(21, ansi.StringWidth(clean(port.Name))+1))
			count++
		}
	}
	hubs := max(1, len(v.Hubs))
	for n := min(hubs, (size.Width+columnGap)/(fullColumn+columnGap)); n > 1; n-- {
		width := (size.Width - columnGap*(n-1)) / n
		list = append(list, layout{true, n, columnGap, shapeOf(width, name)})
	}
	if size.Width >= aloneColumn {
		list = append(list, layout{true, 1, 0, shapeOf(size.Width, name)})
	}
	for n := max(1, min(hubs, size.Width/leastColumn)); n <= max(1, min(count, size.Width/leastColumn)); n++ {
		list = append(list, layout{false, n, 0, shapeOf(size.Width/n, name)})
	}
	return list
}

// grid is the ports in the shape of the bench, and the day's figures where a place is left.
func (l layout) grid(p painter, v station.View) (out []string, figures bool) {
	var hubs [][]string
	for _, h := range v.Hubs {
		var lines []string
		if l.headers {
			lines = append(lines, p.hub(h, l.rows.width, l.columns == 1))
		}
		for _, port := range h.Ports {
			lines = append(lines, p.row(port, l.rows))
		}
		hubs = append(hubs, lines)
	}
	columns := pack(hubs, l.columns)
	height := 0
	for _, c := range columns {
		height = max(height, len(c))
	}
	if l.headers && l.columns > 1 {
		last := len(columns) - 1
		if room := height - len(columns[last]) - 1; room >= leastFigures {
			figures = true
			columns[last] = append(append(columns[last], ""), p.figures(v.Today, l.rows.width, room)...)
		}
	}
	out = make([]string, height)
	for i := range out {
		for c, lines := range columns {
			cell := ""
			if i < len(lines) {
				cell = lines[i]
			}
			if c > 0 {
				out[i] += strings.Repeat(" ", l.gap)
			}
			out[i] += fit(cell, l.rows.width)
		}
	}
	return out, figures
}

// pack gives hubs to columns in their order, so that the highest column is as low as it can
// be. Only where there are fewer hubs than columns is one cut.
func pack(hubs [][]string, columns int) [][]string {
	total, least := 0, 0
	for _, h := range hubs {
		total += len(h)
		least = max(least, len(h))
	}
	if len(hubs) < columns {
		least = 1
		var ports [][]string
		for _, h := range hubs {
			for _, line := range h {
				ports = append(ports, []string{line})
			}
		}
		hubs = ports
	}
	for height := max(least, (total+columns-1)/columns); ; height++ {
		out := [][]string{nil}
		for _, h := range hubs {
			if at := len(out) - 1; len(out[at])+len(h) > height && len(out[at]) > 0 {
				out = append(out, nil)
			}
			out[len(out)-1] = append(out[len(out)-1], h...)
		}
		if len(out) <= columns {
			for len(out) < columns {
				out = append(out, nil)
			}
			return out
		}
	}
}

// hub is the line above a hub's ports.
func (p painter) hub(h station.Hub, width int, wide bool) string {
	s := "─"
	if h.Name != "" {
		s += " " + p.w.Text("label.hub", words.Args{"name": clean(h.Name)}) + " ─"
	}
	rate := p.w.Rate(h.Rate)
	if h.Limit > 0 {
		s += " " + p.w.Text("label.uplink.of", words.Args{"n": p.w.Number(h.Rate/1e6, 0), "rate": p.w.Rate(h.Limit)})
	} else {
		s += " " + p.w.Text("label.uplink", words.Args{"rate": rate})
	}
	if wide {
		s += " ─ " + p.w.Count("count.writing", h.Writing, nil) + ", " + p.w.Count("count.queued", h.Queued, nil)
	}
	s = cut(s+" ", width)
	return p.paint(dim, false, s+strings.Repeat("─", max(0, width-ansi.StringWidth(s))))
}

// tiny is what is left of the board where its ports do not fit: the next action, and as many
// signs as there is room for.
func (p painter) tiny(v station.View, size Size, head []string) []string {
	end := p.next(v, size.Width, max(1, min(3, size.Height-2)), false)
	if p.o.Prompt != "" {
		end = wrap(p.o.Prompt, size.Width, max(1, size.Height-1))
	}
	if len(head) > 1 && size.Height < 6 {
		head = head[:1]
	}
	if len(head)+len(end) > size.Height {
		return end
	}
	room := size.Height - len(head) - len(end)
	var lines []string
	for _, h := range v.Hubs {
		line := ""
		for _, port := range h.Ports {
			l := looks[port.State]
			cell := clean(port.Name) + p.paint(l.hue, l.inverse, l.sign) + " "
			if ansi.StringWidth(line)+ansi.StringWidth(cell) > size.Width && line != "" {
				lines = append(lines, line)
				line = ""
			}
			line += cell
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	lines = lines[:min(len(lines), room)]
	return append(append(head, lines...), end...)
}

// ascii are the signs that stand for ours where a terminal has no others.
var ascii = map[rune]rune{'✔': '+', '✘': 'x', '▶': '>', '↻': '~', '‖': '=', '⊘': '#', '–': '-', '—': '-', '…': '.', '·': '.',
	'█': '#', '░': '.', '─': '-', '›': '>', '↑': '^', '↓': 'v', '\u00a0': ' '}

func toASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 128 {
			return r
		}
		if a := ascii[r]; a != 0 {
			return a
		}
		return '?'
	}, s)
}
