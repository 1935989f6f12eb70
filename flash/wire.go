// This file shares a wire: tablets behind one uplink are served in the order of their
// jobs, a few at a time, so that the first are ready early and the last no later.

package flash

import (
	"context"
	"slices"
	"sync"
)

// Wire is what several jobs' downloads go through. While a tablet writes what it was
// sent, its place on the wire is another's. The zero Wire lets nothing through; a nil
// one is no limit.
type Wire struct {
	width int

	mu      sync.Mutex
	busy    int
	waiting []*turn // in the order in which they are let through
}

// NewWire makes a wire that width downloads saturate.
func NewWire(width int) *Wire { return &Wire{width: width} }

// turn is one download that waits.
type turn struct {
	order int
	comes chan struct{}
}

// acquire waits for a place. waits is called first if there is none; a lower order comes
// first. Without an error, release must follow.
func (w *Wire) acquire(ctx context.Context, order int, waits func(), stop func() error) error {
	w.mu.Lock()
	if w.busy < w.width {
		w.busy++
		w.mu.Unlock()
		return nil
	}
	t := &turn{order, make(chan struct{})}
	at, _ := slices.BinarySearchFunc(w.waiting, order+1, func(t *turn, order int) int { return t.order - order })
	w.waiting = slices.Insert(w.waiting, at, t)
	w.mu.Unlock()
	waits()
	select {
	case <-t.comes:
		return nil
	case <-ctx.Done():
	}
	w.mu.Lock()
	i := slices.Index(w.waiting, t)
	if i >= 0 {
		w.waiting = slices.Delete(w.waiting, i, i+1)
	}
	w.mu.Unlock()
	if i < 0 { // it came at the same moment
		w.release()
	}
	if err := stop(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// release lets the next one through.
func (w *Wire) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		w.busy--
		return
	}
	next := w.waiting[0]
	w.waiting = w.waiting[1:]
	close(next.comes)
}

// download sends a piece when the wire is free.
func (s *Session) download(ctx context.Context, send func() error) error {
	w := s.job.Wire
	if w == nil {
		return send()
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	defer close(ended)
	go func() { // an operator's stop ends the wait
		select {
		case <-s.runner.Drain:
		case <-s.runner.halt:
		case <-ended:
			return
		}
		cancel()
	}()
	err := w.acquire(waiting, s.order, func() {
		if !s.account.waited {
			s.account.waited = true
			s.emit(Waiting{For: "admission", Hint: "tablets before it use the same wire"})
		}
	}, s.Stopping)
	if err != nil {
		return err
	}
	defer w.release()
	return send()
}
