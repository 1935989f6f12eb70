// The booted system as a host sees it: it boots or does not, programs answer as on a
// device, files are where they were put. The whole tablet's tests have OpenSSH's client.

package system_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pkg/sftp"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/internal/virtual/device"
	"github.com/zarya-station/zarya/internal/virtual/system"
	"github.com/zarya-station/zarya/internal/virtual/system/systemtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tablet is a system that boots, and its test.
type tablet struct {
	*systemtest.Tablet
	t *testing.T
}

func newTablet(t *testing.T, dir string, faults ...string) *tablet {
	t.Helper()
	return &tablet{systemtest.New(t, dir, faults...), t}
}

// booted is one run of the system.
type booted struct {
	client *ssh.Client
	stop   func()
	gone   chan *device.Departure // what the run ended with
}

// boot runs the system until the test ends, and logs in.
func (tab *tablet) boot() *booted {
	tab.t.Helper()
	ctx, cancel := context.WithCancel(tab.t.Context())
	listening := make(chan struct{})
	b := &booted{gone: make(chan *device.Departure, 1)}
	var wg sync.WaitGroup
	wg.Go(func() {
		gone, err := tab.Run(ctx, func() (net.Listener, error) {
			defer close(listening)
			return tab.Listen()
		})
		if err != nil && ctx.Err() == nil {
			tab.t.Error(err)
		}
		b.gone <- gone
	})
	<-listening
	client, err := tab.login(ssh.Password(device.DefaultLogin.Password))
	if err != nil {
		tab.t.Fatal(err)
	}
	b.client = client
	b.stop = func() { _ = client.Close(); cancel(); wg.Wait() }
	tab.t.Cleanup(b.stop)
	return b
}

