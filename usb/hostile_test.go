// Descriptors of devices that mean harm, and words that nobody expects.

package usb

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// FuzzDescriptors is a device that says anything: what a scan gives is clean and bounded,
// and it is where it is plugged in.
func FuzzDescriptors(f *testing.F) {
	f.Add("SN\x1b[31m", "AGS3-L09", "fastboot", "ff", "5")
	f.Add("\u202e\u200bevil", strings.Repeat("x", 600), "", "", "-1")
	f.Add("a\nb\x00c", "\xff\xfe", "fastbootd\x9b", "1ff", "99999999999999999999")
	f.Fuzz(func(t *testing.T, serial, product, iface, class, number string) {
		s := newSysfs(t)
		s.put(xhci+"usb1", "speed=480", "maxchild="+number)
		s.must(os.Symlink(filepath.Join(s.root, "devices", xhci, "usb1"), filepath.Join(s.root, "bus/usb/devices/usb1")))
		d := xhci + "usb1/1-2"
		s.device(d, "serial="+serial, "product="+product, "manufacturer="+product, "idVendor="+number, "maxchild="+number, "bDeviceClass="+class)
		s.put(d+"/1-2:1.0", "bInterfaceNumber="+number, "bInterfaceClass="+class, "bInterfaceSubClass="+class, "bInterfaceProtocol="+class,
			"interface="+iface, "bNumEndpoints="+number)
		b := s.scan()
		if len(b.Devices) != 1 || len(b.Roots) != 1 || b.Devices[0].Port.Short() != "1-2" {
			t.Fatalf("%+v", b)
		}
		got := b.Devices[0]
		for _, text := range []string{got.Serial, got.Name, got.Manufacturer, got.Interfaces[0].Name, got.Model(), got.Service()} {
			if len(text) > maxString || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q is not clean", text)
			}
		}
		if got.HubPorts < 0 || got.Endpoints < 1 || b.Roots[0].HubPorts < 0 {
			t.Errorf("%+v", got)
		}
	})
}

// FuzzPath reads paths as udev writes them (ID_PATH): what is found is called so.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"pci-0000:00:14.0-usb-0:1.3", "usb:1-3", "1-3", "pci-0000:00:14.0-usb-0:1.3:1.0", "-usb-0:",
		"pci-0000:00:14.0-usb-0:1-usb-0:2", "platform-x-usb-0:1", "000001-1"} {
		f.Add(s)
	}
	b := &Bus{Roots: []Root{{Controller: "pci-0000:00:14.0", Bus: 1}, {Controller: "pci-0000:00:14.0", Bus: 2},
		{Controller: "platform-x", Bus: 3}}}
	f.Fuzz(func(t *testing.T, form string) {
		p, ok := b.Port(form)
		if !ok {
			return
		}
		again, ok := b.Port(p.Path())
		if !p.Matches(form) || !ok || again.Path() != p.Path() {
			t.Errorf("%q is %+v, which is %+v", form, p, again)
		}
	})
}

// FuzzNames reads a file of names: what is read can be written and read again, each name
// is that of one port, and finds it.
func FuzzNames(f *testing.F) {
	f.Add("A1 pci-0000:00:14.0-usb-0:1\n# comment\n\nB-2 platform-x-usb-0:1.3\n")
	f.Add("A1 x-usb-0:1\nA1 x-usb-0:1")
	f.Add("A1\tx-usb-0:1\r\na1 y-usb-0:1")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseNames("ports", text)
		if err != nil {
			return
		}
		file := filepath.Join(t.TempDir(), "ports")
		if err := n.Save(file); err != nil {
			t.Fatal(err)
		}
		again, err := LoadNames(file)
		if err != nil || len(again) != len(n) {
			t.Fatalf("%v, %v", again, err)
		}
		for path, name := range n {
			if again[path] != name || ValidName(name) != nil || n.Find(strings.ToLower(name)) != path {
				t.Errorf("%q is %q, and was %q", path, again[path], name)
			}
		}
	})
}

func TestWords(t *testing.T) {
	for speed, want := range map[Speed]string{0: "", 1: "low", FullSpeed: "full", HighSpeed: "high", SuperSpeed: "super", 10_000: "super"} {
		if got := speed.String(); got != want {
			t.Errorf("%d: %q", speed, got)
		}
	}
	for mode, want := range map[Mode]bool{Fastboot: true, Fastbootd: true, ADB: false, Booted: false, Service: false, "": false} {
		if mode.Flashing() != want {
			t.Errorf("%s flashes: %v", mode, !want)
		}
	}
	for _, d := range []Device{{Vendor: 0x0e8d, Product: 3, Mode: Service}, {Vendor: 0x0e8d, Product: 3, Mode: Fastboot}} {
		if got := d.Service(); (got == "MediaTek boot ROM") != (d.Mode == Service) || d.Mode != Service && got != "" {
			t.Errorf("%s: %q", d.Mode, got)
		}
	}
}

// TestPlaces: what is behind what, and in which order a person finds it.
func TestPlaces(t *testing.T) {
	root := Port{Controller: "pci-0000:00:14.0", Bus: 1}
	deep := root.Child(1).Child(3).Child(2)
	if deep.Short() != "1-1.3.2" || deep.String() != deep.Short() || deep.Uplink() != root.Child(1) || root.Short() != "" ||
		root.Path() != "" {
		t.Errorf("%+v", deep)
	}
	sorted := []Port{root.Child(1), root.Child(1).Child(2), deep, root.Child(1).Child(10), root.Child(2), root.Child(10),
		{Controller: "a", Bus: 2, Chain: "1"}, {Controller: "b", Bus: 2, Chain: "1"}}
	for i, p := range sorted {
		for j, q := range sorted {
			if got := p.Compare(q); got < 0 != (i < j) || got > 0 != (i > j) {
				t.Errorf("%s beside %s: %d", p, q, got)
			}
		}
	}
	for path, want := range map[string]string{
		"/sys/devices/pci0000:00/0000:00:14.0":   "pci-0000:00:14.0",
		"/sys/devices/platform/soc/fe980000.usb": "platform-soc",
		"/sys/devices/platform/fe980000.usb":     "platform-fe980000.usb",
		"/sys/devices/virtual/x":                 "other-x",
	} {
		if got := controller(path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// TestUnreadable: what cannot be read is an error, and never an empty bus.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "bus/usb"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bus/usb/devices"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := Scan(dir); err == nil {
		t.Errorf("%+v", b)
	}
	if n, err := LoadNames(dir); err == nil {
		t.Errorf("%+v", n)
	}
	if err := (Names{}).Save(filepath.Join(dir, "bus/usb/devices/ports")); err == nil {
		t.Error("saved below a file")
	}
}
