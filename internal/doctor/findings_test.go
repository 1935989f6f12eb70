// Each finding alone: what is so, how bad it is, and what helps.

package doctor

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/usb"
	"github.com/zarya-station/zarya/usb/libusb"
)

const one, two = "pci-0000:00:14.0", "pci-0000:05:00.0"

func at(controller string, bus int, chain string) usb.Port {
	return usb.Port{Controller: controller, Bus: bus, Chain: chain}
}

// write makes a file of the machine.
func (m *machine) write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(m.at(file)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.at(file), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestFindings changes one thing of a machine each and looks at what is found.
func TestFindings(t *testing.T) {
	tablet := func(chain string, mode usb.Mode, speed usb.Speed) usb.Device {
		return usb.Device{Port: at(one, 1, chain), Mode: mode, Speed: speed, Bus: 999, Address: 999}
	}
	usb2 := usb.Root{Controller: one, Bus: 1, Speed: 480}
	for _, test := range []struct {
		name   string
		change func(m *machine)
		look   func(m *machine) []Finding
		about  string
		want   string
	}{
		{"no USB", func(m *machine) { m.bus.Roots = nil }, (*machine).usb, "usb",
			"error this machine has no USB controller → use a machine with USB"},
		{"a fastboot that cannot be opened", func(m *machine) { m.bus.Devices = []usb.Device{tablet("1", usb.Fastboot, 480)} },
			(*machine).permissions, "1-1",
			"error cannot be used: /dev/bus/usb/999/999: no such file or directory → install packaging/70-zarya.rules"},
		{"Android needs no node", func(m *machine) { m.bus.Devices = []usb.Device{tablet("1", usb.ADB, 480)} }, (*machine).permissions, "1-1",
			""},
		{"all the memory there is", func(m *machine) { m.write(t, usbfsFile, "0\n") }, (*machine).usbMemory, "usbfs memory", "ok 0 MB"},
		{"no such setting", func(m *machine) { m.write(t, usbfsFile, "?\n") }, (*machine).usbMemory, "usbfs memory", ""},
		{"everyone may ping", func(m *machine) { m.write(t, pingFile, "0\t2147483647\n") }, (*machine).ping, "ping",
			"ok booted tablets can be found"},
		{"pings are not limited here", func(m *machine) { m.write(t, pingFile, "?\n") }, (*machine).ping, "ping", ""},
		{"locks for all", func(m *machine) {
			if err := os.RemoveAll(m.at(usb.LockDir)); err != nil {
				t.Error(err)
			}
		}, (*machine).locks, "locks", ""},
		{"locks for one", func(*machine) {}, (*machine).locks, "locks", "warning only one user can flash here: "},
		{"no scanner", func(*machine) {}, (*machine).scanner, "scanner", ""},
		{"a scanner that is away", func(m *machine) { m.Scanner = "/dev/input/by-path/none" }, (*machine).scanner, "scanner",
			"warning open /dev/input/by-path/none: no such file or directory → plug the scanner in"},
		{"a scanner that is none", func(m *machine) { m.Scanner = os.DevNull }, (*machine).scanner, "scanner",
			"warning /dev/null: it is no keyboard → name the scanner's keyboard, one of /dev/input/by-path/*-event-kbd"},
		{"files for all", func(*machine) {}, (*machine).files, "open files", "ok a process may have "},
		{"files for few", func(m *machine) { m.Tablets = 1 << 40 }, (*machine).files, "open files", "error a process may have "},
		{"no ledger", func(m *machine) { m.Ledger = "" }, (*machine).disk, "disk", ""},
		{"a slow hub, and what is behind it", func(m *machine) {
			hub := tablet("2", "", 12)
			hub.Hub = true
			m.bus.Devices = []usb.Device{hub, tablet("2.1", usb.Normal, 12)}
		}, (*machine).slowPorts, "1-2", "warning this hub, and all behind it, runs at 12 Mbit/s, but the port can do 480 → try another cable"},
		{"a slow tablet behind a fast hub", func(m *machine) {
			hub := tablet("2", "", 480)
			hub.Hub = true
			m.bus.Devices = []usb.Device{hub, tablet("2.1", usb.Normal, 12)}
		}, (*machine).slowPorts, "1-2.1", "warning this tablet runs at 12 Mbit/s"},
		{"a slow tablet in a slow hub", func(m *machine) {
			hub := tablet("2", "", 12)
			hub.Hub = true
			m.bus.Devices = []usb.Device{hub, tablet("2.1", usb.Normal, 12)}
		}, (*machine).slowPorts, "1-2.1", ""},
		{"slow on a bus that is not known", func(m *machine) { m.bus.Roots, m.bus.Devices = nil, []usb.Device{tablet("2", usb.Normal, 12)} },
			(*machine).slowPorts, "1-2", ""},
		{"a keyboard is slow by right", func(m *machine) { m.bus.Devices = []usb.Device{tablet("2", "", 1)} }, (*machine).slowPorts, "1-2", ""},
		{"too much power", func(m *machine) {
			m.write(t, "/sys/devices/usb1/1-0:1.0/usb1-port2/over_current_count", "3\n")
			link := m.at("/sys/bus/usb/devices/1-0:1.0")
			if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
				t.Error(err)
			}
			if err := os.Symlink(m.at("/sys/devices/usb1/1-0:1.0"), link); err != nil {
				t.Error(err)
			}
		}, (*machine).overCurrent, "usb1", "warning port 2 switched off 3 times because too much power was drawn → give the hub its own"},
		{"a tablet that types", func(m *machine) { m.named("1.3", "A3").plug(keyboard("1.3", "x\x1b")) }, (*machine).keyboards, "A3",
			`warning "x\x1b" acts as a keyboard in a port for tablets → unplug it: what it types`},
		{"a keyboard without a name", func(m *machine) { m.plug(keyboard("1.3", ""), tablet("1.4", usb.Fastboot, 480)) }, (*machine).keyboards,
			"1-1.3",
			`warning "1a2c:0042" acts as a keyboard`},
		{"a keyboard beside a port with a name", func(m *machine) { m.named("1.4", "A4").plug(keyboard("1.3", "k")) }, (*machine).keyboards,
			"1-1.3", `warning "k" acts as a keyboard`},
		{"a keyboard elsewhere", func(m *machine) { m.named("1.4", "A4").plug(keyboard("2.3", "k"), tablet("1.4", usb.Fastboot, 480)) },
			(*machine).keyboards, "1-2.3", ""},
		{"a keyboard in the machine itself", func(m *machine) { m.named("1.4", "A4").plug(keyboard("3", "k"), tablet("4", usb.Fastboot, 480)) },
			(*machine).keyboards, "1-3", ""},
		{"a mouse types nothing", func(m *machine) {
			mouse := keyboard("1.3", "m")
			mouse.Interfaces[0].Protocol = 2
			m.named("1.3", "A3").plug(mouse)
		}, (*machine).keyboards, "A3", ""},
		{"the station's scanner", func(m *machine) {
			m.Scanner = "/dev/input/by-path/" + at(one, 1, "1.3").Path() + ":1.0-event-kbd"
			m.named("1.4", "A4").plug(keyboard("1.3", "k"))
		}, (*machine).keyboards, "1-1.3", ""},
		{"one controller for two", func(m *machine) {
			m.Size, m.bus.Devices = 4_000_000_000, []usb.Device{tablet("1.1", usb.Normal, 480), tablet("1.2", usb.Normal, 480)}
		}, (*machine).uplinks, "1-1", "ok 1-1.1, 1-1.2 share one uplink (39 MB/s), 4.00 GB each: at most 35 tablets an hour → a second " +
			"controller would take 1 of them"},
		{"the other controller is as full", func(m *machine) {
			m.bus.Roots = append(m.bus.Roots, usb.Root{Controller: two, Bus: 3, Speed: 480})
			m.Size, m.bus.Devices = 4_000_000_000, []usb.Device{tablet("1.1", usb.Normal, 480), tablet("1.2", usb.Normal, 480),
				{Port: at(two, 3, "1"), Mode: usb.Normal, Speed: 480}}
		}, (*machine).uplinks, "1-1", "ok 1-1.1, 1-1.2 share one uplink (39 MB/s), 4.00 GB each: at most 35 tablets an hour → "},
		{"a wire of its own", func(m *machine) {
			m.Size, m.bus.Devices = 9_000_000_000_000, []usb.Device{tablet("3", usb.Normal, 5000)}
		},
			(*machine).uplinks, "1-3", "ok 1-3 has a USB link of its own (350 MB/s), 9000.00 GB each: at most 0.1 tablets an hour → "},
		{"full speed", func(m *machine) { m.bus.Devices = []usb.Device{tablet("3", usb.Normal, 12)} }, (*machine).uplinks, "1-3",
			"ok 1-3 has a USB link of its own (1 MB/s) → "},
	} {
		t.Run(test.name, func(t *testing.T) {
			if !libusb.Available && (test.about == "usb" || strings.HasPrefix(test.want, "error cannot")) {
				t.Skip("built without cgo: it is the only obstacle")
			}
			m := fakeMachine(t)
			m.bus.Roots = []usb.Root{usb2}
			test.change(m)
			got := says(test.look(m), test.about)
			if test.want == "" && got != "" || !strings.HasPrefix(got, test.want) || strings.HasSuffix(test.want, "→ ") && got != test.want {
				t.Errorf("%q, not %q", got, test.want)
			}
		})
	}
}

