// The booted tablet, as OpenSSH's own client and AOSP's fastboot see it.

package virtual_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/internal/virtual/imageset"
)

// booted is a tablet that was flashed with a set and sent to its system.
type booted struct {
	*virtual.Tablet
	t       *testing.T
	host    aosp
	address string // HOST:PORT
	set     *imageset.Set
}

func boot(t *testing.T, network string, faults ...string) booted {
	t.Helper()
	dir := t.TempDir()
	set, err := imageset.Build(t.Context(), filepath.Join(dir, "set"), imageset.Options{Size: 16 * mib, From: "."})
	if err != nil {
		t.Fatal(err)
	}
	f, err := virtual.FamilyByName("kirin710a-ags3")
	if err != nil {
		t.Fatal(err)
	}
	c := virtual.Config{Serial: "VT1", Family: f, Dir: filepath.Join(dir, "state"), Log: t.Logf}
	if c.Faults, err = virtual.ParseFaults(faults...); err != nil {
		t.Fatal(err)
	}
	tablet, address, _ := serve(t, network, c)
	b := booted{tablet, t, aosp{t, address}, strings.TrimPrefix(address, network+":"), set}
	for _, im := range [][2]string{{"system", set.SystemSparse}, {"boot", set.Boot}, {"userdata", set.UserdataSparse},
		{"vbmeta", set.VBMeta}} {
		b.host.run("flash", im[0], im[1])
	}
	b.host.run("reboot")
	return b
}

// until waits for a mode. Whoever waits for a device polls it.
func (b booted) until(mode string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Minute) // only against a hang
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); b.State().Mode != mode; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.t.Fatalf("the tablet is %s, not %s", b.State().Mode, mode)
		}
	}
}

func (b booted) dial(user, password string) (*ssh.Client, error) {
	return ssh.Dial("tcp", b.address, &ssh.ClientConfig{User: user, Auth: []ssh.AuthMethod{ssh.Password(password)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey()})
}

func (b booted) login() *ssh.Client {
	b.t.Helper()
	c, err := b.dial(virtual.DefaultLogin.User, virtual.DefaultLogin.Password)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = c.Close() })
	return c
}

// command runs one command with what it reads, and gives what it says.
func command(t *testing.T, c *ssh.Client, line, stdin string) (string, error) {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var out, errs bytes.Buffer
	s.Stdin, s.Stdout, s.Stderr = strings.NewReader(stdin), &out, &errs
	err = s.Run(line)
	return out.String() + errs.String(), err
}

// rootFiles opens SFTP as root, the password first.
func rootFiles(t *testing.T, c *ssh.Client, how string) *sftp.Client {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(how + " /usr/libexec/openssh/sftp-server"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, virtual.DefaultLogin.RootPassword+"\n"); err != nil {
		t.Fatal(err)
	}
	f, err := sftp.NewClientPipe(out, in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close(); _ = s.Close() })
	return f
}

