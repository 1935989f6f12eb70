// What steps on a virtual tablet say when they cannot, what checks see of it, and how the
// steps end that restart it or close the way into it.

package provision_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	. "github.com/zarya-station/zarya/internal/provision"
	"github.com/zarya-station/zarya/internal/provision/overssh"
	"github.com/zarya-station/zarya/internal/virtual/device"
	"github.com/zarya-station/zarya/usb"
)

// packageFailing is virtualPackage, changed.
func packageFailing(change func(*Package)) flash.Step {
	p := virtualPackage
	change(&p)
	return Install(p)
}

func TestStepsFailOnAVirtualTablet(t *testing.T) {
	asRoot := FileOptions{To: "/etc/a", Content: Literal("a"), Mode: 0o644, Root: true}
	for _, c := range []struct {
		name   string
		login  func(*overssh.Login)
		before map[string]string
		step   flash.Step
		class  flash.Class
		says   string
	}{
		{"a file, with a wrong password of root", func(l *overssh.Login) { l.RootPassword = "x" }, nil, File(asRoot),
			flash.ClassProfile, "refuses devel-su with this root password"},
		{"a program, with a wrong password of root", func(l *overssh.Login) { l.RootPassword = "x" }, nil,
			Exec{Argv: []Value{Literal("true")}, Program: "true", Root: true, Timeout: time.Minute}.Step(),
			flash.ClassProfile, "refuses devel-su with this root password"},
		{"a wrong password", func(l *overssh.Login) { l.Password = "x" }, nil, File(asRoot),
			flash.ClassProfile, "refuses the login of defaultuser"},
		{"another host key", func(l *overssh.Login) { l.Fingerprint = "SHA256:other" }, nil, File(asRoot),
			flash.ClassDevice, "and must be SHA256:other"},
		{"a file of root's, and no way to root", func(l *overssh.Login) { l.Root = overssh.RootNone }, nil, File(asRoot),
			flash.ClassDevice, "permission denied"},
		{"a file in a file", nil, map[string]string{"/etc/b": ""}, File(FileOptions{To: "/etc/b/a", Content: Literal("a"), Root: true}),
			flash.ClassDevice, "not a directory"},
		{"no such zone", nil, nil, Timezone(Literal("Mars/Base")), flash.ClassProfile, `no time zone "Mars/Base"`},
		{"a link where a file is", nil, nil, Link("/etc/hostname", Literal("/x")), flash.ClassProfile, "is there, and is no link"},
		{"no package", nil, nil, Install(packageOf([]byte("no rpm"))), flash.ClassDevice, "InvalidPackage"},
		{"a package that says another version", nil, nil, packageFailing(func(p *Package) { p.Version = "9" }), flash.ClassDevice,
			"census was not installed within 5m0s"},
		{"a package that is not what was named", nil, nil, packageFailing(func(p *Package) { p.SHA256 = strings.Repeat("0", 64) }),
			flash.ClassDevice, "did not arrive as it was sent"},
		{"a package whose file is gone", nil, nil, packageFailing(func(p *Package) {
			p.Open = func() (io.ReadCloser, error) { return nil, fs.ErrNotExist }
		}), flash.ClassStation, "file does not exist"},
		{"no unit", nil, nil, Unit("none.service", "enabled"), flash.ClassProfile, "the tablet has no unit none.service"},
		{"a call that is refused", nil, nil, Bus{Destination: "org.none", Path: "/", Method: "org.none.Do", Changes: true}.Step(),
			flash.ClassDevice, "ServiceUnknown"},
		{"a call with another answer", nil, nil, getID(Literal("('x',)")), flash.ClassDevice, "and must answer ('x',)"},
		{"a program that fails", nil, nil, Exec{Argv: []Value{Literal("false")}, Program: "false", Timeout: time.Minute}.Step(),
			flash.ClassDevice, "false ended with status 1"},
		{"no program", nil, nil, Exec{Argv: []Value{Literal("selftest")}, Program: "selftest", Timeout: time.Minute}.Step(),
			flash.ClassProfile, "cannot run selftest: sh: selftest: command not found"},
		{"another fact", nil, nil, Fact{Fact: "hostname", Is: Literal("kiosk-1")}.Step(), flash.ClassDevice,
			`hostname is "AuroraOS", and must be "kiosk-1"`},
		{"no machine-id", nil, map[string]string{MachineID: "uninitialized\n"}, Self(), flash.ClassIdentity,
			`the machine-id is "uninitialized"`},
		{"another partition", nil, nil, Digest{Partition: "vbmeta", Size: 4, SHA256: "aa"}.Step(), flash.ClassDevice, "vbmeta reads back with"},
		{"no partition", nil, nil, Digest{Partition: "none", Size: 4, SHA256: "aa"}.Step(), flash.ClassDevice, "none cannot be read back"},
		{"a restart without root", func(l *overssh.Login) { l.Root = overssh.RootNone }, nil, Reboot{Always: true}.Step(), flash.ClassDevice,
			"reboot ended with status 1: reboot: permission denied"},
		{"a way that stays open", nil, nil, Finish{Disable: [][]string{{"true"}}}.Step(), flash.ClassDevice, "the tablet still lets SSH in"},
		{"a way that cannot be closed", nil, nil, Finish{Disable: [][]string{{"false"}}, Power: true}.Step(), flash.ClassDevice,
			"false ended with status 1"},
		{"power that stays", func(l *overssh.Login) { l.Root = overssh.RootNone }, nil, Finish{Power: true}.Step(),
			flash.ClassDevice, "permission denied"},
	} {
		onVirtual(t, c.name, func(t *testing.T, v virtualTablet) {
			v.put(c.before)
			if c.login != nil {
				c.login(&v.login)
			}
			done, _ := v.run(false, c.step)
			if done.Result != flash.Fail || done.Class != c.class || !strings.Contains(done.Error, c.says) || done.Hint == "" {
				t.Errorf("%s %s: %s (%s)", done.Result, done.Class, done.Error, done.Hint)
			}
		})
	}
}

