// This file looks at wires: what shares an uplink, what is slower than its port, what
// draws too much power.

package doctor

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/usb"
)

// What a wire moves: others measured 35 to 40 MB/s for a whole high-speed bus.
const (
	highSpeedRate = 39_000_000 // bytes/s
	fullSpeedRate = 1_000_000
	superRate     = 350_000_000
	endpointLimit = 96 // of many controllers, devices and hubs together
)

// rate returns what a wire of a speed moves, in bytes/s.
func rate(s usb.Speed) int64 {
	switch {
	case s >= usb.SuperSpeed:
		return superRate
	case s >= usb.HighSpeed:
		return highSpeedRate
	}
	return fullSpeedRate
}

// uplink is what tablets of one speed share: all behind one port of the root hub share
// its wire.
type uplink struct {
	port    usb.Port
	rate    int64 // bytes/s
	tablets []string
}

// links groups the tablets by what they share, in the order of their ports.
func (m *machine) links() []*uplink {
	var links []*uplink
	for _, d := range m.bus.Tablets() {
		port, bytes := d.Port.Uplink(), rate(d.Speed)
		i := slices.IndexFunc(links, func(l *uplink) bool { return l.port == port && l.rate == bytes })
		if i < 0 {
			links = append(links, &uplink{port: port, rate: bytes})
			i = len(links) - 1
		}
		links[i].tablets = append(links[i].tablets, m.label(d.Port))
	}
	return links
}

// uplinks says which tablets share an uplink, and what that allows.
func (m *machine) uplinks() []Finding {
	var all []Finding
	for _, l := range m.links() {
		f := Finding{Level: OK, About: m.label(l.port), Says: strings.Join(l.tablets, ", ") + " has a USB link of its own"}
		if len(l.tablets) > 1 {
			f.Says = strings.Join(l.tablets, ", ") + " share one uplink"
		}
		f.Says += fmt.Sprintf(" (%d MB/s)", l.rate/1_000_000)
		if m.Size > 0 {
			f.Says += fmt.Sprintf(", %s each: at most %s tablets an hour", bytesize.Text(m.Size), perHour(float64(3600*l.rate)/float64(m.Size)))
			f.Remedy = m.spread(l)
		}
		all = append(all, f)
	}
	return all
}

// spread says where half of the tablets of an uplink had better be; "" if it is well as
// it is.
func (m *machine) spread(l *uplink) string {
	half := len(l.tablets) / 2
	if half == 0 {
		return ""
	}
	switch least, others := m.fewest(l.port.Controller); {
	case !others:
		return fmt.Sprintf("a second controller would take %d of them", half)
	case least < half:
		return fmt.Sprintf("move %d of them to another controller", half)
	}
	return ""
}

// fewest returns how many tablets the emptiest other controller has, if there is another.
func (m *machine) fewest(but string) (n int, others bool) {
	tablets := map[string]int{}
	for _, d := range m.bus.Tablets() {
		tablets[d.Port.Controller]++
	}
	for _, r := range m.bus.Roots {
		if r.Controller != but && (!others || tablets[r.Controller] < n) {
			n, others = tablets[r.Controller], true
		}
	}
	return n, others
}

// endpoints finds controllers that are almost full.
func (m *machine) endpoints() []Finding {
	used, devices := map[string]int{}, map[string]int{}
	for _, d := range m.bus.Devices {
		used[d.Port.Controller] += d.Endpoints
		devices[d.Port.Controller]++
	}
	var all []Finding
	for _, r := range m.bus.Roots {
		n := used[r.Controller]
		if n <= endpointLimit*5/6 {
			continue
		}
		all = append(all, Finding{Level: Warning, About: r.Controller, Remedy: "use another controller for some of the hubs",
			Says: fmt.Sprintf("%d devices use %d endpoints; many controllers support only %d", devices[r.Controller], n, endpointLimit)})
		delete(used, r.Controller) // it has two buses, and is named once
	}
	return all
}

// perHour rounds down: it is what is possible at most.
func perHour(n float64) string {
	if n < 10 {
		return strconv.FormatFloat(math.Floor(n*10)/10, 'f', 1, 64)
	}
	return strconv.Itoa(int(n))
}

// slowPorts finds what runs slower than its port could.
func (m *machine) slowPorts() []Finding {
	var all []Finding
	for _, d := range m.bus.Devices {
		if !d.Hub && d.Mode == "" || d.Mode == usb.Booted || d.Speed >= usb.HighSpeed || m.speedAbove(d.Port) < usb.HighSpeed {
			continue
		}
		what := "this tablet"
		if d.Hub {
			what = "this hub, and all behind it,"
		}
		all = append(all, Finding{Level: Warning, About: m.label(d.Port),
			Says:   fmt.Sprintf("%s runs at %d Mbit/s, but the port can do 480", what, int(d.Speed)),
			Remedy: "try another cable, then another port, then another hub"})
	}
	return all
}

// speedAbove returns the speed of the hub that has the port; 0 is not known.
func (m *machine) speedAbove(p usb.Port) usb.Speed {
	i := strings.LastIndexByte(p.Chain, '.')
	if i < 0 {
		for _, r := range m.bus.Roots {
			if r.Bus == p.Bus {
				return r.Speed
			}
		}
		return 0
	}
	hub := usb.Port{Controller: p.Controller, Bus: p.Bus, Chain: p.Chain[:i]}
	fastest := usb.Speed(0)
	for _, d := range m.bus.Devices {
		if d.Port == hub {
			fastest = max(fastest, d.Speed)
		}
	}
	return fastest
}

// overCurrent finds ports that switched their power off.
func (m *machine) overCurrent() []Finding {
	list, err := usb.OverCurrents(m.at(usb.Sysfs))
	if err != nil {
		return nil
	}
	var all []Finding
	for _, o := range list {
		all = append(all, Finding{Level: Warning, About: o.Hub,
			Says:   fmt.Sprintf("port %d switched off %d times because too much power was drawn", o.Port, o.Count),
			Remedy: "give the hub its own power supply, or use another"})
	}
	return all
}
