package board

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"golang.org/x/sys/unix"

	"github.com/zarya-station/zarya/internal/goldentest"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

// front shows the views that a test gives it and keeps the orders that it gets.
type front struct {
	mu      sync.Mutex
	v       station.View
	changed chan struct{}
	orders  chan station.Order
	refuse  error
}

func newFront(v station.View) *front {
	return &front{v: v, changed: make(chan struct{}), orders: make(chan station.Order, 10)}
}

func (f *front) View() station.View {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.v
}

func (f *front) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *front) Do(_ context.Context, o station.Order) error {
	f.orders <- o
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refuse
}

func (f *front) Lines(port string) []string { return []string{"(bootloader) " + port + " unlocked"} }

// show changes the view.
func (f *front) show(v station.View) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.v = v
	close(f.changed)
	f.changed = make(chan struct{})
}

// terminal is one end of a pseudo-terminal with a screen, which answers what a terminal is
// asked; the board has the other end.
type terminal struct {
	t      *testing.T
	master *os.File
	slave  *os.File
	mu     sync.Mutex
	screen *vt.Emulator
	bells  int
	more   chan struct{}
}

func newTerminal(t *testing.T, size Size) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("this machine gives no pseudo-terminal: ", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	slave, err := openSlave(master)
	if err != nil {
		t.Skip("this machine gives no pseudo-terminal: ", err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	p := &terminal{t: t, master: master, slave: slave, screen: vt.NewEmulator(size.Width, size.Height), more: make(chan struct{}, 1)}
	p.screen.SetCallbacks(vt.Callbacks{Bell: func() { p.bells++ }})
	ws := unix.Winsize{Row: uint16(size.Height), Col: uint16(size.Width)}
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &ws); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(master, p.screen) }()
	go p.draw()
	return p
}

// draw shows what the board writes, until the terminal is closed.
func (p *terminal) draw() {
	buf := make([]byte, 4096)
	for {
		n, err := p.master.Read(buf)
		p.mu.Lock()
		_, _ = p.screen.Write(buf[:n])
		p.mu.Unlock()
		select {
		case p.more <- struct{}{}:
		default:
		}
		if err != nil {
			_ = p.screen.InputPipe().(io.Closer).Close() // no answers any more
			return
		}
	}
}

func (p *terminal) press(keys string) {
	p.t.Helper()
	if _, err := io.WriteString(p.master, keys); err != nil {
		p.t.Fatal(err)
	}
}

// until waits until the screen, or the count of bells, is as asked for.
func (p *terminal) until(what string, is func(screen string, bells int) bool) {
	p.t.Helper()
	limit := time.NewTimer(5 * time.Minute) // else a failure hangs
	defer limit.Stop()
	for {
		p.mu.Lock()
		screen, bells := p.screen.String(), p.bells
		p.mu.Unlock()
		if is(screen, bells) {
			return
		}
		select {
		case <-p.more:
		case <-limit.C:
			p.t.Fatalf("the board does not show %s:\n%s", what, screen)
		}
	}
}

// wait waits until the screen shows all of these at once.
func (p *terminal) wait(want ...string) {
	p.t.Helper()
	p.until(strings.Join(want, ", "), func(screen string, _ int) bool {
		return !slices.ContainsFunc(want, func(s string) bool { return !strings.Contains(screen, s) })
	})
}

// start runs a board; what it returns comes in the channel.
func start(ctx context.Context, f station.Front, p *terminal, lang string) <-chan error {
	end := make(chan error, 1)
	go func() {
		end <- Run(ctx, f, words.For(lang), Terminal{In: p.slave, Out: p.slave, Env: []string{"TERM=xterm-256color", "LANG=C.UTF-8"}, Bell: true})
	}()
	return end
}

