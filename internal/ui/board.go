// This file is the board: one row a tablet on a terminal. Event only notes what
// happened; one painter goroutine owns the terminal and repaints what changed.
//
// At 80 columns: port 6, model 9, step 22, bar 40. A wider terminal gives the
// rest to the port and the bar. The board is painted in place, without an
// alternate screen: a program that is killed leaves a readable terminal.

package ui

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/bytesize"
)

const (
	portWidth  = 6
	modelWidth = 9
	stepWidth  = 22
	barWidth   = 46
	minWidth   = portWidth + modelWidth + stepWidth + barWidth + 3

	repaintEvery = 100 * time.Millisecond
)

// Board is a Sink for a terminal.
type board struct {
	w    io.Writer
	size func() (width, height int)
	o    Options
	stop chan struct{}
	done chan struct{}

	mu    sync.Mutex
	rows  []*row          // guarded by mu; in the order of arrival
	byJob map[string]*row // guarded by mu
	begun time.Time       // guarded by mu
	note  string          // guarded by mu; what concerns the whole run

	// The painter's own.
	painted int // lines on the screen
	width   int // when they were painted
	height  int
	err     error
}

// row is one tablet.
type row struct {
	where   flash.Where
	model   string
	step    string
	since   time.Time // of the step
	retry   int
	scope   flash.Scope
	waiting flash.Waiting
	until   time.Time // when waiting ends; zero is not known
	heard   time.Time // when the tablet last moved on
	bar     *progressbar.ProgressBar
	line    *lastLine
	total   int64
	wire    meter
	ended   *flash.JobDone
}

// lastLine is the locked writer of one bar: it keeps what was drawn last.
type lastLine struct {
	mu   sync.Mutex
	text string // guarded by mu
}

func (l *lastLine) Write(p []byte) (int, error) {
	text := strings.Trim(strings.ReplaceAll(string(p), "\r", ""), " \n")
	if text != "" { // else the bar only wipes its line
		l.mu.Lock()
		l.text = text
		l.mu.Unlock()
	}
	return len(p), nil
}

func (l *lastLine) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text
}

// NewBoard paints on tty until Close.
func NewBoard(tty *os.File, o Options) Sink {
	return newBoard(tty, func() (int, int) {
		w, h, err := term.GetSize(int(tty.Fd()))
		if err != nil || w <= 0 || h <= 0 {
			return minWidth, 24
		}
		return w, h
	}, o)
}

func newBoard(w io.Writer, size func() (int, int), o Options) *board {
	b := &board{w: w, size: size, o: o, byJob: map[string]*row{}, begun: time.Now(), stop: make(chan struct{}), done: make(chan struct{})}
	go b.run()
	return b
}

func (b *board) Event(e flash.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.Job == "" {
		if w, ok := e.Body.(flash.Warning); ok {
			b.note = w.Message
		}
		return
	}
	r := b.byJob[e.Job]
	if r == nil {
		r = &row{}
		b.byJob[e.Job] = r
		b.rows = append(b.rows, r)
	}
	r.where = e.Where
	if _, warns := e.Body.(flash.Warning); !warns {
		r.heard = time.Now()
	}
	switch body := e.Body.(type) {
	case flash.JobStarted:
		r.scope, r.step, r.since = body.Scope, "connect", e.Time
	case flash.Device:
		r.model = cmp.Or(body.Model, r.model)
	case flash.Waiting:
		r.waiting, r.until = body, time.Time{}
		if body.Seconds > 0 {
			r.until = time.Now().Add(time.Duration(body.Seconds * float64(time.Second)))
		}
		return
	case flash.StepStarted:
		r.step, r.since, r.bar, r.wire = body.Step, e.Time, nil, meter{}
	case flash.Progress:
		r.progress(body)
	case flash.Retry:
		r.retry, r.bar, r.since, r.wire = r.retry+1, nil, e.Time, meter{}
	case flash.JobDone:
		r.ended, r.scope, r.model = &body, body.Scope, cmp.Or(body.Model, r.model)
	case flash.Warning, flash.Log:
		return // said beside what it does
	}
	r.waiting = flash.Waiting{}
}

