// Package heldaddr keeps an address of this machine for one server, also while the server is
// away and nothing listens there: otherwise another program's connection may be given the port,
// and the server could not come back. Virtual tablets have theirs so, and the servers of tests.
package heldaddr

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

// Held is an address that is one server's until Close. It is a virtual tablet's Network.
type Held struct {
	Listening func() // is called, if set, each time that the server has come up there

	address string // HOST:PORT
	sockets []int  // that keep the address (reserve_linux.go); never listening
}

// Hold takes HOST:PORT for a server that speaks proto, which is "tcp" or "udp"; for the latter,
// the TCP port of the same number is held too: a tablet's SSH server is there. Port 0 is any free
// one. An address that is taken is syscall.EADDRINUSE.
//
// Only Linux can keep an address where nothing listens. Elsewhere Hold finds out whether
// it is free now, and another program may take it while the server is away.
func Hold(proto, address string) (*Held, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	for range 100 {
		h := &Held{address: address}
		err = h.reserve("tcp")
		if err == nil && proto == "udp" {
			err = h.reserve("udp")
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
// No one else can have the address, but the listener before can be there for a moment
// longer: a process that is just being started has a copy of it until its exec.
func (h *Held) Listen(string) (net.Listener, error) {
	for deadline := time.Now().Add(listenFor); ; {
		l, err := net.Listen("tcp", h.address) //nolint:noctx // an address of this machine: it does not wait
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(deadline) {
			h.report(err)
			return l, err
		}
		<-time.After(10 * time.Millisecond)
	}
}

// listenFor is more than a fork takes until its exec, on a machine that has much to do.
const listenFor = 5 * time.Second

// ListenPacket opens the server's UDP socket.
func (h *Held) ListenPacket() (net.PacketConn, error) {
	conn, err := h.listenPacket()
	h.report(err)
	return conn, err
}

// report calls Listening if the server came up.
func (h *Held) report(err error) {
	if err == nil && h.Listening != nil {
		h.Listening()
	}
}

// setPort puts the port that was given in place of 0.
func (h *Held) setPort(port int) {
	host, _, _ := net.SplitHostPort(h.address)
	h.address = net.JoinHostPort(host, strconv.Itoa(port))
}
