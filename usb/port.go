// This file is port identity: the one thing about a tablet that stays the same from
// Android to fastboot to Aurora.

package usb

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Port is one port of a USB hub. It is comparable: two devices that were in the same
// port, at whatever speed and one after the other, have equal ports.
type Port struct {
	Controller string // as udev's ID_PATH has it, such as pci-0000:00:14.0
	Bus        int    // this boot's number of the bus; of the USB 2 half where a port has two
	Chain      string // the ports from the root hub on, such as 1.3.2
}

// Path is the stable form, udev's ID_PATH of a device in the port:
// pci-0000:00:14.0-usb-0:1.3.2. Names are stored against it. "" if the controller is
// not known.
func (p Port) Path() string {
	if p.Controller == "" || p.Chain == "" {
		return ""
	}
	return p.Controller + "-usb-0:" + p.Chain
}

// Short is this boot's form, as the kernel names the device: 1-1.3.2.
func (p Port) Short() string {
	if p.Chain == "" {
		return ""
	}
	return strconv.Itoa(p.Bus) + "-" + p.Chain
}

// Uplink is the port of the root hub that the port is behind: all behind it share its
// wire.
func (p Port) Uplink() Port {
	first, _, _ := strings.Cut(p.Chain, ".")
	return Port{Controller: p.Controller, Bus: p.Bus, Chain: first}
}

// Child is the n-th port, from 1, of the hub that is in the port; of a Port without
// a chain, of the bus's root hub.
func (p Port) Child(n int) Port {
	chain := strconv.Itoa(n)
	if p.Chain != "" {
		chain = p.Chain + "." + chain
	}
	return Port{Controller: p.Controller, Bus: p.Bus, Chain: chain}
}

func (p Port) String() string { return p.Short() }

// Compare orders ports as a person counts ports: 1-2 before 1-10.
func (p Port) Compare(q Port) int {
	if c := cmp.Or(cmp.Compare(p.Bus, q.Bus), cmp.Compare(p.Controller, q.Controller)); c != 0 {
		return c
	}
	return compareChains(p.Chain, q.Chain)
}

func compareChains(a, b string) int {
	for a != "" && b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		m, _ := strconv.Atoi(x) // a chain has numbers only
		n, _ := strconv.Atoi(y)
		if c := cmp.Compare(m, n); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// validChain reports whether s is numbers from 1 to 255 with dots between, at most
// six: seven tiers with the root hub (USB 2.0, 4.1.1).
func validChain(s string) bool {
	parts := strings.Split(s, ".")
	for _, part := range parts {
		if n, err := strconv.ParseUint(part, 10, 8); err != nil || n == 0 || part[0] == '0' || part[0] == '+' {
			return false
		}
	}
	return len(parts) <= 6
}

// ParseShort reads 1-1.3.2 (also with usb: before it, as AOSP's fastboot writes it).
func ParseShort(s string) (bus int, chain string, err error) {
	b, chain, ok := strings.Cut(strings.TrimPrefix(s, "usb:"), "-")
	n, nerr := strconv.ParseUint(b, 10, 16)
	if !ok || nerr != nil || b[0] == '0' || !validChain(chain) {
		return 0, "", fmt.Errorf("%q is not a port: write it as 1-1.3", s)
	}
	return int(n), chain, nil
}

// Matches reports whether a pattern names the port: its short form, its stable form,
// or either with * for one number and ** for any depth, the last one after a dot or
// a dash.
func (p Port) Matches(pattern string) bool {
	pattern = strings.TrimPrefix(pattern, "usb:")
	for _, form := range []string{p.Short(), p.Path()} {
		if form != "" && glob(pattern, form) {
			return true
		}
	}
	return false
}

// glob matches * against one number and ** against one or more with dots.
func glob(pattern, s string) bool {
	before, after, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == s
	}
	if !strings.HasPrefix(s, before) {
		return false
	}
	s = s[len(before):]
	allowed := "0123456789"
	if strings.HasPrefix(after, "*") {
		allowed, after = allowed+".", after[1:]
	}
	for n := 1; n <= len(s) && strings.IndexByte(allowed, s[n-1]) >= 0; n++ {
		if n < len(s) && s[n] >= '0' && s[n] <= '9' { // a number is taken whole
			continue
		}
		if glob(after, s[n:]) {
			return true
		}
	}
	return false
}
