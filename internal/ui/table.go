// This file writes the closing table: one row a tablet, then what went wrong and
// what to do about it, then the sum.

package ui

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/words"
)

type tableSink struct {
	w        io.Writer
	o        Options
	rows     []flash.Event       // job-done
	warnings []string            // in the order of their first appearance
	warned   map[string][]string // message → who
	touched  map[string]*touched // job → what was done to its partitions
	summary  *Summary
}

// touched is what a job did to partitions, by their names.
type touched struct{ erased, unknown []string }

func (t *touched) step(s flash.StepDone) {
	verb, partition, _ := strings.Cut(s.Step, ":")
	switch {
	case verb != "flash" && verb != "erase" || s.Result == flash.StepSkipped:
	case s.Result == flash.StepFail:
		t.unknown = append(t.unknown, partition)
	case verb == "erase":
		t.erased = append(t.erased, partition)
	default: // what is written afterwards is no longer empty
		t.erased = slices.DeleteFunc(t.erased, func(p string) bool { return p == partition })
	}
}

// text is what stands under WRITTEN.
func (t *touched) text(ws *words.Words, bytes int64) string {
	var parts []string
	if bytes > 0 {
		parts = append(parts, ws.Say(bytesize.Text(bytes)))
	}
	if t != nil && len(t.erased) > 0 {
		parts = append(parts, ws.Sayf("erased %s", strings.Join(t.erased, ", ")))
	}
	if t != nil && len(t.unknown) > 0 {
		parts = append(parts, ws.Sayf("unknown: %s", strings.Join(t.unknown, ", ")))
	}
	return strings.Join(parts, "; ")
}

// NewTable gathers results and writes the table at Close.
func NewTable(w io.Writer, o Options) Sink {
	return &tableSink{w: w, o: o, warned: map[string][]string{}, touched: map[string]*touched{}}
}

func (t *tableSink) Event(e flash.Event) {
	switch b := e.Body.(type) {
	case flash.StepDone:
		if t.touched[e.Job] == nil {
			t.touched[e.Job] = &touched{}
		}
		t.touched[e.Job].step(b)
	case flash.JobDone:
		t.rows = append(t.rows, e)
	case flash.Warning:
		if e.Job == "" {
			return // of the moment
		}
		if t.warned[b.Message] == nil {
			t.warnings = append(t.warnings, b.Message)
		}
		t.warned[b.Message] = append(t.warned[b.Message], e.Label())
	case Summary:
		t.summary = &b
	}
}

func (t *tableSink) Close() error {
	if len(t.rows) == 0 {
		return nil
	}
	var b strings.Builder
	t.table(&b)
	t.failures(&b)
	if !t.o.Quiet {
		for _, w := range t.warnings {
			who := t.o.count(len(t.warned[w]))
			if len(t.warned[w]) == 1 {
				who = t.warned[w][0]
			}
			fmt.Fprintf(&b, "%s %s (%s)\n", t.o.paint(yellow, t.o.Words.Say("warning:")), t.o.Words.Say(printable(w)), printable(who))
		}
	}
	t.sum(&b)
	_, err := io.WriteString(t.w, b.String())
	return err
}

// tableWidth is the width of a terminal that has no more.
const tableWidth = 80

// widths cleans the cells and returns the width of each column.
func widths(rows [][]string) []int {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i := range row {
			row[i] = printable(row[i])
			width[i] = max(width[i], textWidth(row[i]))
		}
	}
	return width
}

// failures writes what went wrong, each cause once with the tablets that it stopped, and
// what to do about it.
func (t *tableSink) failures(b *strings.Builder) {
	type cause struct{ reason, hint string }
	var order []cause
	tablets := map[cause][]string{}
	colours := map[cause]colour{}
	for _, e := range t.rows {
		done := e.Body.(flash.JobDone)
		if done.Result == flash.Pass || done.Result == flash.Compliant {
			continue
		}
		c := cause{t.o.Words.Say(strings.ReplaceAll(reason(done), e.Label(), "it")), t.o.Words.Say(printable(done.Hint))}
		if tablets[c] == nil {
			order, colours[c] = append(order, c), resultColour(done.Result)
		}
		tablets[c] = append(tablets[c], printable(e.Label()))
	}
	slices.SortStableFunc(order, func(x, y cause) int { return len(tablets[y]) - len(tablets[x]) })
	for _, c := range order {
		fmt.Fprintf(b, "%s %s\n", t.o.paint(colours[c], strings.Join(tablets[c], ", ")+":"), c.reason)
		if c.hint != "" {
			fmt.Fprintf(b, "  → %s\n", c.hint)
		}
	}
}

// table writes the rows in the order of the tablets' names, so that a technician
// finds a socket where he looks for it.
func (t *tableSink) table(b *strings.Builder) {
	rows := [][]string{{"TABLET", "MODEL", "SERIAL", "RESULT", "TIME", "WRITTEN", "RATE"}}
	for i, title := range rows[0] {
		rows[0][i] = t.o.Words.Say(title)
	}
	results := []flash.JobResult{""}
	sortRows(t.rows)
	for _, e := range t.rows {
		done := e.Body.(flash.JobDone)
		word := t.o.word(done)
		if done.Class != "" {
			word += " " + t.o.class(done.Class)
		}
		if done.Retries > 0 {
			word += ", " + t.o.Words.Sayf("try %d", done.Retries+1)
		}
		written := t.touched[e.Job].text(t.o.Words, done.Bytes)
		rate := ""
		if done.Scope == flash.ScopeFlash { // elsewhere most of the time is not spent writing
			rate = t.o.Words.Say(rateText(done.Bytes, done.Seconds))
		}
		rows = append(rows, []string{e.Label(), dash(done.Model), dash(e.Serial), word, t.o.Words.Say(secondsText(done.Seconds)),
			dash(written), dash(rate)})
		results = append(results, done.Result)
	}
	width := widths(rows)
	total := -2
	for _, w := range width {
		total += w + 2
	}
	if total > tableWidth || !slices.ContainsFunc(rows[1:], func(row []string) bool { return row[6] != dash("") }) {
		for i := range rows {
			rows[i] = rows[i][:6] // the rate is what can be done without
		}
	}
	for n, row := range rows {
		for i, cell := range row {
			if i == len(row)-1 {
				b.WriteString(cell)
				break
			}
			text := fit(cell, width[i])
			if i == 3 && n > 0 {
				text = t.o.paint(resultColour(results[n]), text)
			}
			b.WriteString(text + "  ")
		}
		b.WriteByte('\n')
	}
}

func (t *tableSink) sum(b *strings.Builder) {
	words := map[string]int{}
	for _, e := range t.rows {
		done := e.Body.(flash.JobDone)
		words[t.o.word(done)]++
	}
	text := t.o.count(len(t.rows))
	if t.summary != nil {
		text = t.o.Words.Sayf("%s in %s", text, secondsText(t.summary.Seconds))
	}
	text += ": " + t.o.tally(words)
	if t.summary != nil && t.summary.Retryable > 0 {
		text += "; " + t.o.Words.Sayf("worth another try: %d", t.summary.Retryable)
	}
	b.WriteString(text + "\n")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
