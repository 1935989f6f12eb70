// This file is a booted tablet on USB: a TCP/IP stack of its own behind the frames of
// its network function. Every tablet has the same IPv4 address, as real ones do.

package virtual

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/link/ethernet"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

const (
	nic      = 1
	sshPort  = 22
	queue    = 256 // frames to the host that wait
	etherMTU = maxFrame - header.EthernetMinimumSize
)

// usbAddress is the IPv4 address of every booted tablet (usb-moded's default).
var usbAddress = [4]byte{192, 168, 2, 15}

// onUSB is the Network of a tablet in a port: it is plugged in as a network function
// while something listens.
type onUSB struct {
	redir  *redir
	tablet *Tablet
	speed  uint8
}

// usbListener is the booted tablet's server; closing it pulls the network function
// out.
type usbListener struct {
	net.Listener
	close func()
}

func (l usbListener) Close() error { l.close(); return nil }

// Listen plugs the network function in and listens on the SSH port.
func (u onUSB) Listen(string) (net.Listener, error) {
	u.tablet.mu.Lock()
	serial := u.tablet.serial
	u.tablet.mu.Unlock()
	host, own := macs(u.tablet.config.Serial)
	link := channel.New(queue, etherMTU, tcpip.LinkAddress(own[:]))
	s, err := newStack(link, own)
	if err != nil {
		return nil, fmt.Errorf("the tablet's network: %w", err)
	}
	inner, err := gonet.ListenTCP(s, tcpip.FullAddress{Port: sshPort}, ipv6.ProtocolNumber)
	if err == nil {
		err = u.redir.plug(networkFunction(serial, "Aurora", host, u.speed))
	}
	if err != nil {
		s.Destroy()
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var once sync.Once
	wg.Go(func() {
		u.receive(link)
		cancel()
		_ = inner.Close() // the port is gone, and with it whoever could call
	})
	wg.Go(func() { u.transmit(ctx, link) })
	return usbListener{inner, func() {
		once.Do(func() {
			_ = u.redir.pull() // its receiver tells
			cancel()
			_ = inner.Close()
			wg.Wait()
			s.Destroy()
		})
	}}, nil
}

func newStack(link *channel.Endpoint, mac [6]byte) (*stack.Stack, error) {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{arp.NewProtocol, ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6},
	})
	err := s.CreateNIC(nic, ethernet.New(link))
	for _, a := range []tcpip.ProtocolAddress{
		{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: tcpip.AddressWithPrefix{Address: tcpip.AddrFrom4(usbAddress), PrefixLen: 24}},
		{Protocol: ipv6.ProtocolNumber, AddressWithPrefix: tcpip.AddressWithPrefix{Address: header.LinkLocalAddr(tcpip.LinkAddress(mac[:])), PrefixLen: 64}},
	} {
		if err == nil {
			err = s.AddProtocolAddress(nic, a, stack.AddressProperties{})
		}
	}
	if err != nil {
		s.Destroy()
		return nil, errors.New(err.String())
	}
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}, {Destination: header.IPv6EmptySubnet, NIC: nic}})
	return s, nil
}

// receive gives the host's frames to the stack. One transfer is one frame.
func (u onUSB) receive(link *channel.Endpoint) {
	for {
		frame, err := u.redir.take()
		if err != nil {
			return
		}
		if len(frame) < header.EthernetMinimumSize || len(frame) > maxFrame {
			continue
		}
		pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(frame)})
		link.InjectInbound(0, pkt)
		pkt.DecRef()
	}
}

// transmit gives the stack's frames to the host.
func (u onUSB) transmit(ctx context.Context, link *channel.Endpoint) {
	for {
		pkt := link.ReadContext(ctx)
		if pkt == nil {
			return
		}
		b := pkt.ToBuffer()
		err := u.redir.WriteData(b.Flatten())
		b.Release()
		pkt.DecRef()
		if err != nil {
			return
		}
	}
}
