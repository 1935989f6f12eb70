// This file reads what is plugged in once for all who ask: again after an event of the
// kernel, or after a second.

package target

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zarya-station/zarya/usb"
	"github.com/zarya-station/zarya/usb/uevent"
)

// freshFor is how long a reading counts without an event: a little less than the tick
// of a watcher, so that each tick reads.
const freshFor = usb.RescanEvery - 50*time.Millisecond

// view is the bus as it was last read. It listens to the kernel from the first reading
// on, until it is closed.
type view struct {
	scan   func() (*usb.Bus, error)
	events func(context.Context) (<-chan struct{}, error) // of the kernel

	started sync.Once
	deaf    error // why the kernel's events are not heard; set by started
	closed  sync.Once
	closing chan struct{}
	ended   sync.WaitGroup

	seen atomic.Uint64 // events so far, and other reasons to read again

	mu      sync.Mutex // held while sysfs is read, so that all who ask share one reading
	bus     *usb.Bus   // nil before the first reading
	at      time.Time  // when that reading began
	upTo    uint64     // the events that it includes
	waiting map[usb.Port]chan struct{}

	wakesMu sync.Mutex
	wakes   map[chan struct{}]bool // of watchers
}

func newView(sysfs string) *view {
	return &view{
		scan:   func() (*usb.Bus, error) { return usb.Scan(sysfs) },
		events: uevent.Listen, closing: make(chan struct{}),
		waiting: map[usb.Port]chan struct{}{}, wakes: map[chan struct{}]bool{},
	}
}

// listen begins to follow the kernel's events, once. The error says why they are not
// heard.
func (v *view) listen() error {
	v.started.Do(func() {
		ctx, cancel := context.WithCancel(context.Background())
		wake, err := v.events(ctx)
		v.deaf = err
		v.ended.Go(func() {
			defer cancel()
			v.follow(wake)
		})
	})
	return v.deaf
}

func (v *view) close() {
	v.started.Do(func() {}) // nothing begins any more
	v.closed.Do(func() { close(v.closing) })
	v.ended.Wait()
}

// follow marks the reading as old at each event. While somebody waits for a port, it
// reads at once, and every second.
func (v *view) follow(wake <-chan struct{}) {
	tick := time.NewTicker(usb.RescanEvery)
	defer tick.Stop()
	for {
		select {
		case <-v.closing:
			return
		case _, open := <-wake:
			if !open {
				wake = nil // a nil channel never has a value: the ticker remains
				continue
			}
			v.outdate()
			v.wakeWatchers()
		case <-tick.C:
		}
		if v.awaited() {
			_, _ = v.read() // wakes who waits for a port; who asks next gets the error
		}
	}
}

// outdate makes the next who asks read again.
func (v *view) outdate() { v.seen.Add(1) }

// read returns what is plugged in.
func (v *view) read() (*usb.Bus, error) {
	_ = v.listen() // before the reading, so that no event is missed; without events it is read every second
	v.mu.Lock()
	defer v.mu.Unlock()
	events, now := v.seen.Load(), time.Now()
	if v.bus != nil && v.upTo == events && now.Sub(v.at) < freshFor {
		return v.bus, nil
	}
	bus, err := v.scan()
	if err != nil {
		return nil, err
	}
	if v.bus != nil {
		for _, c := range usb.Changes(v.bus.Devices, bus.Devices) {
			if wait, ok := v.waiting[c.Device.Port]; ok {
				close(wait)
				delete(v.waiting, c.Device.Port)
			}
		}
	}
	v.bus, v.at, v.upTo = bus, now, events
	return bus, nil
}

// changed returns a channel that is closed when something comes, goes or changes in a
// port after the last reading.
func (v *view) changed(p usb.Port) <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.waiting[p] == nil {
		v.waiting[p] = make(chan struct{})
	}
	return v.waiting[p]
}

// awaited reports whether somebody waits for a port.
func (v *view) awaited() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.waiting) > 0
}

// subscribe returns a channel that has a value after each event, until stop.
func (v *view) subscribe() (wake <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	v.wakesMu.Lock()
	defer v.wakesMu.Unlock()
	v.wakes[c] = true
	return c, func() {
		v.wakesMu.Lock()
		defer v.wakesMu.Unlock()
		delete(v.wakes, c)
	}
}

func (v *view) wakeWatchers() {
	v.wakesMu.Lock()
	defer v.wakesMu.Unlock()
	for c := range v.wakes {
		select {
		case c <- struct{}{}:
		default: // one is waiting already
		}
	}
}
