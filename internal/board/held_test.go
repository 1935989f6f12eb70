package board

import (
	"strings"
	"testing"
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
