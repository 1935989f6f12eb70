// This file is fastboot over a byte stream: TCP, or a connection made of memory
// (AOSP fastboot README, "TCP Protocol v1").

package fastboot

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// DefaultPort is where a tablet listens for fastboot over TCP and UDP.
const DefaultPort = "5554"

const greeting = "FB01"

// Stream is a Transport over one connection: after a greeting each packet is
// preceded by its length, eight bytes, big-endian.
type Stream struct {
	conn net.Conn
	left int64 // unread bytes of the message whose header was read last

	window atomic.Int64 // the largest that the peer has had
}

// DialTCP connects to ADDRESS (HOST:PORT) and greets.
func DialTCP(ctx context.Context, address string) (*Stream, error) {
	d := net.Dialer{Control: unpaced}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s, err := NewStream(ctx, conn)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return s, nil
}

// NewStream greets over conn, which it owns if it succeeds. A peer that says
// something else is a *NotFastbootError.
func NewStream(ctx context.Context, conn net.Conn) (*Stream, error) {
	s := &Stream{conn: conn}
	defer guard(ctx, conn)()
	if _, err := io.WriteString(conn, greeting); err != nil {
		return nil, connectError(ctx, err)
	}
	var said [4]byte
	if n, err := io.ReadFull(conn, said[:]); err != nil {
		if n > 0 && errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, &NotFastbootError{conn.RemoteAddr().String(), Clean(string(said[:n]))}
		}
		return nil, connectError(ctx, err)
	}
	version, err := strconv.ParseUint(string(said[2:]), 10, 8)
	if string(said[:2]) != "FB" || err != nil || version == 0 {
		return nil, &NotFastbootError{conn.RemoteAddr().String(), Clean(string(said[:]))}
	}
	return s, nil
}

// connectError is why no session began: the context's reason, or a connection that ended.
func connectError(ctx context.Context, err error) error {
	if err = orContext(ctx, err); ctx.Err() != nil {
		return err
	}
	return &WireError{"connect", err}
}

// WritePacket sends one message.
func (s *Stream) WritePacket(ctx context.Context, p []byte) error { return s.WriteData(ctx, p) }

// WriteData sends one message, header and bytes in one system call.
func (s *Stream) WriteData(ctx context.Context, p []byte) error {
	defer guard(ctx, s.conn)()
	var head [8]byte
	binary.BigEndian.PutUint64(head[:], uint64(len(p)))
	bufs := net.Buffers{head[:], p}
	_, err := bufs.WriteTo(s.conn)
	return orContext(ctx, err)
}

// copyFile is SendFile through memory, for a connection that is not a socket.
func (s *Stream) copyFile(ctx context.Context, f *os.File, off, n int64) error {
	buf := make([]byte, min(n, dataWindow))
	for n > 0 {
		part := buf[:min(n, int64(len(buf)))]
		if _, err := f.ReadAt(part, off); err != nil {
			return err
		}
		if err := s.WriteData(ctx, part); err != nil {
			return err
		}
		off, n = off+int64(len(part)), n-int64(len(part))
	}
	return nil
}

// ReadPacket reads one message.
func (s *Stream) ReadPacket(ctx context.Context, p []byte) (int, error) {
	defer guard(ctx, s.conn)()
	if s.left > 0 {
		return 0, fmt.Errorf("%w (%d bytes)", ErrUnexpectedData, s.left)
	}
	if err := s.header(ctx); err != nil {
		return 0, err
	}
	if s.left > int64(len(p)) {
		return 0, fmt.Errorf("%w (%d bytes)", ErrOversize, s.left)
	}
	n, err := io.ReadFull(s.conn, p[:s.left])
	s.left = 0
	return n, orContext(ctx, err)
}

// ReadData reads from the message under way, or the next.
func (s *Stream) ReadData(ctx context.Context, p []byte) (int, error) {
	defer guard(ctx, s.conn)()
	for s.left == 0 {
		if err := s.header(ctx); err != nil {
			return 0, err
		}
	}
	n, err := s.conn.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	if n > 0 {
		err = nil
	}
	return n, orContext(ctx, err)
}

func (s *Stream) header(ctx context.Context) error {
	var head [8]byte
	if _, err := io.ReadFull(s.conn, head[:]); err != nil {
		return orContext(ctx, err)
	}
	n := binary.BigEndian.Uint64(head[:])
	if n > 1<<40 {
		return fmt.Errorf("%w (a message of %d bytes)", ErrOversize, n)
	}
	s.left = int64(n)
	return nil
}

// Delivered returns about how many bytes the device has taken since the connection began,
// where the connection can tell. What is acknowledged and waits in the device's socket is
// seen by its window, which is the smaller for it.
func (s *Stream) Delivered() (int64, bool) {
	if d, ok := s.conn.(interface{ Delivered() int64 }); ok {
		return d.Delivered(), true
	}
	n, window, ok := acknowledged(s.conn)
	largest := s.window.Load()
	for window > largest && !s.window.CompareAndSwap(largest, window) {
		largest = s.window.Load()
	}
	return n - max(0, largest-window), ok
}

// Close ends the connection.
func (s *Stream) Close() error { return s.conn.Close() }

// guard makes calls on conn end with ctx; the function it returns lifts that.
func guard(ctx context.Context, conn interface{ SetDeadline(time.Time) error }) (lift func()) {
	deadline, _ := ctx.Deadline() // the zero time is no deadline
	_ = conn.SetDeadline(deadline)
	return onEnd(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

// endReads makes reads of conn end with ctx, whatever deadlines the caller sets; the
// function it returns lifts that.
func endReads(ctx context.Context, conn interface{ SetReadDeadline(time.Time) error }) (lift func()) {
	return onEnd(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
}

// onEnd calls end when ctx ends, unless it was lifted before. After lift, end is not
// running: it must not hit the next call.
func onEnd(ctx context.Context, end func()) (lift func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		end()
	})
	return func() {
		if !stop() {
			<-done
		}
	}
}

// orContext prefers the context's reason over the deadline error it caused. A
// connection's deadline can pass an instant before the context's.
func orContext(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() && !errors.Is(err, syscall.ETIMEDOUT) {
		if _, has := ctx.Deadline(); has {
			<-ctx.Done()
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
