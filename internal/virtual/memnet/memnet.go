// Package memnet is a network made of memory, for simulations.
//
// Addresses are names. Connections are buffered streams: a write returns as soon
// as the bytes are queued (up to Buffer of them), unlike net.Pipe, where both
// ends writing first is a deadlock. Everything blocks on sync.Cond and on timers
// only, so that a connection can live inside a testing/synctest bubble, where
// its deadlines follow the bubble's clock.
//
//	var n memnet.Net
//	l, _ := n.Listen("tablet-1")
//	go serve(l)
//	conn, _ := n.Dial(ctx, "tablet-1")
package memnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Buffer is how many bytes one direction of a connection holds before a write
// waits for the reader.
const Buffer = 256 << 10

// Net is one network. The zero value is empty and ready.
type Net struct {
	mu        sync.Mutex
	listeners map[string]*listener // guarded by mu
}

// Addr is the name of an end.
type Addr string

// Network is "mem".
func (Addr) Network() string { return "mem" }

func (a Addr) String() string { return string(a) }

// Listen takes a name. It fails with EADDRINUSE while another listener has it.
func (n *Net) Listen(name string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.listeners[name]; ok {
		return nil, &net.OpError{Op: "listen", Net: "mem", Addr: Addr(name), Err: syscall.EADDRINUSE}
	}
	if n.listeners == nil {
		n.listeners = make(map[string]*listener)
	}
	l := &listener{net: n, addr: Addr(name)}
	l.cond.L = &l.mu
	n.listeners[name] = l
	return l, nil
}

// Dial connects to a name. Like a host that is up, the network refuses a name
// where nothing listens at once (ECONNREFUSED); a listener that does not accept
// still lets the connection stand in its queue.
func (n *Net) Dial(ctx context.Context, name string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n.mu.Lock()
	l := n.listeners[name]
	n.mu.Unlock()
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: "mem", Addr: Addr(name), Err: syscall.ECONNREFUSED}
	}
	near, far := Pipe(Addr("client"), Addr(name))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, &net.OpError{Op: "dial", Net: "mem", Addr: Addr(name), Err: syscall.ECONNREFUSED}
	}
	l.queue = append(l.queue, far)
	l.cond.Signal()
	return near, nil
}

type listener struct {
	net  *Net
	addr Addr

	mu     sync.Mutex
	cond   sync.Cond
	queue  []net.Conn // guarded by mu
	closed bool       // guarded by mu
}

func (l *listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) == 0 && !l.closed {
		l.cond.Wait()
	}
	if l.closed {
		return nil, &net.OpError{Op: "accept", Net: "mem", Addr: l.addr, Err: net.ErrClosed}
	}
	c := l.queue[0]
	l.queue = l.queue[1:]
	return c, nil
}

// Close frees the name and resets connections that no one accepted.
func (l *listener) Close() error {
	l.net.mu.Lock()
	if l.net.listeners[string(l.addr)] == l {
		delete(l.net.listeners, string(l.addr))
	}
	l.net.mu.Unlock()

	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, c := range l.queue {
		_ = c.Close()
	}
	l.queue = nil
	l.cond.Broadcast()
	return nil
}

func (l *listener) Addr() net.Addr { return l.addr }

// Pipe makes one connection and returns its two ends.
func Pipe(a, b Addr) (net.Conn, net.Conn) {
	ab, ba := newHalf(), newHalf()
	return &conn{in: ba, out: ab, local: a, remote: b},
		&conn{in: ab, out: ba, local: b, remote: a}
}

// half is one direction of a connection.
type half struct {
	mu      sync.Mutex
	cond    sync.Cond
	buf     []byte   // guarded by mu; what is written and not yet read
	eof     bool     // guarded by mu; the writer closed
	gone    bool     // guarded by mu; the reader closed
	taken   int64    // guarded by mu; bytes that the reader has read
	readBy  deadline // guarded by mu
	writeBy deadline // guarded by mu
}

// deadline wakes the half's waiters when its time comes.
type deadline struct {
	passed bool
	timer  *time.Timer
	turn   int // a timer of an earlier turn that fires late is ignored
}

func newHalf() *half {
	h := &half{}
	h.cond.L = &h.mu
	return h
}

func (h *half) set(d *deadline, t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.turn++
	d.passed = false
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.passed = true
		h.cond.Broadcast()
		return
	}
	turn := d.turn
	d.timer = time.AfterFunc(wait, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if d.turn == turn {
			d.passed = true
			h.cond.Broadcast()
		}
	})
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.gone:
			return 0, net.ErrClosed
		case h.readBy.passed:
			return 0, os.ErrDeadlineExceeded
		case len(h.buf) > 0:
			n := copy(p, h.buf)
			h.buf = h.buf[n:]
			h.taken += int64(n)
			if len(h.buf) == 0 {
				h.buf = nil
			}
			h.cond.Broadcast()
			return n, nil
		case h.eof:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		h.cond.Wait()
	}
}

func (h *half) write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	written := 0
	for {
		switch {
		case h.eof:
			return written, net.ErrClosed
		case h.writeBy.passed:
			return written, os.ErrDeadlineExceeded
		case h.gone:
			return written, syscall.EPIPE
		}
		if room := Buffer - len(h.buf); room > 0 {
			n := min(room, len(p)-written)
			h.buf = append(h.buf, p[written:written+n]...)
			written += n
			h.cond.Broadcast()
		}
		if written == len(p) {
			return written, nil
		}
		h.cond.Wait()
	}
}

// close ends the half from the writer's side (eof) or the reader's (gone).
func (h *half) close(flag *bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*flag = true
	if h.gone {
		h.buf = nil
	}
	for _, d := range []*deadline{&h.readBy, &h.writeBy} {
		if d.timer != nil && h.gone && h.eof {
			d.timer.Stop()
		}
	}
	h.cond.Broadcast()
}

// conn is one end: it reads from in and writes to out.
type conn struct {
	in, out       *half
	local, remote Addr
	once          sync.Once
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, c.wrap("read", err)
}

// Delivered returns how many of the written bytes the other end has read, as a socket
// knows what was acknowledged.
func (c *conn) Delivered() int64 {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.taken
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	return n, c.wrap("write", err)
}

func (c *conn) wrap(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: "mem", Source: c.local, Addr: c.remote, Err: err}
}

func (c *conn) Close() error {
	err := fmt.Errorf("close %s: %w", c.local, net.ErrClosed)
	c.once.Do(func() {
		c.in.close(&c.in.gone)
		c.out.close(&c.out.eof)
		err = nil
	})
	return err
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error {
	c.in.set(&c.in.readBy, t)
	c.out.set(&c.out.writeBy, t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.set(&c.in.readBy, t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.set(&c.out.writeBy, t)
	return nil
}
