// This file is a supervisor's keys. No key does anything by itself: each asks, says what
// will happen, and waits for yes or no.

package board

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

// cyrillic are our keys as a keyboard with a Russian layout sends them.
var cyrillic = map[string]string{"й": "q", "ы": "s", "с": "c", "щ": "o", "д": "l"}

// maxTyped is how many letters of a name are taken.
const maxTyped = 60

// question is what waits for an answer.
type question struct {
	text   string
	order  station.Order
	done   string // what is said when it was done
	typing bool   // the answer is a word, not yes or no
}

// keyName is a key without the case of its letter and the layout of its keyboard.
func keyName(k tea.KeyPressMsg) string {
	s := strings.ToLower(k.String())
	if latin, ok := cyrillic[s]; ok {
		return latin
	}
	return s
}

// press takes a key.
func (m *model) press(k tea.KeyPressMsg) tea.Cmd {
	switch {
	case m.asked != nil && m.asked.typing:
		return m.typed(k)
	case m.asked != nil:
		return m.answered(k)
	}
	m.status = ""
	key := keyName(k)
	if key == "ctrl+c" && m.view.Draining {
		return tea.Quit // the terminal is given back; the station goes on to its end
	}
	if m.details && m.scrolled(key) {
		return nil
	}
	switch key {
	case "up", "k":
		m.choose(-1)
	case "down", "j":
		m.choose(1)
	case "enter":
		m.details, m.back = m.chosen() != "", 0
	case "esc":
		m.selected = ""
	case "q", "ctrl+c":
		m.askStop()
	case "s":
		m.askAside()
	case "c":
		m.askClear()
	case "o":
		m.asked, m.input = &question{text: m.w.Text("board.ask.operator", nil), order: station.Order{Do: station.OrderOperator}, typing: true}, ""
	case "l":
		m.asked, m.input = &question{text: m.w.Text("board.ask.lot", nil), order: station.Order{Do: station.OrderLot}, typing: true}, ""
	}
	return nil
}

// scrolled takes the keys of the details, and reports whether this was one of them.
func (m *model) scrolled(key string) bool {
	switch key {
	case "esc", "enter", "left", "backspace":
		m.details = false
	case "up", "k":
		m.back = min(m.back+1, max(0, len(m.said)-1))
	case "down", "j":
		m.back = max(0, m.back-1)
	default:
		return false
	}
	return true
}

// choose moves to another port.
func (m *model) choose(by int) {
	list := names(m.view)
	if len(list) == 0 {
		return
	}
	at := -1
	for i, name := range list {
		if name == m.selected {
			at = i
		}
	}
	if at < 0 && by < 0 {
		at = 0
	}
	m.selected = list[(at+by+len(list))%len(list)]
}

// chosen is the port that the keys are about: the first, if nobody chose one.
func (m *model) chosen() string {
	if _, ok := find(m.view, m.selected); !ok {
		m.selected = ""
		m.choose(1)
	}
	return m.selected
}

func (m *model) askStop() {
	n := 0
	for _, h := range m.view.Hubs {
		for _, p := range h.Ports {
			if p.State.Working() {
				n++
			}
		}
	}
	text := m.w.Text("board.ask.stop.idle", nil)
	if n > 0 {
		text = m.w.Text("board.ask.stop", words.Args{"jobs": m.w.Count("count.tablet", n, nil)})
	}
	m.asked = &question{text: text, order: station.Order{Do: station.OrderStop}, done: m.w.Text("board.done.stop", nil)}
}

func (m *model) askAside() {
	name := m.chosen()
	p, ok := find(m.view, name)
	if !ok {
		return
	}
	args := words.Args{"port": clean(name)}
	q := question{order: station.Order{Do: station.OrderSetAside, Port: name}, done: m.w.Text("board.done.off", args)}
	switch {
	case p.State == station.SetAside:
		q.text, q.done, q.order.Do = m.w.Text("board.ask.use", args), m.w.Text("board.done.use", args), station.OrderUse
	case p.State.Working():
		q.text = m.w.Text("board.ask.off.busy", args)
	default:
		q.text = m.w.Text("board.ask.off", args)
	}
	m.asked = &q
}

func (m *model) askClear() {
	name := m.chosen()
	p, ok := find(m.view, name)
	if !ok || p.State == station.Empty {
		return
	}
	args := words.Args{"port": clean(name), "state": StateWord(m.w, p)}
	if p.State.Working() {
		m.status = m.w.Text("board.cannot.clear", args)
		return
	}
	m.asked = &question{text: m.w.Text("board.ask.clear", args), order: station.Order{Do: station.OrderClear, Port: name},
		done: m.w.Text("board.done.clear", args)}
}

// answered takes a key while a question waits. Whatever is neither yes nor no changes
// nothing.
func (m *model) answered(k tea.KeyPressMsg) tea.Cmd {
	q := *m.asked
	switch key := strings.ToLower(k.String()); {
	case key == "y" || key == "д", key == "ctrl+c" && q.order.Do == station.OrderStop:
		m.asked = nil
		return m.do(q.order, q.done)
	case key == "n" || key == "т" || key == "н" || key == "esc" || key == "ctrl+c":
		m.asked = nil
	}
	return nil
}

// typed takes a key while a word is typed.
func (m *model) typed(k tea.KeyPressMsg) tea.Cmd {
	q := *m.asked
	switch k.String() {
	case "enter":
		m.asked = nil
		q.order.Value = strings.TrimSpace(m.input)
		args := words.Args{"name": clean(q.order.Value), "lot": clean(q.order.Value)}
		if q.order.Do == station.OrderOperator {
			return m.do(q.order, m.w.Text("board.done.operator", args))
		}
		return m.do(q.order, m.w.Text("board.done.lot", args))
	case "esc", "ctrl+c":
		m.asked = nil
	case "backspace":
		if r := []rune(m.input); len(r) > 0 {
			m.input = string(r[:len(r)-1])
		}
	case "ctrl+u":
		m.input = ""
	default:
		if k.Text != "" && len([]rune(m.input)) < maxTyped {
			m.input += clean(k.Text)
		}
	}
	return nil
}

// doneMsg is what came of an order.
type doneMsg struct {
	said string
	err  error
}

// do carries out an order without holding up the board.
func (m *model) do(o station.Order, said string) tea.Cmd {
	ctx, front := m.ctx, m.front
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, orderTime)
		defer cancel()
		return doneMsg{said, front.Do(ctx, o)}
	}
}

// prompt is what stands where the keys are.
func (m *model) prompt() string {
	switch {
	case m.asked != nil && m.asked.typing:
		return m.asked.text + " " + m.input + "_   " + m.w.Text("board.typing", nil)
	case m.asked != nil:
		answers := strings.ReplaceAll(m.w.Text("board.yes-no", nil), " ", "\u00a0") // on one line
		return m.asked.text + "   " + answers
	}
	return m.status
}