func (r *row) progress(p flash.Progress) {
	if r.bar == nil || r.total != p.Total {
		r.line, r.total = &lastLine{}, p.Total
		r.bar = progressbar.NewOptions64(max(p.Total, 1),
			progressbar.OptionSetWriter(r.line), progressbar.OptionSetWidth(16),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false), progressbar.OptionThrottle(0),
			progressbar.OptionSetTheme(progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}))
	}
	r.wire.add(time.Now(), p.WireDone, p.WireTotal)
	_ = r.bar.Set64(p.Done) // writes to a lastLine, which never fails
}

// Close paints the last state and gives the terminal back.
func (b *board) Close() error {
	close(b.stop)
	<-b.done
	return b.err
}

func (b *board) run() {
	defer close(b.done)
	tick := time.NewTicker(repaintEvery)
	defer tick.Stop()
	b.write("\x1b[?25l") // hide the cursor
	defer b.write("\x1b[?25h")
	for {
		select {
		case <-tick.C:
			b.paint()
		case <-b.stop:
			b.paint()
			if b.o.Vanish && b.painted > 0 {
				b.write(fmt.Sprintf("\x1b[%dA\r\x1b[J", b.painted))
			}
			return
		}
	}
}

func (b *board) write(s string) {
	if b.err == nil {
		_, b.err = io.WriteString(b.w, s)
	}
}

// paint goes back to the board's first line and writes all of it in one piece.
func (b *board) paint() {
	width, height := b.size()
	lines := b.lines(width, height)
	var s strings.Builder
	switch {
	case b.painted > 0 && (width != b.width || height != b.height):
		s.WriteString("\x1b[H\x1b[J") // the terminal has rearranged its lines: begin anew
	case b.painted > 0:
		fmt.Fprintf(&s, "\x1b[%dA", b.painted)
	}
	for _, line := range lines {
		s.WriteString("\r\x1b[2K" + line + "\r\n")
	}
	if len(lines) < b.painted {
		s.WriteString("\x1b[J")
	}
	if s.Len() > 0 {
		b.write(s.String())
	}
	b.painted, b.width, b.height = len(lines), width, height
}

// lines is the whole board.
func (b *board) lines(width, height int) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.rows) == 0 {
		return nil
	}
	rows := slices.Clone(b.rows)
	slices.SortStableFunc(rows, func(x, y *row) int { return compareWhere(x.where, y.where) })
	label := shortLabels(rows, max(portWidth, min(24, portWidth+width-minWidth)))
	shown, hidden := choose(rows, height-3) // the header, the sum, and the line the cursor rests on
	port := portWidth
	for _, r := range rows {
		port = max(port, textWidth(label[r]))
	}
	// The terminal's last column stays empty where there is one to spare.
	bar := max(10, min(width-(port+modelWidth+stepWidth+3), 72))
	ws := b.o.Words
	head := fit(ws.Say("PORT"), port) + " " + fit(ws.Say("MODEL"), modelWidth) + " " + ws.Say("STEP")
	lines := []string{b.o.paint(dim, fit(head, min(width, minWidth)))}
	for _, r := range shown {
		text, c := r.text(b.o, time.Now())
		lines = append(lines, fit(label[r], port)+" "+fit(printable(r.model), modelWidth)+" "+fit(r.stepText(), stepWidth)+" "+
			b.o.paint(c, strings.TrimRight(fit(text, bar), " ")))
	}
	if hidden > 0 {
		lines = append(lines, ws.Sayf("… and %d more", hidden))
	}
	sum := b.sum()
	if b.note != "" {
		sum += "; " + ws.Say(printable(b.note))
	}
	return append(lines, strings.TrimRight(fit(sum, width-1), " "))
}

// choose picks the rows that fit: if not all do, those that failed and those at
// work come before those that are done or wait.
func choose(rows []*row, room int) (shown []*row, hidden int) {
	room = max(room, 1)
	if len(rows) <= room {
		return rows, 0
	}
	room = max(room-1, 1) // for the line that says so
	rank := func(r *row) int {
		switch {
		case r.ended != nil && r.ended.Result == flash.Fail:
			return 0
		case r.ended == nil && r.step != "":
			return 1
		case r.ended == nil:
			return 2
		}
		return 3
	}
	byRank := slices.Clone(rows)
	slices.SortStableFunc(byRank, func(x, y *row) int { return cmp.Compare(rank(x), rank(y)) })
	keep := map[*row]bool{}
	for _, r := range byRank[:room] {
		keep[r] = true
	}
	for _, r := range rows {
		if keep[r] {
			shown = append(shown, r)
		}
	}
	return shown, len(rows) - room
}

