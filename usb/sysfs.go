// This file reads what is plugged in from Linux's sysfs: no device is opened, and no
// rights are needed.

package usb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/internal/lazyregexp"
)

// Bus is what is plugged in, at one moment.
type Bus struct {
	Devices []Device // hubs included, root hubs not, in the order of their ports
	Roots   []Root   // in the order of their buses
}

// Root is a root hub: one bus of a controller.
type Root struct {
	Controller string
	Bus        int
	Speed      Speed
	HubPorts   int
}

// Tablets are the devices that are in a mode that is known.
func (b *Bus) Tablets() []Device {
	return slices.DeleteFunc(slices.Clone(b.Devices), func(d Device) bool { return d.Mode == "" || d.Hub })
}

// Port finds a port by its short or its stable form, whether something is in it or
// not.
func (b *Bus) Port(form string) (Port, bool) {
	if bus, chain, err := ParseShort(form); err == nil {
		for _, r := range b.Roots {
			if r.Bus == bus {
				return Port{Controller: r.Controller, Bus: bus, Chain: chain}, true
			}
		}
		return Port{}, false
	}
	controller, chain, ok := strings.Cut(form, "-usb-0:")
	for _, r := range b.Roots { // the USB 2 half is the first
		if ok && validChain(chain) && r.Controller == controller {
			return Port{Controller: controller, Bus: r.Bus, Chain: chain}, true
		}
	}
	return Port{}, false
}

// Sysfs is where Linux has its devices.
const Sysfs = "/sys"

var (
	deviceName = lazyregexp.New(`^([0-9]+)-([0-9.]+)$`)
	pciName    = lazyregexp.New(`^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$`)
)

// Scan reads what is plugged in. A device that goes while it is read is left out.
func Scan(sys string) (*Bus, error) {
	dir := filepath.Join(sys, "bus/usb/devices")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return &Bus{}, nil // this machine has no USB
	}
	if err != nil {
		return nil, fmt.Errorf("USB devices: %w", err)
	}
	b := &Bus{}
	for _, e := range entries {
		if r, ok := readRoot(filepath.Join(dir, e.Name())); ok {
			b.Roots = append(b.Roots, r)
			continue
		}
		m := deviceName.FindStringSubmatch(e.Name())
		if m == nil || !validChain(m[2]) {
			continue
		}
		path, err := filepath.EvalSymlinks(filepath.Join(dir, e.Name()))
		if err != nil {
			continue // gone
		}
		bus, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		if d, ok := readDevice(path, bus, m[2]); ok {
			b.Devices = append(b.Devices, d)
		}
	}
	slices.SortFunc(b.Roots, func(x, y Root) int { return x.Bus - y.Bus })
	slices.SortFunc(b.Devices, func(x, y Device) int { return x.Port.Compare(y.Port) })
	return b, nil
}

// readRoot reads a folder that is called usb1 and so on.
func readRoot(link string) (Root, bool) {
	name, ok := strings.CutPrefix(filepath.Base(link), "usb")
	bus, err := strconv.Atoi(name)
	path, perr := filepath.EvalSymlinks(link)
	if !ok || err != nil || perr != nil {
		return Root{}, false
	}
	return Root{Controller: controller(filepath.Dir(path)), Bus: bus, Speed: Speed(number[int](path, "speed", 10)),
		HubPorts: number[int](path, "maxchild", 10)}, true
}

// attribute reads one file of a device; "" if it is not there.
func attribute(path, name string) string {
	f, err := os.Open(filepath.Join(path, name)) //nolint:gosec // sysfs
	if err != nil {
		return ""
	}
	b := make([]byte, 512)
	n, err := f.Read(b)
	if cerr := f.Close(); err != nil || cerr != nil {
		return ""
	}
	return strings.TrimSuffix(string(b[:n]), "\n")
}

// number reads an attribute that is a number of a type; 0 if it is none, or too large.
func number[T int | uint8 | uint16](path, name string, base int) T {
	n, err := strconv.ParseUint(strings.TrimSpace(attribute(path, name)), base, 31)
	if t := T(n); err == nil && uint64(t) == n {
		return t
	}
	return 0
}

