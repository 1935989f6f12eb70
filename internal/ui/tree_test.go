package ui

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zarya-station/zarya/usb"
)

// TestTree draws hubs, empty sockets, both halves of a USB 3 hub as one, a second
// controller, and what cannot be used.
func TestTree(t *testing.T) {
	const first, second = "pci-0000:00:14.0", "pci-0000:05:00.0"
	at := func(c string, bus int, chain string) usb.Port { return usb.Port{Controller: c, Bus: bus, Chain: chain} }
	bus := &usb.Bus{
		Roots: []usb.Root{{Controller: first, Bus: 1, Speed: 480, HubPorts: 6}, {Controller: first, Bus: 2, Speed: 5000, HubPorts: 6},
			{Controller: second, Bus: 3, Speed: 480, HubPorts: 1}},
		Devices: []usb.Device{
			{Port: at(first, 1, "2"), Hub: true, HubPorts: 4, Speed: 480, Bus: 1, Address: 2},
			{Port: at(first, 1, "2"), Hub: true, HubPorts: 4, Speed: 5000, Bus: 2, Address: 2},
			{Port: at(first, 1, "2.1"), Mode: usb.Booted, Serial: "VT0001", Speed: 480, Bus: 1, Address: 3},
			{Port: at(first, 1, "2.3"), Mode: usb.Service, Vendor: 0x05c6, Product: 0x9008, Speed: 480, Bus: 1, Address: 4},
			{Port: at(first, 1, "4"), Name: "Keyboard", Manufacturer: "Cherry", Speed: 1, Bus: 1, Address: 5},
			{Port: at(second, 3, "1"), Mode: usb.ADB, Name: "AGS3-L09", Serial: "S2", Speed: 480, Bus: 3, Address: 2},
		},
	}
	names := usb.Names{first + "-usb-0:2.1": "A1", first + "-usb-0:2.2": "A2"}
	var b strings.Builder
	DrawTree(&b, nil, bus, names, func(d usb.Device) (model, hint string) {
		switch d.Mode {
		case usb.ADB:
			return "AGS3-L09", "Android 10.1, battery 55 %; flash and run send it to its bootloader"
		case usb.Service:
			return "", "Qualcomm emergency download (EDL): hold the power button until the tablet restarts; nothing is written in this mode"
		}
		return "", ""
	})
	want := `
TARGET       NAME     MODE       MODEL      SERIAL             SPEED
pci-0000:00:14.0, bus 1, 480 Mbit/s
  usb:1-1    -        empty
  usb:1-2    -        hub        4 ports                       super
    usb:1-2.1  A1       booted     -          VT0001             high
    usb:1-2.2  A2       empty
    usb:1-2.3  -        service    -          -                  high
      → Qualcomm emergency download (EDL): hold the power button until the tablet restarts; nothing is written in this mode
    usb:1-2.4  -        empty
  usb:1-3    -        empty
  usb:1-4    -        other      Cherry Keyboard                    low
  usb:1-5 to 6  -        empty
pci-0000:05:00.0, bus 3, 480 Mbit/s
  usb:3-1    -        adb        AGS3-L09   S2                 high
    → Android 10.1, battery 55 %; flash and run send it to its bootloader
`
	// Widths are a matter of taste; what is there, and in which order, is not.
	squeeze := func(s string) (lines []string) {
		for line := range strings.Lines(s) {
			indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
			lines = append(lines, indent+strings.Join(strings.Fields(line), " "))
		}
		return lines
	}
	if d := cmp.Diff(squeeze(want[1:]), squeeze(b.String())); d != "" {
		t.Error(d)
	}
	b.Reset()
	DrawTree(&b, nil, &usb.Bus{}, nil, nil)
	if b.Len() > 0 {
		t.Errorf("no USB: %q", b.String())
	}
}
