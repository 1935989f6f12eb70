// This file names the modes a tablet can be in.

package usb

// Mode is what a tablet is doing, as its interfaces show it. Vendor and product
// numbers never decide it: the same 12d1:107e is normal mode, recovery and
// debugging.
type Mode string

// The modes, spelled as in the events and in profiles.
const (
	// Normal is a system without a debugging interface (MTP, PTP, charging).
	Normal Mode = "normal"
	// ADB is a running system with an ADB interface (ff/42/01).
	ADB Mode = "adb"
	// Fastboot is the bootloader's fastboot interface (ff/42/03).
	Fastboot Mode = "fastboot"
	// Fastbootd is AOSP's userspace fastboot (ff/42/03, "fastbootd").
	Fastbootd Mode = "fastbootd"
	// Service is a vendor's download mode; Zarya never writes to it.
	Service Mode = "service"
	// Booted is the installed system, reachable over its network interface.
	Booted Mode = "booted"
)

// Flashing reports whether a tablet in mode m speaks fastboot.
func (m Mode) Flashing() bool { return m == Fastboot || m == Fastbootd }