func TestBoots(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			b := boot(t, network)
			b.until("system")
			c := b.login()

			// Files out of the image that was flashed, through the user's SFTP.
			files, err := sftp.NewClient(c)
			if err != nil {
				t.Fatal(err)
			}
			defer files.Close()
			read := func(name string) string {
				t.Helper()
				f, err := files.Open(name)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				defer f.Close()
				text, err := io.ReadAll(f)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				return string(text)
			}
			debugfs, err := exec.CommandContext(t.Context(), "/usr/sbin/debugfs", "-R", "cat /etc/os-release", b.set.System).Output()
			if err != nil {
				t.Fatal(err)
			}
			if got := read("/etc/os-release"); got != string(debugfs) || !strings.Contains(got, "ID=auroraos\n") {
				t.Errorf("os-release is %q, in the image it is %q", got, debugfs)
			}
			if got := read("/proc/cmdline"); !strings.Contains(got, "androidboot.serialno=VT1 ") {
				t.Error(got)
			}
			if got := read("/sys/class/power_supply/battery/capacity"); got != "80\n" {
				t.Error(got)
			}
			id := read("/etc/machine-id")
			source, err := os.ReadFile("tablet.go")
			if err != nil {
				t.Fatal(err)
			}
			if got := read("/usr/share/set/0/tablet.go"); got != string(source) {
				t.Error("a file of the image differs from its source")
			}

			// The user may write at home and not in /etc; root may.
			if f, err := files.Create("/etc/hostname"); err == nil {
				_ = f.Close()
				t.Error("the user changed /etc/hostname")
			}
			for i, how := range []string{"devel-su", "sudo -S -p ''"} {
				root := rootFiles(t, c, how)
				name := fmt.Sprintf("/etc/hostname.%d", i)
				f, err := root.Create(name)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.Write([]byte(how)); err != nil {
					t.Fatal(err)
				}
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
				if err := root.PosixRename(name, "/etc/hostname"); err != nil {
					t.Fatal(err)
				}
				if err := root.Chmod("/etc/hostname", 0o604); err != nil {
					t.Fatal(err)
				}
				if info, err := root.Stat("/etc/hostname"); err != nil || info.Mode() != 0o604 || info.Size() != int64(len(how)) {
					t.Errorf("%v %v", info, err)
				}
			}
			root := rootFiles(t, c, "devel-su")
			if err := root.Symlink("/usr/share/zoneinfo/Europe/Moscow", "/var/lib/timed/localtime"); err != nil {
				t.Fatal(err)
			}
			if info, err := root.Stat("/var/lib/timed/localtime"); err != nil || info.Size() < 500 {
				t.Errorf("the link leads to %v (%v)", info, err)
			}
			if target, err := root.ReadLink("/var/lib/timed/localtime"); err != nil || target != "/usr/share/zoneinfo/Europe/Moscow" {
				t.Errorf("%s %v", target, err)
			}
			if err := root.Symlink("loop", "/tmp/loop"); err != nil {
				t.Fatal(err)
			}
			if _, err := root.Stat("/tmp/loop"); err == nil {
				t.Error("a link to itself was followed to its end")
			}

			// The closed table.
			sum, err := exec.CommandContext(t.Context(), "sha256sum", b.set.Boot).Output()
			if err != nil {
				t.Fatal(err)
			}
			for _, test := range []struct{ line, stdin, want string }{
				{"gdbus call --system --dest ru.omp.deviceinfo --object-path /ru/omp/deviceinfo/Features --method " +
					"ru.omp.deviceinfo.Features.getDeviceModel", "", "('AGS3-L09',)\n"},
				{`devel-su sh -c 'head -c "$1" "$2" | sha256sum' sh 8388608 /dev/disk/by-partlabel/boot`, "aurora-root\n", string(sum[:64]) + "  -\n"},
				{"echo 'a b' c", "", "a b c\n"},
				{"devel-su /usr/bin/true", "aurora-root\n", ""},
				{"devel-su /usr/bin/true", "wrong\n", "Auth failed\n!1"},
				{"reboot", "", "reboot: permission denied\n!1"},
				{"/bin/false", "", "!1"},
				{"rm -rf /", "", "sh: rm: command not found\n!127"},
				{"echo $(id)", "", "sh: syntax error near '$'\n!2"},
				{"echo 'a", "", "sh: unterminated quoted string\n!2"},
			} {
				got, err := command(t, c, test.line, test.stdin)
				if exit, ok := err.(*ssh.ExitError); ok { //nolint:errorlint // never wrapped
					got += fmt.Sprintf("!%d", exit.ExitStatus())
				} else if err != nil {
					t.Errorf("%s: %v", test.line, err)
				}
				if got != test.want {
					t.Errorf("%s: %q, not %q", test.line, got, test.want)
				}
			}
			if _, err := b.dial("defaultuser", "wrong"); err == nil {
				t.Error("a wrong password was taken")
			}
			if _, err := b.dial("root", "aurora-root"); err == nil {
				t.Error("root came in")
			}

			// A restart keeps the overlay; the bootloader is reached; a new system does not keep it.
			_, _ = command(t, c, "devel-su reboot", "aurora-root\n")
			b.until("system")
			c = b.login()
			if files, err = sftp.NewClient(c); err != nil {
				t.Fatal(err)
			}
			defer files.Close()
			if got := read("/etc/hostname"); got != "sudo -S -p ''" {
				t.Errorf("after a restart the host is %q", got)
			}
			if got := read("/etc/machine-id"); got != id {
				t.Error("a restart changed the machine-id")
			}
			_, _ = command(t, c, "devel-su reboot bootloader", "aurora-root\n")
			b.until("fastboot")
			b.host.run("flash", "system", b.set.SystemSparse)
			b.host.run("reboot")
			b.until("system")
			if files, err = sftp.NewClient(b.login()); err != nil {
				t.Fatal(err)
			}
			defer files.Close()
			if got := read("/etc/hostname"); got != "AuroraOS\n" {
				t.Errorf("after a new system the host is %q", got)
			}
			if got := read("/etc/machine-id"); got == id {
				t.Error("a new system kept the machine-id")
			}
		})
	}
}

