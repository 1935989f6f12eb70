// This file is the examination: a list of questions to the machine, each of which gives
// findings.

package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/usb"
	"github.com/zarya-station/zarya/usb/libusb"
)

// Finding is one thing that was looked at. It is printed as it is, and in JSON.
type Finding struct {
	Level  Level  `json:"level"`
	About  string `json:"about"`            // a port, a controller, or one of few words: usb, rules, disk, clock, …
	Says   string `json:"says"`             // what is so
	Remedy string `json:"remedy,omitempty"` // what a person can do; "" is nothing
	Fix    string `json:"fix,omitempty"`    // what Mend does; "" if it can do nothing

	fix func() error
}

// Level says how bad a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning" // flashing works, and could work better
	Error   Level = "error"   // this machine or this tablet cannot flash
)

// Mend does what Fix says. Only what has a Fix can be mended.
func (f Finding) Mend() error {
	if f.fix == nil {
		return fmt.Errorf("%s: nothing can be done from here", f.About)
	}
	return f.fix()
}

// Question is what the machine is to do.
type Question struct {
	Tablets int    // that are to be flashed at once; 0: those that are plugged in
	Size    int64  // bytes that each one takes over the wire; 0: not known
	Ledger  string // the file of the ledger; "": none is kept
	Scanner string // the device of the barcode scanner; "": there is none
}

// Examine looks at this machine and at what is plugged in. It changes nothing. The error
// is only that the bus or the names of ports cannot be read.
func Examine(ctx context.Context, bench *target.Bench, q Question) ([]Finding, error) {
	bus, names, err := bench.Plugged()
	if err != nil {
		return nil, err
	}
	m := machine{root: "/", bus: bus, names: names, hasADB: bench.HasADB, Question: q}
	if m.Tablets == 0 {
		m.Tablets = max(1, len(bus.Tablets()))
	}
	return m.examine(ctx), nil
}

// machine is what is examined.
type machine struct {
	Question
	root   string // "/", or a folder like it
	bus    *usb.Bus
	names  usb.Names
	hasADB func(context.Context) bool
}

// examine looks at everything.
func (m *machine) examine(ctx context.Context) []Finding {
	var all []Finding
	for _, look := range []func() []Finding{m.usb, m.rules, m.permissions, m.locks, m.usbMemory, m.autosuspend, m.ping,
		m.uplinks, m.endpoints, m.slowPorts, m.overCurrent, m.keyboards, m.seizers} {
		all = append(all, look()...)
	}
	all = append(all, m.adbServer(ctx)...)
	all = append(all, m.disk()...)
	all = append(all, m.files()...)
	all = append(all, m.scanner()...)
	return append(all, m.clock()...)
}

func (m *machine) at(path string) string { return filepath.Join(m.root, path) }

// number reads a file of one number.
func (m *machine) number(path string) (int, bool) {
	text, err := os.ReadFile(m.at(path))
	n, nerr := strconv.Atoi(strings.TrimSpace(string(text)))
	return n, err == nil && nerr == nil
}

// writing returns a fix that writes a text to a file.
func (m *machine) writing(path, text string) func() error {
	return func() error { return os.WriteFile(m.at(path), []byte(text), 0o644) } //nolint:gosec // settings that everyone may read
}

// label returns how a port is called here.
func (m *machine) label(p usb.Port) string {
	if name := m.names[p.Path()]; name != "" {
		return name
	}
	return p.Short()
}

// usb looks whether there is any.
func (m *machine) usb() []Finding {
	switch {
	case !libusb.Available:
		return []Finding{{Level: Error, About: "usb", Says: "this zarya was built without USB: it reaches tablets over a network only",
			Remedy: "install a package with USB (docs/install.md)"}}
	case len(m.bus.Roots) == 0:
		return []Finding{{Level: Error, About: "usb", Says: "this machine has no USB controller",
			Remedy: "use a machine with USB; in a container, give it /dev/bus/usb and /sys"}}
	}
	return []Finding{{Level: OK, About: "usb",
		Says: fmt.Sprintf("buses: %d, tablets plugged in: %d", len(m.bus.Roots), len(m.bus.Tablets()))}}
}

// permissions finds tablets in fastboot that this user cannot open.
func (m *machine) permissions() []Finding {
	var all []Finding
	for _, d := range m.bus.Tablets() {
		if !d.Mode.Flashing() {
			continue
		}
		if obstacle, remedy := target.Access(d); obstacle != "" {
			all = append(all, Finding{Level: Error, About: m.label(d.Port), Says: "cannot be used: " + obstacle, Remedy: remedy})
		}
	}
	return all
}