// keyboard is one in a port.
func keyboard(chain, name string) usb.Device {
	return usb.Device{Port: at(one, 1, chain), Vendor: 0x1a2c, Product: 0x42, Name: name,
		Interfaces: []usb.Interface{{Class: 3, SubClass: 1, Protocol: 1}}}
}

func (m *machine) named(chain, name string) *machine {
	m.names = usb.Names{at(one, 1, chain).Path(): name}
	return m
}

func (m *machine) plug(devices ...usb.Device) { m.bus.Devices = append(m.bus.Devices, devices...) }

// TestADBServer misses one only if a tablet needs it.
func TestADBServer(t *testing.T) {
	for _, test := range []struct {
		mode   usb.Mode
		server bool
		want   string
	}{
		{usb.ADB, false, "warning tablets run Android, and no adb server is running to send them to their bootloaders → adb start-server"},
		{usb.ADB, true, ""},
		{usb.Fastboot, false, ""},
	} {
		m := fakeMachine(t)
		m.bus.Devices = []usb.Device{{Port: at(one, 1, "1"), Mode: test.mode}}
		m.hasADB = func(context.Context) bool { return test.server }
		if got := says(m.adbServer(t.Context()), "adb"); got != test.want {
			t.Errorf("%s, server %v: %q", test.mode, test.server, got)
		}
	}
}

