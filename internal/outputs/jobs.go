// This file is the outputs of what happens to jobs: those that are named, those of a runner of
// CI, and the terminal.

package outputs

import (
	"io"
	"os"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/console"
	"github.com/zarya-station/zarya/internal/ui"
)

// Outputs are where a person wants to have what happens to jobs.
type Outputs struct {
	Events, JUnit, Trace string // files, or fd:N; "" is none

	Beside     []ui.Sink // what makes receipts and labels of the jobs to come
	Summarized bool      // the outputs of jobs have, or will have, their summary
}

// UnderActions reports whether a runner of GitHub Actions reads what is written.
func UnderActions() bool { return os.Getenv("GITHUB_ACTIONS") == "true" }

// Files opens the outputs beside the terminal: the files, stdout with --json, and what was put
// beside them, which belongs to them from then on.
func (o *Outputs) Files(c *console.Console) (sinks []ui.Sink, err error) {
	sinks, o.Beside = o.Beside, nil
	if err := Sink(&sinks, "--events", o.Events, ui.NewJSON); err != nil {
		return nil, err
	}
	if err := Sink(&sinks, "--junit", o.JUnit, ui.NewJUnit); err != nil {
		return nil, err
	}
	if UnderActions() {
		sinks = append(sinks, ui.NewGitHub(c.Err, os.Getenv("GITHUB_STEP_SUMMARY")))
	}
	if c.JSON {
		sinks = append(sinks, ui.NewJSON(c.Out))
	}
	return sinks, nil
}

// All opens the outputs of jobs that are done together, which end with their summary: Files,
// and what the terminal shows.
func (o *Outputs) All(c *console.Console) (ui.Sink, error) {
	sinks, err := o.Files(c)
	if err != nil {
		return nil, err
	}
	o.Summarized = true
	if c.JSON {
		return ui.Tee(sinks...), nil
	}
	options := func(w io.Writer) ui.Options {
		return ui.Options{Color: c.Color(w), Quiet: c.Quiet, Verbose: c.Verbose, Words: c.Words}
	}
	if tty := console.Terminal(c.Err); tty != nil && !c.Quiet && !c.Verbose && !console.Dumb() {
		board := options(c.Err)
		board.Vanish = console.Terminal(c.Out) != nil
		sinks = append(sinks, ui.NewBoard(tty, board))
	} else {
		sinks = append(sinks, ui.NewPlain(c.Err, options(c.Err)))
	}
	return ui.Tee(append(sinks, ui.NewTable(c.Out, options(c.Out)))...), nil
}

// Tracer opens --trace, in which hide takes secrets out of texts; end it after use.
func (o *Outputs) Tracer(hide func(string) string) (t *fastboot.Tracer, end func() error, err error) {
	return Trace(o.Trace, hide)
}
