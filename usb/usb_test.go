// Ports, modes and trees, over folders made like Linux's.

package usb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sysfs is a folder like /sys.
type sysfs struct {
	t    *testing.T
	root string
}

func newSysfs(t *testing.T) sysfs {
	s := sysfs{t, t.TempDir()}
	s.must(os.MkdirAll(filepath.Join(s.root, "bus/usb/devices"), 0o755))
	return s
}

func (s sysfs) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// put makes a folder under devices/ with attributes, "name=value" each.
func (s sysfs) put(path string, attributes ...string) string {
	s.t.Helper()
	at := filepath.Join(s.root, "devices", path)
	s.must(os.MkdirAll(at, 0o755))
	for _, a := range attributes {
		name, value, _ := strings.Cut(a, "=")
		s.must(os.WriteFile(filepath.Join(at, name), []byte(value+"\n"), 0o644))
	}
	return at
}

// device makes a device and its link.
func (s sysfs) device(path string, attributes ...string) {
	s.t.Helper()
	at := s.put(path, append([]string{"devnum=5", "speed=480"}, attributes...)...)
	s.must(os.Symlink(at, filepath.Join(s.root, "bus/usb/devices", filepath.Base(path))))
}

func (s sysfs) iface(device string, n int, class, sub, protocol int, attributes ...string) {
	s.t.Helper()
	s.put(fmt.Sprintf("%s/%s:1.%d", device, filepath.Base(device), n), append(attributes, fmt.Sprintf("bInterfaceNumber=%02x", n),
		fmt.Sprintf("bInterfaceClass=%02x", class), fmt.Sprintf("bInterfaceSubClass=%02x", sub),
		fmt.Sprintf("bInterfaceProtocol=%02x", protocol))...)
}

func (s sysfs) scan() *Bus {
	s.t.Helper()
	b, err := Scan(s.root)
	s.must(err)
	return b
}

const xhci = "pci0000:00/0000:00:14.0/"

