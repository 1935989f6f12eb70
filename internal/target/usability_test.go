package target

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/adb"
	"github.com/zarya-station/zarya/usb"
	"github.com/zarya-station/zarya/usb/libusb"
)

// TestUsability says what to do in each mode.
func TestUsability(t *testing.T) {
	const model = "AGS3-L09"
	known, ok := usb.Known(model)
	if !ok || known.Keys == "" {
		t.Fatal("the device table has no " + model)
	}
	for _, test := range []struct {
		name   string
		device usb.Device
		want   string
	}{
		{"booted", usb.Device{Mode: usb.Booted}, ""},
		{"normal", usb.Device{Mode: usb.Normal}, "not in fastboot mode: power off, hold volume down, put the cable in"},
		{"a known model", usb.Device{Mode: usb.ADB, Name: model}, "not in fastboot mode: " + known.Keys},
		{"service", usb.Device{Mode: usb.Service, Vendor: 0x05c6, Product: 0x9008},
			"Qualcomm emergency download (EDL): hold the power button until the tablet restarts; nothing is written in this mode"},
	} {
		if got := Usability(test.device); got != test.want {
			t.Errorf("%s: %q, not %q", test.name, got, test.want)
		}
	}
	gone := usb.Device{Mode: usb.Fastboot, Bus: 999, Address: 999}
	want := gone.Node() + ": no such file or directory: " + udevRule
	if !libusb.Available {
		want = "this zarya was built without cgo: use the one with USB"
	}
	if got := Usability(gone); got != want {
		t.Errorf("fastboot: %q, not %q", got, want)
	}
}

// TestAccess looks at the node and at who has it, on a machine made for it.
func TestAccess(t *testing.T) {
	if !libusb.Available {
		t.Skip("built without cgo: no device can be used, whatever its node is like")
	}
	root := t.TempDir()
	d := usb.Device{Mode: usb.Fastboot, Bus: 1, Address: 5, Interfaces: []usb.Interface{{}}}
	if obstacle, remedy := access(root, d); obstacle != d.Node()+": no such file or directory" || remedy != udevRule {
		t.Errorf("%q, %q", obstacle, remedy)
	}
	node := filepath.Join(root, d.Node())
	must(t, errors.Join(os.MkdirAll(filepath.Dir(node), 0o755), os.WriteFile(node, nil, 0o600)))
	if obstacle, remedy := access(root, d); obstacle != "" || remedy != "" {
		t.Errorf("%q, %q", obstacle, remedy)
	}
	if os.Geteuid() != 0 { // root may use everything
		must(t, os.Chmod(node, 0))
		if obstacle, _ := access(root, d); obstacle != d.Node()+": permission denied" {
			t.Errorf("%q", obstacle)
		}
	}
	d.Interfaces[0].Driver = "usbfs"
	if obstacle, remedy := access(root, d); obstacle != "another program uses it" || remedy != endOther {
		t.Errorf("%q, %q", obstacle, remedy)
	}
	proc := filepath.Join(root, "proc/12")
	must(t, errors.Join(os.MkdirAll(proc+"/fd", 0o755), os.WriteFile(proc+"/comm", []byte("adb\n"), 0o644),
		os.Symlink(d.Node(), proc+"/fd/3")))
	if obstacle, _ := access(root, d); obstacle != "another program uses it: adb (process 12)" {
		t.Errorf("%q", obstacle)
	}
}

// TestInAndroidHint says what an adb server reports, or how a person does without.
func TestInAndroidHint(t *testing.T) {
	d := usb.Device{Mode: usb.ADB}
	keys := Usability(d)
	for _, test := range []struct {
		in   InAndroid
		want string
	}{
		{InAndroid{Facts: adb.Facts{Build: "10.1", Battery: 55}}, "Android 10.1, battery 55 %; flash and run send it to its bootloader"},
		{InAndroid{Facts: adb.Facts{Build: "10.1", Battery: -1}}, "Android 10.1; flash and run send it to its bootloader"},
		{InAndroid{Err: fmt.Errorf("x: %w", adb.ErrNoServer)}, keys + "; or start an adb server (adb start-server), and flash and run do it"},
		{InAndroid{Err: errors.New("not allowed")}, "not allowed; or: " + keys},
	} {
		if got := test.in.Hint(d); got != test.want {
			t.Errorf("%+v: %q, not %q", test.in, got, test.want)
		}
	}
}

// TestUSBFailure gives each of libusb's errors its class and what to do.
func TestUSBFailure(t *testing.T) {
	for kind, want := range map[libusb.Kind]string{
		libusb.Permission:  "station → " + udevRule,
		libusb.Busy:        "station → " + endOther,
		libusb.Unavailable: "station → use a zarya that was built with cgo, on a machine with USB",
		libusb.NotFastboot: "device → bring the tablet into fastboot mode",
		libusb.Wedged:      "timeout → hold the power button until the tablet restarts, check the cable, try again",
		libusb.Gone:        "cable → " + checkCable,
	} {
		cause := &libusb.Error{Kind: kind, Node: "/dev/bus/usb/999/999"}
		err := usbFailure(fmt.Errorf("open: %w", cause))
		class, rest, _ := strings.Cut(outcome(err), ": ")
		_, hint, _ := strings.Cut(rest, " → ")
		if got := class + " → " + hint; got != want || !errors.Is(err, cause) {
			t.Errorf("kind %d: %q, not %q", kind, got, want)
		}
	}
	if plain := errors.New("x"); usbFailure(plain) != plain { //nolint:errorlint // the very same
		t.Error("another error is changed")
	}
}