func TestDoesNotBoot(t *testing.T) {
	for _, test := range []struct{ name, fault, mode string }{
		{"corrupt", "corrupt@flash:system", "dead"},
		{"no-boot", "no-boot", "dead"},
		{"slow-boot", "slow-boot=0.2", "system"},
		{"wrong-build", "wrong-build", "system"},
		{"another serial", "serial=OTHER@reboot", "system"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := boot(t, "tcp", test.fault)
			b.until(test.mode)
			if test.mode == "dead" {
				if c, err := b.dial("x", "y"); err == nil {
					_ = c.Close()
					t.Error("something listens")
				}
				return
			}
			files, err := sftp.NewClient(b.login())
			if err != nil {
				t.Fatal(err)
			}
			defer files.Close()
			var text []byte
			for _, name := range []string{"/etc/os-release", "/proc/cmdline"} {
				f, err := files.Open(name)
				if err != nil {
					t.Fatal(err)
				}
				part, err := io.ReadAll(f)
				if err != nil {
					t.Fatal(err)
				}
				_ = f.Close()
				text = append(text, part...)
			}
			if wrong := bytes.Contains(text, []byte("VERSION_ID=0.0.0.1\n")); wrong != (test.fault == "wrong-build") {
				t.Errorf("%s", text)
			}
			if other := bytes.Contains(text, []byte("serialno=OTHER ")); other != (test.name == "another serial") {
				t.Errorf("%s", text)
			}
		})
	}
}

// TestOpenSSH lets OpenSSH's own client in.
func TestOpenSSH(t *testing.T) {
	b := boot(t, "tcp")
	b.until("system")
	key := filepath.Join(t.TempDir(), "key")
	keygen := exec.CommandContext(t.Context(), tool(t, "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", key)
	if out, err := keygen.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	files, err := sftp.NewClient(b.login())
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	if err := files.Mkdir(".ssh"); err != nil {
		t.Fatal(err)
	}
	f, err := files.Create(".ssh/authorized_keys")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(public); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(b.address, ":")
	args := []string{"-i", key, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "LogLevel=ERROR"}
	out, err := exec.CommandContext(t.Context(), tool(t, "ssh"),
		append(args, "-p", port, "defaultuser@"+host, "echo", "hello")...).CombinedOutput()
	if err != nil || string(out) != "hello\n" {
		t.Fatalf("ssh: %v: %s", err, out)
	}
	copied := filepath.Join(t.TempDir(), "os-release")
	scp := exec.CommandContext(t.Context(), tool(t, "scp"), append(args, "-P", port, "defaultuser@"+host+":/etc/os-release", copied)...)
	if out, err := scp.CombinedOutput(); err != nil {
		t.Fatalf("scp: %v: %s", err, out)
	}
	if text, err := os.ReadFile(copied); err != nil || !bytes.Contains(text, []byte("ID=auroraos")) {
		t.Fatalf("%s %v", text, err)
	}
}
