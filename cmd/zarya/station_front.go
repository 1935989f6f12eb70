// This file is what a station shows on the terminal: the board, or a line for each change.
// The station never waits for it: a terminal that goes away takes nothing with it.

package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/zarya-station/zarya/internal/board"
	"github.com/zarya-station/zarya/internal/daemon"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

// showing is how a station is shown.
type showing struct {
	words *words.Words
	tty   *os.File  // where the board is; nil: there is none
	lines io.Writer // where lines are written, if there is no board; nil: nowhere
	bell  bool
	held  *board.Held // what is said beside the board; nil: there is none
}

// showing chooses what is shown, and where. While a board is up, whatever else is said
// waits until its terminal is free, so this comes before anything that could say something.
func (a *app) showing(o stationOptions) (*showing, error) {
	lang := words.Language(o.lang, os.Getenv)
	if o.lang != "" && lang != o.lang {
		return nil, problem.New(problem.Usage, "en or ru", "--lang %s: there are no words in this language", o.lang)
	}
	sh := &showing{words: words.For(lang), bell: o.bell}
	if a.json || a.quiet {
		return sh, nil
	}
	sh.lines = a.stderr
	if o.plain || os.Getenv("TERM") == "dumb" || terminal(a.stdin) == nil {
		return sh, nil
	}
	if sh.tty = terminal(a.stderr); sh.tty == nil {
		sh.tty = terminal(a.stdout)
	}
	if sh.tty != nil {
		sh.held = &board.Held{}
		a.stderr = sh.held
	}
	return sh, nil
}

// run runs the station, and shows it until it ends.
func (sh *showing) run(a *app, d *daemon.Daemon) error {
	signal.Ignore(syscall.SIGPIPE) // who reads the lines may go; the tablets stay
	defer signal.Reset(syscall.SIGPIPE)
	ctx, cancel := context.WithCancel(context.WithoutCancel(a.signals.Context())) // what happens after an order to stop is shown too
	shown := make(chan error, 1)
	go func() { shown <- sh.show(ctx, a, d.Station) }()
	err := d.Run(a.signals.Context())
	cancel()
	if serr := <-shown; serr != nil {
		a.warn("%v", serr)
	}
	return err
}

// show shows the station until ctx ends: with lines, where the board came to its end before.
// Its error is of the board; who reads lines no longer is nobody's trouble.
func (sh *showing) show(ctx context.Context, a *app, s *station.Station) (err error) {
	if sh.tty != nil {
		env := os.Environ()
		if a.noColor {
			env = append(env, "NO_COLOR=1")
		}
		err = board.Run(ctx, s, sh.words, board.Terminal{In: terminal(a.stdin), Out: sh.tty, Env: env, Bell: sh.bell})
		sh.held.Release(sh.lines)
	}
	if sh.lines != nil && ctx.Err() == nil {
		_ = board.Plain(ctx, sh.lines, s, sh.words)
	}
	return err
}

// close lets everything be said where it was said before.
func (sh *showing) close(a *app) {
	if sh.held != nil {
		sh.held.Release(sh.lines)
		a.stderr = sh.lines
	}
}