func readDevice(path string, bus int, chain string) (Device, bool) {
	speed, err := strconv.ParseFloat(attribute(path, "speed"), 64)
	d := Device{
		Bus: bus, Kernel: filepath.Base(path), Address: number[int](path, "devnum", 10),
		Vendor: number[uint16](path, "idVendor", 16), Product: number[uint16](path, "idProduct", 16),
		Serial: clean(attribute(path, "serial")), Manufacturer: clean(attribute(path, "manufacturer")), Name: clean(attribute(path, "product")),
		Hub: number[uint8](path, "bDeviceClass", 16) == 9, HubPorts: number[int](path, "maxchild", 10), Speed: Speed(speed),
		Suspends: attribute(path, "power/control") == "auto", Endpoints: 1,
	}
	if err != nil || d.Address == 0 {
		return d, false // gone
	}
	d.Port = portOf(path, bus, chain)
	interfaces, err := filepath.Glob(filepath.Join(path, filepath.Base(path)+":*"))
	if err != nil {
		return d, false
	}
	for _, at := range interfaces {
		if filepath.Dir(at) == path {
			i := readInterface(at)
			d.Interfaces = append(d.Interfaces, i)
			d.Endpoints += i.Endpoints
		}
	}
	d.Mode = modeOf(&d)
	return d, true
}

func readInterface(path string) Interface {
	i := Interface{
		Number: number[int](path, "bInterfaceNumber", 16), Class: number[uint8](path, "bInterfaceClass", 16),
		SubClass: number[uint8](path, "bInterfaceSubClass", 16), Protocol: number[uint8](path, "bInterfaceProtocol", 16),
		Name: clean(attribute(path, "interface")), Endpoints: number[int](path, "bNumEndpoints", 16),
	}
	if driver, err := os.Readlink(filepath.Join(path, "driver")); err == nil {
		i.Driver = filepath.Base(driver)
	}
	if nets, err := os.ReadDir(filepath.Join(path, "net")); err == nil && len(nets) > 0 {
		i.Net = nets[0].Name()
	}
	return i
}

// portOf finds the port of a device: of the two halves of a USB 3 port, the USB 2
// half (the kernel's peer links).
func portOf(path string, bus int, chain string) Port {
	p := Port{Bus: bus, Chain: chain}
	// The device's folder is …/0000:00:14.0/usb1/1-1/1-1.3: the controller stands
	// before the root hub.
	root := path
	for range strings.Count(chain, ".") + 1 {
		root = filepath.Dir(root)
	}
	p.Controller = controller(filepath.Dir(root))
	parent := filepath.Dir(path)
	hub := filepath.Base(parent) + ":1.0"
	name := filepath.Base(parent) + "-port"
	if parent == root {
		hub = fmt.Sprintf("%d-0:1.0", bus)
	}
	last := chain[strings.LastIndexByte(chain, '.')+1:]
	peer, err := filepath.EvalSymlinks(filepath.Join(parent, hub, name+last, "peer"))
	if err != nil || Speed(number[int](root, "speed", 10)) < SuperSpeed {
		return p
	}
	// …/usb1/1-1/1-1:1.0/1-1-port3 is port 3 of the hub 1-1; …/usb1/1-0:1.0/usb1-port3
	// is port 3 of the root hub.
	hubName, port, ok := strings.Cut(filepath.Base(peer), "-port")
	if !ok {
		return p
	}
	if n, found := strings.CutPrefix(hubName, "usb"); found {
		hubName = n + "-"
	} else {
		hubName += "."
	}
	if b, c, err := ParseShort(hubName + port); err == nil {
		p.Bus, p.Chain = b, c
	}
	return p
}

// OverCurrent is a port that switched its power off because too much of it was drawn.
type OverCurrent struct {
	Hub   string // the kernel's name of the hub: 1-1.3, or usb1 for a root hub
	Port  int    // from 1
	Count int    // since the machine started
}

// OverCurrents reads the counts that are not zero.
func OverCurrents(sys string) ([]OverCurrent, error) {
	files, err := filepath.Glob(filepath.Join(sys, "bus/usb/devices/*-0:1.0/usb*-port*/over_current_count"))
	more, merr := filepath.Glob(filepath.Join(sys, "bus/usb/devices/*-*:1.0/*-port*/over_current_count"))
	if err = errors.Join(err, merr); err != nil {
		return nil, err
	}
	var list []OverCurrent
	files = append(files, more...)
	slices.Sort(files)
	for _, file := range slices.Compact(files) {
		dir := filepath.Dir(file)
		hub, port, _ := strings.Cut(filepath.Base(dir), "-port")
		n, err := strconv.Atoi(port)
		if count := number[int](dir, "over_current_count", 10); err == nil && count > 0 {
			list = append(list, OverCurrent{hub, n, count})
		}
	}
	return list, nil
}

// controller is udev's name of a host controller's folder: pci-… for one on PCI,
// platform-… otherwise (systemd's path_id).
func controller(path string) string {
	name := filepath.Base(path)
	if pciName.MatchString(name) {
		return "pci-" + name
	}
	for at := path; at != "/" && at != "."; at = filepath.Dir(at) {
		if n := filepath.Base(at); strings.HasSuffix(filepath.Dir(at), "/platform") {
			return "platform-" + n
		}
	}
	return "other-" + name
}
