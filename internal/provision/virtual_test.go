// Each step on a whole virtual tablet, over SSH and SFTP, with root by devel-su: it says what
// differs, changes it, reads it back, and does nothing the second time. Time is a bubble's.

package provision_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	. "github.com/zarya-station/zarya/internal/provision"
	"github.com/zarya-station/zarya/internal/provision/overssh"
	"github.com/zarya-station/zarya/internal/virtual/device"
	"github.com/zarya-station/zarya/internal/virtual/system/systemtest"
)

// virtualTablet is a booted virtual tablet: a flash.Target, with the login that it takes.
type virtualTablet struct {
	*systemtest.Tablet
	t     *testing.T
	login overssh.Login
}

func (virtualTablet) Where() flash.Where { return flash.Where{PortName: "A1"} }

func (virtualTablet) Fastboot(context.Context) (fastboot.Transport, error) {
	return nil, syscall.ECONNREFUSED
}

func (v virtualTablet) Dial(ctx context.Context, _ int) (net.Conn, error) { return v.Tablet.Dial(ctx) }

// onVirtual tests a booted tablet in a bubble of time.
func onVirtual(t *testing.T, name string, test func(t *testing.T, v virtualTablet)) {
	t.Run(name, func(t *testing.T) {
		systemtest.InBubble(t, func(t *testing.T, tab *systemtest.Tablet) {
			l := device.DefaultLogin
			test(t, virtualTablet{tab, t, overssh.Login{User: l.User, Password: l.Password, Root: overssh.RootDevelSu,
				RootPassword: l.RootPassword}})
		})
	})
}

// run is a job of steps.
func (v virtualTablet) run(check bool, steps ...flash.Step) (flash.JobDone, []flash.StepResult) {
	v.t.Helper()
	return RunJob(v.t, flash.Job{Target: v, System: &v.login, Check: check, Steps: steps})
}

// open logs in without an engine.
func (v virtualTablet) open() *overssh.Session {
	v.t.Helper()
	conn, err := v.Dial(v.t.Context(), 0)
	if err != nil {
		v.t.Fatal(err)
	}
	b, err := v.login.Open(v.t.Context(), conn, "")
	if err != nil {
		v.t.Fatal(err)
	}
	return b.(*overssh.Session)
}

// put writes files before a test, as root outside of the login's home.
func (v virtualTablet) put(files map[string]string) {
	v.t.Helper()
	c := v.open()
	defer c.Close()
	for name, text := range files {
		if err := c.WriteFile(v.t.Context(), name, []byte(text), 0o644, !strings.HasPrefix(name, "/home/")); err != nil {
			v.t.Fatal(err)
		}
	}
}

const (
	homeKeys  = "/home/defaultuser/.ssh/authorized_keys"
	userUnits = "/usr/lib/systemd/system/"
	linkTo    = "link to " // in a case's files: it is a link
	isGone    = "gone"     // in a case's files: there is none
	anything  = "anything" // in a case's files: whatever it holds
)

// virtualPackage is one that the tablet's package manager takes.
var virtualPackage = packageOf(systemtest.RPM("census", "1.2"))

func packageOf(rpm []byte) Package {
	sum := sha256.Sum256(rpm)
	return Package{Name: "census", Version: "1.2", SHA256: hex.EncodeToString(sum[:]), Size: int64(len(rpm)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(rpm))), nil }}
}

