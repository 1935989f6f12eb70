// What a host is set to does not slow a tablet down.

package fastboot

import (
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestUnpaced(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = c.Write([]byte(greeting))
			defer func() { _ = c.Close() }()
			_, _ = c.Read(make([]byte, 64))
		}
	}()
	s, err := DialTCP(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	raw, err := s.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		if name, err := unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION); err != nil || name != "reno" {
			t.Errorf("congestion control %q, %v", name, err)
		}
	})
}