// getID asks the system's bus for its name, which on a virtual tablet is always one.
func getID(is Value) flash.Step {
	return Bus{Destination: "org.freedesktop.DBus", Path: "/", Method: "org.freedesktop.DBus.GetId", Is: is}.Step()
}

func TestChecksOnAVirtualTablet(t *testing.T) {
	onVirtual(t, "", func(t *testing.T, v virtualTablet) {
		v.put(map[string]string{MachineID: strings.Repeat("0a", 16) + "\n"})
		v.Write("boot", []byte("boot"))
		sum := sha256.Sum256([]byte("boot"))
		steps := []flash.Step{
			Fact{Fact: "hostname", Is: Literal("AuroraOS"), IsNot: Literal("other")}.Step(),
			Fact{Fact: "battery", Min: new(80), Max: new(80)}.Step(),
			Fact{Fact: "model", Is: Literal("AGS3-L09")}.Step(),
			Fact{Fact: "imei", Luhn: true, Unique: true}.Step(),
			Fact{Fact: "storage", Min: new(1)}.Step(),
			Fact{Fact: "os-release.ID", Is: Literal("auroraos")}.Step(),
			Fact{Fact: "usb-serial", Is: Literal("VT1")}.Step(),
			Self(), getID(Literal("('" + strings.Repeat("0f", 16) + "',)")),
			Digest{Partition: "boot", Size: 4, SHA256: hex.EncodeToString(sum[:])}.Step(),
			Exec{Argv: []Value{Literal("true")}, Program: "true", Timeout: time.Minute}.Step(),
		}
		for _, check := range []bool{true, false} {
			if done, results := v.run(check, steps...); done.Result != flash.Compliant {
				t.Errorf("compared only: %v: %+v %v", check, done, results)
			}
		}
	})
}

// TestSudo: root by sudo is as good as by devel-su.
func TestSudo(t *testing.T) {
	onVirtual(t, "", func(t *testing.T, v virtualTablet) {
		v.login.Root = overssh.RootSudo
		done, _ := v.run(false, Hostname(Literal("kiosk-1")), CA([]Certificate{{"x.pem", []byte(TestPEM)}}))
		if done.Result != flash.Pass {
			t.Errorf("%+v", done)
		}
	})
}

