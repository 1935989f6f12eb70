// This file keeps a terminal showing the station, for as long as there is one.

package board

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/muesli/cancelreader"

	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

// How often the board is drawn anew.
const (
	mostOften = 100 * time.Millisecond // however much happens
	leastOft  = time.Second            // seconds are counted down
	orderTime = time.Minute            // a bundle that is read again takes a while
)

// Terminal is where a board is shown.
type Terminal struct {
	In, Out *os.File
	Env     []string // NAME=value: TERM, COLORTERM, NO_COLOR, LANG…
	Bell    bool     // rings at PASS and at FAIL
}

// screen is a terminal's file to write on. A write that fails says that the terminal is gone.
type screen struct {
	*os.File
	gone context.CancelCauseFunc
}

func (f screen) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err != nil {
		f.gone(fmt.Errorf("write to the terminal: %w", err))
	}
	return n, err
}

// keyboard is a terminal's file to read from, through a pipe that ends when the board does. A
// program that is ended by its context closes its own reader while that still reads, and might
// read on from a descriptor that is another file's by then; this one waits.
type keyboard struct {
	*io.PipeReader
	file   *os.File
	reader cancelreader.CancelReader
	copied chan struct{}
}

// openKeyboard begins to read a terminal. When there is nothing more to read, gone is called.
func openKeyboard(file *os.File, gone context.CancelCauseFunc) (*keyboard, error) {
	reader, err := cancelreader.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("read the terminal: %w", err)
	}
	from, to := io.Pipe()
	k := &keyboard{PipeReader: from, file: file, reader: reader, copied: make(chan struct{})}
	go func() {
		defer close(k.copied)
		_, err := io.Copy(to, reader)
		if err == nil {
			err = io.EOF
		}
		_ = to.CloseWithError(err)
		gone(fmt.Errorf("read the terminal: %w", err))
	}()
	return k, nil
}

// Fd is the terminal's descriptor: the library sets the terminal's modes by it.
func (k *keyboard) Fd() uintptr { return k.file.Fd() }

// Write is there because a terminal can be written to; nobody does.
func (k *keyboard) Write(p []byte) (int, error) { return k.file.Write(p) }

// Close ends the reading and waits for it.
func (k *keyboard) Close() error {
	_ = k.PipeReader.Close()
	if k.reader.Cancel() {
		<-k.copied
	}
	return k.reader.Close()
}

// Run shows the station until ctx ends, which is no error, or until a supervisor who has
// already stopped the station leaves the board with Ctrl+C. Any other end, such as a
// terminal that went away, is an error; the station goes on, and whether it has to end too is
// for the caller to say. Signals are the caller's.
func Run(parent context.Context, front station.Front, w *words.Words, t Terminal) error {
	ctx, gone := context.WithCancelCause(parent)
	defer gone(nil)
	getenv := func(name string) (value string) {
		for _, line := range t.Env {
			if v, ok := strings.CutPrefix(line, name+"="); ok {
				value = v
			}
		}
		return value
	}
	m := &model{ctx: ctx, front: front, w: w, bell: t.Bell}
	m.o.NoColour = getenv("NO_COLOR") != ""
	m.o.ASCII = w.Lang() == "en" && !unicodeLocale(getenv)
	keys, err := openKeyboard(t.In, gone)
	if err != nil {
		return fmt.Errorf("the board has no terminal: %w", err)
	}
	defer func() { _ = keys.Close() }()
	_, err = tea.NewProgram(m, tea.WithContext(ctx), tea.WithoutSignalHandler(), tea.WithFPS(20), tea.WithEnvironment(t.Env),
		tea.WithInput(keys), tea.WithOutput(screen{t.Out, gone})).Run()
	cause := context.Cause(ctx)
	switch {
	case err == nil || parent.Err() != nil:
		return nil
	case cause != nil && !errors.Is(cause, context.Canceled):
		err = cause
	}
	return fmt.Errorf("the board has lost its terminal: %w", err)
}

// unicodeLocale reports whether a terminal can be expected to show more than ASCII.
func unicodeLocale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}

// model is what the board holds beside the station's view.
type model struct {
	ctx   context.Context
	front station.Front
	w     *words.Words
	o     Options
	bell  bool
	size  Size

	view     station.View
	states   map[string]station.PortState
	selected string
	details  bool
	back     int
	said     []string
	asked    *question
	input    string
	status   string
}

// viewMsg is a view, and what is closed at the next change after it.
type viewMsg struct {
	view    station.View
	changed <-chan struct{}
}

// Init asks for the first view, and whether the terminal is light.
func (m *model) Init() tea.Cmd { return tea.Batch(tea.RequestBackgroundColor, m.look) }

func (m *model) look() tea.Msg {
	changed := m.front.Changed()
	return viewMsg{m.front.View(), changed}
}

// wait looks again at the next change, or after a second.
func (m *model) wait(changed <-chan struct{}) tea.Cmd {
	return func() tea.Msg {
		soon, late := time.NewTimer(mostOften), time.NewTimer(leastOft)
		defer soon.Stop()
		defer late.Stop()
		select {
		case <-soon.C:
		case <-m.ctx.Done():
			return nil
		}
		select {
		case <-changed:
		case <-late.C:
		case <-m.ctx.Done():
			return nil
		}
		return m.look()
	}
}

// Update takes what happened.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.size = Size{msg.Width, msg.Height}
	case tea.BackgroundColorMsg:
		m.o.Light = !msg.IsDark()
	case tea.KeyPressMsg:
		cmd := m.press(msg)
		m.read()
		return m, cmd
	case tea.PasteMsg:
		if m.asked != nil && (m.asked.wants == aWord || m.asked.wants == aBadge) {
			m.input += clean(msg.Content)
			m.input = string([]rune(m.input)[:min(len([]rune(m.input)), maxTyped)])
		}
	case doneMsg:
		m.done(msg)
	case viewMsg:
		m.view = msg.view
		m.read()
		if m.rings() {
			return m, tea.Batch(m.wait(msg.changed), tea.Raw("\a"))
		}
		return m, m.wait(msg.changed)
	}
	return m, nil
}

// read fetches the lines of the port whose details are shown.
func (m *model) read() {
	m.said = nil
	if m.details {
		m.said = m.front.Lines(m.selected)
	}
}

// rings remembers the ports' states, and reports whether one of them is worth a bell.
func (m *model) rings() (ring bool) {
	now := map[string]station.PortState{}
	for _, h := range m.view.Hubs {
		for _, p := range h.Ports {
			now[p.Name] = p.State
			end := p.State.Good() || p.State == station.Failed || p.State == station.Retry || p.State == station.Unplugged
			if end && m.states != nil && m.states[p.Name] != p.State {
				ring = m.bell
			}
		}
	}
	m.states = now
	return ring
}

// View draws the board, or the details of a port.
func (m *model) View() tea.View {
	o := m.o
	o.Selected, o.Prompt = m.selected, m.prompt()
	content := ""
	switch {
	case m.view.Time.IsZero() && len(m.view.Hubs) == 0:
	case m.details && m.asked == nil:
		content = Details(m.view, m.selected, m.said, m.back, m.size, m.w, o)
	default:
		content = Render(m.view, m.size, m.w, o)
	}
	v := tea.NewView(content)
	v.AltScreen = true
	return v
}
