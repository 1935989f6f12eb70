// This file keeps an address of this machine for one tablet, also while the tablet is
// away and nothing listens there: otherwise another program's connection may be given
// the port, and the tablet could not come back.

package virtual

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"
)

// Held is an address that is a tablet's until Close. It is a Network.
type Held struct {
	Listening func() // is called, if set, each time that the tablet has come up there

	address string // HOST:PORT
	sockets []int  // bound, never listening
}

// Hold takes HOST:PORT for a tablet that speaks proto, which is "tcp" or "udp"; the
// latter's system has its SSH server on the TCP port of the same number, which is
// held too. Port 0 is any free one. An address that is taken is syscall.EADDRINUSE.
func Hold(proto, address string) (*Held, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	for range 100 {
		h := &Held{address: address}
		err = h.hold("tcp")
		if err == nil && proto == "udp" {
			err = h.hold("udp")
		}
		if err == nil {
			return h, nil
		}
		_ = h.Close()
		if port != "0" || !errors.Is(err, syscall.EADDRINUSE) {
			break // it will not be free the next time
		}
	}
	return nil, fmt.Errorf("hold %s %s: %w", proto, net.JoinHostPort(host, port), err)
}

// Addr is HOST:PORT.
func (h *Held) Addr() string { return h.address }

// Listen listens at the held address; its parameter is for Network.
//
// Nobody else can have the address, but the listener before can be there for a moment
// longer: a process that is just being started has a copy of it until its exec.
func (h *Held) Listen(string) (net.Listener, error) {
	for deadline := time.Now().Add(listenFor); ; {
		l, err := net.Listen("tcp", h.address)
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(deadline) {
			h.tell(err)
			return l, err
		}
		<-time.After(10 * time.Millisecond)
	}
}

// listenFor is more than a fork takes until its exec, on a machine that has much to do.
const listenFor = 5 * time.Second

// ListenPacket opens the tablet's UDP socket.
func (h *Held) ListenPacket() (net.PacketConn, error) {
	conn, err := h.listenPacket()
	h.tell(err)
	return conn, err
}

func (h *Held) tell(err error) {
	if err == nil && h.Listening != nil {
		h.Listening()
	}
}

// number puts the port that was given in place of 0.
func (h *Held) number(port int) {
	host, _, _ := net.SplitHostPort(h.address)
	h.address = net.JoinHostPort(host, strconv.Itoa(port))
}

// hold binds a socket that never listens. It is bound as the only one, and lets
// others in afterwards: those that ask for this very number and say SO_REUSEADDR, as
// Go's listeners do, and not those to which the kernel gives a number
// (inet_csk_find_open_port and __inet_hash_connect pass over a bound one).
func (h *Held) hold(network string) error {
	kind := syscall.SOCK_STREAM
	var ip net.IP
	var port int
	var zone string
	if network == "udp" {
		a, err := net.ResolveUDPAddr(network, h.address)
		if err != nil {
			return err
		}
		kind, ip, port, zone = syscall.SOCK_DGRAM, a.IP, a.Port, a.Zone
	} else {
		a, err := net.ResolveTCPAddr(network, h.address)
		if err != nil {
			return err
		}
		ip, port, zone = a.IP, a.Port, a.Zone
	}
	family := syscall.AF_INET6
	var to syscall.Sockaddr
	if v4 := ip.To4(); v4 != nil {
		family, to = syscall.AF_INET, &syscall.SockaddrInet4{Port: port, Addr: [4]byte(v4)}
	} else {
		six := &syscall.SockaddrInet6{Port: port}
		copy(six.Addr[:], ip) // none is all of this machine's
		if zone != "" {
			i, err := net.InterfaceByName(zone)
			if err != nil {
				return err
			}
			six.ZoneId = uint32(i.Index)
		}
		to = six
	}
	fd, err := syscall.Socket(family, kind|syscall.SOCK_CLOEXEC, 0)
	if err != nil && ip == nil { // a machine without IPv6
		family, to = syscall.AF_INET, &syscall.SockaddrInet4{Port: port}
		fd, err = syscall.Socket(family, kind|syscall.SOCK_CLOEXEC, 0)
	}
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	h.sockets = append(h.sockets, fd)
	if err := syscall.Bind(fd, to); err != nil {
		return os.NewSyscallError("bind", err)
	}
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	switch b := bound.(type) {
	case *syscall.SockaddrInet4:
		h.number(b.Port)
	case *syscall.SockaddrInet6:
		h.number(b.Port)
	}
	if network == "udp" { // hears nobody but itself: what comes while the tablet is away is refused
		if err := syscall.Connect(fd, bound); err != nil {
			return os.NewSyscallError("connect", err)
		}
	}
	return nil
}

func (h *Held) listenPacket() (net.PacketConn, error) {
	beside := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) {
			err = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
		}); cerr != nil {
			return cerr
		}
		return err
	}}
	return beside.ListenPacket(context.Background(), "udp", h.address)
}

// Close gives the address back.
func (h *Held) Close() error {
	for _, fd := range h.sockets {
		_ = syscall.Close(fd)
	}
	h.sockets = nil
	return nil
}
