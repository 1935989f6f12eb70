// This file is zarya doctor: can this machine flash so many tablets, and if not, why
// not and what helps.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/adb"
	"github.com/zarya-station/zarya/internal/disk"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/packaging"
	"github.com/zarya-station/zarya/usb"
	"github.com/zarya-station/zarya/usb/libusb"
)

// finding is one thing that was looked at.
type finding struct {
	Level  string `json:"level"` // ok, warning, error
	About  string `json:"about"`
	Says   string `json:"says"`
	Remedy string `json:"remedy,omitempty"`
	Fix    string `json:"fix,omitempty"` // what --fix would do

	fix func() error
}

const (
	levelOK      = "ok"
	levelWarning = "warning"
	levelError   = "error"
)

type doctorOptions struct {
	tablets int
	size    string
	profile string
	fix     bool
}

func newDoctor(a *app) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say whether this machine can flash tablets, and what would help",
		Long: `Look at permissions, the kernel's settings for USB, what shares which wire, slow
sockets, over-current, other programs, disk and clock. Each finding has its remedy.

--fix does what is safe, after asking for each: it installs the udev rule and changes
settings of the kernel until the next start. Most of it needs root.

The exit code is 6 if something keeps this machine from flashing.`,
		Example: "  zarya doctor\n  zarya doctor --tablets 16 --size 4.1GB\n  sudo zarya doctor --fix",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.doctor(o) },
	}
	f := cmd.Flags()
	f.IntVar(&o.tablets, "tablets", 0, "how many are to be flashed at once (default: those that are plugged in)")
	f.StringVar(&o.size, "size", "", "bytes that each one takes over the wire, such as 4.1GB")
	f.StringVar(&o.profile, "profile", "", "take the size of this `PROFILE`'s images")
	f.BoolVar(&o.fix, "fix", false, "mend what can be mended safely, after asking")
	return cmd
}

func (a *app) doctor(o doctorOptions) error {
	size, err := parseBytes(o.size)
	if err != nil {
		return problem.New(problem.Usage, "write --size 4.1GB", "--size: %w", err)
	}
	if o.tablets < 0 || o.tablets > 1000 {
		return problem.New(problem.Usage, "", "--tablets %d: from 1 to 1000", o.tablets)
	}
	if o.profile != "" {
		if size, err = a.profileSize(o.profile); err != nil {
			return err
		}
	}
	if o.fix && !a.yes && (a.noInput || terminal(a.stdin) == nil) {
		return problem.New(problem.Usage, "add --yes to do all of it", "--fix asks before each change, and nobody can be asked")
	}
	path, err := a.ledgerPath()
	if err != nil {
		return err
	}
	bus, names, err := a.bench().Plugged()
	if err != nil {
		return err
	}
	ctx, cancel := a.untilSignal()
	defer cancel()
	m := machine{root: "/", bus: bus, names: names, tablets: o.tablets, size: size, ledger: path}
	if m.tablets == 0 {
		m.tablets = max(1, len(bus.Tablets()))
	}
	findings := m.examine(ctx)
	if a.json {
		if err := a.document("doctor", findings); err != nil {
			return err
		}
	} else {
		for _, f := range findings {
			fmt.Fprintf(a.stdout, "%-8s %-12s %s\n", f.Level, f.About, f.Says)
			if f.Remedy != "" {
				fmt.Fprintf(a.stdout, "  → %s\n", f.Remedy)
			}
		}
	}
	bad := 0
	for _, f := range findings {
		if o.fix && f.fix != nil && a.agreed(f.Fix) {
			if err := f.fix(); err != nil {
				fmt.Fprintf(a.stderr, "zarya: %s: %v\n", f.Fix, err)
			} else {
				fmt.Fprintf(a.stderr, "done: %s\n", f.Fix)
				continue
			}
		}
		if f.Level == levelError {
			bad++
		}
	}
	if bad > 0 {
		return exitStatus(exitStation)
	}
	return nil
}

