// This file is what only Linux has: sockets bound to a device, and pings without root.

package usbnet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"syscall"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// bind binds a socket to a network interface.
func bind(name string) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		cerr := c.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), name) })
		return errors.Join(cerr, err)
	}
}

const icmpv6 = 58 // the protocol's number, for parsing

// neighbours pings all nodes of the link (ff02::1). The first one that answers is
// enough: there are two ends of a cable.
func neighbours(ctx context.Context, i *net.Interface) ([]netip.Addr, error) {
	own, err := i.Addrs()
	if err != nil {
		return nil, err
	}
	mine := map[netip.Addr]bool{}
	for _, a := range own {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			mine[p.Addr()] = true
		}
	}
	c, err := icmp.ListenPacket("udp6", "::") // an unprivileged ping socket
	if err != nil {
		return nil, fmt.Errorf("ping is not allowed here (net.ipv4.ping_group_range): %w", err)
	}
	defer func() { _ = c.Close() }() // nothing is kept in it
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	p := c.IPv6PacketConn()
	_ = p.SetMulticastLoopback(false) // its own answer is dropped below too
	if err := errors.Join(p.SetMulticastInterface(i), p.SetControlMessage(ipv6.FlagInterface, true)); err != nil {
		return nil, err
	}
	mark := make([]byte, 16)
	_, _ = rand.Read(mark) // never fails (crypto/rand)
	ask, err := (&icmp.Message{Type: ipv6.ICMPTypeEchoRequest, Body: &icmp.Echo{Seq: 1, Data: mark}}).Marshal(nil)
	if err != nil {
		return nil, err
	}
	if _, err := c.WriteTo(ask, &net.UDPAddr{IP: net.IPv6linklocalallnodes, Zone: zone(i)}); err != nil {
		return nil, unwrap(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(neighbourFor)); err != nil {
		return nil, err
	}
	answer := make([]byte, 256)
	for {
		n, about, from, err := p.ReadFrom(answer)
		if err != nil {
			return nil, unwrap(err)
		}
		m, perr := icmp.ParseMessage(icmpv6, answer[:n])
		at, ok := from.(*net.UDPAddr)
		if perr != nil || !ok || about == nil || m.Type != ipv6.ICMPTypeEchoReply {
			continue
		}
		echo, ok := m.Body.(*icmp.Echo)
		address, good := netip.AddrFromSlice(at.IP)
		if ok && good && string(echo.Data) == string(mark) && about.IfIndex == i.Index && !mine[address] {
			return []netip.Addr{address.WithZone(zone(i))}, nil
		}
	}
}

// zone names an interface in an address by its number: what number a name has, Go asks
// once a minute, and a tablet that restarts comes back with its name and another number.
func zone(i *net.Interface) string { return strconv.Itoa(i.Index) }
