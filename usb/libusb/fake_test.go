// Endpoints made of memory: the test decides when each transfer ends, as gousb's own tests
// do with libusb.

package libusb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zarya-station/zarya/flash/fastboot"
)

// bus is a device's two bulk endpoints, seen from both ends. Data moves in packets: a
// transfer from the device ends with a short one, or when the host's buffer is full.
type bus struct {
	packet int  // bytes
	zlp    bool // the device ends what fills its last packet with an empty one
	calls  atomic.Int32
	closes atomic.Int32

	mu      sync.Mutex
	out     []*transfer   // guarded by mu: submitted by the host, not taken by the device
	in      [][]byte      // guarded by mu: packets of the device
	gone    bool          // guarded by mu
	stuck   chan struct{} // guarded by mu: nil, or until then no cancelled transfer comes back
	changed chan struct{} // guarded by mu: closed at each change, and made anew
}

// transfer is one to the device.
type transfer struct {
	data []byte
	off  int // bytes that the device took
	done bool
}

func newBus(packet int, zlp bool) *bus {
	return &bus{packet: packet, zlp: zlp, changed: make(chan struct{})}
}

var errGone = &Error{Kind: Gone, Node: "/dev/bus/usb/001/002"}

// change does something, and wakes all who wait.
func (b *bus) change(do func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	do()
	close(b.changed)
	b.changed = make(chan struct{})
}

// until waits until ready, which is called with the lock held, reports true.
func (b *bus) until(ctx context.Context, ready func() bool) error {
	for {
		b.mu.Lock()
		gone, ok, changed, stuck := b.gone, !b.gone && ready(), b.changed, b.stuck
		b.mu.Unlock()
		switch {
		case gone:
			return errGone
		case ok:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if stuck == nil {
				return ctx.Err()
			}
			<-stuck
			b.mu.Lock()
			defer b.mu.Unlock()
			if ready() { // it was done before it was cancelled
				return nil
			}
			return ctx.Err()
		}
	}
}

// The host's end.

func (b *bus) submit(p []byte) *transfer {
	t := &transfer{data: p}
	b.change(func() { b.out = append(b.out, t) })
	return t
}

func (b *bus) wait(ctx context.Context, t *transfer) (int, error) {
	err := b.until(ctx, func() bool { return t.done })
	n := 0
	b.change(func() {
		n = t.off
		for i, other := range b.out {
			if other == t {
				b.out = append(b.out[:i:i], b.out[i+1:]...)
				break
			}
		}
	})
	return n, err
}

func (b *bus) write(ctx context.Context, p []byte) error {
	b.calls.Add(1)
	defer b.calls.Add(-1)
	_, err := b.wait(ctx, b.submit(p))
	return err
}

func (b *bus) read(ctx context.Context, p []byte) (n int, err error) {
	b.calls.Add(1)
	defer b.calls.Add(-1)
	for {
		var packet []byte
		if err := b.until(ctx, func() bool {
			if len(b.in) == 0 {
				return false
			}
			packet, b.in = b.in[0], b.in[1:]
			return true
		}); err != nil {
			return n, err
		}
		if len(packet) > len(p)-n {
			return n, fmt.Errorf("%w: overflow", fastboot.ErrOversize)
		}
		n += copy(p[n:], packet)
		if len(packet) < b.packet || n == len(p) {
			return n, nil
		}
	}
}

func (b *bus) packetSize() int { return b.packet }

func (b *bus) close() error {
	b.closes.Add(1)
	if n := b.calls.Load(); n != 0 {
		return fmt.Errorf("closed with %d calls under way", n)
	}
	return nil
}

func (b *bus) stream(size, depth int) (stream, error) {
	return &busStream{b: b, size: size, depth: depth}, nil
}

// busStream is a gousb.WriteStream.
type busStream struct {
	b           *bus
	size, depth int
	inFlight    []*transfer
	written     int
}

func (s *busStream) land(ctx context.Context) error {
	n, err := s.b.wait(ctx, s.inFlight[0])
	s.written, s.inFlight = s.written+n, s.inFlight[1:]
	return err
}

func (s *busStream) WriteContext(ctx context.Context, p []byte) (int, error) {
	s.b.calls.Add(1)
	defer s.b.calls.Add(-1)
	if len(p) != s.size {
		return 0, fmt.Errorf("a transfer of %d bytes in a stream of %d", len(p), s.size)
	}
	if len(s.inFlight) == s.depth {
		if err := s.land(ctx); err != nil {
			return 0, err
		}
	}
	s.inFlight = append(s.inFlight, s.b.submit(append([]byte(nil), p...)))
	return len(p), nil
}

func (s *busStream) CloseContext(ctx context.Context) (err error) {
	s.b.calls.Add(1)
	defer s.b.calls.Add(-1)
	for len(s.inFlight) > 0 {
		err = errors.Join(err, s.land(ctx))
	}
	return err
}

func (s *busStream) Written() int { return s.written }

// device is the other end, for the suite.
type device struct{ *bus }

// take takes up to n bytes of the next transfer; last is that it is used up.
func (d device) take(n int) (p []byte, last bool, err error) {
	err = d.until(context.Background(), func() bool { return len(d.out) > 0 })
	if err != nil {
		return nil, false, err
	}
	d.change(func() {
		t := d.out[0]
		n = min(n, len(t.data)-t.off)
		p = append([]byte(nil), t.data[t.off:t.off+n]...)
		t.off += n
		if last = t.off == len(t.data); last {
			t.done, d.out = true, d.out[1:]
		}
	})
	return p, last, nil
}

func (d device) ReadCommand() (string, error) {
	p, last, err := d.take(4096)
	if err == nil && !last {
		err = errors.New("a command of more than 4096 bytes")
	}
	return string(p), err
}

func (d device) ReadData(n int) ([]byte, error) {
	var all []byte
	for in := 0; len(all) < n; { // in is the bytes of the transfer
		p, last, err := d.take(n - len(all))
		if err != nil {
			return nil, err
		}
		all, in = append(all, p...), in+len(p)
		if last {
			if len(all) < n && in%d.packet != 0 {
				return nil, fmt.Errorf("a short packet after %d of %d bytes", len(all), n)
			}
			in = 0
		}
	}
	return all, nil
}

func (d device) Reply(packet string) error { return d.WriteData([]byte(packet)) }

func (d device) WriteData(p []byte) error {
	gone := false
	d.change(func() {
		gone = d.gone
		for rest := p; ; rest = rest[d.packet:] {
			if len(rest) < d.packet {
				if len(rest) > 0 || len(p) == 0 || d.zlp {
					d.in = append(d.in, append([]byte(nil), rest...))
				}
				return
			}
			d.in = append(d.in, append([]byte(nil), rest[:d.packet]...))
		}
	})
	if gone {
		return errGone
	}
	return nil
}

func (d device) Close() error {
	d.change(func() { d.gone = true })
	return nil
}

// open makes a connection over a bus.
func (b *bus) open(t *testing.T) *Conn {
	t.Helper()
	h := &Host{}
	return h.newConn("/dev/bus/usb/001/002", b)
}
