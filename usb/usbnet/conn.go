// This file breaks a connection whose tablet was unplugged. The kernel does not: what was
// sent to an interface that is gone is sent again for minutes.

package usbnet

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// ErrLeft is why a connection broke: the tablet's network interface went away.
var ErrLeft = errors.New("the tablet left: its network interface is gone")

// lookEvery is how often the interface is looked for.
const lookEvery = 250 * time.Millisecond

type conn struct {
	*net.TCPConn
	closed chan struct{} // by Close
	once   sync.Once
	left   chan struct{} // closed when the interface went away
}

// watch looks after a connection until it is closed.
func watch(tcp *net.TCPConn, there func() bool) net.Conn {
	c := &conn{TCPConn: tcp, closed: make(chan struct{}), left: make(chan struct{})}
	go func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-c.closed:
				return
			case <-tick.C:
			}
			if !there() {
				close(c.left)
				_ = tcp.SetLinger(0) // nobody is there to say goodbye to
				_ = tcp.Close()      // wakes who reads and who writes
				return
			}
		}
	}()
	return c
}

func (c *conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.why("close", c.TCPConn.Close())
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	return n, c.why("read", err)
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p)
	return n, c.why("write", err)
}

func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	n, err := c.TCPConn.ReadFrom(r)
	return n, c.why("write", err)
}

func (c *conn) WriteTo(w io.Writer) (int64, error) {
	n, err := c.TCPConn.WriteTo(w)
	return n, c.why("read", err)
}

// why tells of an error the reason that is known.
func (c *conn) why(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	select {
	case <-c.left:
		return &net.OpError{Op: op, Net: "tcp", Err: ErrLeft}
	default:
		return err
	}
}
