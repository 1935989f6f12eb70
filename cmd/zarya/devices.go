// This file is zarya devices: the tree of hubs and sockets that a technician has in
// front of him, what is in each, and what keeps it from being used.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/adb"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/usb"
	"github.com/zarya-station/zarya/usb/libusb"
	"github.com/zarya-station/zarya/usb/uevent"
)

// device is one row of zarya devices.
type device struct {
	Mode   usb.Mode `json:"mode"`
	Model  string   `json:"model,omitempty"`
	Serial string   `json:"serial,omitempty"`
	Lock   string   `json:"lock,omitempty"`
}

func newDevices(a *app) *cobra.Command {
	var typed []string
	var watch bool
	cmd := &cobra.Command{
		Use:   "devices",
		Short: "Show what is plugged in where, or what the targets are",
		Long: `Show the sockets of every hub and what is in them: name, mode, model, serial, speed,
and for what cannot be used, why and what to do. With targets, ask each of them.

--watch goes on: on a terminal the tree is drawn again at every change; otherwise each
change is a line (with --json an event). What is there already comes first.`,
		Example: "  zarya devices\n  zarya devices --watch --json\n  zarya devices -s tcp:127.0.0.1:5600 -s tcp:127.0.0.1:5601",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			asked := len(typed) > 0 || os.Getenv("ZARYA_TARGET") != ""
			switch {
			case watch && asked:
				return problem.New(problem.Usage, "leave the targets out", "--watch is for all ports")
			case watch:
				return a.watchUSB()
			case !asked:
				return a.listUSB()
			}
			return a.askDevices(typed)
		},
	}
	a.targetFlags(cmd, &typed)
	cmd.Flags().BoolVar(&watch, "watch", false, "go on and show every change, until ^C")
	return cmd
}