func TestScan(t *testing.T) {
	s := newSysfs(t)
	s.put(xhci+"usb1", "speed=480")
	s.device(xhci+"usb1/1-1", "bDeviceClass=09", "maxchild=8")
	for _, chain := range []string{"1.11", "1.1", "1.2"} {
		d := xhci + "usb1/1-1/1-" + chain
		s.device(d, "idVendor=18d1", "idProduct=d00d", "serial=SN\x1b[31m"+chain, "product=AGS3-L09")
		s.iface(d, 0, 0xff, 0x42, 3, "interface=fastboot")
	}
	s.device(xhci+"usb1/1-1/1-1.3", "bDeviceClass=09", "maxchild=4")
	s.device(xhci+"usb1/1-1/1-1.3/1-1.3.2", "idVendor=0525", "idProduct=a4a2")
	s.iface(xhci+"usb1/1-1/1-1.3/1-1.3.2", 0, 2, 6, 0)
	s.put(xhci + "usb1/1-1/1-1.3/1-1.3.2/1-1.3.2:1.0/net/usb0")
	b := s.scan()
	var got []string
	for _, d := range b.Devices {
		got = append(got, fmt.Sprintf("%s %s %s %q %q %s", d.Port.Short(), d.Port.Path(), d.Mode, d.Serial, d.Model(), d.Net()))
	}
	want := []string{
		`1-1 pci-0000:00:14.0-usb-0:1  "" "" `,
		`1-1.1 pci-0000:00:14.0-usb-0:1.1 fastboot "SN[31m1.1" "AGS3-L09" `,
		`1-1.2 pci-0000:00:14.0-usb-0:1.2 fastboot "SN[31m1.2" "AGS3-L09" `,
		`1-1.3 pci-0000:00:14.0-usb-0:1.3  "" "" `,
		`1-1.3.2 pci-0000:00:14.0-usb-0:1.3.2 booted "" "" usb0`,
		`1-1.11 pci-0000:00:14.0-usb-0:1.11 fastboot "SN[31m1.11" "AGS3-L09" `,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if n := len(b.Tablets()); n != 4 {
		t.Errorf("%d tablets", n)
	}
	if b, err := Scan(t.TempDir()); err != nil || len(b.Devices) > 0 {
		t.Errorf("a machine without USB: %v, %v", b, err)
	}
}

// TestEmptyPort finds a port with nothing in it, by both of its forms.
func TestEmptyPort(t *testing.T) {
	b := &Bus{Roots: []Root{{Controller: "pci-0000:00:14.0", Bus: 1}, {Controller: "pci-0000:00:14.0", Bus: 2}}}
	want := Port{Controller: "pci-0000:00:14.0", Bus: 1, Chain: "3.2"}
	for _, form := range []string{"1-3.2", "usb:1-3.2", "pci-0000:00:14.0-usb-0:3.2"} {
		if got, ok := b.Port(form); !ok || got != want {
			t.Errorf("%s: %+v, %v", form, got, ok)
		}
	}
	for _, form := range []string{"9-1", "pci-0000:00:15.0-usb-0:1", "pci-0000:00:14.0-usb-0:x", "A3", ""} {
		if got, ok := b.Port(form); ok {
			t.Errorf("%s: %+v", form, got)
		}
	}
}

// TestPeers finds the one port behind two buses.
func TestPeers(t *testing.T) {
	s := newSysfs(t)
	s.put(xhci+"usb1", "speed=480")
	s.put(xhci+"usb2", "speed=5000")
	peer := func(from, to string) {
		at := s.put(xhci + from)
		s.must(os.Symlink(s.put(xhci+to), filepath.Join(at, "peer")))
	}
	peer("usb2/2-0:1.0/usb2-port1", "usb1/1-0:1.0/usb1-port5")
	peer("usb2/2-1/2-1:1.0/2-1-port3", "usb1/1-5/1-5:1.0/1-5-port4")
	s.device(xhci+"usb2/2-1", "bDeviceClass=09", "speed=5000")
	s.device(xhci+"usb2/2-1/2-1.3", "speed=5000")
	s.device(xhci+"usb1/1-5", "bDeviceClass=09")
	s.device(xhci + "usb1/1-5/1-5.4")
	b := s.scan()
	ports := map[Port]int{}
	for _, d := range b.Devices {
		ports[d.Port]++
	}
	want := map[Port]int{{"pci-0000:00:14.0", 1, "5"}: 2, {"pci-0000:00:14.0", 1, "5.4"}: 2}
	if d := cmp.Diff(want, ports); d != "" {
		t.Error(d)
	}
}

// TestModes tells modes by interfaces, whatever the numbers are.
func TestModes(t *testing.T) {
	type i = [3]uint8
	for _, c := range []struct {
		vendor, product uint16
		name            string
		interfaces      []i
		want            Mode
	}{
		{0x12d1, 0x107e, "", []i{{0x06, 1, 1}}, Normal},
		{0x12d1, 0x107e, "", []i{{0x06, 1, 1}, {0xff, 0x42, 1}}, ADB},
		{0x12d1, 0x107e, "", []i{{0xff, 0x48, 1}}, Normal},
		{0x18d1, 0xd00d, "fastboot", []i{{0xff, 0x42, 3}}, Fastboot},
		{0x1234, 0x0001, "", []i{{0xff, 0x42, 3}}, Fastboot},
		{0x18d1, 0x4ee0, "fastbootd", []i{{0xff, 0x42, 3}}, Fastbootd},
		{0x0525, 0xa4a2, "", []i{{2, 6, 0}, {0x0a, 0, 0}}, Booted},
		{0x0525, 0xa4a2, "", []i{{0xe0, 1, 3}, {0x0a, 0, 0}}, Booted},
		{0x18d1, 0x4ee4, "", []i{{0xe0, 1, 3}, {0x0a, 0, 0}, {0xff, 0x42, 1}}, ADB},
		{0x12d1, 0x3609, "", []i{{0xff, 0, 0}}, Service},
		{0x0e8d, 0x2000, "", []i{{2, 2, 1}, {0x0a, 0, 0}}, Service},
		{0x05c6, 0x9008, "", nil, Service},
		{0x05c6, 0x9008, "", []i{{0xff, 0x42, 3}}, Fastboot}, // a number is not a mode
		{0x046d, 0xc31c, "", []i{{3, 1, 1}}, ""},
		{0x18d1, 0xd00d, "", []i{{8, 6, 0x50}}, ""},
	} {
		d := Device{Vendor: c.vendor, Product: c.product}
		for n, x := range c.interfaces {
			d.Interfaces = append(d.Interfaces, Interface{Number: n, Class: x[0], SubClass: x[1], Protocol: x[2], Name: c.name})
		}
		if got := modeOf(&d); got != c.want {
			t.Errorf("%04x:%04x %v: %q, not %q", c.vendor, c.product, c.interfaces, got, c.want)
		}
	}
}

func TestMatches(t *testing.T) {
	p := Port{"pci-0000:00:14.0", 1, "1.11"}
	for pattern, want := range map[string]bool{
		"1-1.11": true, "usb:1-1.11": true, "1-1.1": false, "1-1.1.1": false, "1-1.*": true, "1-*": false, "1-**": true,
		"*-1.11": true, "**": false, "1-1.1*": true, "1-*.11": true, "pci-0000:00:14.0-usb-0:1.11": true, "pci-0000:00:14.0-usb-0:*.11": true,
		"2-1.11":  false,
		"1-1.*.*": false, "": false,
	} {
		if got := p.Matches(pattern); got != want {
			t.Errorf("%q: %v", pattern, got)
		}
	}
}

func FuzzParseShort(f *testing.F) {
	for _, s := range []string{"1-1.3.2", "usb:2-4", "1-0", "1-1..2", "0-1", "1-256", "1-+1", "01-1", "000001-1", "-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		bus, chain, err := ParseShort(s)
		if err != nil {
			return
		}
		p := Port{Bus: bus, Chain: chain}
		b, c, err := ParseShort(p.Short())
		if err != nil || b != bus || c != chain || !p.Matches(p.Short()) {
			t.Fatalf("%q became %q: %v", s, p.Short(), err)
		}
	})
}

