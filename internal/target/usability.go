// This file says why a tablet cannot be flashed as it is, and what to do.

package target

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/zarya-station/zarya/usb"
	"github.com/zarya-station/zarya/usb/libusb"
)

// Usability returns why a tablet cannot be flashed as it is, and what to do; "" is
// nothing.
func Usability(d usb.Device) string {
	switch d.Mode {
	case usb.Fastboot, usb.Fastbootd:
		obstacle, remedy := Access(d)
		if obstacle == "" {
			return ""
		}
		return obstacle + ": " + remedy
	case usb.Booted:
		return ""
	case usb.Service:
		return d.Service() + ": hold the power button until the tablet restarts; nothing is written in this mode"
	default:
		return "not in fastboot mode: " + Keys(d)
	}
}

// Keys returns how a person brings the tablet into fastboot.
func Keys(d usb.Device) string {
	if t, ok := usb.Known(d.Model()); ok && t.Keys != "" {
		return t.Keys
	}
	return "power off, hold volume down, put the cable in"
}

// Access returns what keeps this process from a tablet in fastboot, and what to do; "" is
// nothing.
func Access(d usb.Device) (obstacle, remedy string) { return access("/", d) }

// access is Access on a machine whose files are below root.
func access(root string, d usb.Device) (obstacle, remedy string) {
	if !libusb.Available {
		return "this zarya was built without cgo", "use the one with USB"
	}
	for _, i := range d.Interfaces {
		if i.Driver == "usbfs" {
			return "another program uses it" + holders(root, d.Node()), endOther
		}
	}
	if err := mayUse(filepath.Join(root, d.Node())); err != nil {
		return fmt.Sprintf("%s: %v", d.Node(), err), udevRule
	}
	return "", ""
}

// holders returns ": adb (process 123)", or "" if it cannot be seen.
func holders(root, node string) string {
	list := usb.Holders(filepath.Join(root, "proc"), node)
	if len(list) == 0 {
		return ""
	}
	return ": " + strings.Join(list, ", ")
}
