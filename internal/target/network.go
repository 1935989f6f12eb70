// This file is targets on a network. A new way to reach a tablet there is one line of
// protocols and the functions that it names.

package target

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/problem"
)

// protocol is how a tablet on a network is reached.
type protocol struct {
	form     string // what is written behind its name
	about    string // what it leads to, in a few words; form is in them
	parse    func(rest string) (address string, err error)
	fastboot func(ctx context.Context, address string) (fastboot.Transport, error)
	system   func(ctx context.Context, address string, port int) (net.Conn, error)
}

// hostForm is the form of an address on a network.
const hostForm = "HOST[:PORT]"

// protocols are what a network target's name begins with.
var protocols = map[string]protocol{
	"tcp":  {hostForm, "fastboot at HOST[:PORT]", hostPort(fastboot.DefaultPort), dialTCP, dialHost},
	"udp":  {hostForm, "fastboot at HOST[:PORT]", hostPort(fastboot.DefaultPort), dialUDP, dialHost},
	"ssh":  {hostForm, "a booted tablet at HOST[:PORT]", hostPort(strconv.Itoa(sshPort)), noFastboot, dialSystem},
	"unix": {"PATH", "fastboot at a Unix socket's PATH", socketPath, dialUnix, dialSocket},
}

// Protocols returns what a network target's name begins with, and what each leads to.
func Protocols() map[string]string {
	about := map[string]string{}
	for name, p := range protocols {
		about[name] = p.about
	}
	return about
}

// Forms lists how network targets are written: tcp:HOST[:PORT] and the others.
func Forms() string {
	var forms []string
	for _, name := range slices.Sorted(maps.Keys(protocols)) {
		forms = append(forms, name+":"+protocols[name].form)
	}
	return strings.Join(forms, ", ")
}

// prefixes lists what a network target's name begins with: tcp: and the others.
func prefixes() string { return strings.Join(slices.Sorted(maps.Keys(protocols)), ":, ") + ":" }

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

// dialHost connects to a port of the address's host; 0 is the address's own.
func dialHost(ctx context.Context, address string, port int) (net.Conn, error) {
	if port != 0 {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		address = net.JoinHostPort(host, strconv.Itoa(port))
	}
	return dialSystem(ctx, address, 0)
}

// dialSystem connects to an address that says where the system is.
func dialSystem(ctx context.Context, address string, _ int) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

// Network is a tablet at a network address.
type Network struct {
	proto   string // of protocols
	address string // as its protocol spells it: in one way only
}

func (n Network) String() string { return n.proto + ":" + n.address }

// Where names the tablet by its address.
func (n Network) Where() flash.Where { return flash.Where{Address: n.String()} }

// Fastboot opens the connection.
func (n Network) Fastboot(ctx context.Context) (fastboot.Transport, error) {
	return protocols[n.proto].fastboot(ctx, n.address)
}

// Dial opens a connection to the system at the same place.
func (n Network) Dial(ctx context.Context, port int) (net.Conn, error) {
	return protocols[n.proto].system(ctx, n.address, port)
}

// isNetwork reports whether a name is that of a network target.
func isNetwork(name string) bool {
	proto, _, found := strings.Cut(name, ":")
	_, known := protocols[proto]
	return found && known
}

// ParseNetwork reads a target of protocols, such as tcp:HOST[:PORT]. Two names of one address
// give equal targets.
func ParseNetwork(name string) (Network, error) {
	proto, rest, _ := strings.Cut(name, ":")
	if !isNetwork(name) {
		return Network{}, problem.New(problem.Usage, "a network target begins with one of "+prefixes(), "target %q is not on the network", name)
	}
	address, err := protocols[proto].parse(rest)
	if err != nil {
		return Network{}, problem.New(problem.Usage, "write "+proto+":, and after it what leads there: "+protocols[proto].about,
			"target %q %w", name, err)
	}
	return Network{proto, address}, nil
}

// hostPort reads HOST[:PORT]; standard is the port of one that has none.
func hostPort(standard string) func(rest string) (string, error) {
	return func(rest string) (string, error) {
		host, port, err := net.SplitHostPort(rest)
		if err != nil { // no port
			host, port = strings.Trim(rest, "[]"), standard
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", fmt.Errorf("has %q for a port, which is a number from 1 to 65535", port)
		}
		_, notIP := netip.ParseAddr(host)
		if host == "" || notIP != nil && strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
			return "", errors.New("has no valid host")
		}
		if strings.EqualFold(host, "localhost") {
			host = "127.0.0.1"
		}
		if ip, err := netip.ParseAddr(host); err == nil {
			host = ip.String()
		}
		return net.JoinHostPort(strings.ToLower(host), port), nil
	}
}
