// This file reads what is plugged in from Linux's sysfs: no device is opened, and no
// rights are needed.

package usb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
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
	Sockets    int
}

// Tablets are the devices that are in a mode that is known.
func (b *Bus) Tablets() []Device {
	return slices.DeleteFunc(slices.Clone(b.Devices), func(d Device) bool { return d.Mode == "" || d.Hub })
}

// Port finds a socket by its short or its stable form, whether something is in it or
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
	deviceName = regexp.MustCompile(`^([0-9]+)-([0-9.]+)$`)
	pciName    = regexp.MustCompile(`^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$`)
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
	return Root{Controller: controller(filepath.Dir(path)), Bus: bus, Speed: Speed(number(path, "speed", 10, 32)), Sockets: int(number(path, "maxchild", 10, 8))}, true
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

func number(path, name string, base, bits int) uint64 {
	n, err := strconv.ParseUint(strings.TrimSpace(attribute(path, name)), base, bits)
	if err != nil {
		return 0
	}
	return n
}

func readDevice(path string, bus int, chain string) (Device, bool) {
	speed, err := strconv.ParseFloat(attribute(path, "speed"), 64)
	d := Device{
		Bus: bus, Kernel: filepath.Base(path), Address: int(number(path, "devnum", 10, 16)),
		Vendor: uint16(number(path, "idVendor", 16, 16)), Product: uint16(number(path, "idProduct", 16, 16)),
		Serial: clean(attribute(path, "serial")), Manufacturer: clean(attribute(path, "manufacturer")), Name: clean(attribute(path, "product")),
		Hub: number(path, "bDeviceClass", 16, 8) == 9, Sockets: int(number(path, "maxchild", 10, 8)), Speed: Speed(speed),
		Suspends: attribute(path, "power/control") == "auto", Endpoints: 1,
	}
	if err != nil || d.Address == 0 {
		return d, false // gone
	}
	d.Port = socket(path, bus, chain)
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
		Number: int(number(path, "bInterfaceNumber", 16, 8)), Class: uint8(number(path, "bInterfaceClass", 16, 8)),
		SubClass: uint8(number(path, "bInterfaceSubClass", 16, 8)), Protocol: uint8(number(path, "bInterfaceProtocol", 16, 8)),
		Name: clean(attribute(path, "interface")), Endpoints: int(number(path, "bNumEndpoints", 16, 8)),
	}
	if driver, err := os.Readlink(filepath.Join(path, "driver")); err == nil {
		i.Driver = filepath.Base(driver)
	}
	if nets, err := os.ReadDir(filepath.Join(path, "net")); err == nil && len(nets) > 0 {
		i.Net = nets[0].Name()
	}
	return i
}

// socket finds the port of a device: of the two halves of a USB 3 socket, the USB 2
// half (the kernel's peer links).
func socket(path string, bus int, chain string) Port {
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
	if err != nil || number(root, "speed", 10, 32) < uint64(SuperSpeed) {
		return p
	}
	// …/usb1/1-1/1-1:1.0/1-1-port3 is socket 3 of the hub 1-1; …/usb1/1-0:1.0/usb1-port3
	// is socket 3 of the root hub.
	hubName, socket, ok := strings.Cut(filepath.Base(peer), "-port")
	if !ok {
		return p
	}
	if n, found := strings.CutPrefix(hubName, "usb"); found {
		hubName = n + "-"
	} else {
		hubName += "."
	}
	if b, c, err := ParseShort(hubName + socket); err == nil {
		p.Bus, p.Chain = b, c
	}
	return p
}

// OverCurrent is a socket that switched its power off because too much of it was drawn.
type OverCurrent struct {
	Hub    string // the kernel's name of the hub: 1-1.3, or usb1 for a root hub
	Socket int
	Count  int // since the machine started
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
		hub, socket, _ := strings.Cut(filepath.Base(dir), "-port")
		n, err := strconv.Atoi(socket)
		if count := int(number(dir, "over_current_count", 10, 32)); err == nil && count > 0 {
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
