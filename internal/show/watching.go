// This file is what comes and goes, as it is watched.

package show

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/internal/words"
)

// Watching is how changes are shown: as events, as the tree that is drawn again, or as lines.
type Watching struct {
	Bench  *target.Bench
	Out    io.Writer
	Events *flash.Events // nil: no events
	Words  *words.Words
	Redraw bool // Out is a terminal that can be drawn on
}

// Report shows changes.
func (w Watching) Report(ctx context.Context) func([]target.Change) error {
	switch {
	case w.Events != nil:
		return func(changes []target.Change) error {
			for _, c := range changes {
				where := c.Target.Where()
				where.Serial = c.Device.Serial
				w.Events.Emit(flash.Event{Where: where, Body: flash.Device{Change: string(c.What), Mode: c.Device.Mode,
					Model: c.Device.Model(), Hint: Hint(c)}})
			}
			return nil
		}
	case w.Redraw:
		return func([]target.Change) error { return w.redraw(ctx) }
	}
	return func(changes []target.Change) error {
		for _, c := range changes {
			Change(w.Out, w.Words, time.Now(), c)
		}
		return nil
	}
}

// redraw draws the tree of ports again.
func (w Watching) redraw(ctx context.Context) error {
	bus, names, err := w.Bench.Plugged()
	if err != nil {
		return err
	}
	var b strings.Builder
	ui.DrawTree(&b, w.Words, bus, names, target.About(w.Bench.AskAndroid(ctx, bus)))
	_, err = fmt.Fprintf(w.Out, "\x1b[H\x1b[2J%s\n%s\n", b.String(), w.Words.Sayf("%s; ^C ends", time.Now().Format(time.TimeOnly)))
	return err
}
