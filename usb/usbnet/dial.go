// This file makes the connection.

package usbnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Shared is the IPv4 address that usb-moded gives every tablet.
var Shared = netip.MustParseAddr("192.168.2.15")

// DownError is an interface that is not up: no one can be reached through it.
type DownError struct{ Interface string }

func (e *DownError) Error() string {
	return "the tablet's network interface " + e.Interface + " is down"
}

// How long one attempt takes.
const (
	neighbourFor = 400 * time.Millisecond // for the first neighbour to answer
	connectFor   = 3 * time.Second        // to each address
)

// Dial opens a TCP connection to the tablet behind a network interface: to the
// neighbour's link-local address, or else to the shared IPv4 address. It tries each
// once. The connection breaks with [ErrLeft] when the interface goes away.
func Dial(ctx context.Context, name string, port int) (net.Conn, error) {
	return dial(ctx, name, port, func(i net.Interface) bool {
		now, err := net.InterfaceByIndex(i.Index)
		return err == nil && now.Name == i.Name
	})
}

// dial is Dial; there reports whether an interface is still there.
func dial(ctx context.Context, name string, port int, there func(net.Interface) bool) (net.Conn, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("network interface %s: %w", name, err)
	}
	if i.Flags&net.FlagUp == 0 {
		return nil, &DownError{name}
	}
	addresses, whyNot := neighbours(ctx, i)
	nobody := &nobodyError{name: name, port: port}
	if whyNot != nil {
		nobody.add("no IPv6 neighbour", whyNot)
	}
	for _, address := range append(addresses, Shared) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		d := net.Dialer{Timeout: connectFor, Control: bind(name)}
		conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(address.String(), strconv.Itoa(port)))
		if err == nil {
			return watch(conn.(*net.TCPConn), func() bool { return there(*i) }), nil
		}
		nobody.add(address.WithZone("").String(), unwrap(err))
	}
	return nil, nobody
}

// nobodyError is what each address said. It is ECONNREFUSED if one of them refused: the
// tablet is there, and nothing listens.
type nobodyError struct {
	name    string
	port    int
	said    []string
	refused bool
}

func (e *nobodyError) add(where string, err error) {
	e.said = append(e.said, where+": "+err.Error())
	e.refused = e.refused || errors.Is(err, syscall.ECONNREFUSED)
}

func (e *nobodyError) Error() string {
	return fmt.Sprintf("nobody answers on %s, port %d (%s)", e.name, e.port, strings.Join(e.said, "; "))
}

func (e *nobodyError) Is(target error) bool { return e.refused && target == syscall.ECONNREFUSED }

// unwrap leaves the addresses out, which are said already.
func unwrap(err error) error {
	var op *net.OpError
	for errors.As(err, &op) {
		err = op.Err
	}
	return err
}
