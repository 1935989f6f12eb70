// This file is what a station shows on the terminal: the board, or a line for each change.
// The station never waits for it: a terminal that goes away takes nothing with it.

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/zarya-station/zarya/internal/board"
	"github.com/zarya-station/zarya/internal/daemon"
)

// screen chooses what is shown, and where. While a board is up, whatever else is said
// waits until its terminal is free, so this comes before anything that could say something.
func (a *app) screen(o stationOptions) *board.Screen {
	sc := &board.Screen{Words: a.words}
	if a.json || a.quiet {
		return sc
	}
	sc.Lines = a.stderr
	in, out := terminal(a.stdin), terminal(a.stderr)
	if out == nil {
		out = terminal(a.stdout)
	}
	if o.plain || os.Getenv("TERM") == "dumb" || in == nil || out == nil {
		return sc
	}
	env := os.Environ()
	if a.noColor {
		env = append(env, "NO_COLOR=1")
	}
	sc.Terminal, sc.Held = &board.Terminal{In: in, Out: out, Env: env, Bell: o.bell}, &board.Held{}
	a.stderr = sc.Held
	return sc
}

// runShown runs the station, and shows it until it ends.
func (a *app) runShown(d *daemon.Daemon, sc *board.Screen) error {
	signal.Ignore(syscall.SIGPIPE) // who reads the lines may go; the tablets stay
	defer signal.Reset(syscall.SIGPIPE)
	ctx, cancel := context.WithCancel(context.WithoutCancel(a.ctx)) // what happens after an order to stop is shown too
	shown := make(chan error, 1)
	go func() { shown <- sc.Show(ctx, d.Station) }()
	err := d.Run(a.signals.Context())
	cancel()
	if serr := <-shown; serr != nil {
		a.warn("%v", serr)
	}
	return err
}