// profileSize is how many bytes a profile's images have.
func (a *app) profileSize(name string) (int64, error) {
	p, err := a.maker().LoadProfile(name)
	if err != nil {
		return 0, err
	}
	var size int64
	for _, im := range p.Images {
		info, err := os.Stat(im.File)
		if err != nil {
			return 0, problem.New(problem.Invalid, "name images that are there", "--profile: %w", err)
		}
		size += info.Size()
	}
	return size, nil
}

// machine is what is examined.
type machine struct {
	root    string // "/", or a folder like it
	bus     *usb.Bus
	names   usb.Names
	tablets int
	size    int64 // bytes for each tablet; 0 is not told
	ledger  string
}

func (m *machine) at(path string) string { return filepath.Join(m.root, path) }

// number reads a file of one number.
func (m *machine) number(path string) (int, bool) {
	text, err := os.ReadFile(m.at(path))
	n, nerr := strconv.Atoi(strings.TrimSpace(string(text)))
	return n, err == nil && nerr == nil
}

// writing is a fix that writes a text to a file.
func (m *machine) writing(path, text string) func() error {
	return func() error { return os.WriteFile(m.at(path), []byte(text), 0o644) } //nolint:gosec // settings that everybody may read
}

// examine looks at everything.
func (m *machine) examine(ctx context.Context) []finding {
	var all []finding
	for _, look := range []func(context.Context) []finding{m.usb, m.rule, m.permissions, m.locks, m.memory, m.suspend, m.ping, m.wires, m.speeds, m.overCurrent, m.others, m.disk, m.clock} {
		all = append(all, look(ctx)...)
	}
	return all
}

func (m *machine) usb(context.Context) []finding {
	switch {
	case !libusb.Available:
		return []finding{{Level: levelError, About: "usb", Says: "this zarya was built without cgo: it reaches tablets over a network only", Remedy: "use the zarya with USB"}}
	case len(m.bus.Roots) == 0:
		return []finding{{Level: levelError, About: "usb", Says: "this machine has no USB controller", Remedy: "use a machine with USB; in a container, give it /dev/bus/usb and /sys"}}
	}
	return []finding{{Level: levelOK, About: "usb", Says: fmt.Sprintf("%d buses, %d tablets are plugged in", len(m.bus.Roots), len(m.bus.Tablets()))}}
}

// locks looks whether every user can lock a tablet's port.
func (m *machine) locks(context.Context) []finding {
	err := usb.CheckLockDir(m.at(usb.LockDir))
	if err == nil {
		return nil
	}
	return []finding{{Level: levelWarning, About: "locks", Says: "only one user can flash here: " + err.Error(), Remedy: "when no zarya runs, sudo rm -r " + usb.LockDir + "; the next one makes it for all"}}
}

const (
	rulesFile   = "/etc/udev/rules.d/70-zarya.rules"
	networkFile = "/etc/systemd/network/70-zarya.network"
)

func (m *machine) rule(context.Context) []finding {
	var all []finding
	for _, f := range []struct {
		file, folder, what string
		text               []byte
	}{{rulesFile, "/etc/udev/rules.d", "udev rule", packaging.Rules}, {networkFile, "/etc/systemd/network", "networkd file", packaging.Network}} {
		if _, err := os.Stat(m.at(f.folder)); err != nil {
			continue // not used here
		}
		packaged := strings.Replace(strings.Replace(f.file, "/etc/udev", "/usr/lib/udev", 1), "/etc/systemd", "/usr/lib/systemd", 1)
		installed := slices.ContainsFunc([]string{f.file, packaged}, func(file string) bool {
			text, err := os.ReadFile(m.at(file))
			return err == nil && bytes.Equal(text, f.text)
		})
		if installed {
			all = append(all, finding{Level: levelOK, About: "rules", Says: "the " + f.what + " is installed"})
			continue
		}
		all = append(all, finding{Level: levelWarning, About: "rules", Says: "the " + f.what + " is not installed, or is an old one: tablets need root, or their networks stay down",
			Remedy: "sudo zarya doctor --fix, then plug the tablets in again", Fix: "install " + f.file, fix: func() error {
				if err := os.WriteFile(m.at(f.file), f.text, 0o644); err != nil { //nolint:gosec // as udev's own
					return err
				}
				if m.root != "/" {
					return nil
				}
				out, err := exec.Command("udevadm", "control", "--reload").CombinedOutput()
				if err != nil {
					return fmt.Errorf("udevadm control --reload: %w %s", err, out)
				}
				return nil
			}})
	}
	return all
}

