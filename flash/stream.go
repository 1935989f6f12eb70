// This file puts the events of all workers in one order and hands them on
// without letting a slow reader hold up a tablet.

package flash

import (
	"sync"
	"time"
)

// maxQueuedProgress is how many undelivered events there may be before progress
// is dropped. Nothing else is ever dropped.
const maxQueuedProgress = 256

// Events numbers and delivers events. Emit never waits for the reader.
type Events struct {
	run  string
	sink func(Event)
	hide *Secrets // nil: nothing

	mu     sync.Mutex
	cond   sync.Cond
	queue  []Event // guarded by mu
	seq    int64   // guarded by mu
	closed bool    // guarded by mu
	done   chan struct{}
}

// NewEvents delivers to sink, from one goroutine, until Close.
func NewEvents(run string, sink func(Event)) *Events {
	e := &Events{run: run, sink: sink, done: make(chan struct{})}
	e.cond.L = &e.mu
	go e.deliver()
	return e
}

// Hide keeps secrets out of all events from now on. Call it before the first.
func (e *Events) Hide(h *Secrets) { e.hide = h }

// Emit queues one event; it fills in the number, the time and the run.
func (e *Events) Emit(ev Event) {
	if _, ok := ev.Body.(Progress); !ok {
		ev.Body = clean(e.hide, ev.Body)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	if _, ok := ev.Body.(Progress); ok && len(e.queue) >= maxQueuedProgress {
		return
	}
	e.seq++
	ev.Seq, ev.Time, ev.Run = e.seq, time.Now().UTC(), e.run
	e.queue = append(e.queue, ev)
	e.cond.Signal()
}

// Close delivers what is queued and returns when the sink has had it all.
func (e *Events) Close() {
	e.mu.Lock()
	e.closed = true
	e.cond.Signal()
	e.mu.Unlock()
	<-e.done
}

func (e *Events) deliver() {
	defer close(e.done)
	for {
		e.mu.Lock()
		for len(e.queue) == 0 && !e.closed {
			e.cond.Wait()
		}
		batch := e.queue
		e.queue = nil
		e.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		for _, ev := range batch {
			e.sink(ev)
			if ev.watch != nil {
				ev.watch(ev)
			}
		}
	}
}
