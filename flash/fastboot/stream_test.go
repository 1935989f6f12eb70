// This file runs the suite over TCP and over memory, and greets badly.

package fastboot_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/fastboot/fastboottest"
	"github.com/zarya-station/zarya/internal/virtual/memnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// greet makes a connection's two ends a host and a device.
func greet(t *testing.T, near, far net.Conn) (fastboot.Transport, fastboottest.Device) {
	t.Helper()
	_, err := io.WriteString(far, "FB01")
	host, err2 := fastboot.NewStream(t.Context(), near)
	device, err3 := fastboottest.NewStreamDevice(far)
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	return host, device
}

func tcpPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return near, far
}

func TestTCP(t *testing.T) {
	fastboottest.Run(t, func(t *testing.T) (fastboot.Transport, fastboottest.Device) {
		near, far := tcpPair(t)
		return greet(t, near, far)
	})
}

func memPair(t *testing.T) (fastboot.Transport, fastboottest.Device) {
	near, far := memnet.Pipe("host", "tablet")
	return greet(t, near, far)
}

func TestMemory(t *testing.T) { fastboottest.Run(t, memPair) }

func TestMemoryInBubble(t *testing.T) { fastboottest.RunInBubble(t, memPair) }

// TestTraced: a traced transport is a transport.
func TestTraced(t *testing.T) {
	fastboottest.RunInBubble(t, func(t *testing.T) (fastboot.Transport, fastboottest.Device) {
		host, device := memPair(t)
		return fastboot.NewTracer(io.Discard).Wrap("mem:tablet", host), device
	})
}

func TestDialTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if conn, err := l.Accept(); err == nil {
			_, _ = io.WriteString(conn, "FB01")
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	s, err := fastboot.DialTCP(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	if _, err := fastboot.DialTCP(t.Context(), l.Addr().String()); err == nil {
		t.Error("connected where nothing listens")
	}
}

func TestGreeting(t *testing.T) {
	for _, c := range []struct {
		said string
		ok   bool
	}{
		{"FB01", true}, {"FB02", true}, {"FB99", true},
		{"FB00", false}, {"FB0:", false}, {"FB+1", false}, {"FBxx", false}, {"fb01", false}, {"FC01", false},
		{"SSH-2.0-OpenSSH", false}, {"HTTP", false}, {"\x1b[2J", false}, {"FB", false}, {"S", false},
	} {
		near, far := memnet.Pipe("host", "tablet")
		_, _ = io.WriteString(far, c.said)
		if len(c.said) < 4 {
			_ = far.Close()
			// The greeting of the host fails too; that is not what is asked here.
			near = deafConn{near}
		}
		_, err := fastboot.NewStream(t.Context(), near)
		var not *fastboot.NotFastbootError
		if c.ok && err != nil || !c.ok && !errors.As(err, &not) {
			t.Errorf("%q: %v", c.said, err)
		}
		_, _ = near.Close(), far.Close()
	}
}

// deafConn drops what is written.
type deafConn struct{ net.Conn }

func (deafConn) Write(p []byte) (int, error) { return len(p), nil }

// TestGreetingNeverAnswered: a host that accepts and says nothing, or half.
func TestGreetingNeverAnswered(t *testing.T) {
	cause := errors.New("the job has no more time")
	for _, said := range []string{"", "FB"} {
		synctest.Test(t, func(t *testing.T) {
			near, far := memnet.Pipe("host", "tablet")
			_, _ = io.WriteString(far, said)
			ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Second, cause)
			defer cancel()
			if _, err := fastboot.NewStream(ctx, near); !errors.Is(err, cause) {
				t.Errorf("after %q: %v, want the cause", said, err)
			}
			if _, err := fastboot.NewStream(ctx, near); !errors.Is(err, cause) {
				t.Errorf("with no time left: %v, want the cause", err)
			}
			_, _ = near.Close(), far.Close()
		})
	}
}

// TestStreamVanishesInAMessage: a header promises more than comes.
func TestStreamVanishesInAMessage(t *testing.T) {
	for _, bytes := range []string{"\x00\x00", "\x00\x00\x00\x00\x00\x00\x00\x08OKAY", "\xff\xff\xff\xff\xff\xff\xff\xffOKAY"} {
		t.Run(fmt.Sprintf("%q", bytes), func(t *testing.T) {
			near, far := memnet.Pipe("host", "tablet")
			host, _ := greet(t, near, far)
			_, _ = io.WriteString(far, bytes)
			c := fastboot.NewClient(host, fastboot.Options{})
			defer c.Close()
			go func() { _, _ = io.ReadFull(far, make([]byte, 8+len("getvar:product"))); _ = far.Close() }()
			_, err := c.Getvar(t.Context(), "product")
			var wire *fastboot.WireError
			var protocol *fastboot.ProtocolError
			if !errors.As(err, &wire) && !errors.As(err, &protocol) {
				t.Errorf("got %v", err)
			}
			_ = far.Close()
		})
	}
}
