//go:build !linux

package usbnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
)

func bind(string) func(network, address string, c syscall.RawConn) error { return nil }

func neighbours(context.Context, *net.Interface) ([]netip.Addr, error) {
	return nil, errors.New("only Linux can bind to a tablet's port")
}