func TestKnown(t *testing.T) {
	for model, want := range map[string]string{
		"AGS3-L09": "MatePad T 10s", "AGS2-W09": "MediaPad T5", "AGS2-W09HN": "", "AGS": "", "AGS9-L09": "", "": "",
	} {
		if got, _ := Known(model); got.Name != want {
			t.Errorf("%q: %q", model, got.Name)
		}
	}
}

func TestNames(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config", "ports")
	n, err := LoadNames(file)
	if err != nil {
		t.Fatal(err)
	}
	const one, two = "pci-0000:00:14.0-usb-0:1.1", "pci-0000:00:14.0-usb-0:1.2"
	if err := errors.Join(n.Set(one, "A1"), n.Set(two, "A2"), n.Save(file)); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{{two, "A1"}, {two, "a1"}, {two, "1-1"}, {"1-1.2", "B"}, {two, "a b"}} {
		if n.Set(c[0], c[1]) == nil {
			t.Errorf("%q is named %q", c[0], c[1])
		}
	}
	again, err := LoadNames(file)
	if err != nil || !cmp.Equal(n, again) || again.Find("a2") != two || again.Find("A9") != "" {
		t.Errorf("%v, %v", again, err)
	}
	if err := n.Set(one, ""); err != nil || n.Find("A1") != "" {
		t.Error(err)
	}
	if _, err := parseNames("f", "A1 "+one+"\nA1 "+two); err == nil || !strings.Contains(err.Error(), "f:2: A1 is the name of") {
		t.Error(err)
	}
}

// TestHolders finds the processes that have a node open, and names them cleanly.
func TestHolders(t *testing.T) {
	proc := t.TempDir()
	for id, comm := range map[string]string{"12": "adb\n", "13": "ev\x1bil\n", fmt.Sprint(os.Getpid()): "zarya\n"} {
		dir := filepath.Join(proc, id)
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, "fd"), 0o755), os.WriteFile(filepath.Join(dir, "comm"), []byte(comm), 0o644),
			os.Symlink("/dev/bus/usb/001/005", filepath.Join(dir, "fd", "7")), os.Symlink("/dev/null", filepath.Join(dir, "fd", "0"))); err != nil {
			t.Fatal(err)
		}
	}
	d := Device{Bus: 1, Address: 5}
	if diff := cmp.Diff([]string{"adb (process 12)", "evil (process 13)"}, Holders(proc, d.Node())); diff != "" {
		t.Error(diff)
	}
	if got := Holders(proc, "/dev/bus/usb/001/006"); got != nil {
		t.Error(got)
	}
}

// TestOverCurrents reads root hubs and hubs.
func TestOverCurrents(t *testing.T) {
	s := newSysfs(t)
	s.put(xhci+"usb1", "speed=480", "maxchild=4")
	s.must(os.Symlink(filepath.Join(s.root, "devices", xhci, "usb1/1-0:1.0"), filepath.Join(s.root, "bus/usb/devices/1-0:1.0")))
	s.put(xhci+"usb1/1-0:1.0/usb1-port2", "over_current_count=3")
	s.put(xhci+"usb1/1-0:1.0/usb1-port3", "over_current_count=0")
	s.must(os.Symlink(filepath.Join(s.root, "devices", xhci, "usb1"), filepath.Join(s.root, "bus/usb/devices/usb1")))
	s.must(os.Symlink(filepath.Join(s.root, "devices", xhci, "usb1/1-1/1-1:1.0"), filepath.Join(s.root, "bus/usb/devices/1-1:1.0")))
	s.put(xhci+"usb1/1-1/1-1:1.0/1-1-port7", "over_current_count=1")
	list, err := OverCurrents(s.root)
	if diff := cmp.Diff([]OverCurrent{{"usb1", 2, 3}, {"1-1", 7, 1}}, list); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if roots := s.scan().Roots; len(roots) != 1 || roots[0] != (Root{Controller: "pci-0000:00:14.0", Bus: 1, Speed: HighSpeed, HubPorts: 4}) {
		t.Errorf("%+v", roots)
	}
}
