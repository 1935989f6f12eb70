// Golden pictures of the outputs, made from one story of events; the board is
// looked at through a small terminal.

package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/goldentest"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // plain lines have the station's time
	goleak.VerifyTestMain(m)
}

// story tells of n tablets: most pass, some do not. pause is called between its
// chapters.
func story(n int, tell func(flash.Event), pause func(chapter string)) {
	seq := int64(0)
	say := func(i int, b flash.Body) {
		seq++
		w := flash.Where{Address: fmt.Sprintf("tcp:10.0.0.7:%d", 5600+i), Serial: fmt.Sprintf("VT%04d", i+1)}
		tell(flash.Event{Seq: seq, Time: time.Now(), Run: "r", Job: strconv.Itoa(i), Where: w, Attempt: 1, Body: b})
	}
	for i := range n {
		say(i, flash.JobStarted{Scope: flash.ScopeFlash, Steps: []string{"flash:system", "reboot:system"}})
		say(i, flash.Device{Change: "present", Model: "AGS3-L09"})
		say(i, flash.Warning{Message: "not reported by the tablet: size of system"})
	}
	for i := range n {
		if i%8 == 4 {
			continue
		}
		say(i, flash.StepStarted{Step: "flash:system", Bytes: 4e9})
		say(i, flash.Log{Message: "writing 'system'"})
	}
	pause("begun")
	for done := int64(0); done <= 2e9; done += 25e6 {
		time.Sleep(250 * time.Millisecond) // of the bubble
		for i := range n {
			if i%8 != 4 && i != 2 {
				say(i, flash.Progress{Step: "flash:system", Done: done + int64(i)*1e7, Total: 4e9, WireDone: done / 2, WireTotal: 2e9})
			}
		}
	}
	for i := range n {
		if i%8 == 4 {
			say(i, flash.JobDone{Scope: flash.ScopeFlash, Model: "AGS3-L09", Result: flash.Fail, Class: flash.ClassLocked, Step: "preflight",
				Error: "the bootloader is locked (oem get-bootinfo); nothing was written", Hint: "set this tablet aside for unlocking"})
		}
	}
	say(2, flash.Retry{Step: "flash:system", Message: "connection lost", Class: flash.ClassCable})
	pause("half")
	for i := range n {
		if i%8 == 4 {
			continue
		}
		if i == 2 {
			say(i, flash.StepDone{Step: "flash:system", Seconds: 12, Result: flash.StepFail})
			say(i, flash.JobDone{Scope: flash.ScopeFlash, Model: "AGS3-L09", Result: flash.Fail, Class: flash.ClassCable, Step: "flash:system",
				Retries: 1, Error: "connection\x1b[2J lost", Hint: "check the cable", Retryable: true, Seconds: 12})
			continue
		}
		say(i, flash.StepDone{Step: "flash:system", Bytes: 4e9, Seconds: 40, Result: flash.StepOK})
		say(i, flash.JobDone{Scope: flash.ScopeFlash, Model: "AGS3-L09", Result: flash.Pass, Verified: "sent", Bytes: 4e9, Seconds: 40.5})
	}
	pause("end")
	tell(flash.Event{Seq: seq + 1, Time: time.Now(), Run: "r", Body: Summary{Passed: n - 2, Failed: 2, Seconds: 41, Retryable: 1, Exit: 1}})
}

func TestPlainAndTable(t *testing.T) {
	for name, o := range map[string]Options{"plain": {}, "verbose": {Verbose: true}, "colour": {Color: true}, "quiet": {Quiet: true}} {
		synctest.Test(t, func(t *testing.T) {
			var lines, table bytes.Buffer
			sink := Tee(NewPlain(&lines, o), NewTable(&table, o))
			story(6, sink.Event, func(string) {})
			if err := sink.Close(); err != nil {
				t.Fatal(err)
			}
			goldentest.Is(t, name+".txt", lines.String()+"---\n"+table.String())
			for _, line := range strings.Split(table.String(), "\n")[:7] { // the head and six rows
				if o.Color {
					break // counted in the others
				}
				if n := utf8.RuneCountInString(line); n > 80 {
					t.Errorf("%d columns: %s", n, line)
				}
			}
		})
	}
}

func TestNothingToShow(t *testing.T) {
	var b bytes.Buffer
	if err := Tee(NewTable(&b, Options{}), NewPlain(&b, Options{})).Close(); err != nil || b.Len() > 0 {
		t.Errorf("%v %q", err, b.String())
	}
}

func TestJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		sink := NewJSON(&b)
		story(3, sink.Event, func(string) {})
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		var last map[string]any
		for i, line := range strings.Split(strings.TrimSpace(b.String()), "\n") {
			last = nil
			if err := json.Unmarshal([]byte(line), &last); err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			if last["v"] != 1.0 || last["seq"] != float64(i+1) || last["type"] == "" || last["run"] != "r" {
				t.Fatalf("line %d: %s", i+1, line)
			}
		}
		if last["type"] != "summary" || last["exit"] != 1.0 {
			t.Errorf("the last line is %v", last)
		}
	})
}