func (m *machine) permissions(context.Context) []finding {
	var all []finding
	for _, d := range m.bus.Tablets() {
		if !d.Mode.Flashing() {
			continue
		}
		if problem, remedy := target.Access(d); problem != "" {
			all = append(all, finding{Level: levelError, About: m.label(d.Port), Says: "cannot be used: " + problem, Remedy: remedy})
		}
	}
	return all
}

// label is how a port is called here.
func (m *machine) label(p usb.Port) string {
	if name := m.names[p.Path()]; name != "" {
		return name
	}
	return p.Short()
}

const usbfsFile = "/sys/module/usbcore/parameters/usbfs_memory_mb"

func (m *machine) memory(context.Context) []finding {
	have, ok := m.number(usbfsFile)
	if !ok {
		return nil
	}
	need := libusb.MemoryMB(m.tablets)
	if have == 0 || have >= need {
		return []finding{{Level: levelOK, About: "usbfs memory", Says: fmt.Sprintf("%d MB, %d tablets use %d MB", have, m.tablets, need)}}
	}
	return []finding{{Level: levelWarning, About: "usbfs memory", Says: fmt.Sprintf("%d MB for all; %d tablets at full speed use %d MB: they are flashed with less in flight", have, m.tablets, need),
		Remedy: fmt.Sprintf("usbcore.usbfs_memory_mb=%d on the kernel's command line", need),
		Fix:    fmt.Sprintf("set usbfs_memory_mb to %d until the next start", need), fix: m.writing(usbfsFile, strconv.Itoa(need))}}
}

func (m *machine) suspend(context.Context) []finding {
	var all []finding
	for _, d := range m.bus.Tablets() {
		if d.Suspends {
			file := filepath.Join("/sys/bus/usb/devices", d.Kernel, "power/control")
			all = append(all, finding{Level: levelWarning, About: m.label(d.Port), Says: "the kernel may put this tablet to sleep (autosuspend)",
				Remedy: "usbcore.autosuspend=-1 on the kernel's command line", Fix: "keep " + m.label(d.Port) + " awake", fix: m.writing(file, "on")})
		}
	}
	return all
}

const pingFile = "/proc/sys/net/ipv4/ping_group_range"

func (m *machine) ping(context.Context) []finding {
	text, err := os.ReadFile(m.at(pingFile))
	if err != nil {
		return nil
	}
	var from, to int
	if _, err := fmt.Sscan(string(text), &from, &to); err != nil {
		return nil
	}
	if gid := os.Getgid(); from <= gid && gid <= to {
		return []finding{{Level: levelOK, About: "ping", Says: "booted tablets can be found by their IPv6 address"}}
	}
	return []finding{{Level: levelWarning, About: "ping", Says: "this user may not ping, so booted tablets are reached by the IPv4 address that all share, or not at all",
		Remedy: "sysctl net.ipv4.ping_group_range='0 2147483647'", Fix: "allow pings until the next start", fix: m.writing(pingFile, "0 2147483647\n")}}
}

// What a wire moves: measured by others at 35 to 40 MB/s for a whole high-speed bus.
const (
	highSpeedRate = 39_000_000 // bytes/s
	fullSpeedRate = 1_000_000
	superRate     = 350_000_000
	endpointLimit = 96 // of many controllers, devices and hubs together
)