func (r *row) stepText() string {
	text := printable(r.step)
	if r.ended != nil {
		text = printable(r.ended.Step)
	}
	if r.retry > 0 && r.ended == nil {
		text = strconv.Itoa(r.retry+1) + "× " + text
	}
	return text
}

// frozenAfter is how long a bar may stand still before the board says so.
const frozenAfter = 10 * time.Second

// text is what stands where the bar is; the result replaces the bar, and of a failure
// what to do about it.
func (r *row) text(o Options, now time.Time) (string, colour) {
	silent, ws := now.Sub(r.heard), o.Words
	switch {
	case r.ended != nil:
		d := *r.ended
		word := o.word(d)
		if d.Result == flash.Pass || d.Result == flash.Compliant {
			text := ws.Sayf("%s in %s", word+" "+ws.Say(bytesize.Text(d.Bytes)), secondsText(d.Seconds))
			if rate := rateText(d.Bytes, d.Seconds); rate != "" && d.Scope == flash.ScopeFlash {
				text += ", " + ws.Say(rate)
			}
			return text, resultColour(d.Result)
		}
		why := cmp.Or(printable(d.Hint), strings.TrimPrefix(printable(d.Error), d.Step+": "))
		return fmt.Sprintf("%s %s: %s", word, o.class(d.Class), ws.Say(why)), resultColour(d.Result)
	case r.waiting.For == "device" && !r.until.IsZero():
		return fmt.Sprintf("%s: %s", ws.Say(printable(r.waiting.Hint)), ws.Say(secondsLeft(r.until.Sub(now)))), yellow
	case r.waiting.For == "operator":
		return cmp.Or(ws.Say(printable(r.waiting.Hint)), ws.Text("state.operator", nil)), yellow
	case r.waiting.For != "":
		return strings.TrimSpace(ws.Sayf("waiting for %s %s", ws.Text("wait."+printable(r.waiting.For), nil), "")), dim
	case r.bar != nil && silent > frozenAfter:
		return ws.Sayf("no answer for %s", secondsLeft(silent)), yellow
	case r.bar != nil:
		return strings.TrimSpace(r.line.String() + " " + ws.Say(r.wire.text(now))), plain
	}
	return ws.Say(secondsText(max(0, now.Sub(r.since).Seconds()))), dim
}

// secondsLeft counts whole seconds.
func secondsLeft(d time.Duration) string {
	return fmt.Sprintf("%d s", max(0, int(d.Round(time.Second).Seconds())))
}

// sum is the last line.
func (b *board) sum() string {
	words := map[string]int{}
	for _, r := range b.rows {
		switch {
		case r.ended != nil:
			words[b.o.word(*r.ended)]++
		case r.step == "":
			words[b.o.Words.Text("result.waiting", nil)]++
		default:
			words[b.o.Words.Text("result.working", nil)]++
		}
	}
	text := b.o.count(len(b.rows)) + ", " + b.o.Words.Say(secondsText(time.Since(b.begun).Seconds()))
	if rate := b.rate(time.Now()); rate > 0 {
		text += ", " + b.o.Words.Say(bytesize.Text(int64(rate))+"/s")
	}
	return text + ": " + b.o.tally(words)
}

// rate is what all tablets together take from the wire, in bytes a second.
func (b *board) rate(now time.Time) (sum float64) {
	for _, r := range b.rows {
		if r.ended == nil {
			sum += r.wire.Rate(now)
		}
	}
	return sum
}

// compareWhere puts tablets in the order of their names, numbers by value.
func compareWhere(x, y flash.Where) int {
	return natural(x.Label(), y.Label())
}

func sortRows(rows []flash.Event) {
	slices.SortStableFunc(rows, func(x, y flash.Event) int { return compareWhere(x.Where, y.Where) })
}

// natural compares strings with their numbers by value: A2 before A10.
func natural(a, b string) int {
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	for a != "" && b != "" {
		if digit(a[0]) && digit(b[0]) {
			i, j := 0, 0
			for i < len(a) && digit(a[i]) {
				i++
			}
			for j < len(b) && digit(b[j]) {
				j++
			}
			x, y := strings.TrimLeft(a[:i], "0"), strings.TrimLeft(b[:j], "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
				return c
			}
			a, b = a[i:], b[j:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}
