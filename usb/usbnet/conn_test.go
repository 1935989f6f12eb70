// A connection ends when its tablet does, and says so.

package usbnet

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestLeft(t *testing.T) {
	defer goleak.VerifyNone(t)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var there atomic.Bool
	connect := func() (ours net.Conn, theirs net.Conn) {
		there.Store(true)
		tcp, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		theirs, err = l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return watch(tcp.(*net.TCPConn), there.Load), theirs
	}

	// Nobody closes and nobody answers: the tablet is gone.
	ours, theirs := connect()
	there.Store(false)
	if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, ErrLeft) {
		t.Errorf("read: %v", err)
	}
	if _, err := ours.Write([]byte("x")); !errors.Is(err, ErrLeft) {
		t.Errorf("write: %v", err)
	}
	_ = ours.Close()
	_ = theirs.Close()

	// One that is closed by either end is not said to have left.
	ours, theirs = connect()
	_ = theirs.Close()
	if _, err := ours.Read(make([]byte, 1)); err == nil || errors.Is(err, ErrLeft) {
		t.Errorf("read at the end: %v", err)
	}
	if err := ours.Close(); err != nil {
		t.Error(err)
	}
	if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read of what is closed: %v", err)
	}
}

// TestLeftStreams: copying to and from a tablet ends with the reason too.
func TestLeftStreams(t *testing.T) {
	defer goleak.VerifyNone(t)
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for name, copying := range map[string]func(c net.Conn) error{
		"from it": func(c net.Conn) error { _, err := io.Copy(io.Discard, c); return err },
		"to it":   func(c net.Conn) error { _, err := io.Copy(c, zeros{}); return err },
	} {
		var d net.Dialer
		tcp, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		ours := watch(tcp.(*net.TCPConn), func() bool { return false })
		if err := copying(ours); !errors.Is(err, ErrLeft) {
			t.Errorf("%s: %v", name, err)
		}
		_, _ = ours.Close(), theirs.Close()
	}
}

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
