// This file is one port's row: its name, its state, its tablet, and a bar, which becomes the
// reason as soon as there is one.

package board

import (
	"math"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/untrusted"
	"github.com/zarya-station/zarya/internal/words"
)

// The widths of a row, in cells.
const (
	stateWidth  = 11
	modelWidth  = 8
	serialWidth = 5
	timeWidth   = 4
	rowMargin   = 3 // right of the text
	leastText   = 17
)

// maxText is how much of a device's text is looked at, in bytes.
const maxText = 300

func clean(s string) string { return untrusted.Line(s, maxText) }

// shape is what a row has room for.
type shape struct {
	width, name   int
	serial, model bool
	text          int // 0: none
}

func shapeOf(width, name int) shape {
	s := shape{width: width, name: name}
	rest := width - (1 + name + 2 + stateWidth + 1)
	s.serial = rest >= serialWidth
	s.model = rest >= modelWidth+2+serialWidth+1
	if rest -= modelWidth + 2 + serialWidth + 2 + rowMargin; rest >= leastText {
		s.text = rest
	}
	return s
}

// fit is s in exactly n cells.
func fit(s string, n int) string {
	s = cut(s, n)
	return s + strings.Repeat(" ", max(0, n-ansi.StringWidth(s)))
}

// cut is s in at most n cells.
func cut(s string, n int) string {
	if n <= 0 {
		return ""
	}
	return ansi.Truncate(s, n, "…")
}

// row is one port's, exactly as wide as its shape.
func (p painter) row(port station.Port, s shape) string {
	l := looks[port.State]
	mark := " "
	name := fit(clean(port.Name), s.name)
	if port.Name == p.o.Selected {
		mark, name = "›", p.bold(name)
	}
	word := StateWord(p.w, port)
	if ansi.StringWidth(word) > stateWidth {
		word = strings.ReplaceAll(word, ". ", ".")
	}
	word = cut(word, stateWidth)
	pad := strings.Repeat(" ", stateWidth-ansi.StringWidth(word)+1)
	b := mark + name + p.paint(l.hue, l.inverse, l.sign+" "+word) + pad
	off := port.State == station.SetAside
	if s.model {
		model := clean(port.Model)
		if off {
			model = ""
		}
		b += fit(model, modelWidth) + "  "
	}
	if s.serial {
		b += fit(lastFour(port.Serial, off), serialWidth)
	}
	if s.text > 0 {
		b += "  " + p.text(port, s.text)
	}
	return fit(b, s.width)
}

// lastFour is what of a serial stands on the board.
func lastFour(serial string, off bool) string {
	r := []rune(clean(serial))
	if len(r) == 0 || off {
		return ""
	}
	return "…" + string(r[max(0, len(r)-4):])
}

// text is what stands right of the tablet: a result, a reason, or how far it is.
func (p painter) text(port station.Port, room int) string {
	switch {
	case port.State.Good():
		return p.result(port, room)
	case port.State == station.Empty:
		return ""
	case port.State == station.Queued:
		if port.Within <= 0 {
			return ""
		}
		return p.w.Text("label.about", words.Args{"time": words.Clock(port.Within)})
	case port.State == station.YourTurn && port.Keys != "":
		return p.paint(warning, false, cut(clean(port.Keys), room))
	case port.Reason != "":
		return p.paint(looks[port.State].hue, false, p.hint("hint."+port.Reason, room, nil))
	case port.Before != nil && (port.State == station.Detected || port.State == station.Identified || port.State == station.Preflight):
		b := port.Before
		return p.paint(warning, false, p.hint("hint.before", room, words.Args{"time": b.Time.Local().Format("15:04"),
			"port": clean(b.Port), "reason": p.w.Text("row."+string(b.Class), nil)}))
	}
	return p.bar(port, room)
}

// result is how long a good tablet took, and what was written.
func (p painter) result(port station.Port, room int) string {
	s := words.Clock(port.Elapsed)
	if port.Bytes > 0 {
		s += " · " + p.w.Bytes(port.Bytes)
	}
	return cut(s, room)
}

// hint is a reason in as many words as there is room for.
func (p painter) hint(id string, room int, args words.Args) string {
	if !p.w.Has(id) {
		return cut(clean(strings.TrimPrefix(id, "hint.")), room)
	}
	if s := p.w.Text(id, args); ansi.StringWidth(s) <= room {
		return s
	}
	return cut(p.w.Text(id+".short", args), room)
}

// bar is how far a job is and what time is left, each only where it is known.
func (p painter) bar(port station.Port, room int) string {
	part := port.Part
	if part < 0 && port.Percent >= 0 {
		part = float64(port.Percent) / 100
	}
	if part < 0 || math.IsNaN(part) {
		if port.Elapsed < time.Second {
			return ""
		}
		return p.paint(dim, false, cut(p.w.Text("board.by-now", words.Args{"time": words.Clock(port.Elapsed)}), room))
	}
	n := room - 2 - timeWidth
	full := int(math.Round(min(1, part) * float64(n)))
	left := "—"
	if port.Left > 0 {
		left = words.Clock(port.Left)
	}
	h := looks[port.State].hue
	return p.paint(h, false, strings.Repeat("█", full)) + p.paint(dim, false, strings.Repeat("░", n-full)) + "  " + left
}
