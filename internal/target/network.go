// This file is targets on a network. A new way to reach a tablet there is one line of
// protocols and a function that opens it.

package target

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/problem"
)

// protocol is how a tablet on a network is reached.
type protocol struct {
	port     string // without one in the name
	system   bool   // the port is that of the booted system
	fastboot func(ctx context.Context, address string) (fastboot.Transport, error)
}

// protocols are what a network target's name begins with.
var protocols = map[string]protocol{
	"tcp": {port: fastboot.DefaultPort, fastboot: dialTCP},
	"udp": {port: fastboot.DefaultPort, fastboot: dialUDP},
	"ssh": {port: strconv.Itoa(sshPort), system: true, fastboot: noFastboot},
}

func dialTCP(ctx context.Context, address string) (fastboot.Transport, error) {
	return fastboot.DialTCP(ctx, address)
}

func dialUDP(ctx context.Context, address string) (fastboot.Transport, error) {
	return fastboot.DialUDP(ctx, address)
}

func noFastboot(_ context.Context, address string) (fastboot.Transport, error) {
	return nil, &flash.Failure{Class: flash.ClassDevice, Message: "ssh:" + address + " names a booted tablet, which does not speak fastboot",
		Hint: "name it as tcp: or udp: to flash it"}
}

// Network is a tablet at a network address.
type Network struct {
	proto   string // of protocols
	address string // HOST:PORT, spelled in one way only
}

func (n Network) String() string { return n.proto + ":" + n.address }

// Where names the tablet by its address.
func (n Network) Where() flash.Where { return flash.Where{Address: n.String()} }

// Fastboot opens the connection.
func (n Network) Fastboot(ctx context.Context) (fastboot.Transport, error) {
	return protocols[n.proto].fastboot(ctx, n.address)
}

// Dial opens a connection to the system on the same host.
func (n Network) Dial(ctx context.Context, port int) (net.Conn, error) {
	address := n.address
	if port != 0 && !protocols[n.proto].system {
		host, _, err := net.SplitHostPort(n.address)
		if err != nil {
			return nil, err
		}
		address = net.JoinHostPort(host, strconv.Itoa(port))
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

// isNetwork reports whether a name is that of a network target.
func isNetwork(name string) bool {
	proto, _, found := strings.Cut(name, ":")
	_, known := protocols[proto]
	return found && known
}

// ParseNetwork reads tcp:HOST[:PORT], udp:HOST[:PORT] and ssh:HOST[:PORT]. Two names of
// one address give equal targets.
func ParseNetwork(name string) (Network, error) {
	proto, rest, _ := strings.Cut(name, ":")
	if !isNetwork(name) {
		return Network{}, problem.New(problem.Usage, "a network target begins with tcp:, udp: or ssh:", "target %q is not on the network", name)
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil { // no port
		host, port = strings.Trim(rest, "[]"), protocols[proto].port
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return Network{}, problem.New(problem.Usage, "a port is a number from 1 to 65535", "target %q: %q is not a port", name, port)
	}
	_, notIP := netip.ParseAddr(host)
	if host == "" || notIP != nil && strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
		return Network{}, problem.New(problem.Usage, "write tcp:HOST[:PORT]", "target %q has no valid host", name)
	}
	if strings.EqualFold(host, "localhost") {
		host = "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.String()
	}
	return Network{proto, net.JoinHostPort(strings.ToLower(host), port)}, nil
}
