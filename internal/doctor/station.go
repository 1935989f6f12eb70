// This file looks at what else a station needs: its locks, other programs, its disk and
// its clock.

package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/disk"
	"github.com/zarya-station/zarya/usb"
)

// locks looks whether every user can lock a tablet's port.
func (m *machine) locks() []Finding {
	err := usb.CheckLockDir(m.at(usb.LockDir))
	if err == nil {
		return nil
	}
	return []Finding{{Level: Warning, About: "locks", Says: "only one user can flash here: " + err.Error(),
		Remedy: "when no zarya runs, sudo rm -r " + usb.LockDir + "; the next one makes it for all"}}
}

// modemManager finds the program that tries whatever is plugged in.
func (m *machine) modemManager() []Finding {
	processes, err := filepath.Glob(m.at("/proc/[0-9]*/comm"))
	if err != nil {
		return nil
	}
	if _, err := os.Stat(m.at(rulesFile)); err == nil {
		return nil // it keeps it away
	}
	for _, file := range processes {
		name, err := os.ReadFile(file) //nolint:gosec // of /proc
		if err == nil && strings.TrimSpace(string(name)) == "ModemManager" {
			return []Finding{{Level: Warning, About: "ModemManager", Says: "it tries whatever is plugged in", Remedy: "install the udev rule, which keeps it away from tablets"}}
		}
	}
	return nil
}

// adbServer looks for one if tablets run Android.
func (m *machine) adbServer(ctx context.Context) []Finding {
	android := slices.ContainsFunc(m.bus.Tablets(), func(d usb.Device) bool { return d.Mode == usb.ADB })
	if !android || m.hasADB(ctx) {
		return nil
	}
	return []Finding{{Level: Warning, About: "adb", Says: "tablets run Android, and no adb server sends them to their bootloaders", Remedy: "adb start-server"}}
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
	f := Finding{Level: OK, About: "disk", Says: fmt.Sprintf("%s is free for the ledger in %s", bytesize.Text(free), dir)}
	if free < littleDisk {
		f.Level, f.Remedy = Warning, "make room: flashing stops when the ledger cannot be written"
	}
	if free < noDisk {
		f.Level = Error
	}
	return []Finding{f}
}

// firstDay is before any clock can be right.
var firstDay = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// clock looks whether the time is right.
func (m *machine) clock() []Finding {
	now := time.Now()
	switch synced, known := clockSynced(); {
	case now.Before(firstDay):
		return []Finding{{Level: Error, About: "clock", Says: "it is not " + now.Format(time.DateOnly) + ": records would have a wrong time",
			Remedy: "set the clock: timedatectl set-ntp true"}}
	case known && !synced:
		return []Finding{{Level: Warning, About: "clock", Says: "nothing keeps the clock right", Remedy: "timedatectl set-ntp true"}}
	}
	return []Finding{{Level: OK, About: "clock", Says: now.UTC().Format(time.RFC3339)}}
}
