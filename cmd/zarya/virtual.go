//go:build !novirtual

// This file is zarya virtual: tablets made of software, and images for them.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/internal/virtual/imageset"
)

// hasVirtual is whether this program was built with virtual tablets.
const hasVirtual = true

type virtualOptions struct {
	count       int
	listen      string
	state       string
	family      string
	maxDownload string
	rate        string
	busRate     string
	writeRate   string
	unlockCode  string
	faults      []string
	faultsOn    []string
	ports       int
	fullSpeed   bool
	android     []string
	supply      int    // tablets in all; those beyond count wait to be plugged in
	follow      string // a pipe with a station's events
	pull        int
}

func newVirtual(a *app) *cobra.Command {
	o := virtualOptions{}
	cmd := &cobra.Command{
		Use:   "virtual",
		Short: "Run virtual tablets: fastboot over TCP or UDP, faults on demand",
		Long: `Run virtual tablets on consecutive ports until ^C. They speak fastboot as the
named family does; AOSP's fastboot can use them too. Each prints one line when it
listens, and "ready" follows when all do.

Families: ` + strings.Join(virtual.Families(), ", ") + `

Faults: KIND[=ARG][@WHERE][*N], such as unplug=5@40%, stall@flash:system,
fail=no%20way@flash:boot, corrupt@download:2, locked. See docs/virtual.md.`,
		Example: `  zarya virtual --count 16 --listen tcp:127.0.0.1:5600 --rate 40MB
  zarya virtual --family qualcomm --listen udp:127.0.0.1:5554 --state ./tablets
  zarya virtual --count 4 --fault-on VT0002=unplug@40%
  zarya virtual --count 16 --supply 48 --follow ./events`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.virtual(o) },
	}
	f := cmd.Flags()
	f.IntVar(&o.count, "count", 1, "how many tablets")
	f.StringVar(&o.listen, "listen", "tcp:127.0.0.1:5554", "first address: `tcp:HOST:PORT`, udp:HOST:PORT, or usbredir:DIR for a virtual machine's USB ports")
	f.IntVar(&o.ports, "ports", 0, "with usbredir: how many ports there are, the last ones empty (default: one a tablet)")
	f.StringArrayVar(&o.android, "android", nil, "with usbredir: the tablet `SERIAL` runs Android first, with debugging on; repeatable")
	f.BoolVar(&o.fullSpeed, "full-speed", false, "with usbredir: fastboot at 12 Mbit/s instead of 480")
	f.StringVar(&o.state, "state", "", "keep partitions as files `DIR`/SERIAL/PARTITION.img (default: a temporary folder)")
	f.StringVar(&o.family, "family", "kirin710a-ags3", "what is imitated; several with commas take turns")
	f.StringVar(&o.maxDownload, "max-download", "", "max-download-size, such as 64MiB (default: the family's)")
	f.StringVar(&o.rate, "rate", "", "bytes/s that each tablet takes, such as 40MB")
	f.StringVar(&o.busRate, "bus-rate", "", "bytes/s that all tablets take together")
	f.StringVar(&o.unlockCode, "unlock-code", "", "the `CODE` that oem unlock takes (with --fault locked)")
	f.StringVar(&o.writeRate, "write-rate", "", "bytes/s that each tablet writes to its storage")
	f.StringArrayVar(&o.faults, "fault", nil, "`SPEC` of a fault of every tablet, repeatable")
	f.StringArrayVar(&o.faultsOn, "fault-on", nil, "`SERIAL=SPEC`: a fault of one tablet, repeatable")
	f.IntVar(&o.supply, "supply", 0, "with --follow: how many tablets there are in all; the others wait to be plugged in")
	f.StringVar(&o.follow, "follow", "", "a technician reads a station's events from `PIPE`, takes out what is done and plugs in the next")
	f.IntVar(&o.pull, "pull", 0, "with --follow: `PERCENT` of the tablets whose cable is pulled once in the middle")
	cmd.AddCommand(newVirtualImages(a))
	return cmd
}