func rate(s usb.Speed) int64 {
	switch {
	case s >= usb.SuperSpeed:
		return superRate
	case s >= usb.HighSpeed:
		return highSpeedRate
	}
	return fullSpeedRate
}

// wires tells which tablets share an uplink, and what that allows: everything behind
// one socket of the root hub shares its wire.
func (m *machine) wires(context.Context) []finding {
	type uplink struct {
		port    usb.Port
		speed   usb.Speed // of the tablets
		tablets []string
	}
	var links []*uplink
	endpoints, devices, tablets := map[string]int{}, map[string]int{}, map[string]int{}
	for _, d := range m.bus.Devices {
		endpoints[d.Port.Controller] += d.Endpoints
		devices[d.Port.Controller]++
		if d.Mode == "" || d.Hub {
			continue
		}
		tablets[d.Port.Controller]++
		p := d.Port.Uplink()
		i := slices.IndexFunc(links, func(l *uplink) bool { return l.port == p && rate(l.speed) == rate(d.Speed) })
		if i < 0 {
			links = append(links, &uplink{port: p, speed: d.Speed})
			i = len(links) - 1
		}
		links[i].tablets = append(links[i].tablets, m.label(d.Port))
	}
	var all []finding
	for _, l := range links {
		f := finding{Level: levelOK, About: m.label(l.port), Says: strings.Join(l.tablets, ", ") + " has a wire of its own"}
		if len(l.tablets) > 1 {
			f.Says = strings.Join(l.tablets, ", ") + " share one uplink"
		}
		f.Says += fmt.Sprintf(" (%d MB/s)", rate(l.speed)/1_000_000)
		if m.size > 0 {
			f.Says += fmt.Sprintf(", %s each: at most %s tablets an hour", bytesText(m.size), perHour(float64(3600*rate(l.speed))/float64(m.size)))
		}
		if least, others := m.fewest(tablets, l.port.Controller); len(l.tablets) > 1 && m.size > 0 {
			switch half := len(l.tablets) / 2; {
			case !others:
				f.Remedy = fmt.Sprintf("a second controller would take %d of them", half)
			case least < half:
				f.Remedy = fmt.Sprintf("move %d of them to another controller", half)
			}
		}
		all = append(all, f)
	}
	for _, r := range m.bus.Roots {
		if n := endpoints[r.Controller]; n > endpointLimit*5/6 {
			all = append(all, finding{Level: levelWarning, About: r.Controller, Says: fmt.Sprintf("%d devices use %d endpoints; many controllers stop at %d", devices[r.Controller], n, endpointLimit),
				Remedy: "use another controller for some of the hubs"})
			delete(endpoints, r.Controller)
		}
	}
	return all
}

// fewest is how many tablets the emptiest other controller has, if there is another.
func (m *machine) fewest(tablets map[string]int, but string) (n int, others bool) {
	for _, r := range m.bus.Roots {
		if r.Controller != but && (!others || tablets[r.Controller] < n) {
			n, others = tablets[r.Controller], true
		}
	}
	return n, others
}

// perHour rounds down: it is what is possible at most.
func perHour(n float64) string {
	if n < 10 {
		return strconv.FormatFloat(math.Floor(n*10)/10, 'f', 1, 64)
	}
	return strconv.Itoa(int(n))
}

