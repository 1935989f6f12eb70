// This file is a device as its descriptors describe it, and what mode they show.

package usb

import (
	"fmt"
	"strings"

	"github.com/zarya-station/zarya/internal/untrusted"
)

// Speed is in Mbit/s: 1.5 is kept as 1.
type Speed int

// The speeds.
const (
	FullSpeed  Speed = 12
	HighSpeed  Speed = 480
	SuperSpeed Speed = 5000
)

func (s Speed) String() string {
	switch {
	case s == 0:
		return ""
	case s < FullSpeed:
		return "low"
	case s < HighSpeed:
		return "full"
	case s < SuperSpeed:
		return "high"
	}
	return "super"
}

// Interface is one interface of the active configuration.
type Interface struct {
	Number                    int
	Class, SubClass, Protocol uint8
	Name                      string // its string, cleaned
	Driver                    string // of the kernel, which then holds it
	Net                       string // the kernel's network interface, such as usb0
	Endpoints                 int
}

// Device is what is plugged into a port.
type Device struct {
	Port            Port
	Bus, Address    int    // of its node /dev/bus/usb/BBB/AAA
	Kernel          string // the kernel's name of it, which has its own bus: 2-1.3 on the USB 3 half of 1-1.3
	Vendor, Product uint16
	Serial          string // cleaned; "" when there is none
	Manufacturer    string
	Name            string // the product string
	Speed           Speed
	Hub             bool
	HubPorts        int  // of a hub: how many things can be plugged into it
	Suspends        bool // the kernel may put it to sleep when nobody uses it
	Endpoints       int  // in use, the control endpoint among them
	Mode            Mode
	Interfaces      []Interface
}

// Node is the device's file, through which a process uses it.
func (d Device) Node() string { return fmt.Sprintf("/dev/bus/usb/%03d/%03d", d.Bus, d.Address) }

// Net is the device's network interface, or "".
func (d Device) Net() string {
	for _, i := range d.Interfaces {
		if i.Net != "" {
			return i.Net
		}
	}
	return ""
}

// Model is the full model code, where the product string is one (Huawei's Android
// gives it), or "".
func (d Device) Model() string {
	if _, ok := Known(d.Name); ok {
		return d.Name
	}
	return ""
}

// serviceModes are download modes of the chips' makers, which show as a serial port
// or as nothing that is known: named, and left alone (usb.ids; HiKey's documents).
var serviceModes = map[[2]uint16]string{
	{0x12d1, 0x3609}: "HiSilicon download mode",
	{0x0e8d, 0x0003}: "MediaTek boot ROM",
	{0x0e8d, 0x2000}: "MediaTek preloader",
	{0x05c6, 0x9008}: "Qualcomm emergency download (EDL)",
}

// Service names the service mode of a device, or "".
func (d Device) Service() string {
	if d.Mode != Service {
		return ""
	}
	return serviceModes[[2]uint16{d.Vendor, d.Product}]
}

const huawei = 0x12d1

// modeOf decides by the interfaces. Vendor and product numbers only tell apart what
// has none that are known.
func modeOf(d *Device) Mode {
	network, media := false, false
	for _, i := range d.Interfaces {
		switch [3]uint8{i.Class, i.SubClass, i.Protocol} {
		case [3]uint8{0xff, 0x42, 0x03}: // AOSP fastboot.cpp
			if strings.Contains(strings.ToLower(i.Name), "fastbootd") {
				return Fastbootd
			}
			return Fastboot
		}
		switch {
		case i.Class == 0x02 && (i.SubClass == 0x06 || i.SubClass == 0x0d || i.SubClass == 0x02 && i.Protocol == 0xff), // CDC ECM, NCM; RNDIS
			i.Class == 0xe0 && i.SubClass == 0x01 && i.Protocol == 0x03, i.Class == 0xef && i.SubClass == 0x04: // RNDIS
			network = true
		case i.Class == 0x06, i.Class == 0xff && i.SubClass == 0x48: // MTP, PTP; HiSuite
			media = true
		}
	}
	for _, i := range d.Interfaces {
		if i.Class == 0xff && i.SubClass == 0x42 && i.Protocol == 0x01 {
			return ADB
		}
	}
	switch {
	case network:
		return Booted
	case serviceModes[[2]uint16{d.Vendor, d.Product}] != "":
		return Service
	case media || d.Vendor == huawei && !d.Hub:
		return Normal
	}
	return ""
}

// maxString is what a string descriptor can hold, in bytes: 126 characters of UTF-16.
const maxString = 3 * 126

// clean makes a descriptor's string fit for screens and records.
func clean(s string) string { return untrusted.Line(s, maxString) }
