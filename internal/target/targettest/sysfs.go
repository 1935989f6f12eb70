// This file makes folders like /sys.

package targettest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Controller is the path of the one USB controller.
const Controller = "pci-0000:00:14.0"

// Sysfs is a folder like /sys with one root hub, bus 1.
type Sysfs struct {
	Root string
	t    testing.TB
}

// NewSysfs makes one that has nothing plugged in.
func NewSysfs(t testing.TB) *Sysfs {
	t.Helper()
	s := &Sysfs{t.TempDir(), t}
	s.Put("usb1", "speed=480", "maxchild=8")
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Put makes a device's folder with attributes, "name=value" each, and its link.
func (s *Sysfs) Put(kernel string, attributes ...string) {
	s.t.Helper()
	at := filepath.Join(s.Root, "devices/pci0000:00/0000:00:14.0/usb1")
	for i := range kernel + "." { // a device's folder is in that of its hub
		if hub := (kernel + ".")[:i]; kernel != "usb1" && (kernel + ".")[i] == '.' {
			at = filepath.Join(at, hub)
		}
	}
	s.Attributes(at, attributes...)
	link := filepath.Join(s.Root, "bus/usb/devices", kernel)
	must(s.t, os.MkdirAll(filepath.Dir(link), 0o755))
	must(s.t, os.Symlink(at, link))
}

// Attributes makes a folder with attributes, "name=value" each.
func (s *Sysfs) Attributes(at string, attributes ...string) {
	s.t.Helper()
	must(s.t, os.MkdirAll(at, 0o755))
	for _, a := range attributes {
		name, value, _ := strings.Cut(a, "=")
		must(s.t, os.WriteFile(filepath.Join(at, name), []byte(value+"\n"), 0o644))
	}
}

// Interfaces of the modes: class, subclass, protocol.
var (
	Fastboot = [3]int{0xff, 0x42, 3}
	ADB      = [3]int{0xff, 0x42, 1}
	Normal   = [3]int{0x06, 1, 1}
	System   = [3]int{2, 6, 0}
)

// Tablet plugs one in.
func (s *Sysfs) Tablet(chain, serial string, mode [3]int) {
	s.t.Helper()
	kernel := "1-" + chain
	s.Put(kernel, "devnum=250", "speed=480", "idVendor=18d1", "idProduct=d00d", "serial="+serial)
	s.Attributes(filepath.Join(s.Root, "bus/usb/devices", kernel, kernel+":1.0"), "bInterfaceNumber=00",
		fmt.Sprintf("bInterfaceClass=%02x", mode[0]), fmt.Sprintf("bInterfaceSubClass=%02x", mode[1]),
		fmt.Sprintf("bInterfaceProtocol=%02x", mode[2]))
}

// Pull takes what is in a port out.
func (s *Sysfs) Pull(chain string) {
	s.t.Helper()
	link := filepath.Join(s.Root, "bus/usb/devices/1-"+chain)
	at, err := filepath.EvalSymlinks(link)
	must(s.t, errors.Join(err, os.Remove(link)))
	must(s.t, os.RemoveAll(at))
}