func TestSummarize(t *testing.T) {
	got := Summarize([]flash.JobDone{{Result: flash.Pass}, {Result: flash.Pass, Retryable: true}, {Result: flash.Compliant},
		{Result: flash.Fail}, {Result: flash.Fail, Retryable: true}, {Result: flash.Interrupted, Retryable: true}, {Result: flash.Skipped}})
	if want := (Summary{Passed: 2, Compliant: 1, Failed: 2, Interrupted: 1, Skipped: 1, Retryable: 2}); got != want {
		t.Errorf("%+v, not %+v", got, want)
	}
}

func TestSecondsText(t *testing.T) {
	for seconds, want := range map[float64]string{0: "0.0 s", 9.94: "9.9 s", 10: "10 s", 119: "119 s", 120: "2 min 00 s", 3599.7: "1 h 00 min",
		7380: "2 h 03 min"} {
		if got := secondsText(seconds); got != want {
			t.Errorf("%v: %s, not %s", seconds, got, want)
		}
	}
}

var errDisk = errors.New("no space left on device")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errDisk }

func TestErrorsAreKept(t *testing.T) {
	size := func() (int, int) { return 80, 24 }
	for name, sink := range map[string]Sink{
		"json": NewJSON(broken{}), "plain": NewPlain(broken{}, Options{}), "table": NewTable(broken{}, Options{}),
		"board": newBoard(broken{}, size, Options{})} {
		sink.Event(flash.Event{Job: "1", Body: flash.JobStarted{}})
		sink.Event(flash.Event{Job: "1", Body: flash.StepStarted{Step: "x"}})
		sink.Event(flash.Event{Job: "1", Body: flash.JobDone{Result: flash.Pass}})
		if err := sink.Close(); !errors.Is(err, errDisk) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBoard(t *testing.T) {
	for _, test := range []struct {
		name    string
		w, h, n int
		o       Options
	}{
		{"80x24", 80, 24, 16, Options{}},
		{"160x50", 160, 50, 16, Options{Color: true}},
		{"60x10", 60, 10, 16, Options{}},
		{"vanish", 80, 24, 4, Options{Vanish: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScreen(t, test.w, test.h)
				b := newBoard(s, s.size, test.o)
				var seen strings.Builder
				story(test.n, b.Event, func(chapter string) {
					time.Sleep(5 * repaintEvery / 2) // of the bubble
					if !s.cursorHidden() {
						t.Error("the cursor blinks on the board")
					}
					fmt.Fprintf(&seen, "== %s\n%s", chapter, s)
				})
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&seen, "== closed\n%s", s)
				goldentest.Is(t, "board-"+test.name+".txt", seen.String())
				if len(s.scroll) > 0 {
					t.Errorf("the board scrolled away: %q", s.scroll)
				}
				if s.cursorHidden() {
					t.Error("the cursor was not given back")
				}
			})
		})
	}
}

// TestBoardResize changes the terminal while the board is painted, and holds that
// exactly one board is on it afterwards.
func TestBoardResize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScreen(t, 80, 24)
		b := newBoard(s, s.size, Options{})
		sizes := [][2]int{{120, 40}, {50, 8}, {80, 24}}
		story(16, b.Event, func(string) {
			time.Sleep(5 * repaintEvery / 2) // of the bubble
			s.resize(sizes[0][0], sizes[0][1])
			sizes = sizes[1:]
			time.Sleep(5 * repaintEvery / 2) // of the bubble
			if got := strings.Count(s.String(), "PORT "); got != 1 {
				t.Errorf("%d boards at %v:\n%s", got, sizes, s)
			}
		})
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestShortLabels(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"tcp:10.0.0.7:5600 tcp:10.0.0.7:5601", ":5600 :5601"},
		{"tcp:10.0.0.7:5554 tcp:10.0.0.8:5554", "…0.0.7 …0.0.8"},
		{"tcp:10.0.0.7:5554 tcp:10.0.1.7:5600", "…:5554 …:5600"},
		{"A3 A12", "A3 A12"},
		{"ssh:10.0.0.7:2201 ssh:10.0.0.7:2202", ":2201 :2202"},
		{"udp:10.0.0.7:5554 ssh:10.0.0.7:2202", ":5554 :2202"},
	} {
		var rows []*row
		for _, w := range strings.Fields(test.in) {
			if strings.Contains(w, ":") {
				rows = append(rows, &row{where: flash.Where{Address: w}})
			} else {
				rows = append(rows, &row{where: flash.Where{PortName: w}})
			}
		}
		labels := shortLabels(rows, portWidth)
		seen := map[string]bool{}
		var got []string
		for _, r := range rows {
			got = append(got, labels[r])
			seen[labels[r]] = true
			if utf8.RuneCountInString(labels[r]) > portWidth {
				t.Errorf("%q is too wide", labels[r])
			}
		}
		if len(seen) != len(rows) {
			t.Errorf("%s cannot be told apart: %q", test.in, got)
		}
		if text := strings.Join(got, " "); text != test.want {
			t.Errorf("%s: %s, not %s", test.in, text, test.want)
		}
	}
}

func TestNatural(t *testing.T) {
	order := []string{"", "A1", "A2", "A10", "A10b", "B1", "tcp:10.0.0.2:1", "tcp:10.0.0.10:1"}
	for i, a := range order {
		for j, b := range order {
			if got := natural(a, b); got < 0 != (i < j) || got > 0 != (i > j) {
				t.Errorf("%s and %s: %d", a, b, got)
			}
		}
	}
}