// TestRegenerateOnAVirtualTablet: nothing of what was there before is left, and a job after
// it meets the new key.
func TestRegenerateOnAVirtualTablet(t *testing.T) {
	onVirtual(t, "", func(t *testing.T, v virtualTablet) {
		old := strings.Repeat("0a", 16)
		v.put(map[string]string{MachineID: old + "\n"})
		c := v.open()
		before := c.HostKey()
		_ = c.Close()
		// The step after it goes through a session that met the new key.
		done, _ := v.run(false, Regenerate([]string{"machine-id", "ssh-host-keys"}), Fact{Fact: "host-key", IsNot: Literal(before)}.Step())
		if done.Result != flash.Pass {
			t.Fatalf("%+v", done)
		}
		if id, err := v.ReadFile(MachineID); err != nil || len(id) != 33 || strings.Contains(string(id), old) {
			t.Errorf("machine-id: %q (%v)", id, err)
		}
	})
}

// TestRebootOnAVirtualTablet restarts a tablet that was changed, and no other.
func TestRebootOnAVirtualTablet(t *testing.T) {
	onVirtual(t, "", func(t *testing.T, v virtualTablet) {
		boot := func() string {
			c := v.open()
			defer c.Close()
			id, err := c.Boot(t.Context())
			if err != nil || id == "" {
				t.Fatalf("%q %v", id, err)
			}
			return id
		}
		first := boot()
		steps := []flash.Step{Hostname(Literal("kiosk-1")), Reboot{}.Step(), Fact{Fact: "hostname", Is: Literal("kiosk-1")}.Step()}
		if done, results := v.run(false, steps...); done.Result != flash.Pass || results[1] != flash.StepChanged {
			t.Fatalf("%+v %v", done, results)
		}
		second := boot()
		if second == first {
			t.Error("it was not restarted")
		}
		if done, _ := v.run(false, steps...); done.Result != flash.Compliant || boot() != second {
			t.Errorf("it was restarted for nothing: %+v", done)
		}
	})
}

// TestFinishOnAVirtualTablet closes the way into a tablet, turns it off, or both.
func TestFinishOnAVirtualTablet(t *testing.T) {
	for _, c := range []struct {
		step Finish
		name string
	}{
		{Finish{Disable: DisableDeveloperMode}, "developer-mode:disabled"},
		{Finish{Power: true}, "power:off"},
		{Finish{Disable: DisableDeveloperMode, Power: true}, "developer-mode:disabled,power:off"},
	} {
		onVirtual(t, c.name, func(t *testing.T, v virtualTablet) {
			step := c.step.Step()
			if step.Name != c.name {
				t.Errorf("it is called %s", step.Name)
			}
			if done, results := v.run(false, step); done.Result != flash.Pass || results[0] != flash.StepChanged {
				t.Fatalf("%+v %v", done, results)
			}
			conn, err := v.Dial(t.Context(), 0)
			if err == nil {
				_ = conn.Close()
				t.Error("someone comes in")
			}
			if !c.step.Power {
				if !flash.Refused(err) || v.Device.State().Mode != device.ModeSystem {
					t.Errorf("%v, and it is %s", err, v.Device.State().Mode)
				}
				return
			}
			if gone := <-v.Gone; gone == nil || gone.Mode != device.ModeOff {
				t.Errorf("it is not off: %+v", gone)
			}
			v.Gone <- nil
		})
	}
}

// TestReadFact reads facts in the middle of a job, and not before the tablet is booted.
func TestReadFact(t *testing.T) {
	onVirtual(t, "", func(t *testing.T, v virtualTablet) {
		var early, late error
		var serial string
		done, _ := v.run(false, flash.Step{Name: "ask", Needs: usb.Booted,
			Check: func(ctx context.Context, s *flash.Session) ([]flash.Verdict, error) {
				if s.Booted() == nil {
					_, early = ReadFact(ctx, s, "serial")
				}
				return nil, nil
			},
			Run: func(ctx context.Context, s *flash.Session) (err error) {
				serial, err = ReadFact(ctx, s, "serial")
				_, late = ReadFact(ctx, s, "colour")
				return err
			}})
		if done.Result == flash.Fail || serial != "VT1" || early != nil && !errors.Is(early, flash.ErrLater) {
			t.Errorf("%+v: %q %v", done, serial, early)
		}
		if late == nil || !strings.Contains(late.Error(), `there is no fact "colour"`) {
			t.Errorf("an unknown fact: %v", late)
		}
	})
	if _, err := ReadFact(t.Context(), &flash.Session{}, "serial"); !errors.Is(err, flash.ErrLater) {
		t.Errorf("before it is booted: %v", err)
	}
}
