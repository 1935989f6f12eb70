// This file is the queue of transfers: how many are in flight, and what happens when
// the host's memory for them (usbfs, 16 MiB for all) is used up.

package libusb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	pieceSize   = 256 << 10 // bytes of one transfer
	maxInFlight = 4         // transfers of one tablet
	recoverAt   = 64        // pieces that go well before one more is tried again
	memoryEvery = 5 * time.Millisecond
)

// errNoMemory is the kernel's ENOMEM for a transfer: usbfs has no memory left.
var errNoMemory = errors.New("usbfs has no memory left")

// usbfsBytes is the kernel's budget for all devices and processes of the host.
func usbfsBytes() int {
	text, err := os.ReadFile("/sys/module/usbcore/parameters/usbfs_memory_mb")
	if err != nil {
		text = nil
	}
	return budgetOf(string(text))
}

// budgetOf reads the kernel's setting, in MiB; 0 is no limit.
func budgetOf(setting string) int {
	n, err := strconv.ParseUint(strings.TrimSpace(setting), 10, 20)
	switch {
	case err != nil:
		return 16 << 20 // the kernel's own default
	case n == 0:
		return 1 << 30
	}
	return int(n) << 20
}

// depthFor shares three quarters of the budget among the tablets that are open.
func depthFor(budget, tablets int) int {
	return min(max(budget*3/4/pieceSize/max(tablets, 1), 1), maxInFlight)
}

// MemoryMB is how many MiB of usbfs memory so many tablets use at full speed: a quarter
// of the host's is left to others.
func MemoryMB(tablets int) int {
	return (tablets*maxInFlight*pieceSize*4/3 + 1<<20 - 1) >> 20
}

// throttle is what this process learnt about the host's memory. Other processes use it
// too, so the kernel's setting alone does not report.
type throttle struct {
	mu    sync.Mutex
	limit int // guarded by mu; transfers in flight a tablet; 0 is not limited
	good  int // guarded by mu; pieces since the last change
}

// depth is how many transfers may be in flight, at most want.
func (t *throttle) depth(want int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.limit == 0 {
		return want
	}
	return min(want, t.limit)
}

// full halves what depth allows, after ENOMEM with that many in flight.
func (t *throttle) full(depth int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.limit == 0 || depth <= t.limit {
		t.limit = max(depth/2, 1)
	}
	t.good = 0
}

// recordSuccess counts a piece that was queued; enough of them allow one more in flight.
func (t *throttle) recordSuccess() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.limit == 0 {
		return
	}
	if t.good++; t.good >= recoverAt {
		t.good = 0
		if t.limit++; t.limit >= maxInFlight {
			t.limit = 0
		}
	}
}

// stream is some transfers in flight; a gousb.WriteStream.
type stream interface {
	WriteContext(ctx context.Context, p []byte) (int, error)
	CloseContext(ctx context.Context) error // waits for all of them
	Written() int                           // bytes that were taken, known after CloseContext
}

// queue sends whole pieces.
type queue struct {
	open     func(depth int) (stream, error) // its errors are errNoMemory where that is the cause
	want     func() int                      // transfers in flight, at best
	throttle *throttle
	stream   stream
	depth    int // of stream
	queued   int // bytes that were given to stream
}

// push hands one piece over, which is copied. Without memory it waits until what is in
// flight has gone, and goes on with half as much.
func (q *queue) push(ctx context.Context, p []byte) error {
	for {
		err := q.try(ctx, p)
		if !errors.Is(err, errNoMemory) {
			return err
		}
		depth := q.depth
		if err := q.drain(ctx); err != nil && !errors.Is(err, errNoMemory) {
			return err
		}
		q.throttle.full(depth)
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

func (q *queue) try(ctx context.Context, p []byte) (err error) {
	if depth := q.throttle.depth(q.want()); q.stream != nil && depth > q.depth {
		if err := q.drain(ctx); err != nil { // there is room for more again
			return err
		}
	}
	if q.stream == nil {
		q.depth, q.queued = q.throttle.depth(q.want()), 0
		if q.stream, err = q.open(q.depth); err != nil {
			q.stream = nil
			return err
		}
	}
	if _, err := q.stream.WriteContext(ctx, p); err != nil {
		return err
	}
	q.queued += len(p)
	q.throttle.recordSuccess()
	return nil
}

// drain waits until everything that was queued was taken.
func (q *queue) drain(ctx context.Context) error {
	s := q.stream
	if s == nil {
		return nil
	}
	q.stream = nil
	err := s.CloseContext(ctx)
	if (err == nil || errors.Is(err, errNoMemory)) && s.Written() != q.queued {
		return fmt.Errorf("%d of %d queued bytes were taken", s.Written(), q.queued)
	}
	return err
}

func pause(ctx context.Context) error {
	select {
	case <-time.After(memoryEvery):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// patiently repeats a single transfer for as long as there is no memory for it.
func patiently(ctx context.Context, transfer func() error) error {
	for {
		err := transfer()
		if !errors.Is(err, errNoMemory) {
			return err
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}
