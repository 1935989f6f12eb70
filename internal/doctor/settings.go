// This file looks at the files that a station installs and at the kernel's settings.

package doctor

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/packaging"
	"github.com/zarya-station/zarya/usb/libusb"
)

const (
	rulesFile   = "/etc/udev/rules.d/70-zarya.rules"
	networkFile = "/etc/systemd/network/70-zarya.network"
)

// stationFiles are what a station installs, each where its system has such files.
var stationFiles = []struct {
	file, what string
	text       []byte
}{
	{rulesFile, "udev rule", packaging.Rules},
	{networkFile, "networkd file", packaging.Network},
}

// rules looks whether the files of packaging/ are installed, by us or by a package.
func (m *machine) rules() []Finding {
	var all []Finding
	for _, f := range stationFiles {
		if _, err := os.Stat(m.at(filepath.Dir(f.file))); err != nil {
			continue // not used here
		}
		packaged := strings.Replace(strings.Replace(f.file, "/etc/udev", "/usr/lib/udev", 1), "/etc/systemd", "/usr/lib/systemd", 1)
		installed := slices.ContainsFunc([]string{f.file, packaged}, func(file string) bool {
			text, err := os.ReadFile(m.at(file))
			return err == nil && bytes.Equal(text, f.text)
		})
		if installed {
			all = append(all, Finding{Level: OK, About: "rules", Says: "the " + f.what + " is installed"})
			continue
		}
		all = append(all, Finding{Level: Warning, About: "rules", Says: "the " + f.what +
			" is missing or outdated: tablets need root, or their networks stay down",
			Remedy: "sudo zarya doctor --fix, then plug the tablets in again", Fix: "install " + f.file,
			fix: func() error { return m.install(f.file, f.text) }})
	}
	return all
}

// install writes a file of packaging/ and makes udev read its rules again.
func (m *machine) install(file string, text []byte) error {
	if err := os.WriteFile(m.at(file), text, 0o644); err != nil { //nolint:gosec // as udev's own
		return err
	}
	if m.root != "/" {
		return nil
	}
	out, err := exec.Command("udevadm", "control", "--reload").CombinedOutput() //nolint:noctx // udevadm has a limit of its own
	if err != nil {
		return fmt.Errorf("udevadm control --reload: %w %s", err, out)
	}
	return nil
}

const usbfsFile = "/sys/module/usbcore/parameters/usbfs_memory_mb"

// usbMemory looks whether the kernel has memory for so many tablets at full speed.
func (m *machine) usbMemory() []Finding {
	have, ok := m.number(usbfsFile)
	if !ok {
		return nil
	}
	need := libusb.MemoryMB(m.Tablets)
	if have == 0 || have >= need {
		return []Finding{{Level: OK, About: "usbfs memory",
			Says: fmt.Sprintf("%d MB; %d MB are needed (tablets: %d)", have, need, m.Tablets)}}
	}
	return []Finding{{Level: Warning, About: "usbfs memory",
		Says:   fmt.Sprintf("%d MB in all, but %d MB are needed at full speed (tablets: %d): flashing will be slower", have, need, m.Tablets),
		Remedy: fmt.Sprintf("usbcore.usbfs_memory_mb=%d on the kernel's command line", need),
		Fix:    fmt.Sprintf("set usbfs_memory_mb to %d until the next start", need), fix: m.writing(usbfsFile, strconv.Itoa(need))}}
}

// autosuspend finds tablets that the kernel may put to sleep.
func (m *machine) autosuspend() []Finding {
	var all []Finding
	for _, d := range m.bus.Tablets() {
		if d.Suspends {
			file := filepath.Join("/sys/bus/usb/devices", d.Kernel, "power/control")
			all = append(all, Finding{Level: Warning, About: m.label(d.Port), Says: "the kernel may put this tablet to sleep (autosuspend)",
				Remedy: "usbcore.autosuspend=-1 on the kernel's command line", Fix: "keep " + m.label(d.Port) + " awake", fix: m.writing(file, "on")})
		}
	}
	return all
}

const pingFile = "/proc/sys/net/ipv4/ping_group_range"

// ping looks whether this user may ping, which finds booted tablets.
func (m *machine) ping() []Finding {
	text, err := os.ReadFile(m.at(pingFile))
	if err != nil {
		return nil
	}
	var from, to int
	if _, err := fmt.Sscan(string(text), &from, &to); err != nil {
		return nil
	}
	if gid := os.Getgid(); from <= gid && gid <= to {
		return []Finding{{Level: OK, About: "ping", Says: "booted tablets can be found by their IPv6 address"}}
	}
	return []Finding{{Level: Warning, About: "ping",
		Says:   "this user may not ping, so booted tablets can be reached by their shared IPv4 address only, or not at all",
		Remedy: "sysctl net.ipv4.ping_group_range='0 2147483647'", Fix: "allow pings until the next start",
		fix: m.writing(pingFile, "0 2147483647\n")}}
}
