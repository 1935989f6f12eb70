// Each step on a tablet in memory: what it does, that it reads back, that it does nothing
// where there is nothing to do, and what it says where it cannot.

package provision

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/flash"
)

const noPackage = "rpm -q --qf %{VERSION} census"

// stepCases has for each step a tablet that lacks it, and how the tablet must be after.
var stepCases = []struct {
	name   string
	step   func() flash.Step
	device func() *memoryDevice
	files  map[string]string // afterwards; "" is a file that is gone
	links  map[string]string // afterwards
	ran    string            // a command that must have been run
}{
	{name: "hostname", step: func() flash.Step { return Hostname(Literal("kiosk-1")) },
		device: func() *memoryDevice { return newDevice(map[string]string{"/etc/hostname": "sailfish\n"}) },
		files:  map[string]string{"/etc/hostname": "kiosk-1\n"}},
	{name: "timezone", step: func() flash.Step { return Timezone(Literal("Europe/Moscow")) },
		device: func() *memoryDevice { return newDevice(map[string]string{zoneinfo + "Europe/Moscow": "TZif"}) },
		links:  map[string]string{localtime: zoneinfo + "Europe/Moscow"}},
	{name: "clock", step: func() flash.Step { return Clock(time.Minute) },
		device: func() *memoryDevice {
			d := newDevice(nil)
			set := "date -u -s @946684800" // the bubble's time
			d.programs["date -u +%s"], d.programs[set], d.programs["hwclock -w -u"] = Output{Stdout: "0\n"}, Output{}, Output{}
			d.run = func(line string, d *memoryDevice) {
				if line == set {
					d.programs["date -u +%s"] = Output{Stdout: "946684799\n"}
				}
			}
			return d
		}, ran: "hwclock -w -u"},
	{name: "clock without one that runs while it is off", step: func() flash.Step { return Clock(time.Minute) },
		device: func() *memoryDevice {
			d := newDevice(nil)
			set := "date -u -s @946684800"
			d.programs["date -u +%s"], d.programs[set] = Output{Stdout: "946684861\n"}, Output{}
			d.run = func(line string, d *memoryDevice) {
				if line == set {
					d.programs["date -u +%s"] = Output{Stdout: "946684860\n"} // a minute ahead, and no more
				}
			}
			return d
		}, ran: "hwclock -w -u"},
	{name: "link", step: func() flash.Step { return Link("/etc/kiosk.conf", Literal("/etc/census/kiosk.conf")) },
		device: func() *memoryDevice { return newDevice(nil) },
		links:  map[string]string{"/etc/kiosk.conf": "/etc/census/kiosk.conf"}},
	{name: "locale keeps other lines", step: func() flash.Step { return Locale(Literal("ru_RU.UTF-8")) },
		device: func() *memoryDevice { return newDevice(map[string]string{localeFile: "LANG=en_GB.utf8\nLC_TIME=C\n"}) },
		files:  map[string]string{localeFile: "LANG=ru_RU.UTF-8\nLC_TIME=C\n"}},
	{name: "locale of a new file", step: func() flash.Step { return Locale(Literal("ru_RU.UTF-8")) },
		device: func() *memoryDevice { return newDevice(nil) }, files: map[string]string{localeFile: "LANG=ru_RU.UTF-8\n"}},
	{name: "file", step: func() flash.Step {
		return File(FileOptions{To: "/etc/census.conf", Content: Literal("a=1\n"), Mode: 0o640, Root: true})
	}, device: func() *memoryDevice { return newDevice(nil) }, files: map[string]string{"/etc/census.conf": "a=1\n"}},
	{name: "file with other permissions", step: func() flash.Step {
		return File(FileOptions{To: "/etc/census.conf", Content: Literal("a=1\n"), Mode: 0o600, Root: true})
	}, device: func() *memoryDevice { return newDevice(map[string]string{"/etc/census.conf": "a=1\n"}) },
		files: map[string]string{"/etc/census.conf": "a=1\n"}},
	{name: "remove", step: func() flash.Step { return Remove("remove:files", []string{"/etc/gone", "/etc/never"}) },
		device: func() *memoryDevice { return newDevice(map[string]string{"/etc/gone": "x"}) }, files: map[string]string{"/etc/gone": ""}},
	{name: "wifi", step: (&WiFi{SSID: Literal("bench"), Label: "bench", Security: "psk", Passphrase: Literal("a passphrase")}).Step,
		device: func() *memoryDevice { return newDevice(nil) },
		files: map[string]string{connman + "zarya_bench.config": "[service_zarya]\nType = wifi\nSSID = " + hex.EncodeToString([]byte("bench")) +
			"\nSecurity = psk\nPassphrase = a passphrase\n"}},
	{name: "remove wifi", step: func() flash.Step { return RemoveWiFi([]string{"bench"}) },
		device: func() *memoryDevice { return newDevice(map[string]string{connman + "zarya_bench.config": "x"}) },
		files:  map[string]string{connman + "zarya_bench.config": ""}},
	{name: "keys beside others", step: func() flash.Step { return AuthorizedKeys("defaultuser", []Value{Literal(testKey)}) },
		device: func() *memoryDevice {
			return newDevice(map[string]string{"/home/defaultuser/.ssh/authorized_keys": "ssh-rsa AAAA other"})
		},
		files: map[string]string{"/home/defaultuser/.ssh/authorized_keys": "ssh-rsa AAAA other\n" + testKey + "\n"}},
	{name: "remove keys", step: func() flash.Step { return RemoveKeys("defaultuser", []string{"gone"}) },
		device: func() *memoryDevice {
			return newDevice(map[string]string{"/home/defaultuser/.ssh/authorized_keys": "# mine\n" + testKey + "\n"})
		}, files: map[string]string{"/home/defaultuser/.ssh/authorized_keys": "# mine\n"}},
	{name: "ca", step: func() flash.Step { return CA([]Certificate{{"x.pem", []byte(testPEM)}}) },
		device: func() *memoryDevice {
			d := newDevice(nil)
			d.programs["update-ca-trust"] = Output{}
			d.run = func(_ string, d *memoryDevice) {
				d.files[extracted] = &Content{Data: append([]byte("# others\n"), d.files[anchors+"zarya-x.pem"].Data...)}
			}
			return d
		}, files: map[string]string{anchors + "zarya-x.pem": testPEM}, ran: "update-ca-trust"},
	{name: "package", step: func() flash.Step { return Install(testPackage) },
		device: func() *memoryDevice {
			d := newDevice(nil)
			d.programs[noPackage] = Output{Status: 1}
			d.programs["sha256sum "+packageFile] = Output{Stdout: testPackage.SHA256 + "  f\n"}
			d.programs[installLine] = Output{}
			d.programs[installedLine] = Output{}
			d.run = func(line string, d *memoryDevice) {
				if line == installLine {
					d.programs[noPackage] = Output{Stdout: "1.2"}
				}
			}
			return d
		}, files: map[string]string{packageFile: ""}, ran: installLine},
	{name: "package without its manager", step: func() flash.Step { return Install(testPackage) },
		device: func() *memoryDevice {
			d := newDevice(nil)
			d.programs[noPackage] = Output{Status: 1}
			d.programs["sha256sum "+packageFile] = Output{Stdout: testPackage.SHA256 + "  f\n"}
			d.programs[installLine] = Output{Status: 1, Stderr: "ServiceUnknown"}
			d.programs["pkcon -y install-local "+packageFile] = Output{}
			d.run = func(line string, d *memoryDevice) {
				if strings.HasPrefix(line, "pkcon") {
					d.programs[noPackage] = Output{Stdout: "1.2"}
				}
			}
			return d
		}, ran: "pkcon -y install-local " + packageFile},
	{name: "dconf", step: func() flash.Step { return Dconf("/a/b", Literal("true")) },
		device: func() *memoryDevice {
			d := newDevice(map[string]string{"/run/user/100000/dbus/user_bus_socket": ""})
			d.programs["id -u"] = Output{Stdout: "100000\n"}
			d.programs[dconfLine("read /a/b")], d.programs[dconfLine("write /a/b true")] = Output{}, Output{}
			d.run = func(line string, d *memoryDevice) {
				if strings.Contains(line, "write") {
					d.programs[dconfLine("read /a/b")] = Output{Stdout: "true\n"}
				}
			}
			return d
		}, ran: dconfLine("write /a/b true")},
	{name: "masked unit", step: func() flash.Step { return Unit("a.service", "enabled") },
		device: func() *memoryDevice {
			d := newDevice(nil)
			d.programs["systemctl is-enabled a.service"] = Output{Stdout: "masked\n", Status: 1}
			d.programs["systemctl unmask a.service"], d.programs["systemctl enable a.service"] = Output{}, Output{}
			d.run = func(line string, d *memoryDevice) {
				if strings.Contains(line, " enable ") {
					d.programs["systemctl is-enabled a.service"] = Output{Stdout: "enabled\n"}
				}
			}
			return d
		}, ran: "systemctl unmask a.service"},
	{name: "regenerate", step: func() flash.Step { return Regenerate([]string{"machine-id"}) },
		device: func() *memoryDevice {
			return newDevice(map[string]string{"/etc/machine-id": strings.Repeat("0a", 16) + "\n"})
		}},
	{name: "wizard", step: func() flash.Step { return Wizard("defaultuser") },
		device: func() *memoryDevice { return newDevice(nil) }},
	{name: "stamp", step: func() flash.Step { return Stamp("images\n") },
		device: func() *memoryDevice { return newDevice(nil) }, files: map[string]string{stampPath: "images\n"}},
}

const testPEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

var testPackage = Package{Name: "census", Version: "1.2", SHA256: strings.Repeat("ab", 32), Size: 3,
	Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("rpm")), nil }}

var (
	packageFile   = "/tmp/zarya-" + strings.Repeat("ab", 8) + ".rpm"
	installLine   = strings.Join(commandInstall(packageFile).argv, " ")
	installedLine = strings.Join(commandInstalled("census").argv, " ")
)

func dconfLine(words string) string {
	return "env DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/100000/dbus/user_bus_socket dconf " + words
}

// inBubble tests in a bubble of time, which begins with the year 2000.
func inBubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

func TestStepsChangeAndReadBack(t *testing.T) {
	for _, c := range stepCases {
		inBubble(t, c.name, func(t *testing.T) {
			d := c.device()
			if done, results := provision(t, d, true, c.step()); done.Class != flash.ClassProfile || results[0] != flash.StepDiffers {
				t.Errorf("compared before: %+v %v", done, results)
			}
			done, results := provision(t, d, false, c.step())
			if done.Result != flash.Pass || results[0] != flash.StepChanged {
				t.Fatalf("the first time: %+v %v", done, results)
			}
			for name, want := range c.files {
				f := d.files[name]
				if want == "" && f != nil || want != "" && (f == nil || string(f.Data) != want) {
					t.Errorf("%s: %+v, want %q", name, f, want)
				}
			}
			for name, want := range c.links {
				if d.links[name] != want {
					t.Errorf("%s points to %q, want %q", name, d.links[name], want)
				}
			}
			if c.ran != "" && !bytes.Contains([]byte(strings.Join(d.ran, "\n")), []byte(c.ran)) {
				t.Errorf("not run: %s\n%s", c.ran, strings.Join(d.ran, "\n"))
			}
			if done, results := provision(t, d, false, c.step()); done.Result != flash.Compliant || results[0] != flash.StepAlready {
				t.Errorf("the second time: %+v %v", done, results)
			}
			if done, _ := provision(t, d, true, c.step()); done.Result != flash.Compliant {
				t.Errorf("compared after: %+v", done)
			}
		})
	}
}

