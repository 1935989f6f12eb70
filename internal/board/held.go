// This file is what is said while the board has the terminal.

package board

import (
	"bytes"
	"io"
	"sync"
)

// maxHeld is how much text waits for the end of a board, in bytes; what is said later than
// that is lost.
const maxHeld = 64 << 10

// Held keeps what is written until it is released.
type Held struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
	to   io.Writer    // guarded by mu; nil: it is held
}

// Write keeps or hands on.
func (h *Held) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.to != nil {
		return h.to.Write(p)
	}
	if h.text.Len()+len(p) <= maxHeld {
		h.text.Write(p)
	}
	return len(p), nil
}

// Release writes what was held to w; from now on nothing is held.
func (h *Held) Release(w io.Writer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, _ = h.text.WriteTo(w) // a terminal that went away is nobody's trouble
	h.to = w
}
