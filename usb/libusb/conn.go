// This file is one tablet's fastboot interface as the transport that the fastboot client
// wants. It knows USB transfers and no library: see gousb.go for that.

package libusb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zarya-station/zarya/flash/fastboot"
)

const (
	giveUpAfter = 3 * time.Second // for a cancelled transfer to come back
	packetRoom  = 4096            // a response has room for whole packets, so that none overflows
)

// pipes are the two bulk endpoints of a claimed interface. Their errors are *Error,
// errNoMemory where that is the cause, or wrap fastboot.ErrOversize. A call ends soon
// after its context, but for a host controller that lost a transfer: then it may never.
type pipes interface {
	// write sends p as one transfer.
	write(ctx context.Context, p []byte) error
	// read receives one transfer: until a short packet, or until p is full.
	read(ctx context.Context, p []byte) (int, error)
	// stream keeps up to depth transfers of size bytes on their way to the device.
	stream(size, depth int) (stream, error)
	// packetSize is how many bytes one packet from the device has at most.
	packetSize() int
	// close gives the interface back. No other call is under way.
	close() error
}

// Conn is a claimed fastboot interface: a fastboot.Transport.
type Conn struct {
	node  string
	host  *Host
	pipes pipes

	queue   queue
	pending []byte // less than a piece, not sent yet; its room is one piece's

	life   context.Context // ends with Close, and so do the calls under way
	end    context.CancelFunc
	calls  chan struct{} // holds one value while a call uses pipes and queue
	wedged atomic.Bool   // a call never came back: pipes and queue are its own for good
	closed sync.Once
	err    error // of Close
}

var _ fastboot.Transport = (*Conn)(nil)

// Host is what the tablets that one process has open share: the kernel's memory for
// transfers. A process has one; its zero value is ready.
type Host struct {
	open     atomic.Int32 // tablets
	throttle throttle
}

// newConn is a transport over claimed endpoints.
func (h *Host) newConn(node string, p pipes) *Conn {
	c := &Conn{node: node, host: h, pipes: p, calls: make(chan struct{}, 1)}
	c.life, c.end = context.WithCancel(context.Background())
	c.queue = queue{
		throttle: &h.throttle,
		want:     func() int { return depthFor(usbfsBytes(), int(h.open.Load())) },
		open:     func(depth int) (stream, error) { return p.stream(pieceSize, depth) },
	}
	h.open.Add(1)
	return c
}

// errClosed is a call on what was closed.
var errClosed = errors.New("the connection was closed")

// bounded runs a call that should end with ctx or Close, and gives the port up if it does
// not: then the call goes on alone. It must use no memory but its own, and the result is
// what it returns.
func bounded[T any](ctx context.Context, c *Conn, call func(context.Context) (T, error)) (T, error) {
	var none T
	if c.wedged.Load() {
		return none, &Error{Kind: Wedged, Node: c.node}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.life, func() { cancel(errClosed) })()
	select {
	case c.calls <- struct{}{}:
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		value, err := call(ctx)
		<-c.calls
		done <- outcome{value, err}
	}()
	var o outcome
	select {
	case o = <-done:
	case <-ctx.Done():
		select {
		case o = <-done:
		case <-time.After(giveUpAfter):
			c.wedged.Store(true)
			return none, &Error{Kind: Wedged, Node: c.node, Err: context.Cause(ctx)}
		}
	}
	if o.err != nil && ctx.Err() != nil {
		return none, context.Cause(ctx)
	}
	return o.value, o.err
}

// WritePacket sends one command as one transfer.
func (c *Conn) WritePacket(ctx context.Context, p []byte) error {
	if err := c.flush(ctx); err != nil {
		return err
	}
	return c.writeOnce(ctx, append([]byte(nil), p...))
}

// writeOnce sends one transfer; p is not used by anyone else from now on.
func (c *Conn) writeOnce(ctx context.Context, p []byte) error {
	_, err := bounded(ctx, c, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, patiently(ctx, func() error { return c.pipes.write(ctx, p) })
	})
	return err
}

