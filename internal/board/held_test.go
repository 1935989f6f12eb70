package board

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/words"
)

func TestWhatIsSaidWaitsForTheTerminal(t *testing.T) {
	var h Held
	var out strings.Builder
	_, _ = h.Write([]byte("before\n"))
	if n, err := h.Write(make([]byte, maxHeld)); n != maxHeld || err != nil { // too much: it is lost
		t.Errorf("%d, %v", n, err)
	}
	h.Release(&out)
	_, _ = h.Write([]byte("after\n"))
	h.Release(&out)
	if out.String() != "before\nafter\n" {
		t.Errorf("%q", out.String())
	}
}

// Without a terminal a station is shown by lines, and without those by nothing.
func TestScreenWithoutABoard(t *testing.T) {
	var lines strings.Builder
	s := &Screen{Words: words.For("en"), Held: &Held{}, Lines: &lines}
	_, _ = s.Held.Write([]byte("beside\n"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Show(ctx, nil); err != nil || lines.String() != "" { // it ended before
		t.Errorf("%v: %q", err, lines.String())
	}
	s.Close()
	_, _ = io.WriteString(s.Held, "after\n")
	if lines.String() != "beside\nafter\n" {
		t.Errorf("%q", lines.String())
	}
	if err := (&Screen{Words: words.For("en")}).Show(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
