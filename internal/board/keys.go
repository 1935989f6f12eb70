// This file is a supervisor's keys. No key does anything by itself: each asks, says what
// will happen, and waits for yes or no.

package board

import (
	"context"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

// cyrillic are our keys as a keyboard with a Russian layout sends them.
var cyrillic = map[string]string{"й": "q", "ы": "s", "с": "c", "в": "d", "п": "g", "щ": "o", "д": "l"}

// maxTyped is how many letters of a name are taken.
const maxTyped = 60

// answer is what a question waits for.
type answer int

const (
	yesNo   answer = iota
	aWord          // that is typed: the order's value
	aBadge         // that is typed: who orders
	aScan          // of a badge: the station waits for it
	aChoice        // one of its choices
)

// question is what waits for an answer.
type question struct {
	text    string
	order   station.Order
	done    string // what is said when it was done
	wants   answer
	choices []choice
	stop    context.CancelFunc // aScan: nothing is waited for any more
}

// choice is one of several answers: its key, and what it makes of the order.
type choice struct {
	key, disposition, done string
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
	case m.asked != nil && (m.asked.wants == aWord || m.asked.wants == aBadge):
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
	case "d":
		m.askDisposition()
	case "g":
		m.askGolden()
	case "o":
		m.asked, m.input = &question{text: m.w.Text("board.ask.operator", nil), order: station.Order{Do: station.OrderOperator}, wants: aWord}, ""
	case "l":
		m.asked, m.input = &question{text: m.w.Text("board.ask.lot", nil), order: station.Order{Do: station.OrderLot}, wants: aWord}, ""
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

// decidable reports whether something can be decided about the tablet of a port: it failed,
// and that is recorded.
func decidable(p station.Port) bool { return p.Record != "" && p.Class != "" && !p.State.Working() }

func (m *model) askDisposition() {
	name := m.chosen()
	p, ok := find(m.view, name)
	if !ok {
		return
	}
	args := words.Args{"port": clean(name), "serial": lastFour(p.Serial, false)}
	if !decidable(p) {
		m.status = m.w.Text("board.cannot.decide", args)
		return
	}
	q := &question{text: m.w.Text("board.ask.disposition", args), wants: aChoice,
		order: station.Order{Do: station.OrderDisposition, Port: name, Record: p.Record}}
	for i, fate := range station.Dispositions {
		q.choices = append(q.choices, choice{strconv.Itoa(i + 1), fate, m.w.Text("board.done."+fate, args)})
	}
	m.asked = q
}

func (m *model) askGolden() {
	do := station.OrderGolden
	if m.view.Golden {
		do = station.OrderNotGolden
	}
	m.asked = &question{text: m.w.Text("board.ask."+string(do), nil), order: station.Order{Do: do},
		done: m.w.Text("board.done."+string(do), nil)}
}

// answered takes a key while a question waits. Whatever is no answer changes nothing.
func (m *model) answered(k tea.KeyPressMsg) tea.Cmd {
	q := *m.asked
	key := strings.ToLower(k.String())
	for _, c := range q.choices {
		if key == c.key {
			q.order.Disposition, q.done = c.disposition, c.done
			return m.sign(q)
		}
	}
	switch {
	case q.wants == yesNo && (key == "y" || key == "д" || key == "ctrl+c" && q.order.Do == station.OrderStop):
		return m.sign(q)
	case key == "esc" || key == "ctrl+c" || q.wants != aScan && (key == "n" || key == "т" || key == "н"):
		m.asked = nil
		if q.stop != nil {
			q.stop()
		}
	}
	return nil
}

// sign carries out what was agreed to, when a supervisor's badge was shown where one is asked
// for.
func (m *model) sign(q question) tea.Cmd {
	m.asked = nil
	proof := m.view.Proof
	if proof == station.TypedBadge && !q.order.Do.Supervised() {
		proof = station.NoProof
	}
	switch proof {
	case station.TypedBadge:
		q.text, q.wants, q.choices = m.w.Text("board.ask.badge", nil), aBadge, nil
		m.asked, m.input = &q, ""
		return nil
	case station.ScannedBadge:
		ctx, stop := context.WithCancel(m.ctx)
		q.text, q.wants, q.choices, q.stop = q.text+" "+m.w.Text("board.ask.scan", nil), aScan, nil, stop
		q.order.Scan = true
		m.asked = &q
		order := m.do(ctx, q.order, q.done)
		return func() tea.Msg {
			msg, ok := order().(doneMsg)
			if ok {
				msg.of = &q
			}
			return msg
		}
	case station.NoProof:
	}
	return m.do(m.ctx, q.order, q.done)
}

// typed takes a key while a word is typed.
func (m *model) typed(k tea.KeyPressMsg) tea.Cmd {
	q := *m.asked
	switch k.String() {
	case "enter":
		m.asked = nil
		word := strings.TrimSpace(m.input)
		if q.wants == aBadge {
			q.order.By = word
			return m.do(m.ctx, q.order, q.done)
		}
		q.order.Value = word
		q.text += " " + clean(word) + "."
		q.done = m.w.Text("board.done."+string(q.order.Do), words.Args{"name": clean(word), "lot": clean(word)})
		return m.sign(q)
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
	of   *question // that waited meanwhile; nil: none did
	said string
	err  error
}

// do carries out an order without holding up the board.
func (m *model) do(ctx context.Context, o station.Order, said string) tea.Cmd {
	front := m.front
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, orderTime)
		defer cancel()
		return doneMsg{nil, said, front.Do(ctx, o)}
	}
}

// done says what came of an order, and ends the question that waited for it.
func (m *model) done(msg doneMsg) {
	if msg.of != nil {
		msg.of.stop()
		if m.asked != msg.of {
			return // it was given up
		}
		m.asked = nil
	}
	m.status = msg.said
	if msg.err != nil {
		m.status = m.w.Text("board.refused", words.Args{"words": clean(problem.Advice(msg.err))})
	}
}

// prompt is what stands where the keys are.
func (m *model) prompt() string {
	if m.asked == nil {
		return m.status
	}
	answers := map[answer]string{yesNo: "board.yes-no", aChoice: "board.fates", aScan: "board.escape",
		aWord: "board.typing", aBadge: "board.typing"}
	said := m.w.Text(answers[m.asked.wants], nil)
	switch m.asked.wants {
	case aWord, aBadge:
		return m.asked.text + " " + m.input + "_   " + said
	case yesNo, aChoice, aScan:
	}
	return m.asked.text + "   " + strings.ReplaceAll(said, " ", "\u00a0") // on one line
}