func newVirtualImages(a *app) *cobra.Command {
	var size string
	cmd := &cobra.Command{
		Use:   "images DIR",
		Short: "Build a set of real images for virtual tablets",
		Long: `Build a set of images into DIR: an ext4 system of real files with holes, raw and
sparse, a boot image, a vbmeta, a sparse userdata. Needs e2fsprogs and
android-sdk-libsparse-utils.`,
		Example: "  zarya virtual images ./images",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			bytes, err := bytesize.Parse(size)
			if err != nil {
				return problem.New(problem.Usage, "write --size 64MiB", "--size: %w", err)
			}
			ctx, cancel := a.untilSignal()
			defer cancel()
			if _, err := imageset.Build(ctx, args[0], imageset.Options{Size: bytes}); err != nil {
				return problem.New(problem.Station, "", "images: %w", err)
			}
			fmt.Fprintln(a.stdout, args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&size, "size", "256MiB", "`SIZE` of the system image")
	return cmd
}

// serial is the serial number of the n-th virtual tablet, from 1.
func serial(n int) string { return fmt.Sprintf("VT%04d", n) }

// virtual serves tablets until the first signal, and says where they are.
func (a *app) virtual(o virtualOptions) error {
	if proto, dir, _ := strings.Cut(o.listen, ":"); proto == "usbredir" {
		return a.virtualUSB(o, dir)
	}
	ctx, cancel := a.untilSignal()
	defer cancel()
	return a.serveTablets(ctx, o, func(targets []string) {
		for i, t := range targets {
			fmt.Fprintf(a.stdout, "%s %s\n", serial(i+1), t)
		}
		fmt.Fprintln(a.stdout, "ready")
	})
}

// serveTablets serves tablets on a network until ctx ends. ready is called, once, with
// their targets when all of them listen.
func (a *app) serveTablets(ctx context.Context, o virtualOptions, ready func(targets []string)) error {
	if o.count < 1 || o.count > 1000 {
		return problem.New(problem.Usage, "", "--count %d: from 1 to 1000", o.count)
	}
	proto, address, _ := strings.Cut(o.listen, ":")
	host, portText, err := net.SplitHostPort(address)
	port, perr := strconv.ParseUint(portText, 10, 16)
	if (proto != "tcp" && proto != "udp") || err != nil || perr != nil || int(port)+o.count-1 > 65535 {
		return problem.New(problem.Usage, "write tcp:127.0.0.1:5554, udp:127.0.0.1:5554 (with room for all ports; 0 is any free ones) or usbredir:DIR", "--listen %q is not an address", o.listen)
	}
	if (o.supply > 0 || o.pull > 0) && o.follow == "" || o.supply > 0 && o.supply < o.count || o.pull < 0 || o.pull > 100 {
		return problem.New(problem.Usage, "write --count 16 --supply 48 --follow PIPE", "--supply and --pull are for a technician who follows a station, with at least as many tablets as places")
	}
	configs, cleanup, err := a.virtualConfigs(o)
	if err != nil {
		return err
	}
	defer cleanup()

	// For as long as the tablets are there, at home or away.
	held, err := holdAll(proto, host, int(port), o.count)
	defer func() {
		for _, h := range held {
			_ = h.Close()
		}
	}()
	if err != nil {
		return problem.New(problem.Station, "name a port that is free, or port 0 for any", "--listen: %w", err)
	}
	var tablets []*virtual.Tablet
	for _, config := range configs[:o.count] {
		tablet, err := virtual.New(config)
		if err != nil {
			return problem.New(problem.Station, "", "%s: %w", config.Serial, err)
		}
		tablets = append(tablets, tablet)
	}
	hand := &technician{pull: o.pull, supply: configs[o.count:], slots: map[string]*slot{}, left: o.count, rnd: rand.New(rand.NewPCG(1, 1)), //nolint:gosec // the same cables at each run
		say: func(format string, args ...any) { fmt.Fprintf(a.stderr, format+"\n", args...) }}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	hand.done = cancel
	var wg sync.WaitGroup
	failed := make(chan error, o.count+1)
	listens := make(chan struct{}, o.count)
	for i, tablet := range tablets {
		at := held[i]
		var once sync.Once
		at.Listening = func() { once.Do(func() { listens <- struct{}{} }) }
		place := &slot{serial: configs[i].Serial, moves: make(chan move, 1)}
		hand.slots[proto+":"+at.Addr()] = place
		wg.Go(func() {
			err := hand.serve(ctx, place, tablet, func(ctx context.Context, tablet *virtual.Tablet) error {
				if proto == "udp" {
					return tablet.ServeUDP(ctx, at)
				}
				return tablet.Serve(ctx, at, at.Addr())
			})
			if err != nil {
				failed <- fmt.Errorf("%s at %s:%s: %w", configs[i].Serial, proto, at.Addr(), err)
				cancel()
			}
		})
	}
	for i := 0; i < o.count && ctx.Err() == nil; i++ {
		select {
		case <-listens:
		case <-ctx.Done():
		}
	}
	if ctx.Err() == nil {
		var targets []string
		for _, h := range held {
			targets = append(targets, fmt.Sprintf("%s:%s", proto, h.Addr()))
		}
		if o.follow != "" {
			wg.Go(func() {
				if err := hand.followReports(ctx, o.follow); err != nil {
					failed <- err
					cancel()
				}
			})
		}
		ready(targets)
	}
	wg.Wait()
	select {
	case err := <-failed:
		return problem.New(problem.Station, "is the disk full?", "%w", err)
	default:
		return nil
	}
}

// holdAll takes consecutive addresses. Port 0 is any free ones: consecutive, too, if some
// are found below those that the kernel hands out.
func holdAll(proto, host string, port, count int) (held []*virtual.Held, err error) {
	try := func(first int) ([]*virtual.Held, error) {
		var held []*virtual.Held
		for i := range count {
			at := 0
			if first > 0 {
				at = first + i
			}
			h, err := virtual.Hold(proto, net.JoinHostPort(host, strconv.Itoa(at)))
			if err != nil {
				for _, h := range held {
					_ = h.Close()
				}
				return nil, err
			}
			held = append(held, h)
		}
		return held, nil
	}
	if port > 0 {
		return try(port)
	}
	for range 10 {
		if held, err = try(10000 + rand.IntN(20000)); err == nil { //nolint:gosec // any port will do
			return held, nil
		}
	}
	return try(0)
}

// virtualConfigs checks the options and makes one configuration a tablet.
func (a *app) virtualConfigs(o virtualOptions) (configs []virtual.Config, cleanup func(), err error) {
	var families []virtual.Family
	for _, name := range strings.Split(o.family, ",") {
		family, err := virtual.FamilyByName(name)
		if err != nil {
			return nil, nil, problem.New(problem.Usage, "", "--family: %w", err)
		}
		families = append(families, family)
	}
	var sizes [4]int64
	for i, s := range []struct{ flag, text string }{{"--max-download", o.maxDownload}, {"--rate", o.rate}, {"--bus-rate", o.busRate}, {"--write-rate", o.writeRate}} {
		if sizes[i], err = bytesize.Parse(s.text); err != nil {
			return nil, nil, problem.New(problem.Usage, "write 40MB, 64MiB or a number of bytes", "%s: %w", s.flag, err)
		}
	}
	var common []virtual.Fault
	for _, spec := range o.faults {
		f, err := virtual.ParseFault(spec)
		if err != nil {
			return nil, nil, problem.New(problem.Usage, "", "--fault: %w", err)
		}
		common = append(common, f)
	}
	own := map[string][]virtual.Fault{}
	for _, arg := range o.faultsOn {
		name, spec, ok := strings.Cut(arg, "=")
		f, err := virtual.ParseFault(spec)
		if !ok || err != nil {
			return nil, nil, problem.New(problem.Usage, "write --fault-on VT0001=unplug@40%", "--fault-on %q: %v", arg, err)
		}
		own[name] = append(own[name], f)
	}
	ports := o.ports
	if !strings.HasPrefix(o.listen, "usbredir:") {
		if ports != 0 || o.fullSpeed || len(o.android) > 0 {
			return nil, nil, problem.New(problem.Usage, "add --listen usbredir:DIR", "--ports, --full-speed and --android are for tablets on USB")
		}
	} else if ports = max(ports, o.count); o.ports != 0 && o.ports < o.count || o.ports > 1000 {
		return nil, nil, problem.New(problem.Usage, "", "--ports %d: from --count, which is %d, to 1000", o.ports, o.count)
	}
	for _, list := range own {
		common = append(common, list...) // to be checked
	}
	for _, f := range common {
		if f.Port() > ports {
			return nil, nil, problem.New(problem.Usage, "add --listen usbredir:DIR --ports N", "the fault %s=%s: there is no port %d", f.Kind, f.Arg, f.Port())
		}
	}
	common = common[:len(o.faults)]
	cleanup = func() {}
	if o.state == "" {
		if o.state, err = os.MkdirTemp("", "zarya-virtual-"); err != nil {
			return nil, nil, problem.New(problem.Station, "", "%w", err)
		}
		dir := o.state
		cleanup = func() { _ = os.RemoveAll(dir) }
	}
	var bus *virtual.Bus
	if sizes[2] > 0 {
		bus = virtual.NewBus(sizes[2])
	}
	var mu sync.Mutex
	for i := range max(o.count, o.supply) {
		name := serial(i + 1)
		configs = append(configs, virtual.Config{
			Serial: name, Family: families[i%len(families)], Dir: o.state, MaxDownload: sizes[0], Rate: sizes[1], WriteRate: sizes[3], UnlockCode: o.unlockCode,
			Bus: bus, Android: slices.Contains(o.android, name), Faults: append(append([]virtual.Fault(nil), common...), own[name]...), RebootTime: 2 * time.Second,
			Log: func(format string, args ...any) {
				if a.quiet {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				line := fmt.Sprintf(format, args...)
				if a.json {
					text, _ := json.Marshal(line)
					fmt.Fprintf(a.stderr, `{"serial":%q,"message":%s}`+"\n", name, text)
					return
				}
				if a.verbose {
					fmt.Fprintf(a.stderr, "%s %s\n", name, line)
				}
			},
		})
		delete(own, name)
	}
	unknown := slices.DeleteFunc(slices.Clone(o.android), func(name string) bool {
		return slices.ContainsFunc(configs, func(c virtual.Config) bool { return c.Serial == name })
	})
	for _, name := range slices.AppendSeq(unknown, maps.Keys(own)) {
		return nil, nil, problem.New(problem.Usage, fmt.Sprintf("the tablets are %s to %s", serial(1), serial(max(o.count, o.supply))), "there is no tablet %q", name)
	}
	return configs, cleanup, nil
}

// virtualUSB puts the tablets into the ports of a virtual machine: one unix socket a
// port, DIR/port-N, to which QEMU's usb-redir connects.
func (a *app) virtualUSB(o virtualOptions, dir string) error {
	if dir == "" {
		return problem.New(problem.Usage, "write usbredir:DIR", "--listen: no folder for the sockets")
	}
	configs, cleanup, err := a.virtualConfigs(o)
	if err != nil {
		return err
	}
	defer cleanup()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return problem.New(problem.Station, "name a folder that can be written", "--listen: %w", err)
	}
	ctx, cancel := a.untilSignal()
	defer cancel()
	var wg sync.WaitGroup
	failed := make(chan error, o.count)
	for i, config := range configs {
		tablet, err := virtual.New(config)
		if err != nil {
			cancel()
			wg.Wait()
			return problem.New(problem.Station, "", "%s: %w", config.Serial, err)
		}
		ports := &sockets{dir: dir, listening: make(chan struct{}, 1)}
		ended := make(chan struct{})
		wg.Go(func() {
			defer close(ended)
			err := tablet.ServeUSB(ctx, ports, i+1, o.fullSpeed)
			if err != nil {
				failed <- fmt.Errorf("%s: %w", config.Serial, err)
				cancel()
			}
		})
		select {
		case <-ports.listening:
			fmt.Fprintf(a.stdout, "%s usbredir:%s\n", config.Serial, ports.path(i+1))
		case <-ended:
		}
	}
	if ctx.Err() == nil {
		fmt.Fprintln(a.stdout, "ready")
	}
	wg.Wait()
	select {
	case err := <-failed:
		return problem.New(problem.Station, "is another zarya virtual there (remove what it left behind), or the disk full?", "%w", err)
	default:
		return nil
	}
}

// sockets are the ports of a virtual machine, as files in a folder.
type sockets struct {
	dir       string
	listening chan struct{}
}

func (s *sockets) path(port int) string { return filepath.Join(s.dir, fmt.Sprintf("port-%d", port)) }

// Listen makes the socket of a port.
func (s *sockets) Listen(port int) (net.Listener, error) {
	l, err := net.Listen("unix", s.path(port)) //nolint:noctx // a socket of this machine: it does not wait
	if err == nil {
		select {
		case s.listening <- struct{}{}:
		default: // told before
		}
	}
	return l, err
}
