// This file is the stack, and the pumps between it and the frames.

package netstack

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
	etherMTU = MaxFrame - header.EthernetMinimumSize
)

// usbAddress is the IPv4 address of every booted tablet (usb-moded's default).
var usbAddress = [4]byte{192, 168, 2, 15}

// MaxFrame is the largest Ethernet frame, bytes, without its check sum.
const MaxFrame = 1514

// Frames are Ethernet frames to and from the host. Both methods return an error when the
// cable is pulled.
type Frames interface {
	ReadTransfer() ([]byte, error)
	Write(frame []byte) (int, error)
}

// Network is one tablet's TCP/IP stack.
type Network struct {
	stack *stack.Stack
	link  *channel.Endpoint
}

// New makes the stack of a tablet whose interface has the address mac.
func New(mac [6]byte) (*Network, error) {
	link := channel.New(queue, etherMTU, tcpip.LinkAddress(mac[:]))
	s, err := newStack(link, mac)
	if err != nil {
		return nil, fmt.Errorf("the tablet's network: %w", err)
	}
	return &Network{s, link}, nil
}

// Listen listens on the SSH port of all of the tablet's addresses.
func (n *Network) Listen() (net.Listener, error) {
	return gonet.ListenTCP(n.stack, tcpip.FullAddress{Port: sshPort}, ipv6.ProtocolNumber)
}

// Run moves frames between the stack and the host until the cable is pulled or ctx ends,
// in which case the caller must pull the cable.
func (n *Network) Run(ctx context.Context, frames Frames) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { n.transmit(ctx, frames) })
	n.receive(frames)
	cancel()
	wg.Wait()
}

// Close ends all connections.
func (n *Network) Close() { n.stack.Destroy() }

func newStack(link *channel.Endpoint, mac [6]byte) (*stack.Stack, error) {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{arp.NewProtocol, ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6},
	})
	err := s.CreateNIC(nic, ethernet.New(link))
	for _, a := range []tcpip.ProtocolAddress{
		{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: tcpip.AddressWithPrefix{Address: tcpip.AddrFrom4(usbAddress), PrefixLen: 24}},
		{Protocol: ipv6.ProtocolNumber, AddressWithPrefix: tcpip.AddressWithPrefix{Address: header.LinkLocalAddr(tcpip.LinkAddress(mac[:])),
			PrefixLen: 64}},
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
func (n *Network) receive(frames Frames) {
	for {
		frame, err := frames.ReadTransfer()
		if err != nil {
			return
		}
		if len(frame) < header.EthernetMinimumSize || len(frame) > MaxFrame {
			continue
		}
		pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(frame)})
		n.link.InjectInbound(0, pkt)
		pkt.DecRef()
	}
}

// transmit gives the stack's frames to the host.
func (n *Network) transmit(ctx context.Context, frames Frames) {
	for {
		pkt := n.link.ReadContext(ctx)
		if pkt == nil {
			return
		}
		b := pkt.ToBuffer()
		_, err := frames.Write(b.Flatten())
		b.Release()
		pkt.DecRef()
		if err != nil {
			return
		}
	}
}