func (a *app) askDevices(typed []string) error {
	targets, err := a.targets(typed)
	if err != nil {
		return err
	}
	answers, err := each(a, targets, lookAt)
	if err != nil {
		return err
	}
	if a.json {
		return printAnswers(a, "devices", answers, nil)
	}
	fmt.Fprintf(a.stdout, "%-26s %-10s %-10s %-18s %s\n", "TARGET", "MODE", "MODEL", "SERIAL", "LOCK")
	for _, r := range answers {
		d := device{Mode: "-", Model: r.Error}
		if r.Value != nil {
			d = *r.Value
		}
		fmt.Fprintln(a.stdout, strings.TrimRight(fmt.Sprintf("%-26s %-10s %-10s %-18s %s", r.Target, d.Mode, dash(d.Model), dash(d.Serial), dash(d.Lock)), " "))
	}
	return conclude(a, answers)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func lookAt(ctx context.Context, s session) (d device, err error) {
	d.Mode = usb.Fastboot
	userspace, err := s.IsUserspace(ctx)
	if err != nil {
		return d, err
	}
	if userspace == fastboot.Yes {
		d.Mode = usb.Fastbootd
	}
	product, err := s.Product(ctx)
	if err != nil {
		return d, err
	}
	serial, err := s.Serial(ctx)
	if err != nil {
		return d, err
	}
	unlocked, _, err := s.Unlocked(ctx)
	d.Model, d.Serial = product.Value, serial.Value
	d.Lock = map[fastboot.Answer]string{fastboot.Yes: "unlocked", fastboot.No: "locked"}[unlocked]
	return d, err
}

// usability is why a tablet cannot be flashed as it is, and what to do; "" is nothing.
func usability(d usb.Device) string {
	switch d.Mode {
	case usb.Fastboot, usb.Fastbootd:
		problem, remedy := access(d)
		if problem == "" {
			return ""
		}
		return problem + ": " + remedy
	case usb.Booted:
		return ""
	case usb.Service:
		return d.Service() + ": hold the power button until the tablet restarts; nothing is written in this mode"
	}
	return "not in fastboot mode: " + keys(d)
}

// keys bring a tablet into fastboot.
func keys(d usb.Device) string {
	if t, ok := usb.Known(d.Model()); ok && t.Keys != "" {
		return t.Keys
	}
	return "power off, hold volume down, put the cable in"
}

// access is what keeps this process from a tablet in fastboot, and what to do; "" is
// nothing.
func access(d usb.Device) (problem, remedy string) {
	if !libusb.Available {
		return "this zarya was built without cgo", "use the one with USB"
	}
	for _, i := range d.Interfaces {
		if i.Driver == "usbfs" {
			return "another program uses it" + holders(d.Node()), endOther
		}
	}
	if err := unix.Access(d.Node(), unix.R_OK|unix.W_OK); err != nil {
		return fmt.Sprintf("%s: %v", d.Node(), err), udevRule
	}
	return "", ""
}

// holders is ": adb (process 123)", or "" if it cannot be seen.
func holders(node string) string {
	list := usb.Holders("/proc", node)
	if len(list) == 0 {
		return ""
	}
	return ": " + strings.Join(list, ", ")
}

// usbItem is one tablet of zarya devices on USB.
type usbItem struct {
	Target string   `json:"target"`
	Port   string   `json:"port"`
	Name   string   `json:"port_name,omitempty"`
	Path   string   `json:"path"`
	Mode   usb.Mode `json:"mode"`
	Model  string   `json:"model,omitempty"`
	Serial string   `json:"serial,omitempty"`
	Speed  string   `json:"speed,omitempty"`
	Hint   string   `json:"hint,omitempty"`

	Build   string `json:"build,omitempty"`   // of Android, as an adb server tells it
	Battery int    `json:"battery,omitempty"` // percent
}

// inAndroid is what an adb server tells of a tablet.
type inAndroid struct {
	adb.Facts
	err error
}

// hint is what to do with a tablet in Android.
func (i inAndroid) hint(d usb.Device) string {
	switch {
	case errors.Is(i.err, adb.ErrNoServer):
		return usability(d) + "; or start an adb server (adb start-server), and flash and run do it"
	case i.err != nil:
		return fmt.Sprintf("%v; or: %s", i.err, usability(d))
	}
	battery := ""
	if i.Battery >= 0 {
		battery = fmt.Sprintf(", battery %d %%", i.Battery)
	}
	return fmt.Sprintf("Android %s%s; flash and run send it to its bootloader", i.Build, battery)
}

// askAndroid asks about every tablet that runs Android, all at once.
func askAndroid(ctx context.Context, bus *usb.Bus) map[usb.Port]inAndroid {
	var mu sync.Mutex
	var wg sync.WaitGroup
	all := map[usb.Port]inAndroid{}
	for _, d := range bus.Tablets() {
		if d.Mode != usb.ADB {
			continue
		}
		wg.Go(func() {
			var i inAndroid
			server := adb.Default()
			at, err := server.At(ctx, d.Kernel)
			if i.err = err; err == nil {
				i.Facts, i.err = server.Facts(ctx, at)
			}
			mu.Lock()
			defer mu.Unlock()
			all[d.Port] = i
		})
	}
	wg.Wait()
	return all
}

// plugged is what is in the sockets, and their names.
func plugged() (*usb.Bus, usb.Names, error) {
	bus, err := scanUSB()
	if err != nil {
		return nil, nil, err
	}
	names, err := loadNames()
	return bus, names, err
}

// listUSB shows everything that is plugged in.
func (a *app) listUSB() error {
	bus, names, err := plugged()
	if err != nil {
		return err
	}
	ctx, cancel := a.untilSignal()
	defer cancel()
	android := askAndroid(ctx, bus)
	if a.json {
		items := []usbItem{}
		for _, d := range bus.Tablets() {
			item := usbItem{Target: socket{port: d.Port}.String(), Port: d.Port.Short(), Name: names[d.Port.Path()], Path: d.Port.Path(), Mode: d.Mode, Model: d.Model(),
				Serial: d.Serial, Speed: d.Speed.String(), Hint: usability(d)}
			if about, ok := android[d.Port]; ok {
				item.Hint = about.hint(d)
				if about.err == nil {
					item.Model, item.Build, item.Battery = about.Model, about.Build, max(about.Battery, 0)
				}
			}
			items = append(items, item)
		}
		return a.document("devices", items)
	}
	drawTree(a.stdout, bus, names, android)
	if len(bus.Tablets()) == 0 {
		fmt.Fprintln(a.stderr, "no tablet is plugged in; name tablets on the network with -s tcp:HOST[:PORT]")
	}
	return nil
}

// row is one line of the tree.
type row struct {
	port                             string // with the tree's indent
	name, kind, model, serial, speed string
	hint                             string
}

// drawTree shows hub by hub, socket by socket.
func drawTree(w io.Writer, bus *usb.Bus, names usb.Names, android map[usb.Port]inAndroid) {
	t := tree{names: names, android: android, at: map[usb.Port]usb.Device{}}
	for _, d := range bus.Devices {
		// The USB 3 half of a hub is in the same socket: the faster one tells more.
		if other, ok := t.at[d.Port]; !ok || !d.Hub || other.Speed < d.Speed {
			t.at[d.Port] = d
		}
	}
	for _, r := range bus.Roots {
		if t.redundant(bus, r) {
			continue
		}
		t.rows = append(t.rows, row{port: fmt.Sprintf("%s, bus %d, %d Mbit/s", r.Controller, r.Bus, int(r.Speed))})
		t.sockets(usb.Port{Controller: r.Controller, Bus: r.Bus}, r.Sockets, "  ")
	}
	if len(t.rows) == 0 {
		return
	}
	width := len("TARGET")
	for _, r := range t.rows {
		if r.kind != "" {
			width = max(width, len(r.port))
		}
	}
	fmt.Fprintf(w, "%-*s  %-8s %-10s %-10s %-18s %s\n", width, "TARGET", "NAME", "MODE", "MODEL", "SERIAL", "SPEED")
	for _, r := range t.rows {
		if r.kind == "" {
			fmt.Fprintln(w, r.port)
			continue
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-*s  %-8s %-10s %-10s %-18s %s", width, r.port, dash(r.name), r.kind, r.model, r.serial, r.speed), " "))
		if r.hint != "" {
			fmt.Fprintf(w, "%*s→ %s\n", len(r.port)-len(strings.TrimLeft(r.port, " "))+2, "", r.hint)
		}
	}
}

type tree struct {
	names   usb.Names
	android map[usb.Port]inAndroid
	at      map[usb.Port]usb.Device
	rows    []row
}

// redundant is the USB 3 half of a controller, whose sockets are those of the other
// half, unless something is shown there.
func (t *tree) redundant(bus *usb.Bus, r usb.Root) bool {
	other := slices.ContainsFunc(bus.Roots, func(o usb.Root) bool {
		return o.Controller == r.Controller && o.Bus != r.Bus && o.Speed < usb.SuperSpeed
	})
	return r.Speed >= usb.SuperSpeed && other && !slices.ContainsFunc(bus.Devices, func(d usb.Device) bool { return d.Port.Bus == r.Bus })
}

// sockets shows those of one hub. Empty ones that have no name share a line.
func (t *tree) sockets(hub usb.Port, count int, indent string) {
	empty := 0 // the first of those not shown yet
	flush := func(last int) {
		if empty == 0 {
			return
		}
		text := indent + "usb:" + hub.Socket(empty).Short()
		if last > empty {
			text += fmt.Sprintf(" to %d", last)
		}
		t.rows = append(t.rows, row{port: text, kind: "empty"})
		empty = 0
	}
	for n := 1; n <= count; n++ {
		p := hub.Socket(n)
		d, plugged := t.at[p]
		name := t.names[p.Path()]
		if !plugged && name == "" {
			if empty == 0 {
				empty = n
			}
			continue
		}
		flush(n - 1)
		r := row{port: indent + "usb:" + p.Short(), name: name}
		switch {
		case !plugged:
			r.kind = "empty"
		case d.Hub:
			r.kind, r.model, r.speed = "hub", fmt.Sprintf("%d sockets", d.Sockets), d.Speed.String()
		case d.Mode == "":
			r.kind, r.model, r.speed = "other", strings.TrimSpace(d.Manufacturer+" "+d.Name), d.Speed.String()
		default:
			r.kind, r.model, r.serial, r.speed, r.hint = string(d.Mode), dash(d.Model()), dash(d.Serial), d.Speed.String(), usability(d)
			if i, ok := t.android[p]; ok {
				r.hint = i.hint(d)
				if r.model == "-" {
					r.model = dash(i.Model)
				}
			}
		}
		t.rows = append(t.rows, r)
		if d.Hub {
			t.sockets(p, d.Sockets, indent+"  ")
		}
	}
	flush(count)
}

// watchUSB shows every change.
func (a *app) watchUSB() error {
	ctx, cancel := a.untilSignal()
	defer cancel()
	wake, err := uevent.Listen(ctx)
	if err != nil {
		a.warn("%v; the ports are looked at every second", err)
	}
	tell, end := a.teller(ctx)
	defer end()
	scan := func() ([]usb.Device, error) {
		bus, err := scanUSB()
		if err != nil {
			return nil, err
		}
		return bus.Tablets(), nil
	}
	return usb.Watch(ctx, scan, wake, tell, func(err error) error { return err })
}

// teller chooses how changes are shown.
func (a *app) teller(ctx context.Context) (tell func([]usb.Change) error, end func()) {
	if a.json {
		sink := ui.NewJSON(a.stdout)
		events := flash.NewEvents(newID(), sink.Event)
		return func(changes []usb.Change) error {
			names, err := loadNames()
			for _, c := range changes {
				d := c.Device
				where := flash.Where{Port: d.Port.Short(), PortName: names[d.Port.Path()], Serial: d.Serial}
				events.Emit(flash.Event{Where: where, Body: flash.Device{Change: string(c.Change), Mode: d.Mode, Model: d.Model(), Hint: hintOf(c)}})
			}
			return err
		}, events.Close
	}
	if tty := terminal(a.stdout); tty != nil && os.Getenv("TERM") != "dumb" {
		return func([]usb.Change) error {
			bus, names, err := plugged()
			if err != nil {
				return err
			}
			var b strings.Builder
			drawTree(&b, bus, names, askAndroid(ctx, bus))
			_, err = fmt.Fprintf(tty, "\x1b[H\x1b[2J%s\n%s; ^C ends\n", b.String(), time.Now().Format(time.TimeOnly))
			return err
		}, func() {}
	}
	return func(changes []usb.Change) error {
		names, err := loadNames()
		for _, c := range changes {
			d := c.Device
			fmt.Fprintf(a.stdout, "%s %-8s usb:%-12s %-8s %-10s %-10s %-18s %s\n", time.Now().Format(time.TimeOnly), c.Change, d.Port.Short(), dash(names[d.Port.Path()]), d.Mode, dash(d.Model()), dash(d.Serial), d.Speed)
			if hint := hintOf(c); hint != "" {
				fmt.Fprintf(a.stdout, "  → %s\n", hint)
			}
		}
		return err
	}, func() {}
}

func hintOf(c usb.Change) string {
	if c.Change == usb.Left {
		return ""
	}
	return usability(c.Device)
}
