//go:build !linux

// This file stands in for reserve_linux.go: an address is looked at, not kept.

package heldaddr

import (
	"net"
	"strconv"
)

// reserve finds out whether the address is free, and which port 0 could be.
func (h *Held) reserve(network string) error {
	if network == "udp" {
		conn, err := net.ListenPacket(network, h.address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	l, err := net.Listen(network, h.address)
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	number, _ := strconv.Atoi(port) // a listener has one
	h.setPort(number)
	return l.Close()
}

func (h *Held) listenPacket() (net.PacketConn, error) { return net.ListenPacket("udp", h.address) }

// Close gives the address back.
func (h *Held) Close() error { return nil }