func TestRoom(t *testing.T) {
	const remedy = " → make room: flashing stops when the ledger cannot be written"
	for free, want := range map[int64]string{
		3 << 30: "ok 3.22 GB is free for the ledger in /x → ", 1 << 30: "warning 1.07 GB is free for the ledger in /x" + remedy,
		1 << 20: "error 1 MB is free for the ledger in /x" + remedy,
	} {
		if got := says([]Finding{room(free, "/x")}, "disk"); got != want {
			t.Errorf("%d: %q, not %q", free, got, want)
		}
	}
}

func TestFiles(t *testing.T) {
	for limit, want := range map[int64]string{
		0:   "", // not known
		151: "error a process may have 151, and needs 152 (tablets: 16) → raise the limit: ulimit -n 4096; LimitNOFILE= in a unit of systemd",
		152: "ok a process may have 152, and needs 152 (tablets: 16) → ",
	} {
		if got := says(enoughFiles(limit, 152, 16), "open files"); got != want {
			t.Errorf("%d: %q, not %q", limit, got, want)
		}
	}
}

func TestTime(t *testing.T) {
	now := time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		now           time.Time
		synced, known bool
		want          string
	}{
		{now, true, true, "ok 2026-11-05T12:00:00Z → "},
		{now, false, false, "ok 2026-11-05T12:00:00Z → "},
		{now, false, true, "warning the clock is not synchronised → timedatectl set-ntp true"},
		{time.Unix(0, 0).UTC(), true, true,
			"error it is not 1970-01-01: records would have a wrong time → set the clock: timedatectl set-ntp true"},
	} {
		if got := says([]Finding{timeIs(test.now, test.synced, test.known)}, "clock"); got != test.want {
			t.Errorf("%q, not %q", got, test.want)
		}
	}
}

// TestExamine looks at this machine, and at a bus that cannot be read.
func TestExamine(t *testing.T) {
	bench := target.NewBench(target.Options{Sysfs: t.TempDir()})
	defer bench.Close()
	list, err := Examine(t.Context(), bench, Question{})
	if err != nil || says(list, "usb") == "" || says(list, "clock") == "" || says(list, "disk") != "" {
		t.Errorf("%+v, %v", list, err)
	}
	for _, f := range list {
		if text, err := json.Marshal(f); err != nil || !strings.HasPrefix(string(text), `{"level":"`+string(f.Level)+`","about":"`) {
			t.Errorf("%s, %v", text, err)
		}
		if f.Fix == "" && f.Mend() == nil {
			t.Errorf("%s was mended, and nothing can be done", f.About)
		}
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "bus"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := target.NewBench(target.Options{Sysfs: folder})
	defer broken.Close()
	_, err = Examine(t.Context(), broken, Question{})
	if kind, _ := problem.KindOf(err); kind != problem.Station {
		t.Error(err)
	}
}
