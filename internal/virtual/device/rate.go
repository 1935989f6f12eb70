// This file limits speeds: of one tablet's wire, of a bus that all share, of a
// tablet's storage.

package device

import (
	"context"
	"sync"
	"time"
)

// Bus is a wire of limited speed. Users get their turns in the order of asking.
type Bus struct {
	rate int64 // bytes/s; 0 is unlimited

	mu   sync.Mutex
	free time.Time // guarded by mu; when the wire has done what was asked so far
}

// NewBus makes a bus of so many bytes a second.
func NewBus(bytesPerSecond int64) *Bus { return &Bus{rate: bytesPerSecond} }

// forgiven is how late a user may come without the wire having been idle meanwhile: a real
// one has buffers at its ends, and a program is never woken quite in time.
const forgiven = 20 * time.Millisecond

// wait waits until n bytes have passed.
func (b *Bus) wait(ctx context.Context, n int64) error {
	if b == nil || b.rate <= 0 {
		return nil
	}
	b.mu.Lock()
	now := time.Now()
	if late := now.Add(-forgiven); b.free.Before(late) {
		b.free = late
	}
	b.free = b.free.Add(time.Duration(float64(n) / float64(b.rate) * float64(time.Second)))
	wait := b.free.Sub(now)
	b.mu.Unlock()
	return Pause(ctx, wait)
}

// Pause waits for a time, or until ctx ends.
func Pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
