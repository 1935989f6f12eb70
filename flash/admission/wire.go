// This file is one wire and whose turn it is.

package admission

import (
	"slices"
	"time"
)

// stallAfter is how long a download whose turn it is may take nothing before its turn is
// another's too.
const stallAfter = 5 * time.Second

// wanting is how many downloads are under way, or want to be.
func (w *wire) wanting() (n int) {
	for _, m := range w.members {
		if m.active {
			n++
		}
	}
	return n
}

// When a wire carries much less than it can.
const (
	mostly   = 0.85
	lowLooks = 4 // by the keeper's ticks
)

// wire is what its members' downloads go through. Admission.mu guards it.
type wire struct {
	width   int       // downloads that fill it
	byPiece bool      // a turn lasts for a whole download; else it is taken back for a lower order
	members []*Member // by order

	// Of a learned wire:
	next   time.Time     // when its width is tried again
	rest   time.Duration // until the try after that
	needed int           // width that was tried less than, in vain; 0: none was
	best   float64       // bytes a second that it has carried
	low    int           // looks in a row that saw much less
	was    int64         // bytes that its members had got at the last look
}

func (w *wire) add(m *Member) {
	at, _ := slices.BinarySearchFunc(w.members, m, byOrder)
	w.members = slices.Insert(w.members, at, m)
	w.turn()
}

func (w *wire) remove(m *Member) {
	if i := slices.Index(w.members, m); i >= 0 {
		w.members = slices.Delete(w.members, i, i+1)
	}
	m.turn = false
	w.turn()
}

// turn says anew whose turn it is: the first width of those that want it. A stalled
// download keeps its turn and does not count.
func (w *wire) turn() {
	free := w.width
	if !w.byPiece && w.width > 1 && w.wanting() <= w.width*3/2 {
		free = len(w.members) // the last one alone would not fill the wire
	}
	if w.byPiece {
		for _, m := range w.members {
			if m.active && m.turn && !m.stalled {
				free--
			}
		}
	}
	for _, m := range w.members {
		switch {
		case !m.active:
			m.turn = false
		case m.stalled, w.byPiece && m.turn:
			m.turn = true
		default:
			m.turn = free > 0
			free--
		}
		m.notify()
	}
}

// look sees whether the wire carries much less than it can while some wait, as when its
// turns are those of tablets on one of two wires that were taken for one: then its width
// is tried at once.
func (w *wire) look(since time.Duration) {
	var got int64
	for _, m := range w.members {
		got += m.arrived()
	}
	rate := float64(got-w.was) / since.Seconds()
	w.was = got
	if rate >= mostly*w.best || !w.waiting() {
		w.low = 0
		return
	}
	if w.low++; w.low >= lowLooks {
		w.low, w.next = 0, time.Time{}
	}
}

// waiting reports whether anyone waits for a turn.
func (w *wire) waiting() bool {
	return slices.ContainsFunc(w.members, func(m *Member) bool { return m.active && !m.turn })
}
