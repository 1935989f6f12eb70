// This file is what a station shows on the terminal: the board, or a line for each change.
// The station never waits for it. A terminal that goes away asks the station to stop, as its
// supervisor would: what is under way is finished.

package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/zarya-station/zarya/internal/board"
	"github.com/zarya-station/zarya/internal/console"
	"github.com/zarya-station/zarya/internal/daemon"
	"github.com/zarya-station/zarya/internal/words"
)

// screen is where the station is shown.
type screen struct {
	*board.Screen
	a         *app
	terminals []*os.File // that a person may see the station on
}

// Language is that of whoever looks.
func (sc screen) Language() *words.Words { return sc.Words }

// screen chooses what is shown, and where. While a board is up, whatever else is said
// waits until its terminal is free, so this comes before anything that could say something.
func (a *app) screen(o stationOptions) screen {
	sc := screen{Screen: &board.Screen{Words: a.Words}, a: a}
	for _, stream := range []any{a.In, a.Out, a.Err} {
		if f := console.Terminal(stream); f != nil {
			sc.terminals = append(sc.terminals, f)
		}
	}
	sc.Lost = func() {
		if sc.gone() {
			a.Signals.Hangup()
		}
	}
	if a.JSON || a.Quiet {
		return sc
	}
	sc.Lines = a.Err
	in, out := console.Terminal(a.In), console.Terminal(a.Err)
	if out == nil {
		out = console.Terminal(a.Out)
	}
	if o.plain || console.Dumb() || in == nil || out == nil {
		return sc
	}
	env := os.Environ()
	if a.NoColor {
		env = append(env, "NO_COLOR=1")
	}
	sc.Terminal, sc.Held = &board.Terminal{In: in, Out: out, Env: env, Bell: o.bell}, &board.Held{}
	a.Err = sc.Held
	return sc
}

// gone reports whether a terminal that the station was started on went away.
func (sc screen) gone() bool {
	return slices.ContainsFunc(sc.terminals, func(f *os.File) bool { return console.Terminal(f) == nil })
}

// Run runs the station, and shows it until it ends.
func (sc screen) Run(d *daemon.Daemon) error {
	a := sc.a
	signal.Ignore(syscall.SIGPIPE) // who reads the lines may go; the tablets stay
	defer signal.Reset(syscall.SIGPIPE)
	a.Signals.OnTerminal(sc.gone)
	defer a.Signals.OnTerminal(nil)
	ctx, cancel := context.WithCancel(context.WithoutCancel(a.Context)) // what happens after an order to stop is shown too
	shown := make(chan error, 1)
	go func() { shown <- sc.Show(ctx, d.Station) }()
	err := d.Run(a.Signals.Context())
	cancel()
	if serr := <-shown; serr != nil {
		a.Warnf("%v", serr)
	}
	return err
}
