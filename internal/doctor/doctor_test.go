package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/packaging"
	"github.com/zarya-station/zarya/usb"
)

// fakeMachine is a folder like / with what doctor reads.
func fakeMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{root: t.TempDir(), bus: &usb.Bus{}, names: usb.Names{},
		Question: Question{Tablets: 1, Ledger: filepath.Join(t.TempDir(), "not/yet/ledger.db")}}
	for file, text := range map[string]string{usbfsFile: "16\n", pingFile: "1\t0\n", "/etc/udev/rules.d/99-other.rules": "",
		"/proc/7/comm": "ModemManager\n"} {
		if err := os.MkdirAll(filepath.Dir(m.at(file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(m.at(file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(m.at(usb.LockDir), 0o755); err != nil { // made by root, before there was a care for others
		t.Fatal(err)
	}
	return m
}

// says joins all findings of one subject.
func says(list []Finding, about string) string {
	var all []string
	for _, f := range list {
		if f.About == about {
			all = append(all, string(f.Level)+" "+f.Says+" → "+f.Remedy)
		}
	}
	return strings.Join(all, "\n")
}

func TestDoctor(t *testing.T) {
	m := fakeMachine(t)
	const first, second = "pci-0000:00:14.0", "pci-0000:05:00.0"
	m.bus.Roots = []usb.Root{{Controller: first, Bus: 1, Speed: 480, HubPorts: 6}, {Controller: second, Bus: 3, Speed: 480, HubPorts: 4}}
	hub := usb.Port{Controller: first, Bus: 1, Chain: "1"}
	m.bus.Devices = []usb.Device{{Port: hub, Hub: true, HubPorts: 8, Speed: 480, Endpoints: 2, Kernel: "1-1"}}
	for n := 1; n <= 8; n++ {
		p := hub.Child(n)
		m.names[p.Path()] = "A" + p.Chain[2:]
		m.bus.Devices = append(m.bus.Devices, usb.Device{Port: p, Mode: usb.Normal, Speed: 480, Endpoints: 12, Suspends: n == 8,
			Kernel: "1-1." + p.Chain[2:]})
	}
	slow := usb.Port{Controller: first, Bus: 1, Chain: "4"}
	m.bus.Devices = append(m.bus.Devices, usb.Device{Port: slow, Mode: usb.Normal, Speed: 12, Endpoints: 3})
	m.Tablets, m.Size = 30, 4_100_000_000
	list := m.examine(t.Context())
	for about, want := range map[string]string{
		"1-1": "ok A1, A2, A3, A4, A5, A6, A7, A8 share one uplink (39 MB/s), 4.10 GB each: at most 34 tablets an hour → move 4 of " +
			"them to another controller",
		"1-4":          "this tablet runs at 12 Mbit/s, but the port can do 480 → try another cable",
		first:          "10 devices use 101 endpoints; many controllers support only 96",
		"A8":           "the kernel may put this tablet to sleep",
		"usbfs memory": "warning 16 MB in all, but 40 MB are needed at full speed (tablets: 30)",
		"rules":        "warning the udev rule is missing or outdated",
		"ping":         "warning this user may not ping",
		"locks":        "warning only one user can flash here",
		"ModemManager": "it tries whatever is plugged in",
		"disk":         "is free for the ledger in " + filepath.Dir(filepath.Dir(filepath.Dir(m.Ledger))),
	} {
		if got := says(list, about); !strings.Contains(got, want) {
			t.Errorf("%s: %q does not say %q", about, got, want)
		}
	}
	// What can be mended is mended, and not found again.
	for _, f := range list {
		if f.Fix == "" {
			continue
		}
		if f.About == "A8" { // there is no such folder here
			if err := os.MkdirAll(m.at("/sys/bus/usb/devices/1-1.8/power"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Mend(); err != nil {
			t.Errorf("%s: %v", f.Fix, err)
		}
	}
	list = m.examine(t.Context())
	for about, want := range map[string]string{"usbfs memory": "ok 40 MB", "rules": "ok the udev rule is installed", "ping": "ok "} {
		if got := says(list, about); !strings.Contains(got, want) {
			t.Errorf("%s after --fix: %q does not say %q", about, got, want)
		}
	}
	if got, err := os.ReadFile(m.at(rulesFile)); err != nil || string(got) != string(packaging.Rules) {
		t.Errorf("the rule is %q, %v", got, err)
	}
	if got := says(list, "ModemManager"); got != "" {
		t.Error(got)
	}
}
