// What is installed, looked at by the programs that will read it.

package packaging

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tool runs a program of systemd, or skips where there is none.
func tool(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("there is no %s here", name)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	return string(out), err
}

// unit is a copy of the service whose program is there.
func unit(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("zarya-station.service")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "zarya")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "zarya-station.service")
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), "=/usr/bin/zarya ", "="+program+" ", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestUnit: systemd understands every line. What it does not know is a warning to it, and
// a protection that is not there to us.
func TestUnit(t *testing.T) {
	if out, err := tool(t, "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit(t)); err != nil || out != "" {
		t.Errorf("%v\n%s", err, out)
	}
}

// mostExposed is ten times the exposure level that the station may have: 0 is sealed off,
// 100 is a service without protection. What is left is what it needs: USB and input
// devices, the network, netlink.
const mostExposed = "20"

func TestExposure(t *testing.T) {
	out, err := tool(t, "systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold="+mostExposed, unit(t))
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Log(out[strings.Index(out, "→"):])
}

// TestUsersAndFolders: a machine gets the user with its groups, and the folder of locks
// for all.
func TestUsersAndFolders(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root makes users and folders of root")
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := tool(t, "systemd-sysusers", "--root="+root, abs(t, "sysusers.d/zarya.conf")); err != nil {
		t.Fatal(err, out)
	}
	for file, want := range map[string]string{"passwd": "Zarya station:/var/lib/zarya:/usr/sbin/nologin\n", "group": "zarya:x:"} {
		if text, err := os.ReadFile(filepath.Join(root, "etc", file)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %s %v", file, text, err)
		}
	}
	groups, err := os.ReadFile(filepath.Join(root, "etc/group"))
	for _, name := range []string{"plugdev", "input"} {
		if !strings.Contains("\n"+string(groups), "\n"+name+":x:") || strings.Count(string(groups), ":zarya\n") != 2 {
			t.Errorf("%s %v", groups, err)
		}
	}
	if out, err := tool(t, "systemd-tmpfiles", "--root="+root, "--create", abs(t, "tmpfiles.d/zarya.conf")); err != nil {
		t.Fatal(err, out)
	}
	info, err := os.Stat(filepath.Join(root, "run/lock/zarya"))
	if err != nil || info.Mode() != fs.ModeDir|fs.ModeSticky|0o777 {
		t.Error(info, err)
	}
}

// TestRules: udev understands the rules.
func TestRules(t *testing.T) {
	if out, err := tool(t, "udevadm", "verify", "--help"); err != nil || !strings.Contains(out, "verify") {
		t.Skip("this udevadm does not verify rules (systemd 254 does); the rig runs them")
	}
	if out, err := tool(t, "udevadm", "verify", "--no-summary", abs(t, "70-zarya.rules")); err != nil || out != "" {
		t.Errorf("%v\n%s", err, out)
	}
}

func abs(t *testing.T, file string) string {
	t.Helper()
	path, err := filepath.Abs(file)
	if _, serr := os.Stat(path); errors.Join(err, serr) != nil {
		t.Fatal(err, serr)
	}
	return path
}
