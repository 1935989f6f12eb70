// This file is where a station is shown: on the board of a terminal, or as lines.

package board

import (
	"context"
	"io"

	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

// Screen is where a station is shown. Without a terminal it is lines, without those nothing.
type Screen struct {
	Words    *words.Words
	Terminal *Terminal // of the board; nil: there is none
	Held     *Held     // what is said beside the board; it is released at its end; nil: there is none
	Lines    io.Writer // where lines are written, if there is no board; nil: nowhere
	Lost     func()    // is called when the board lost its terminal; nil: nobody wants to know
}

// Show shows the station until ctx ends: with lines, where the board came to its end before.
// Its error is of the board; who reads lines no longer is nobody's trouble.
func (s *Screen) Show(ctx context.Context, front station.Front) (err error) {
	if s.Terminal != nil {
		err = Run(ctx, front, s.Words, *s.Terminal)
		s.Close()
		if err != nil && s.Lost != nil {
			s.Lost()
		}
	}
	if s.Lines != nil && ctx.Err() == nil {
		_ = Plain(ctx, s.Lines, front, s.Words)
	}
	return err
}

// Close lets everything be said where lines are written.
func (s *Screen) Close() {
	if s.Held != nil {
		s.Held.Release(s.Lines)
	}
}