// speeds finds what is slower than its socket.
func (m *machine) speeds(context.Context) []finding {
	above := func(p usb.Port) usb.Speed {
		i := strings.LastIndexByte(p.Chain, '.')
		if i < 0 {
			for _, r := range m.bus.Roots {
				if r.Bus == p.Bus {
					return r.Speed
				}
			}
			return 0
		}
		hub := usb.Port{Controller: p.Controller, Bus: p.Bus, Chain: p.Chain[:i]}
		fastest := usb.Speed(0)
		for _, d := range m.bus.Devices {
			if d.Port == hub {
				fastest = max(fastest, d.Speed)
			}
		}
		return fastest
	}
	var all []finding
	for _, d := range m.bus.Devices {
		if (d.Hub || d.Mode != "") && d.Mode != usb.Booted && d.Speed < usb.HighSpeed && above(d.Port) >= usb.HighSpeed {
			what := "this tablet"
			if d.Hub {
				what = "this hub, and all behind it,"
			}
			all = append(all, finding{Level: levelWarning, About: m.label(d.Port), Says: fmt.Sprintf("%s runs at %d Mbit/s, and the socket could do 480", what, int(d.Speed)),
				Remedy: "take another cable, then another socket, then another hub"})
		}
	}
	return all
}

func (m *machine) overCurrent(context.Context) []finding {
	list, err := usb.OverCurrents(m.at(usb.Sysfs))
	if err != nil {
		return nil
	}
	var all []finding
	for _, o := range list {
		all = append(all, finding{Level: levelWarning, About: o.Hub, Says: fmt.Sprintf("socket %d switched off %d times: too much power was drawn", o.Socket, o.Count),
			Remedy: "give the hub its own power supply, or use another"})
	}
	return all
}

// others are programs that reach for tablets.
func (m *machine) others(ctx context.Context) []finding {
	var all []finding
	names, err := filepath.Glob(m.at("/proc/[0-9]*/comm"))
	if err != nil {
		return nil
	}
	for _, file := range names {
		name, err := os.ReadFile(file) //nolint:gosec // of /proc
		if err == nil && strings.TrimSpace(string(name)) == "ModemManager" {
			if _, err := os.Stat(m.at(rulesFile)); err != nil {
				all = append(all, finding{Level: levelWarning, About: "ModemManager", Says: "it tries whatever is plugged in", Remedy: "install the udev rule, which keeps it away from tablets"})
			}
		}
	}
	if slices.ContainsFunc(m.bus.Tablets(), func(d usb.Device) bool { return d.Mode == usb.ADB }) {
		if _, err := adb.Default().Devices(ctx); errors.Is(err, adb.ErrNoServer) {
			all = append(all, finding{Level: levelWarning, About: "adb", Says: "tablets run Android, and no adb server sends them to their bootloaders", Remedy: "adb start-server"})
		}
	}
	return all
}

const (
	littleDisk = 2 << 30 // bytes
	noDisk     = 100 << 20
)

func (m *machine) disk(context.Context) []finding {
	if m.ledger == "" {
		return nil
	}
	dir := filepath.Dir(m.ledger)
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir) // it is made at first use
	}
	free, err := disk.Free(dir)
	if err != nil {
		return []finding{{Level: levelError, About: "disk", Says: fmt.Sprintf("%s: %v", dir, err), Remedy: "name another place with --ledger"}}
	}
	f := finding{Level: levelOK, About: "disk", Says: fmt.Sprintf("%s is free for the ledger in %s", bytesText(free), dir)}
	if free < littleDisk {
		f.Level, f.Remedy = levelWarning, "make room: flashing stops when the ledger cannot be written"
	}
	if free < noDisk {
		f.Level = levelError
	}
	return []finding{f}
}

// firstDay is before any clock can be right.
var firstDay = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (m *machine) clock(context.Context) []finding {
	now := time.Now()
	switch synced, known := clockSynced(); {
	case now.Before(firstDay):
		return []finding{{Level: levelError, About: "clock", Says: "it is not " + now.Format(time.DateOnly) + ": records would have a wrong time", Remedy: "set the clock: timedatectl set-ntp true"}}
	case known && !synced:
		return []finding{{Level: levelWarning, About: "clock", Says: "nothing keeps the clock right", Remedy: "timedatectl set-ntp true"}}
	}
	return []finding{{Level: levelOK, About: "clock", Says: now.UTC().Format(time.RFC3339)}}
}