// virtualCases has for each step what the tablet has before it, and must have after.
var virtualCases = []struct {
	name   string
	step   func() flash.Step
	before map[string]string
	files  map[string]string
}{
	{"hostname", func() flash.Step { return Hostname(Literal("kiosk-1")) }, nil,
		map[string]string{"/etc/hostname": "kiosk-1\n"}},
	{"timezone", func() flash.Step { return Timezone(Literal("Europe/Moscow")) }, nil,
		map[string]string{Localtime: linkTo + Zoneinfo + "Europe/Moscow"}},
	{"clock", func() flash.Step { return Clock(5 * time.Second) }, nil, nil},
	{"locale", func() flash.Step { return Locale(Literal("ru_RU.UTF-8")) }, map[string]string{LocaleFile: "LC_TIME=C\nLANG=C\n"},
		map[string]string{LocaleFile: "LANG=ru_RU.UTF-8\nLC_TIME=C\n"}},
	{"link", func() flash.Step { return Link("/etc/kiosk.conf", Literal("/etc/census/kiosk.conf")) }, nil,
		map[string]string{"/etc/kiosk.conf": linkTo + "/etc/census/kiosk.conf"}},
	{"file of root", func() flash.Step {
		return File(FileOptions{To: "/etc/census/conf", Content: Literal("a=1\n"), Mode: 0o640, Root: true})
	}, nil, map[string]string{"/etc/census/conf": "a=1\n"}},
	{"file of the login", func() flash.Step {
		return File(FileOptions{To: "/home/defaultuser/.conf", Content: Literal("a=1\n"), Mode: 0o600})
	}, map[string]string{"/home/defaultuser/.conf": "a=1\n"}, map[string]string{"/home/defaultuser/.conf": "a=1\n"}},
	{"remove", func() flash.Step { return Remove("remove:files", []string{"/etc/gone", "/etc/never"}) },
		map[string]string{"/etc/gone": "x"}, map[string]string{"/etc/gone": isGone}},
	{"wifi", func() flash.Step {
		return (&WiFi{SSID: Literal("staff"), Label: "staff", Security: "ieee8021x", EAP: "peap", Phase2: "MSCHAPV2", Hidden: true,
			User: Literal("kiosk"), Password: Literal(`a\b`), CA: []byte(TestPEM)}).Step()
	}, nil, map[string]string{Connman + "zarya_staff.pem": TestPEM, Connman + "zarya_staff.config": "[service_zarya]\nType = wifi\n" +
		"SSID = 7374616666\nSecurity = ieee8021x\nHidden = true\nEAP = peap\nPhase2 = MSCHAPV2\nIdentity = kiosk\n" +
		"Passphrase = a\\\\b\nCACertFile = " + Connman + "zarya_staff.pem\n"}},
	{"remove wifi", func() flash.Step { return RemoveWiFi([]string{"staff"}) },
		map[string]string{Connman + "zarya_staff.config": "x", Connman + "zarya_staff.pem": "x"},
		map[string]string{Connman + "zarya_staff.config": isGone, Connman + "zarya_staff.pem": isGone}},
	{"keys", func() flash.Step { return AuthorizedKeys("defaultuser", []Value{Literal(TestKey)}) },
		map[string]string{homeKeys: "ssh-rsa AAAA other"}, map[string]string{homeKeys: "ssh-rsa AAAA other\n" + TestKey + "\n"}},
	{"keys of root", func() flash.Step { return AuthorizedKeys("root", []Value{Literal(TestKey)}) }, nil,
		map[string]string{"/root/.ssh/authorized_keys": TestKey + "\n"}},
	{"remove keys", func() flash.Step { return RemoveKeys("defaultuser", []string{"gone"}) },
		map[string]string{homeKeys: "# mine\n" + TestKey + "\n"}, map[string]string{homeKeys: "# mine\n"}},
	{"ca", func() flash.Step { return CA([]Certificate{{"x.pem", []byte(TestPEM)}}) }, nil,
		map[string]string{Anchors + "zarya-x.pem": TestPEM, Extracted: TestPEM + "\n"}},
	{"package", func() flash.Step { return Install(virtualPackage) }, nil,
		map[string]string{"/tmp/zarya-" + virtualPackage.SHA256[:16] + ".rpm": isGone}},
	{"dconf", func() flash.Step { return Dconf("/a/b", Literal("'a text'")) }, nil, nil},
	{"unit is enabled", func() flash.Step { return Unit("a.service", "enabled") },
		map[string]string{userUnits + "a.service": "[Unit]\n"}, nil},
	{"unit is masked", func() flash.Step { return Unit("a.service", "masked") },
		map[string]string{userUnits + "a.service": "[Unit]\n"}, map[string]string{"/etc/systemd/system/a.service": linkTo + "/dev/null"}},
	{"wizard", func() flash.Step { return Wizard("defaultuser") }, nil,
		map[string]string{"/home/defaultuser/" + Wizards[0]: "", "/home/defaultuser/" + Wizards[1]: ""}},
	{"regenerate", func() flash.Step { return Regenerate([]string{"machine-id", "ssh-host-keys"}) },
		map[string]string{MachineID: strings.Repeat("0a", 16) + "\n"}, map[string]string{MadePath: anything}},
	{"exec", func() flash.Step {
		return Exec{Argv: []Value{Literal("update-ca-trust")}, Program: "update-ca-trust", Root: true, Timeout: CommandTimeout,
			Creates: Extracted}.Step()
	}, map[string]string{Anchors + "a.pem": "A"}, map[string]string{Extracted: "A\n"}},
	{"stamp", func() flash.Step { return Stamp("images\n") }, nil, map[string]string{StampPath: "images\n"}},
}

func TestEveryStepOnAVirtualTablet(t *testing.T) {
	for _, c := range virtualCases {
		onVirtual(t, c.name, func(t *testing.T, v virtualTablet) {
			v.put(c.before)
			if done, results := v.run(true, c.step()); done.Class != flash.ClassProfile || results[0] != flash.StepDiffers {
				t.Errorf("compared before: %+v %v", done, results)
			}
			done, results := v.run(false, c.step())
			if done.Result != flash.Pass || results[0] != flash.StepChanged {
				t.Fatalf("the first time: %+v %v", done, results)
			}
			for name, want := range c.files {
				v.compare(name, want)
			}
			if done, results := v.run(false, c.step()); done.Result != flash.Compliant || results[0] != flash.StepAlready {
				t.Errorf("the second time: %+v %v", done, results)
			}
			if done, results := v.run(true, c.step()); done.Result != flash.Compliant {
				t.Errorf("compared after: %+v %v", done, results)
			}
		})
	}
}

// compare looks at a file of the tablet's, past SSH.
func (v virtualTablet) compare(name, want string) {
	v.t.Helper()
	if to, ok := strings.CutPrefix(want, linkTo); ok {
		if got, err := v.ReadLink(name); err != nil || got != to {
			v.t.Errorf("%s points to %q, want %q (%v)", name, got, to, err)
		}
		return
	}
	got, err := v.ReadFile(name)
	if want == isGone {
		if err == nil {
			v.t.Errorf("%s is still there", name)
		}
		return
	}
	if err != nil || string(got) != want && want != anything {
		v.t.Errorf("%s: %q, want %q (%v)", name, got, want, err)
	}
}

// TestClockOutlivesARestart: the clock that runs while the tablet is off is set with the
// system's.
func TestClockOutlivesARestart(t *testing.T) {
	onVirtual(t, "restart", func(t *testing.T, v virtualTablet) {
		if done, results := v.run(false, Clock(time.Minute), Reboot{Always: true}.Step()); done.Result != flash.Pass {
			t.Fatalf("%+v %v", done, results)
		}
		if off := time.Since(v.Now()).Abs(); off > time.Second {
			t.Errorf("after the restart the clock is wrong by %v", off)
		}
	})
}