func TestBoardInATerminal(t *testing.T) {
	p := newTerminal(t, Size{80, 24})
	f := newFront(picture(16, "en"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	end := start(ctx, f, p, "en")
	p.wait("bench 3", "plug it back in, 22 s left", "Q stop")

	p.press("q")
	p.wait("Stop the station? No new tablets; 6 tablets under way", "y\u00a0yes")
	p.press("x")
	p.press("n")
	p.wait("choose")
	p.press("\x1b[B\x1b[B") // to A2
	p.wait("›")
	p.press("s")
	p.wait("Set port A2 aside? The tablet there is finished")
	p.press("y")
	if o := <-f.orders; o.Do != station.OrderSetAside || o.Port != "A2" {
		t.Errorf("%+v", o)
	}
	p.wait("A2 is set aside")
	p.press("c")
	p.wait("A2 is being worked on")
	p.press("\r")
	p.wait("A2 in detail", "BXF4C20000004822", "(bootloader) A2 unlocked")
	p.press("\r")
	p.wait("NEXT")
	p.press("l")
	p.wait("Lot:")
	p.press("P-119\r")
	if o := <-f.orders; o.Do != station.OrderLot || o.Value != "P-119" {
		t.Errorf("%+v", o)
	}
	p.wait("lot: P-119")

	v := picture(16, "en")
	v.Hubs[0].Ports[1] = port("A2", station.Passed, "AGS3-L09", "4822", took(time.Minute))
	f.show(v)
	p.wait("1:00")
	p.until("a bell", func(_ string, bells int) bool { return bells > 0 })

	f.mu.Lock()
	f.refuse = errors.New("no\x1b[2J")
	f.mu.Unlock()
	p.press("Q")
	p.wait("Stop the station?")
	p.press("y")
	if o := <-f.orders; o.Do != station.OrderStop {
		t.Errorf("%+v", o)
	}
	p.wait("not done: no")
	cancel()
	if err := <-end; err != nil {
		t.Error(err)
	}
}

// Nothing was ordered by a key that was not confirmed.
func TestNoKeyActsUnasked(t *testing.T) {
	f := newFront(picture(16, "ru"))
	m := &model{ctx: t.Context(), front: f, w: words.For("ru"), size: Size{80, 24}, view: f.v}
	for _, keys := range []string{"qn", "qт", "qн", "q\x1b", "sx n", "c n", "йn", "ыn", "сn", "щ\x1b", "дX\x1b"} {
		for _, k := range keys {
			if cmd := m.press(key(k)); cmd != nil {
				t.Errorf("%q: a key did something", keys)
			}
		}
		if m.asked != nil {
			t.Errorf("%q: still asked: %+v", keys, m.asked)
		}
	}
	m.press(key('й'))
	if m.asked == nil || m.asked.order.Do != station.OrderStop || !strings.Contains(m.prompt(), "6 планшетов") {
		t.Fatalf("%+v", m.asked)
	}
	if cmd := m.press(key('д')); cmd == nil {
		t.Fatal("yes did nothing")
	} else if cmd(); (<-f.orders).Do != station.OrderStop {
		t.Error("another order")
	}
}

func TestBoardRedrawsAndOutlivesItsTerminal(t *testing.T) {
	f := newFront(picture(16, "en"))
	m := &model{ctx: t.Context(), front: f, w: words.For("en"), size: Size{80, 24}, view: f.v}
	for _, s := range []Size{{60, 20}, {20, 5}, {1, 1}, {120, 40}} {
		m.Update(sized(s))
		if got := m.View().Content; got != Render(f.v, s, m.w, m.o) {
			t.Errorf("%v: %q", s, got)
		}
	}

	p := newTerminal(t, Size{80, 24})
	end := start(t.Context(), f, p, "en")
	p.wait("NEXT")
	_ = p.master.Close()
	select {
	case err := <-end:
		if err == nil {
			t.Error("a terminal that went away is no error")
		}
	case <-time.After(10 * time.Minute):
		t.Error("the board stays with a terminal that went away")
	}
}

func TestPlain(t *testing.T) {
	var s plainState
	w := words.For("en")
	v := picture(16, "en")
	for i := range v.Hubs[0].Ports {
		v.Hubs[0].Ports[i].Since = noon
	}
	out := s.lines(v, w)
	v2 := picture(16, "en")
	v2.Hubs[0].Ports[1].Percent = 64 // no change of a state
	out = append(out, s.lines(v2, w)...)
	v2.Hubs[0].Ports[1] = port("A2", station.Retry, "AGS3-L09", "4822", reason("cable"))
	v2.Banners = []station.Notice{{Key: "drain"}}
	out = append(out, "--")
	out = append(out, s.lines(v2, w)...)
	v2.Banners = nil
	out = append(out, s.lines(v2, w)...)
	goldentest.Is(t, "plain.golden", strings.Join(out, "\n")+"\n")

	f := newFront(v)
	ctx, cancel := context.WithCancel(t.Context())
	r, wr := io.Pipe()
	end := make(chan error, 1)
	go func() { end <- Plain(ctx, wr, f, w) }()
	buf := make([]byte, 200)
	if n, err := r.Read(buf); err != nil || string(buf[:n]) != "2026-11-26\n" {
		t.Errorf("%q %v", buf[:n], err)
	}
	if n, err := r.Read(buf); err != nil || !strings.Contains(string(buf[:n]), "A1 PASS") {
		t.Errorf("%q %v", buf[:n], err)
	}
	_ = r.CloseWithError(os.ErrClosed)
	if err := <-end; !errors.Is(err, os.ErrClosed) {
		t.Errorf("a refused line: %v", err)
	}
	cancel()
	if err := Plain(ctx, io.Discard, f, w); err != nil {
		t.Error(err)
	}
}

func TestDetails(t *testing.T) {
	v := picture(16, "en")
	p := &v.Hubs[0].Ports[5]
	p.Error, p.Profile, p.Attempt, p.Step, p.Record = "the link was lost at 41 %\x1b[2J", "huawei-ags3", 2, "flash:system", "bench3-48213"
	p.Before = &station.Past{Time: noon, Port: "A1", Error: "the link was lost"}
	details := Details(v, "A6", []string{"one", "two\x07"}, 0, Size{80, 24}, words.For("en"), Options{})
	goldentest.Is(t, "details-80x24.golden", ansi.Strip(details))
	for _, size := range []Size{{20, 5}, {1, 1}, {0, 0}, {60, 8}} {
		got := Details(v, "A6", make([]string, 300), 400, size, words.For("ru"), Options{})
		if n := strings.Count(got, "\n") + 1; n > max(1, size.Height) {
			t.Errorf("%v: %d lines", size, n)
		}
	}
}

// decideOn lets a supervisor decide about the tablet that failed in a port, and returns what
// was ordered.
func decideOn(t *testing.T, m *model, f *front, keys ...rune) station.Order {
	t.Helper()
	var cmd tea.Cmd
	for _, k := range keys {
		if cmd != nil {
			t.Fatalf("before %q something was ordered", k)
		}
		cmd = m.press(key(k))
	}
	if cmd == nil {
		t.Fatalf("%q ordered nothing: %+v", keys, m.asked)
	}
	m.Update(cmd())
	return <-f.orders
}

// What becomes of a failed tablet has three answers, and whoever gives one shows a badge where
// one is asked for.
func TestDecidingAboutAFailedTablet(t *testing.T) {
	v := picture(16, "en")
	v.Hubs[1].Ports[0].Record, v.Hubs[1].Ports[0].Class = "bench3-7", "locked"
	f := newFront(v)
	m := &model{ctx: t.Context(), front: f, w: words.For("en"), size: Size{80, 24}, view: v, selected: "A4"}
	if cmd := m.press(key('d')); cmd != nil || m.asked != nil || !strings.Contains(m.status, "A4 has no failed tablet") {
		t.Errorf("%v %+v %q", cmd, m.asked, m.status)
	}
	m.selected, m.status = "B1", ""
	if got := m.View().Content; !strings.Contains(got, "D decide") {
		t.Error("the key is not named")
	}
	for i, k := range []rune{'d', 'в', 'D'} {
		want := station.Order{Do: station.OrderDisposition, Port: "B1", Record: "bench3-7", Disposition: station.Dispositions[i]}
		if o := decideOn(t, m, f, k, rune('1'+i)); o != want {
			t.Errorf("%+v", o)
		}
		if want := "…9001: " + station.Dispositions[i]; m.status != want {
			t.Errorf("%q, want %q", m.status, want)
		}
	}
	for _, k := range []rune{'y', '4', 'd', 'n'} { // yes is no answer
		if m.press(key('d')); m.press(key(k)) != nil {
			t.Errorf("%q did something", k)
		}
		m.press(key('n'))
	}

	m.view.Proof = station.TypedBadge
	if o := decideOn(t, m, f, 'd', '2', '9', '0', tea.KeyEnter); o.By != "90" || o.Disposition != "scrap" {
		t.Errorf("%+v", o)
	}
	if o := decideOn(t, m, f, 'q', 'y', '9', tea.KeyEnter); o.By != "9" || o.Do != station.OrderStop {
		t.Errorf("%+v", o)
	}
	if o := decideOn(t, m, f, 'o', '1', '7', tea.KeyEnter); o.By != "" || o.Value != "17" {
		t.Errorf("%+v", o)
	}
	for _, keys := range []string{"qy\x1b", "cy9\x1b", "d19\x1b"} {
		for _, k := range keys {
			if cmd := m.press(key(k)); cmd != nil {
				t.Errorf("%q: without a badge it was ordered", keys)
			}
		}
	}
	m.view.Golden = true
	if o := decideOn(t, m, f, 'g', 'y', '9', tea.KeyEnter); o.Do != station.OrderNotGolden {
		t.Errorf("%+v", o)
	}
	m.view.Golden = false
	if o := decideOn(t, m, f, 'п', 'y', '9', tea.KeyEnter); o.Do != station.OrderGolden {
		t.Errorf("%+v", o)
	}
}

// Where badges are scanned, nothing that is typed is one: the order waits for the scan.
func TestTypingIsNoBadge(t *testing.T) {
	f := newFront(picture(16, "en"))
	m := &model{ctx: t.Context(), front: f, w: words.For("en"), size: Size{80, 24}, view: f.v}
	m.view.Proof = station.ScannedBadge
	for _, k := range "qy900y\r" {
		if cmd := m.press(key(k)); cmd != nil {
			go cmd() // it waits, as the station does
		}
	}
	if o := <-f.orders; !o.Scan || o.By != "" || o.Do != station.OrderStop || len(f.orders) > 0 {
		t.Errorf("%+v", o)
	}
	if m.asked == nil || !strings.Contains(m.prompt(), "Scan the supervisor's badge") {
		t.Fatalf("%+v", m.asked)
	}
	first := m.asked
	m.press(key('\x1b'))
	for _, k := range "l99\r" {
		if cmd := m.press(key(k)); cmd != nil {
			go cmd()
		}
	}
	if o := <-f.orders; !o.Scan || o.Do != station.OrderLot || o.Value != "99" ||
		!strings.Contains(m.prompt(), "Lot: 99. Scan the supervisor's badge") {
		t.Errorf("%+v %q", o, m.prompt())
	}
	m.press(key('\x1b'))
	if m.asked != nil {
		t.Error("it cannot be given up")
	}
	if second := m.press(key('q')); second != nil || m.press(key('y')) == nil {
		t.Fatal("it cannot be asked again")
	}
	m.Update(doneMsg{of: first, err: context.Canceled})
	if m.asked == nil || m.status != "" {
		t.Errorf("the end of one order ended another: %+v %q", m.asked, m.status)
	}
	m.Update(doneMsg{of: m.asked, said: "stopping"})
	if m.asked != nil || m.status != "stopping" {
		t.Errorf("%+v %q", m.asked, m.status)
	}
	m.Update(doneMsg{err: problem.New(problem.Usage, "scan a badge", "only a supervisor orders this")})
	if m.status != "not done: only a supervisor orders this: scan a badge" {
		t.Errorf("%q", m.status)
	}
}
