package target

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/adb"
	"github.com/zarya-station/zarya/internal/target/targettest"
	"github.com/zarya-station/zarya/usb"
)

// TestPortWithoutFastboot says why a tablet cannot be opened, by what is in its port.
func TestPortWithoutFastboot(t *testing.T) {
	s := newSysfs(t)
	s.Tablet("2", "SN", inADB)
	s.Tablet("3", "SN", inNormal)
	s.Tablet("4", "SN", inSystem)
	s.Put("1-5", "speed=480", "devnum=9")
	b := s.bench(nil)
	const keys = "power off, hold volume down, put the cable in"
	for chain, want := range map[string]string{
		"1": "cable: there is no tablet in port 1-1 → " + checkCable,
		"2": "operator: the tablet in port 1-2 runs Android → not in fastboot mode: " + keys,
		"3": "cable: the tablet in port 1-3 is in mode normal, not in fastboot → not in fastboot mode: " + keys,
		"4": "cable: the tablet in port 1-4 is in mode booted, not in fastboot → zarya run sends it to its bootloader; by hand: " + keys,
		"5": "cable: there is no tablet in port 1-5 → " + checkCable,
	} {
		if _, err := b.At(port(chain), nil).Fastboot(t.Context()); outcome(err) != want {
			t.Errorf("port %s: %q, not %q", chain, outcome(err), want)
		}
	}
	for chain, want := range map[string]string{
		"1": "cable: there is no tablet in port 1-1 → " + checkCable,
		"3": "cable: the tablet in port 1-3 is in mode normal, without a network interface → boot it, with developer mode and the USB network on",
	} {
		if _, err := b.At(port(chain), nil).Dial(t.Context(), 0); outcome(err) != want {
			t.Errorf("port %s: %q, not %q", chain, outcome(err), want)
		}
	}
	// What is seen is what is there now.
	s.Pull("3")
	s.Tablet("3", "SN", inFastboot)
	b.view.outdate()
	d, err := b.At(port("3"), nil).Device()
	if err != nil || d.Mode != usb.Fastboot {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestPortThatLies opens what sysfs shows and no bus has, and dials an interface that is
// not there: both are failures with a hint.
func TestPortThatLies(t *testing.T) {
	s := newSysfs(t)
	s.Tablet("1", "SN", inFastboot)
	s.Tablet("2", "SN", inSystem)
	s.Attributes(s.Root + "/bus/usb/devices/1-2/1-2:1.0/net/nosuch0")
	b := s.bench(nil)
	_, err := b.At(port("1"), nil).Fastboot(t.Context())
	class, _, _ := strings.Cut(outcome(err), ":")
	if f := flash.Classify(err); f.Hint == "" || class != "cable" && class != "station" {
		t.Errorf("%q", outcome(err))
	}
	_, err = b.At(port("2"), nil).Dial(t.Context(), 0)
	if got := outcome(err); !strings.HasPrefix(got, "cable: ") || !strings.Contains(got, "nosuch0") ||
		!strings.HasSuffix(got, "check that the tablet has booted, with developer mode on") {
		t.Errorf("%q", got)
	}
}

// TestWire hands the descriptor's serial on.
func TestWire(t *testing.T) {
	w := usbWire{serial: "SN"}
	var wire fastboot.Transport = w
	if d, ok := wire.(interface{ SerialNumber() string }); !ok || d.SerialNumber() != "SN" {
		t.Errorf("%v", ok)
	}
}

// TestUplink names one wire for all behind one port of the root hub, and another for
// those of another bus; a network target does not know its wire.
func TestUplink(t *testing.T) {
	b := NewBench(Options{})
	var got []string
	for _, p := range []usb.Port{port("1.1"), port("1.2.3"), port("1"), port("2"), {Controller: "pci-0000:05:00.0", Bus: 3, Chain: "1.1"}} {
		got = append(got, b.At(p, nil).Uplink())
	}
	if d := cmp.Diff([]string{"1-1", "1-1", "1-1", "1-2", "3-1"}, got); d != "" {
		t.Error(d)
	}
	if _, ok := Target(Network{}).(interface{ Uplink() string }); ok {
		t.Error("a network target names a wire")
	}
}

// TestAndroid reaches tablets that run Android, by their ports, through an adb server.
func TestAndroid(t *testing.T) {
	s := newSysfs(t)
	s.Tablet("1", "SN1", inADB)
	s.Tablet("2", "SN2", inADB)
	s.Tablet("3", "SN3", inADB)
	s.Tablet("4", "SN4", inFastboot)
	server := &targettest.ADBServer{List: "X device usb:1-1 transport_id:7\nX unauthorized usb:1-2 transport_id:8\n"}
	b := s.bench(nil)
	b.adb = adb.Server(server.Start(t))
	bus, err := b.Bus()
	must(t, err)
	var got []string
	all := b.AskAndroid(t.Context(), bus)
	for _, d := range bus.Tablets() {
		if i, ok := all[d.Port]; ok {
			got = append(got, fmt.Sprintf("%s %s %s %d %v", d.Port, i.Model, i.Build, i.Battery, i.Err))
		}
	}
	if d := cmp.Diff([]string{
		"1-1 AGS3-L09 10.1 55 <nil>",
		"1-2   -1 the tablet does not allow debugging from this computer: confirm it on the tablet's screen",
		"1-3   0 the adb server does not see the tablet in port 1-3",
	}, got); d != "" {
		t.Error(d)
	}
	running, err := b.At(port("1"), nil).Android(t.Context())
	if err != nil || running.Model != "AGS3-L09" || running.Build != "10.1" || running.Battery != 55 {
		t.Errorf("%+v, %v", running, err)
	}
	must(t, running.Bootloader(t.Context()))
	asked := server.Asked()
	if last := strings.Join(asked[len(asked)-2:], " "); last != "host:transport-id:7 reboot:bootloader" {
		t.Errorf("asked for %q", last)
	}
	_, err = b.At(port("3"), nil).Android(t.Context())
	const want = "operator: the adb server does not see the tablet in port 1-3 → power off, hold volume down, put the cable in"
	if outcome(err) != want {
		t.Errorf("%q", outcome(err))
	}
	if _, err = b.At(port("9"), nil).Android(t.Context()); outcome(err) != "cable: there is no tablet in port 1-9 → "+checkCable {
		t.Errorf("%q", outcome(err))
	}
	if !b.HasADB(t.Context()) {
		t.Error("the server is not found")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	b.adb = adb.Server(l.Addr().String())
	must(t, l.Close())
	if b.HasADB(t.Context()) {
		t.Error("a server is found where there is none")
	}
}
