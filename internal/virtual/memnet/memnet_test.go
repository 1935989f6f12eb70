package memnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/internal/virtual/memnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func want(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestNames(t *testing.T) {
	var n memnet.Net
	ctx := t.Context()
	_, err := n.Dial(ctx, "tablet")
	want(t, "nobody listens", err, syscall.ECONNREFUSED)

	l, err := n.Listen("tablet")
	want(t, "listen", err, nil)
	_, err = n.Listen("tablet")
	want(t, "a taken name", err, syscall.EADDRINUSE)
	if l.Addr().String() != "tablet" || l.Addr().Network() != "mem" {
		t.Errorf("address %s of %s", l.Addr(), l.Addr().Network())
	}

	near, err := n.Dial(ctx, "tablet") // stands in the queue
	want(t, "dial", err, nil)
	far, err := l.Accept()
	want(t, "accept", err, nil)
	if near.RemoteAddr().String() != "tablet" || far.LocalAddr().String() != "tablet" || near.LocalAddr() != far.RemoteAddr() {
		t.Errorf("%s %s %s %s", near.LocalAddr(), near.RemoteAddr(), far.LocalAddr(), far.RemoteAddr())
	}

	waiting, err := n.Dial(ctx, "tablet")
	want(t, "dial", err, nil)
	want(t, "close", l.Close(), nil)
	_, err = waiting.Read(make([]byte, 1))
	want(t, "a connection nobody accepted", err, io.EOF)
	_, err = waiting.Write([]byte("x"))
	want(t, "a connection nobody accepted", err, syscall.EPIPE)
	_, err = l.Accept()
	want(t, "accept after close", err, net.ErrClosed)
	_, err = n.Dial(ctx, "tablet")
	want(t, "dial after close", err, syscall.ECONNREFUSED)

	_, err = far.Write([]byte("x")) // what was accepted goes on
	want(t, "an accepted connection", err, nil)

	again, err := n.Listen("tablet")
	want(t, "the name is free again", err, nil)
	want(t, "a second close", l.Close(), nil)
	if _, err := n.Dial(ctx, "tablet"); err != nil {
		t.Errorf("the old listener's close took the new one's name: %v", err)
	}
	_ = again.Close()

	stopped, cancel := context.WithCancel(ctx)
	cancel()
	_, err = n.Dial(stopped, "tablet")
	want(t, "dial with a cancelled context", err, context.Canceled)
}

// TestEverything: more than the buffer both ways at once, both ends writing
// first, byte for byte.
func TestEverything(t *testing.T) {
	a, b := memnet.Pipe("a", "b")
	sent := bytes.Repeat([]byte("0123456789abcdef!"), 3*memnet.Buffer/16)
	var wg sync.WaitGroup
	for _, c := range []net.Conn{a, b} {
		wg.Go(func() {
			if n, err := c.Write(sent); n != len(sent) || err != nil {
				t.Errorf("wrote %d, %v", n, err)
			}
		})
		wg.Go(func() {
			got := make([]byte, len(sent))
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent) {
				t.Errorf("other bytes came, %v", err)
			}
		})
	}
	wg.Wait()
	_, _ = a.Close(), b.Close()
}

func TestClose(t *testing.T) {
	a, b := memnet.Pipe("a", "b")
	_, _ = a.Write([]byte("last words"))
	want(t, "close", a.Close(), nil)
	want(t, "a second close", a.Close(), net.ErrClosed)
	got, err := io.ReadAll(b) // what was written comes before EOF
	if string(got) != "last words" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	_, err = b.Write([]byte("x"))
	want(t, "write to a closed end", err, syscall.EPIPE)
	_, err = a.Write([]byte("x"))
	want(t, "write on a closed end", err, net.ErrClosed)
	_, err = a.Read(make([]byte, 1))
	want(t, "read on a closed end", err, net.ErrClosed)
	var op *net.OpError
	if !errors.As(err, &op) || op.Net != "mem" || op.Op != "read" {
		t.Errorf("%#v", err)
	}
	_ = b.Close()
}

// TestCloseUnblocks: from either end, whoever waits.
func TestCloseUnblocks(t *testing.T) {
	full := make([]byte, memnet.Buffer)
	for _, c := range []struct {
		name string
		wait func(net.Conn) error
		mine error // when my end closes
		far  error // when the other does
	}{
		{"read", func(c net.Conn) error { _, err := c.Read(make([]byte, 1)); return err }, net.ErrClosed, io.EOF},
		{"write", func(c net.Conn) error { _, err := c.Write(append(full, 0)); return err }, net.ErrClosed, syscall.EPIPE},
	} {
		synctest.Test(t, func(t *testing.T) {
			for i, wanted := range []error{c.mine, c.far} {
				a, b := memnet.Pipe("a", "b")
				done := make(chan error, 1)
				go func() { done <- c.wait(a) }()
				synctest.Wait() // it waits
				_ = []net.Conn{a, b}[i].Close()
				want(t, c.name, <-done, wanted)
				_, _ = a.Close(), b.Close()
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		var n memnet.Net
		l, _ := n.Listen("tablet")
		done := make(chan error, 1)
		go func() { _, err := l.Accept(); done <- err }()
		synctest.Wait()
		_ = l.Close()
		want(t, "accept", <-done, net.ErrClosed)
	})
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := memnet.Pipe("a", "b")
		p := make([]byte, 1)
		start := time.Now()
		at := func(s int) {
			t.Helper()
			if d := time.Since(start); d != time.Duration(s)*time.Second {
				t.Errorf("after %s, want %d s", d, s)
			}
		}

		_ = a.SetReadDeadline(start.Add(2 * time.Second))
		_, err := a.Read(p)
		want(t, "read", err, os.ErrDeadlineExceeded)
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%v is no timeout", err)
		}
		at(2)
		_, _ = b.Write([]byte("x"))
		_, err = a.Read(p)
		want(t, "read past its deadline, with bytes there", err, os.ErrDeadlineExceeded)
		_, err = a.Write(p)
		want(t, "write, which has no deadline", err, nil)
		_ = a.SetReadDeadline(time.Time{})
		_, err = a.Read(p)
		want(t, "read with the deadline lifted", err, nil)

		_ = a.SetWriteDeadline(start.Add(5 * time.Second))
		n, err := a.Write(make([]byte, 2*memnet.Buffer))
		want(t, "write", err, os.ErrDeadlineExceeded)
		if n != memnet.Buffer-1 {
			t.Errorf("%d bytes were written", n)
		}
		at(5)

		// One that is moved away does not fire; one set while a read waits does.
		_ = a.SetDeadline(start.Add(6 * time.Second))
		_ = a.SetDeadline(start.Add(time.Hour))
		done := make(chan error, 1)
		go func() { _, err := a.Read(p); done <- err }()
		<-time.After(3 * time.Second) // of the bubble
		select {
		case err := <-done:
			t.Errorf("the read ended: %v", err)
		default:
		}
		_ = a.SetDeadline(time.Unix(1, 0))
		want(t, "read", <-done, os.ErrDeadlineExceeded)
		at(8)

		// The far end has deadlines of its own.
		_ = b.SetDeadline(start.Add(time.Hour))
		_, err = b.Read(p)
		want(t, "the far end", err, nil)
		_, _ = a.Close(), b.Close()
	})
}
