// This file is how a state looks and is called: its sign, its word and its colour, any one
// of which is enough.

package board

import (
	"charm.land/lipgloss/v2"

	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

// hue is what a colour means; which colour that is depends on the terminal.
type hue int

const (
	plain   hue = iota
	dim         // nothing to see
	running     // blue
	warning     // yellow: the bench's, or a person's
	good        // green: may leave the bench, and nothing else is green
	bad         // red: the tablet's
	suspect     // magenta: the port's
)

// look is the sign and colour of a state.
type look struct {
	sign    string
	hue     hue
	inverse bool
}

var looks = map[station.PortState]look{
	station.Empty:        {"·", dim, false},
	station.Detected:     {"…", plain, false},
	station.Identified:   {"…", plain, false},
	station.Preflight:    {"…", plain, false},
	station.Flashing:     {"▶", running, false},
	station.Booting:      {"↻", running, false},
	station.Provisioning: {"▶", running, false},
	station.Checking:     {"▶", running, false},
	station.Silent:       {"?", warning, false},
	station.Away:         {"!", warning, false},
	station.Queued:       {"‖", dim, false},
	station.NoIdentity:   {"‖", warning, false},
	station.YourTurn:     {"!", warning, false},
	station.Passed:       {"✔", good, true},
	station.Compliant:    {"✔", good, false},
	station.Flashed:      {"✔", good, false},
	station.Failed:       {"✘", bad, true},
	station.Retry:        {"✘", warning, true},
	station.Interrupted:  {"✘", bad, false},
	station.Skipped:      {"–", warning, false},
	station.Unplugged:    {"✘", bad, true},
	station.SetAside:     {"⊘", suspect, false},
	station.Foreign:      {"–", dim, false},
}

// StateWord is what a port's state is called, with its number where it has one: flash 63%.
func StateWord(w *words.Words, p station.Port) string {
	switch {
	case p.State == station.Identified && p.Model != "":
		return clean(p.Model)
	case p.State == station.Flashing && p.Percent >= 0:
		return w.Text("state.flashing.percent", words.Args{"percent": p.Percent})
	case p.State == station.Provisioning && p.Steps > 0:
		return w.Text("state.provisioning.step", words.Args{"step": p.StepNo, "steps": p.Steps})
	case p.State == station.Silent && p.Quiet > 0:
		return w.Text("state.silent.for", words.Args{"time": w.Seconds(p.Quiet)})
	case p.State == station.Away && p.Within > 0:
		return w.Text("state.away.left", words.Args{"time": w.Seconds(p.Within)})
	}
	return w.Text("state."+string(p.State), nil)
}

// style is how a hue is written on this terminal. Yellow and bright green cannot be read on
// a white ground, so there they are the ground themselves.
func (o Options) style(h hue, inverse bool) lipgloss.Style {
	s := lipgloss.NewStyle()
	if o.NoColour {
		return s.Reverse(inverse).Faint(h == dim)
	}
	ground := map[hue]string{warning: "3", good: "2", bad: "1", suspect: "5", running: "4"}[h]
	if (inverse || o.Light && (h == warning || h == good)) && ground != "" {
		text := "0"
		if h == bad || h == suspect || h == running {
			text = "15"
		}
		return s.Foreground(lipgloss.Color(text)).Background(lipgloss.Color(ground)).Bold(inverse)
	}
	switch h {
	case plain:
		return s
	case dim:
		return s.Faint(true)
	default: // a colour of its own
	}
	if !o.Light {
		ground = map[hue]string{warning: "11", good: "10", bad: "9", suspect: "13", running: "12"}[h]
	}
	return s.Foreground(lipgloss.Color(ground))
}
