// This file finds keyboards where tablets are plugged in: a tablet can say that it is one,
// and what it types reaches this machine's terminals.

package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/usb"
)

// The interface that people type with (USB HID): its class, and the protocol of a mouse, which
// types nothing.
const (
	hidClass = 0x03
	hidMouse = 2
)

// keyboards finds what can type in a port with a name, and beside tablets on their hub. The
// station's scanner may be there.
func (m *machine) keyboards() (all []Finding) {
	for _, d := range m.bus.Devices {
		types := slices.ContainsFunc(d.Interfaces, func(i usb.Interface) bool { return i.Class == hidClass && i.Protocol != hidMouse })
		if !types || !m.amongTablets(d.Port) || strings.Contains(m.Scanner, d.Port.Path()+":") {
			continue
		}
		what := d.Name
		if what == "" {
			what = fmt.Sprintf("%04x:%04x", d.Vendor, d.Product)
		}
		all = append(all, Finding{Level: Warning, About: m.label(d.Port),
			Says:   fmt.Sprintf("%q acts as a keyboard in a port for tablets", what),
			Remedy: "unplug it: what it types could give orders to the station; docs/station-scanner.md says how to keep keyboards off this hub"})
	}
	return all
}

// amongTablets reports whether a port is one for tablets: it has a name, or its hub has a port
// with a name, or a tablet.
func (m *machine) amongTablets(p usb.Port) bool {
	if m.names[p.Path()] != "" {
		return true
	}
	beside := func(path string) bool {
		hub, _, ok := cutLast(p.Path())
		other, _, also := cutLast(path)
		return ok && also && hub == other
	}
	for path := range m.names {
		if beside(path) {
			return true
		}
	}
	return slices.ContainsFunc(m.bus.Tablets(), func(d usb.Device) bool { return beside(d.Port.Path()) })
}

// cutLast splits a port's path at its last number: the hub, and the port of it. A port of the
// root hub has none.
func cutLast(path string) (hub, port string, ok bool) {
	i := strings.LastIndexByte(path, '.')
	if i < strings.LastIndexByte(path, ':') {
		return "", "", false
	}
	return path[:i], path[i+1:], true
}