// TestStepsThatDoNotKeep: a tablet that says yes and keeps nothing has not been changed.
func TestStepsThatDoNotKeep(t *testing.T) {
	for _, c := range stepCases[:1] {
		d := c.device()
		d.fail["keep"] = errors.New("no")
		done, results := provision(t, d, false, c.step())
		if done.Class != flash.ClassDevice || !strings.Contains(done.Error, "does not read back") || results[0] != flash.StepFail {
			t.Errorf("%s: %+v", c.name, done)
		}
	}
}

// TestStepsFail: what goes wrong on the tablet, and what a person is told.
func TestStepsFail(t *testing.T) {
	broken := func(method string, err error) func(*memoryDevice) {
		return func(d *memoryDevice) { d.fail[method] = err }
	}
	nothing := func(*memoryDevice) {}
	says := func(line string, out Output) func(*memoryDevice) {
		return func(d *memoryDevice) { d.programs[line] = out }
	}
	for name, c := range map[string]struct {
		step  flash.Step
		with  func(*memoryDevice)
		class flash.Class
		says  string
	}{
		"no hostname": {Hostname(Literal("-a-")), nothing, flash.ClassProfile, `"-a-" is not a hostname`},
		"a value that is ill": {Hostname(func(context.Context, *flash.Session) (string, error) { return "", errors.New("no column") }), nothing,
			flash.ClassProfile, "no column"},
		"no date": {Clock(time.Minute), nothing, flash.ClassDevice, "date ended with status 127: not found"},
		"a date that is none": {Clock(time.Minute), says("date -u +%s", Output{Stdout: "noon"}), flash.ClassDevice,
			`date says "noon", which is no time`},
		"cannot be written": {Hostname(Literal("a")), broken("WriteFile", errors.New("read-only")), flash.ClassDevice, "hostname: read-only"},
		"cannot be read":    {Hostname(Literal("a")), broken("ReadFile", errors.New("bad sector")), flash.ClassDevice, "hostname: bad sector"},
		"no such zone":      {Timezone(Literal("Mars/Base")), nothing, flash.ClassProfile, `no time zone "Mars/Base"`},
		"no locale":         {Locale(Literal("russian!")), nothing, flash.ClassProfile, "is not a locale"},
		"a long SSID": {(&WiFi{SSID: Literal(strings.Repeat("x", 33)), Label: "x", Security: "none"}).Step(), nothing,
			flash.ClassProfile, "1 to 32 bytes, not 33"},
		"a short passphrase": {(&WiFi{SSID: Literal("n"), Label: "n", Security: "psk", Passphrase: Literal("1234567")}).Step(), nothing,
			flash.ClassProfile, "the passphrase of the network n is none"},
		"link over a file": {Link("/etc/hostname", Literal("/x")),
			func(d *memoryDevice) { d.files["/etc/hostname"] = &Content{Data: []byte("h")} }, flash.ClassProfile, "is there, and is no link"},
		"no key":       {AuthorizedKeys("root", []Value{Literal("hello")}), nothing, flash.ClassProfile, "not a public SSH key"},
		"no rpm":       {Install(testPackage), nothing, flash.ClassDevice, "packages cannot be asked for"},
		"no bus":       {Dconf("/a", Literal("1")), says("id -u", Output{Stdout: "0"}), flash.ClassDevice, "no bus in /run/user/0"},
		"no systemctl": {Unit("x", "enabled"), nothing, flash.ClassProfile, "the tablet has no systemctl"},
		"no unit": {Unit("x", "enabled"), says("systemctl is-enabled x", Output{Stdout: "not-found", Status: 4}),
			flash.ClassProfile, "the tablet has no unit x"},
		"no program": {Exec{Argv: []Value{Literal("selftest")}, Program: "selftest"}.Step(), nothing,
			flash.ClassProfile, "the tablet cannot run selftest"},
		"exec": {Exec{Argv: []Value{Literal("false")}, Program: "/bin/false"}.Step(), says("false", Output{Status: 1, Stderr: "no"}),
			flash.ClassDevice, "/bin/false ended with status 1: no"},
		"fact not there":  {Fact{Fact: "hostname", Is: Literal("a")}.Step(), nothing, flash.ClassDevice, "hostname"},
		"fact of a build": {Fact{Fact: "os-release.ID", Is: Literal("a")}.Step(), nothing, flash.ClassImage, "os-release.ID"},
		"fact must not": {Fact{Fact: "hostname", IsNot: Literal("h")}.Step(),
			func(d *memoryDevice) { d.files["/etc/hostname"] = &Content{Data: []byte("h")} }, flash.ClassDevice, "must not be"},
		"battery":          {Fact{Fact: "battery", Min: new(50)}.Step(), capacity("49"), flash.ClassBattery, "at least 50"},
		"battery too low":  {Fact{Fact: "battery", Min: new(30), Max: new(60)}.Step(), capacity("29"), flash.ClassBattery, "at least 30"},
		"battery too full": {Fact{Fact: "battery", Min: new(30), Max: new(50)}.Step(), capacity("51"), flash.ClassDevice, "at most 50"},
		"luhn": {Fact{Fact: "imei", Luhn: true}.Step(),
			says(strings.Join(commandModem().argv, " "), Output{Stdout: "'Serial': <'490154203237519'>"}),
			flash.ClassIdentity, "whose last digit is not right"},
		"no self": {Self(), nothing, flash.ClassIdentity, "usb-serial"},
		"digest": {Digest{Partition: "boot", Size: 1, SHA256: "aa"}.Step(),
			says(strings.Join(commandDigest("boot", 1).argv, " "), Output{Stdout: "bb  -"}),
			flash.ClassDevice, "boot reads back with sha256 bb"},
		"digest unread": {Digest{Partition: "boot", Size: 1, SHA256: "aa"}.Step(),
			says(strings.Join(commandDigest("boot", 1).argv, " "), Output{Status: 1, Stderr: "gone"}),
			flash.ClassDevice, "boot cannot be read back: gone"},
		"bus": {Bus{Destination: "d", Path: "/p", Method: "m", Is: Literal("(1,)")}.Step(),
			says(strings.Join(systemBus("d", "/p", "m").argv, " "), Output{Stdout: "(2,)"}),
			flash.ClassDevice, "m answers (2,), and must answer (1,)"},
		"reboot": {Reboot{Always: true}.Step(), says("reboot", Output{Status: 1, Stderr: "busy"}),
			flash.ClassDevice, "reboot ended with status 1: busy"},
		"finish": {Finish{Disable: [][]string{{"off"}}}.Step(), says("off", Output{Status: 2, Stderr: "no"}),
			flash.ClassDevice, "off ended with status 2: no"},
	} {
		d := newDevice(nil)
		c.with(d)
		done, _ := provision(t, d, false, c.step)
		if done.Result != flash.Fail || done.Class != c.class || !strings.Contains(done.Error, c.says) || done.Hint == "" {
			t.Errorf("%s: %s %s: %s (%s)", name, done.Result, done.Class, done.Error, done.Hint)
		}
	}
}

