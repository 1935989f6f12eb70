// This file writes plain lines, for logs and pipes: what began, what ended, what
// went wrong; no animation.

package ui

import (
	"fmt"
	"io"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/bytesize"
)

type plainSink struct {
	w   io.Writer
	o   Options
	err error
}

// NewPlain writes a line for each event that a person reading a log wants.
func NewPlain(w io.Writer, o Options) Sink { return &plainSink{w: w, o: o} }

func (p *plainSink) line(e flash.Event, c colour, format string, args ...any) {
	if p.err != nil {
		return
	}
	text := p.o.paint(c, printable(fmt.Sprintf(format, args...)))
	if label := printable(e.Label()); label != "" {
		text = label + "  " + text
	}
	_, p.err = fmt.Fprintf(p.w, "%s %s\n", e.Time.Local().Format("15:04:05"), text)
}

func (p *plainSink) Event(e flash.Event) {
	if p.o.Quiet {
		return
	}
	switch b := e.Body.(type) {
	case flash.StepStarted:
		if b.Bytes > 0 {
			p.line(e, plain, "%s: %s …", b.Step, p.o.Words.Say(bytesize.Text(b.Bytes)))
		} else {
			p.line(e, plain, "%s …", b.Step)
		}
	case flash.StepDone:
		if b.Result == flash.StepFail {
			return // the result tells it, with the reason
		}
		result := p.o.Words.Say(string(b.Result))
		text := p.o.Words.Sayf("%s: %s in %s %s", b.Step, result, secondsText(b.Seconds), rateText(b.Bytes, b.Seconds))
		p.line(e, plain, "%s", strings.TrimRight(text, " "))
	case flash.Waiting:
		p.line(e, plain, "%s", p.o.Words.Sayf("waiting for %s %s", p.o.Words.Text("wait."+b.For, nil), b.Hint))
	case flash.Retry:
		p.line(e, yellow, "%s", p.o.Words.Sayf("again: %s (%s)", b.Step, b.Message))
	case flash.Warning:
		p.line(e, yellow, "%s", p.o.Words.Sayf("warning: %s", b.Message))
	case flash.Log:
		if p.o.Verbose {
			p.line(e, dim, "| %s", b.Message)
		}
	case flash.JobDone:
		text := p.o.word(b)
		if b.Result == flash.Pass || b.Result == flash.Compliant {
			text = p.o.Words.Sayf("%s in %s", text, secondsText(b.Seconds))
		} else {
			text += " " + p.o.class(b.Class) + ": " + p.o.reason(b)
		}
		p.line(e, resultColour(b.Result), "%s", text)
	}
}

func (p *plainSink) Close() error { return p.err }