func (tab *tablet) login(auth ssh.AuthMethod) (*ssh.Client, error) {
	conn, err := tab.Net.Dial(tab.t.Context(), systemtest.Address)
	if err != nil {
		return nil, err
	}
	c, channels, requests, err := ssh.NewClientConn(conn, "tablet", &ssh.ClientConfig{User: device.DefaultLogin.User,
		Auth: []ssh.AuthMethod{auth}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return ssh.NewClient(c, channels, requests), nil
}

// run runs one line and returns all that it says, with !STATUS if it fails. A line that
// begins with # is run as root.
func (b *booted) run(t *testing.T, line string) string {
	t.Helper()
	s, err := b.client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if rest, root := strings.CutPrefix(line, "# "); root {
		line = "devel-su " + rest
		s.Stdin = strings.NewReader(device.DefaultLogin.RootPassword + "\n")
	}
	out, err := s.CombinedOutput(line)
	var exit *ssh.ExitError
	if errors.As(err, &exit) {
		return fmt.Sprintf("%s!%d", out, exit.ExitStatus())
	} else if err != nil {
		return fmt.Sprintf("%s!%v", out, err)
	}
	return string(out)
}

// files opens SFTP, as root or as the login.
func (b *booted) files(t *testing.T, root bool) *sftp.Client {
	t.Helper()
	if !root {
		f, err := sftp.NewClient(b.client)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	s, err := b.client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, ierr := s.StdinPipe()
	out, oerr := s.StdoutPipe()
	err = errors.Join(ierr, oerr, s.Start("devel-su /usr/libexec/openssh/sftp-server"))
	if err == nil {
		_, err = io.WriteString(in, device.DefaultLogin.RootPassword+"\n")
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := sftp.NewClientPipe(out, in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = f.Close(), s.Close() })
	return f
}

func put(t *testing.T, f *sftp.Client, name string, content []byte) {
	t.Helper()
	w, err := f.Create(name)
	if err == nil {
		_, err = w.Write(content)
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestBoots is what a tablet needs to boot, and what it is when it does not.
func TestBoots(t *testing.T) {
	empty := hex.EncodeToString(sha256.New().Sum(nil))
	for _, test := range []struct {
		name, log string
		change    func(tab *tablet)
		faults    []string
	}{
		{"nothing was flashed", "vbmeta is invalid", func(tab *tablet) { tab.Write("vbmeta", make([]byte, 4096)) }, nil},
		{"another partition", "no partition none", func(tab *tablet) { tab.WriteVBMeta(device.VBMetaDigests{Name: "none"}) }, nil},
		{"beyond the partition", "boot is too small", func(tab *tablet) {
			tab.WriteVBMeta(device.VBMetaDigests{Name: "boot", Ranges: [][2]int64{{0, 1 << 40}}})
		}, nil},
		{"a negative range", "boot is too small", func(tab *tablet) {
			tab.WriteVBMeta(device.VBMetaDigests{Name: "boot", Ranges: [][2]int64{{-1, 1}}})
		}, nil},
		{"one byte is wrong", "system is not what vbmeta says", func(tab *tablet) { tab.Write("system", []byte{1}) }, nil},
		{"no file system", "system is no ext4 file system", func(tab *tablet) {
			tab.Write("system", make([]byte, 1<<20))
			tab.WriteVBMeta(device.VBMetaDigests{Name: "boot", SHA256: empty})
		}, nil},
		{"no vbmeta", "no vbmeta", func(tab *tablet) { _ = tab.Device.DeletePartition("vbmeta") }, nil},
		{"no system", "no partition system", func(tab *tablet) { _ = tab.Device.DeletePartition("system") }, nil},
		{"the fault", "as asked", func(*tablet) {}, []string{"no-boot"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tab := newTablet(t, "", test.faults...)
			logged := make(chan string, 10)
			tab.Device.Config.Log = func(format string, args ...any) { logged <- fmt.Sprintf(format, args...) }
			test.change(tab)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				_, err := tab.Run(ctx, func() (net.Listener, error) { return nil, errors.New("it listens") })
				ended <- err
			}()
			for line := range logged {
				if strings.HasPrefix(line, "does not boot: ") {
					if !strings.Contains(line, test.log) {
						t.Errorf("%s, not %s", line, test.log)
					}
					break
				}
			}
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) || tab.Device.State().Mode != device.ModeDead {
				t.Errorf("it is %s (%v)", tab.Device.State().Mode, err)
			}
		})
	}
}

// TestWrongBuild says that it is another version, and boots after a moment.
func TestWrongBuild(t *testing.T) {
	tab := newTablet(t, "", "wrong-build", "slow-boot=0", "low-battery")
	b := tab.boot()
	for name, want := range map[string]string{"/etc/os-release": "VERSION_ID=0.0.0.1\n", "/sys/class/power_supply/battery/capacity": "7\n"} {
		f, err := b.files(t, false).Open(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		if _ = f.Close(); err != nil || !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s: %q %v", name, text, err)
		}
	}
}

// TestRestarts is how a system ends, and what the next one finds.
func TestRestarts(t *testing.T) {
	dir := t.TempDir()
	tab := newTablet(t, dir)
	b := tab.boot()
	put(t, b.files(t, true), "/etc/kept", []byte("text"))
	b.run(t, "# systemd-run --on-active=0 systemctl poweroff")
	if gone := <-b.gone; gone == nil || gone.Mode != device.ModeOff || tab.Device.State().Mode != device.ModeOff {
		t.Errorf("turned off: %+v", gone)
	}
	b.stop()
	b = tab.boot()
	b.run(t, "# reboot bootloader")
	if gone := <-b.gone; gone == nil || gone.Mode != device.ModeFastboot {
		t.Errorf("restarted: %+v", gone)
	}
	b.stop()
	tab.Device.Close()
	// Another process finds what was written, until it is forgotten.
	tab = newTablet(t, dir)
	b = tab.boot()
	if text, err := tab.ReadFile("/etc/kept"); err != nil || string(text) != "text" {
		t.Errorf("%q %v", text, err)
	}
	b.run(t, "# poweroff")
	<-b.gone
	b.stop()
	if err := tab.Forget(); err != nil {
		t.Fatal(err)
	}
	if _, err := tab.ReadFile("/etc/kept"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it was forgotten, and is there (%v)", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "VT1", "overlay.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := system.New(tab.Device); err == nil {
		t.Error("an overlay that cannot be read was taken")
	}
}

// TestPowerOffEndsWithItsBoot restarts a tablet before it was to turn itself off: the next
// boot knows nothing of it.
func TestPowerOffEndsWithItsBoot(t *testing.T) {
	systemtest.Image(t) // made outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		tab := newTablet(t, "")
		b := tab.boot()
		b.run(t, "# systemd-run --on-active=60 systemctl poweroff")
		b.run(t, "# reboot")
		<-b.gone
		b.stop()
		b = tab.boot()
		time.Sleep(2 * time.Minute) // of the bubble
		if got := b.run(t, "echo still here"); got != "still here\n" || tab.Device.State().Mode != device.ModeSystem {
			t.Errorf("%q, it is %s", got, tab.Device.State().Mode)
		}
	})
}

// TestClosesSSH lets whoever is in stay, and no one else in.
func TestClosesSSH(t *testing.T) {
	tab := newTablet(t, "")
	b := tab.boot()
	if got := b.run(t, "# systemctl mask --now sshd.service sshd.socket"); got != "" {
		t.Fatal(got)
	}
	if c, err := tab.login(ssh.Password(device.DefaultLogin.Password)); err == nil {
		_ = c.Close()
		t.Error("someone came in")
	}
	if got := b.run(t, "echo still here"); got != "still here\n" {
		t.Errorf("%q", got)
	}
	b.run(t, "# reboot")
	if gone := <-b.gone; gone == nil || gone.Mode != device.ModeSystem {
		t.Errorf("%+v", gone)
	}
}

// TestLogins refuses what OpenSSH refuses.
func TestLogins(t *testing.T) {
	tab := newTablet(t, "")
	b := tab.boot()
	if _, err := tab.login(ssh.Password("wrong")); err == nil {
		t.Error("a wrong password was taken")
	}
	if got := b.run(t, "devel-su true"); got != "Auth failed\n!1" {
		t.Errorf("root without a password: %q", got)
	}
	if _, _, err := b.client.OpenChannel("direct-tcpip", nil); err == nil {
		t.Error("it forwards connections")
	}
	s, err := b.client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.RequestSubsystem("netconf"); err == nil {
		t.Error("it has any subsystem")
	}
	if err := s.RequestPty("xterm", 24, 80, nil); err == nil {
		t.Error("it has terminals")
	}
}
