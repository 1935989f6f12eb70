// This file looks at what else a station needs: its locks, other programs, its disk, its
// open files, its scanner and its clock.

package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/disk"
	"github.com/zarya-station/zarya/internal/openfiles"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/scanner"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/usb"
)

// locks looks whether every user can lock a tablet's port.
func (m *machine) locks() []Finding {
	err := usb.CheckLockDir(m.at(usb.LockDir))
	if err == nil {
		return nil
	}
	return []Finding{{Level: Warning, About: "locks", Says: "only one user can flash here: " + err.Error(),
		Remedy: "when no zarya runs, sudo rm -r " + usb.LockDir + "; the next zarya creates it for everyone"}}
}

// seizers are programs that open what is plugged in, by what /proc calls them (at most 15
// bytes). A tablet that one of them holds cannot be claimed, or gets its questions.
var seizers = []struct {
	process string
	ruled   bool // our udev rule keeps it away
	found   Finding
}{
	{"ModemManager", true, Finding{Level: Warning, About: "ModemManager", Says: "it tries whatever is plugged in",
		Remedy: "install the udev rule, which keeps it away from tablets"}},
	// fwupd's plugin fastboot claims the interface of every bootloader (fwupd#6437).
	{"fwupd", false, Finding{Level: Warning, About: "fwupd", Says: "it opens tablets in fastboot to look for firmware of its own",
		Remedy: "write DisabledPlugins=fastboot into /etc/fwupd/fwupd.conf, or sudo systemctl mask --now fwupd"}},
	{"gvfs-mtp-volume", false, Finding{Level: Warning, About: "GVFS", Says: "it opens tablets as storage (MTP) as soon as they are plugged in",
		Remedy: "systemctl --user mask --now gvfs-mtp-volume-monitor"}},
	{"gvfsd-mtp", false, Finding{Level: Warning, About: "GVFS", Says: "it holds a tablet open as storage (MTP)",
		Remedy: "systemctl --user mask --now gvfs-mtp-volume-monitor"}},
	{"gvfs-gphoto2-vo", false, Finding{Level: Warning, About: "GVFS", Says: "it opens tablets as cameras (PTP) as soon as they are plugged in",
		Remedy: "systemctl --user mask --now gvfs-gphoto2-volume-monitor"}},
}

// seizers finds the programs that take tablets for themselves, each once.
func (m *machine) seizers() (all []Finding) {
	processes, err := filepath.Glob(m.at("/proc/[0-9]*/comm"))
	if err != nil {
		return nil
	}
	running := map[string]bool{}
	for _, file := range processes {
		if name, err := os.ReadFile(file); err == nil { //nolint:gosec // of /proc
			running[strings.TrimSpace(string(name))] = true
		}
	}
	_, err = os.Stat(m.at(rulesFile))
	for _, s := range seizers {
		if running[s.process] && (!s.ruled || err != nil) {
			all = append(all, s.found)
		}
	}
	return all
}

// adbServer looks for one if tablets run Android.
func (m *machine) adbServer(ctx context.Context) []Finding {
	android := slices.ContainsFunc(m.bus.Tablets(), func(d usb.Device) bool { return d.Mode == usb.ADB })
	if !android || m.hasADB(ctx) {
		return nil
	}
	return []Finding{{Level: Warning, About: "adb",
		Says:   "tablets run Android, and no adb server is running to send them to their bootloaders",
		Remedy: "adb start-server"}}
}

const (
	littleDisk = 2 << 30 // bytes
	noDisk     = 100 << 20
)

// disk looks for room for the ledger.
func (m *machine) disk() []Finding {
	if m.Ledger == "" {
		return nil
	}
	dir := filepath.Dir(m.Ledger)
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir) // it is made at first use
	}
	free, err := disk.Free(dir)
	if err != nil {
		return []Finding{{Level: Error, About: "disk", Says: fmt.Sprintf("%s: %v", dir, err), Remedy: "name another place with --ledger"}}
	}
	return []Finding{room(free, dir)}
}

// room judges how many bytes are free for the ledger.
func room(free int64, dir string) Finding {
	if free >= littleDisk {
		return Finding{Level: OK, About: "disk", Says: fmt.Sprintf("%s is free for the ledger in %s", bytesize.Text(free), dir)}
	}
	level := Warning
	if free < noDisk {
		level = Error
	}
	return Finding{Level: level, About: "disk", Says: fmt.Sprintf("%s is free for the ledger in %s", bytesize.Text(free), dir),
		Remedy: "make room: flashing stops when the ledger cannot be written"}
}

// files looks whether this user's processes may open as many files as the tablets need.
func (m *machine) files() []Finding {
	return enoughFiles(openfiles.Limit(), target.Files(m.Tablets), m.Tablets)
}

func enoughFiles(limit, need int64, tablets int) []Finding {
	switch {
	case limit == 0:
		return nil // not known, or there is no limit
	case limit < need:
		return []Finding{{Level: Error, About: "open files",
			Says:   fmt.Sprintf("a process may have %d, and needs %d (tablets: %d)", limit, need, tablets),
			Remedy: "raise the limit: " + target.MoreFiles}}
	}
	return []Finding{{Level: OK, About: "open files",
		Says: fmt.Sprintf("a process may have %d, and needs %d (tablets: %d)", limit, need, tablets)}}
}

// scanner looks whether the station's scanner can be opened. Tablets can be flashed
// without it.
func (m *machine) scanner() []Finding {
	if m.Scanner == "" {
		return nil
	}
	name, err := scanner.Check(m.Scanner)
	if err != nil {
		f := Finding{Level: Warning, About: "scanner", Says: err.Error()}
		if p := (*problem.Error)(nil); errors.As(err, &p) {
			f.Remedy = p.Hint
		}
		return []Finding{f}
	}
	return []Finding{{Level: OK, About: "scanner", Says: fmt.Sprintf("%s can be opened: %s", m.Scanner, name)}}
}

// firstDay is before any clock can be right.
var firstDay = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// clock looks whether the time is right.
func (m *machine) clock() []Finding {
	synced, known := clockSynced()
	return []Finding{timeIs(time.Now(), synced, known)}
}

// timeIs judges the machine's time, and whether something keeps it right, if that is known.
func timeIs(now time.Time, synced, known bool) Finding {
	switch {
	case now.Before(firstDay):
		return Finding{Level: Error, About: "clock", Says: "it is not " + now.Format(time.DateOnly) + ": records would have a wrong time",
			Remedy: "set the clock: timedatectl set-ntp true"}
	case known && !synced:
		return Finding{Level: Warning, About: "clock", Says: "the clock is not synchronised", Remedy: "timedatectl set-ntp true"}
	}
	return Finding{Level: OK, About: "clock", Says: now.UTC().Format(time.RFC3339)}
}
