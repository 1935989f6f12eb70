package heldaddr_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zarya-station/zarya/internal/heldaddr"
)

// A held address is refused to others and to hosts, and open to its tablet, as often
// as it comes up.
func TestHold(t *testing.T) {
	for _, proto := range []string{"tcp", "udp"} {
		t.Run(proto, func(t *testing.T) {
			held, err := heldaddr.Hold(proto, "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer held.Close()
			up := 0
			held.Listening = func() { up++ }
			for range 3 {
				if _, err := heldaddr.Hold(proto, held.Addr()); !errors.Is(err, syscall.EADDRINUSE) {
					t.Fatalf("held twice: %v", err)
				}
				if err := bindAlone(t, proto, held.Addr()); !errors.Is(err, syscall.EADDRINUSE) {
					t.Fatalf("taken by another: %v", err)
				}
				if err := ask(proto, held.Addr(), time.Minute); !errors.Is(err, syscall.ECONNREFUSED) {
					t.Fatalf("while the tablet is away: %v", err)
				}
				if proto == "udp" {
					conn, err := held.ListenPacket()
					if err != nil {
						t.Fatal(err)
					}
					if err := ask(proto, held.Addr(), 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) { // it came, and no one answered
						t.Errorf("while the tablet is there: %v", err)
					}
					b := make([]byte, 8)
					if n, _, err := conn.ReadFrom(b); err != nil || string(b[:n]) != "hello" {
						t.Errorf("the tablet read %q, %v", b[:n], err)
					}
					_ = conn.Close()
				} else {
					l, err := held.Listen("")
					if err != nil {
						t.Fatal(err)
					}
					if err := ask(proto, held.Addr(), 0); err != nil {
						t.Errorf("while the tablet is there: %v", err)
					}
					_ = l.Close()
				}
			}
			if up != 3 {
				t.Errorf("reported %d times that the tablet is up, want 3", up)
			}
			_ = held.Close()
			if err := bindAlone(t, proto, held.Addr()); err != nil {
				t.Errorf("when it was given back: %v", err)
			}
		})
	}
}

// bindAlone takes an address as a program does that shares it with no one.
func bindAlone(t *testing.T, proto, address string) error {
	t.Helper()
	kind := unix.SOCK_STREAM
	if proto == "udp" {
		kind = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	a := netip.MustParseAddrPort(address)
	return unix.Bind(fd, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()})
}

// ask sends something and waits so long for an answer.
func ask(proto, address string, limit time.Duration) error {
	conn, err := net.Dial(proto, address)
	if err != nil || proto == "tcp" {
		if err == nil {
			_ = conn.Close()
		}
		return err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("hello")); err != nil {
		return err
	}
	_ = conn.SetReadDeadline(time.Now().Add(limit))
	_, err = conn.Read(make([]byte, 8))
	return err
}