// readOnce reads one transfer of at most size bytes that is not empty: packets of length
// zero are no responses.
func (c *Conn) readOnce(ctx context.Context, size int) ([]byte, error) {
	return bounded(ctx, c, func(ctx context.Context) ([]byte, error) {
		buf := make([]byte, size)
		for {
			n := 0
			err := patiently(ctx, func() (err error) {
				n, err = c.pipes.read(ctx, buf)
				return err
			})
			if err == nil && n == 0 {
				err = ctx.Err()
			}
			if err != nil || n > 0 {
				return buf[:n], err
			}
		}
	})
}

// receive reads one transfer of at most size bytes into p.
func (c *Conn) receive(ctx context.Context, p []byte, size int) (int, error) {
	if err := c.flush(ctx); err != nil {
		return 0, err
	}
	got, err := c.readOnce(ctx, size)
	if err != nil {
		return 0, err
	}
	if len(got) > len(p) {
		return 0, fmt.Errorf("%w (%d bytes where %d were due)", fastboot.ErrOversize, len(got), len(p))
	}
	return copy(p, got), nil
}

// ReadPacket reads one response.
func (c *Conn) ReadPacket(ctx context.Context, p []byte) (int, error) {
	return c.receive(ctx, p, packetRoom)
}

// ReadData reads bytes of a data phase.
func (c *Conn) ReadData(ctx context.Context, p []byte) (int, error) {
	packet := c.pipes.packetSize()
	return c.receive(ctx, p, (min(len(p), pieceSize)+packet-1)/packet*packet)
}

// WriteData queues bytes. Only whole pieces go out until a packet is read or written,
// so that no transfer but the last is short. The bytes are copied: a transfer that never
// comes back keeps what it was given.
func (c *Conn) WriteData(ctx context.Context, p []byte) error {
	for len(p) > 0 {
		if c.pending == nil {
			c.pending = make([]byte, 0, pieceSize)
		}
		n := min(pieceSize-len(c.pending), len(p))
		c.pending = append(c.pending, p[:n]...)
		p = p[n:]
		if len(c.pending) == pieceSize {
			if err := c.push(ctx, c.pending); err != nil {
				return err
			}
			c.pending = c.pending[:0]
		}
	}
	return nil
}

// push hands one whole piece to the queue. gousb's streams send all of a transfer,
// however little was written to it.
func (c *Conn) push(ctx context.Context, piece []byte) error {
	_, err := bounded(ctx, c, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.queue.push(ctx, piece)
	})
	return err
}

// flush sends what is held back and waits until all of it was taken.
func (c *Conn) flush(ctx context.Context) error {
	if _, err := bounded(ctx, c, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.queue.drain(ctx)
	}); err != nil {
		return err
	}
	rest := c.pending
	if c.pending = nil; len(rest) > 0 {
		return c.writeOnce(ctx, rest)
	}
	return nil
}

// Close ends the call under way and gives the interface back. A wedged port is left to
// the end of the process, with the kernel's memory that it holds.
func (c *Conn) Close() error {
	c.closed.Do(func() { c.err = c.giveBack() })
	return c.err
}

func (c *Conn) giveBack() error {
	c.end()
	if c.wedged.Load() {
		return nil
	}
	limit := time.NewTimer(giveUpAfter)
	defer limit.Stop()
	select {
	case c.calls <- struct{}{}: // and nothing takes it out again
	case <-limit.C:
		c.wedged.Store(true)
		return &Error{Kind: Wedged, Node: c.node}
	}
	done := make(chan error, 1)
	go func() {
		_ = c.queue.drain(c.life) // what is in flight is cancelled
		done <- c.pipes.close()
	}()
	select {
	case err := <-done:
		c.host.open.Add(-1)
		return err
	case <-limit.C:
		return &Error{Kind: Wedged, Node: c.node}
	}
}
