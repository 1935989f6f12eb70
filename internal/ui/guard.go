// This file keeps output that a CI runner reads from giving it orders.

package ui

import (
	"io"
	"sync"
)

// guard is a writer that breaks workflow commands.
type guard struct {
	w  io.Writer
	mu sync.Mutex
	// guarded by mu: what stood before the next byte
	inside bool // something but white space since the line began
	colon  bool // one, as the first of the line
	hashes int
}

// Guard returns w without workflow commands of GitHub Actions, in lines of text or of JSON.
// The runner takes "::" at the beginning of a line and "##[" anywhere in it for the beginning
// of one. The last character of both is written as its \u escape, which JSON reads as the
// same, and a person sees. It is not for what is no text.
func Guard(w io.Writer) io.Writer { return &guard{w: w} }

func (g *guard) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]byte, 0, len(p))
	for _, c := range p {
		switch {
		case c == ':' && g.colon:
			out = append(out, `\u003a`...)
		case c == '[' && g.hashes >= 2:
			out = append(out, `\u005b`...)
		default:
			out = append(out, c)
		}
		g.colon = c == ':' && !g.inside
		switch c {
		case '\n', '\r':
			g.inside = false
		case ' ', '\t', '\v', '\f':
		default:
			g.inside = true
		}
		if c == '#' {
			g.hashes++
		} else {
			g.hashes = 0
		}
	}
	if n, err := g.w.Write(out); err != nil {
		return min(n, len(p)), err
	}
	return len(p), nil
}
