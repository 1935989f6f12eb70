// This file keeps an address with a bound socket that never listens, as only Linux can.

package heldaddr

import (
	"context"
	"net"
	"os"
	"syscall"
)

// reserve binds a socket that never listens. It is bound as the only one, and lets
// others in afterwards: those that ask for this very number and say SO_REUSEADDR, as
// Go's listeners do, and not those to which the kernel gives a number
// (inet_csk_find_open_port and __inet_hash_connect pass over a bound one).
func (h *Held) reserve(network string) error {
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
			six.ZoneId = uint32(i.Index) //nolint:gosec // the kernel's number of an interface is 31 bits
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
		h.setPort(b.Port)
	case *syscall.SockaddrInet6:
		h.setPort(b.Port)
	}
	if network == "udp" { // hears no one but itself: what comes while the server is away is refused
		if err := syscall.Connect(fd, bound); err != nil {
			return os.NewSyscallError("connect", err)
		}
	}
	return nil
}

// listenPacket opens the UDP socket beside the one that keeps its address.
func (h *Held) listenPacket() (net.PacketConn, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) {
			err = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
		}); cerr != nil {
			return cerr
		}
		return err
	}}
	return config.ListenPacket(context.Background(), "udp", h.address)
}

// Close gives the address back.
func (h *Held) Close() error {
	for _, fd := range h.sockets {
		_ = syscall.Close(fd)
	}
	h.sockets = nil
	return nil
}
