// This file is the common shape of all outputs, and the words that they share.

package ui

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/untrusted"
	"github.com/zarya-station/zarya/internal/words"
)

// Sink takes events, one at a time and in order, from one goroutine. Close ends
// the output and reports the first error that any of it met.
type Sink interface {
	Event(flash.Event)
	Close() error
}

// Options of the outputs for people.
type Options struct {
	Color   bool
	Quiet   bool         // only results and errors
	Verbose bool         // what the tablets say, too
	Words   *words.Words // nil is English
	Vanish  bool         // the board goes away at the end: a table follows on the same terminal
}

// Tee gives each event to all sinks.
func Tee(sinks ...Sink) Sink { return tee(sinks) }

type tee []Sink

func (t tee) Event(e flash.Event) {
	for _, s := range t {
		s.Event(e)
	}
}

func (t tee) Close() error {
	var errs []error
	for _, s := range t {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// colour is a select graphic rendition (ECMA-48).
type colour string

const (
	plain  colour = ""
	green  colour = "\x1b[1;32m"
	red    colour = "\x1b[1;31m"
	yellow colour = "\x1b[33m"
	dim    colour = "\x1b[2m"
)

func (o Options) paint(c colour, s string) string {
	if !o.Color || c == plain || s == "" {
		return s
	}
	return string(c) + s + "\x1b[0m"
}

// resultColour goes with a result's word, never instead of it.
func resultColour(r flash.JobResult) colour {
	switch r {
	case flash.Pass, flash.Compliant:
		return green
	case flash.Fail:
		return red
	case flash.Interrupted, flash.Skipped:
	}
	return yellow
}

// printable keeps whatever came from outside from moving the cursor. The events have
// been cleaned where their texts entered; this is the last door before the screen.
func printable(s string) string { return untrusted.Marked(s, maxText) }

// maxText is what one text of an event may take on a screen, in bytes.
const maxText = 4 << 10

// secondsText is a duration as a person says it.
func secondsText(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	d = d.Round(time.Second)
	if d < time.Hour {
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
}

// rateText is bytes a second, or nothing if it cannot be told.
func rateText(n int64, seconds float64) string {
	if n <= 0 || seconds < 0.05 {
		return ""
	}
	return bytesize.Text(int64(float64(n)/seconds)) + "/s"
}

// count is "1 tablet", "2 tablets".
func (o Options) count(n int) string {
	return o.Words.Sayf("%d tablets", n)
}

// tallied are the ids of the words that are counted, in the order of their importance.
var tallied = []string{"pass", "flashed", "provisioned", "compliant", "fail", "bench", "interrupted", "skipped", "working", "waiting"}

// tally is results by word.
func (o Options) tally(words map[string]int) string {
	var parts []string
	for _, id := range tallied {
		word := o.Words.Text("result."+id, nil)
		if words[word] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", words[word], word))
			delete(words, word) // two may have one word
		}
	}
	return strings.Join(parts, ", ")
}

// word is the word for a result. A failure of the bench may have one of its own.
func (o Options) word(d flash.JobDone) string {
	id := strings.ToLower(d.Result.Word(d.Scope))
	if d.Result == flash.Fail && d.Class.Bench() {
		id = "bench"
	}
	return o.Words.Text("result."+id, nil)
}

// Result is the word for a job's result and, behind it, that for its class.
func Result(ws *words.Words, d flash.JobDone) string {
	o := Options{Words: ws}
	if ws.Lang() == words.Languages[0] {
		return strings.TrimSpace(d.Result.Word(d.Scope) + " " + string(d.Class))
	}
	return strings.TrimSpace(o.word(d) + " " + o.class(d.Class))
}

// class is the word for a class: its name, or what a person calls it.
func (o Options) class(c flash.Class) string {
	if c == "" || o.Words.Lang() == "en" {
		return string(c)
	}
	return o.Words.Text("row."+string(c), nil)
}

// reason is why a job did not pass, in one line.
func (o Options) reason(b flash.JobDone) string { return o.Words.Say(reason(b)) }

func reason(b flash.JobDone) string {
	text := printable(b.Error)
	if b.Step != "" && b.Step != "connect" && b.Step != "preflight" && !strings.HasPrefix(text, b.Step) {
		text = b.Step + ": " + text
	}
	return text
}