func capacity(percent string) func(*memoryDevice) {
	return func(d *memoryDevice) {
		d.files["/sys/class/power_supply/battery/capacity"] = &Content{Data: []byte(percent + "\n")}
	}
}

// TestChecksThatHold: checks change nothing, and a tablet that meets them is compliant.
func TestChecksThatHold(t *testing.T) {
	d := newDevice(map[string]string{"/etc/hostname": "kiosk-1\n", "/etc/machine-id": strings.Repeat("0a", 16),
		"/proc/cmdline": "a androidboot.serialno=SN1 b",
		"/sys/class/power_supply/battery/capacity": "50\n", "/sys/class/net/wlan0/address": "02:00:00:00:00:0A\n", "/sys/block/sda/size": "8\n",
		"/etc/os-release": "ID=aurora\nVERSION_ID=\"5.1\"\n"})
	d.programs["true"] = Output{}
	d.programs[strings.Join(commandDigest("boot", 1).argv, " ")] = Output{Stdout: "aa  -\n"}
	d.programs[strings.Join(systemBus("d", "/p", "m").argv, " ")] = Output{Stdout: "(1,)\n"}
	d.programs[strings.Join(commandModem().argv, " ")] = Output{Stdout: "([('/m', {'Serial': <'490154203237518'>})],)"}
	d.programs[strings.Join(commandModel().argv, " ")] = Output{Stdout: "('AGS3-L09',)\n"}
	steps := []flash.Step{
		Fact{Fact: "hostname", Is: Literal("kiosk-1"), IsNot: Literal("other")}.Step(), Fact{Fact: "battery", Min: new(50), Max: new(50)}.Step(),
		Fact{Fact: "wifi-mac", Is: Literal("02:00:00:00:00:0a"), Unique: true}.Step(), Fact{Fact: "storage", Is: Literal("4096")}.Step(),
		Fact{Fact: "os-release.VERSION_ID", Is: Literal("5.1")}.Step(), Fact{Fact: "imei", Luhn: true}.Step(),
		Fact{Fact: "model", Is: Literal("AGS3-L09")}.Step(),
		Fact{Fact: "host-key", Is: Literal("SHA256:k")}.Step(), Self(), Digest{Partition: "boot", Size: 1, SHA256: "aa"}.Step(),
		Bus{Destination: "d", Path: "/p", Method: "m", Is: Literal("(1,)")}.Step(),
		Exec{Argv: []Value{Literal("true")}, Program: "true", Timeout: time.Second}.Step(),
		Reboot{}.Step(),
	}
	for _, check := range []bool{true, false} {
		done, results := provision(t, d, check, steps...)
		if done.Result != flash.Compliant {
			t.Errorf("compared only: %v: %+v %v", check, done, results)
		}
		if !check && (done.Facts["imei"] != "490154203237518" || done.Facts["wifi-mac"] != "02:00:00:00:00:0a") {
			t.Errorf("recorded: %v", done.Facts)
		}
	}
	steps[0] = Fact{Fact: "hostname", Is: Literal("another")}.Step()
	if done, results := provision(t, d, true, steps...); done.Result != flash.Fail || results[0] != flash.StepDiffers {
		t.Errorf("%+v %v", done, results)
	}
}

func TestAssigned(t *testing.T) {
	for text, want := range map[string]string{
		"A=1\nID=x": "x", "ID=\"a b\"\n": "a b", "ID='q'": "q", "XID=1": "", "ID=\x1b[31m\n": "\x1b[31m", "": "",
	} {
		if got := assigned(text, "ID"); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestMachineIDs(t *testing.T) {
	for id, none := range map[string]bool{
		strings.Repeat("0a", 16): false, strings.Repeat("0", 32): true, "": true, "uninitialized": true,
		strings.Repeat("0A", 16): true, strings.Repeat("0a", 15): true, strings.Repeat("0a", 16) + "\n": true,
		strings.Repeat("0a", 16) + "\ufffd": true, // something was taken out of it
	} {
		if got := placeholder("machine-id", id); got != none {
			t.Errorf("%q: %v", id, got)
		}
	}
}
