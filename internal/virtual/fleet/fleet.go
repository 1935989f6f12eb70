// Package fleet serves many virtual tablets at once: it makes their configurations from what
// a person asks for, holds their addresses, and serves each until its context ends. A
// technician may follow a station's events, and exchange the tablets that are done.
//
// It is the operator of virtual tablets, not one of them: it belongs to neither side of the
// wire, and reads of the host only the events that any program may read.
package fleet

import (
	"context"
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

	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/heldaddr"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/virtual"
)

// Options say which tablets are served, and where.
type Options struct {
	Count  int
	Listen string // tcp:HOST:PORT or udp:HOST:PORT of the first, or usbredir:DIR
	State  string // the folder of their partitions; "" is a temporary one
	Family string // what is imitated; several with commas take turns

	MaxDownload, Rate, BusRate, WriteRate string // sizes as people write them; "" is the family's, or no limit

	UnlockCode string
	Faults     []string // of every tablet: KIND[=ARG][@WHERE][*N]
	FaultsOn   []string // SERIAL=FAULT

	Ports     int      // with usbredir: how many there are; 0 is one a tablet
	FullSpeed bool     // with usbredir: 12 Mbit/s
	Android   []string // with usbredir: serials that run Android first

	Supply int    // tablets in all; those beyond Count wait to be plugged in
	Follow string // a pipe with a station's events
	Pull   int    // percent of the tablets whose cable is pulled once

	Log func(serial, line string)        // what tablets do, one line at a time; nil is nobody
	Say func(format string, args ...any) // what the technician does; not nil with Follow
}

// Place is where a tablet is.
type Place struct {
	Serial, Target string
}

// serial is the serial number of the n-th virtual tablet, from 1.
func serial(n int) string { return fmt.Sprintf("VT%04d", n) }

// Serve serves the tablets until ctx ends. ready is called, once, when all of them are there.
func Serve(ctx context.Context, o Options, ready func([]Place)) error {
	if proto, dir, _ := strings.Cut(o.Listen, ":"); proto == "usbredir" {
		return serveUSB(ctx, o, dir, ready)
	}
	return serveNetwork(ctx, o, ready)
}

// Start serves the tablets beside the caller, until stop. It returns when all of them are
// there.
func Start(ctx context.Context, o Options) (places []Place, stop func() error, err error) {
	ctx, cancel := context.WithCancel(ctx)
	ready := make(chan []Place, 1)
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, o, func(places []Place) { ready <- places }) }()
	select {
	case places = <-ready:
	case err = <-ended:
		cancel()
		return nil, nil, err
	}
	return places, func() error {
		cancel()
		return <-ended
	}, nil
}

// serveNetwork serves tablets on a network.
func serveNetwork(ctx context.Context, o Options, ready func([]Place)) error {
	if o.Count < 1 || o.Count > 1000 {
		return problem.New(problem.Usage, "", "--count %d: from 1 to 1000", o.Count)
	}
	proto, address, _ := strings.Cut(o.Listen, ":")
	host, portText, err := net.SplitHostPort(address)
	port, perr := strconv.ParseUint(portText, 10, 16)
	if (proto != "tcp" && proto != "udp") || err != nil || perr != nil || int(port)+o.Count-1 > 65535 {
		return problem.New(problem.Usage,
			"write tcp:127.0.0.1:5554, udp:127.0.0.1:5554 (with room for all ports; 0 is any free ones) or usbredir:DIR",
			"--listen %q is not an address", o.Listen)
	}
	if (o.Supply > 0 || o.Pull > 0) && o.Follow == "" || o.Supply > 0 && o.Supply < o.Count || o.Pull < 0 || o.Pull > 100 {
		return problem.New(problem.Usage, "write --count 16 --supply 48 --follow PIPE",
			"--supply and --pull are for a technician who follows a station, with at least as many tablets as places")
	}
	configs, cleanup, err := o.configs()
	if err != nil {
		return err
	}
	defer cleanup()

	// For as long as the tablets are there, at home or away.
	held, err := holdAll(proto, host, int(port), o.Count)
	defer func() {
		for _, h := range held {
			_ = h.Close()
		}
	}()
	if err != nil {
		return problem.New(problem.Station, "name a port that is free, or port 0 for any", "--listen: %w", err)
	}
	var tablets []*virtual.Tablet
	for _, config := range configs[:o.Count] {
		tablet, err := virtual.New(config)
		if err != nil {
			return problem.New(problem.Station, "", "%s: %w", config.Serial, err)
		}
		tablets = append(tablets, tablet)
	}
	hand := &technician{pull: o.Pull, supply: configs[o.Count:], slots: map[string]*slot{}, left: o.Count,
		rnd: rand.New(rand.NewPCG(1, 1)), //nolint:gosec // the same cables at each run
		say: o.Say}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	hand.done = cancel
	var wg sync.WaitGroup
	failed := make(chan error, o.Count+1)
	listens := make(chan struct{}, o.Count)
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
	for i := 0; i < o.Count && ctx.Err() == nil; i++ {
		select {
		case <-listens:
		case <-ctx.Done():
		}
	}
	if ctx.Err() == nil {
		var places []Place
		for i, h := range held {
			places = append(places, Place{configs[i].Serial, fmt.Sprintf("%s:%s", proto, h.Addr())})
		}
		if o.Follow != "" {
			wg.Go(func() {
				if err := hand.followReports(ctx, o.Follow); err != nil {
					failed <- err
					cancel()
				}
			})
		}
		ready(places)
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
func holdAll(proto, host string, port, count int) (held []*heldaddr.Held, err error) {
	try := func(first int) ([]*heldaddr.Held, error) {
		var held []*heldaddr.Held
		for i := range count {
			at := 0
			if first > 0 {
				at = first + i
			}
			h, err := heldaddr.Hold(proto, net.JoinHostPort(host, strconv.Itoa(at)))
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
		if held, err = try(10000 + rand.IntN(10000)); err == nil { //nolint:gosec // any port will do
			return held, nil
		}
	}
	return try(0)
}

// configs checks the options and makes one configuration a tablet.
func (o Options) configs() (configs []virtual.Config, cleanup func(), err error) {
	var families []virtual.Family
	for _, name := range strings.Split(o.Family, ",") {
		family, err := virtual.FamilyByName(name)
		if err != nil {
			return nil, nil, problem.New(problem.Usage, "", "--family: %w", err)
		}
		families = append(families, family)
	}
	var sizes [4]int64
	for i, s := range []struct{ flag, text string }{
		{"--max-download", o.MaxDownload}, {"--rate", o.Rate}, {"--bus-rate", o.BusRate}, {"--write-rate", o.WriteRate},
	} {
		if sizes[i], err = bytesize.Parse(s.text); err != nil {
			return nil, nil, problem.New(problem.Usage, "write 40MB, 64MiB or a number of bytes", "%s: %w", s.flag, err)
		}
	}
	common, err := virtual.ParseFaults(o.Faults...)
	if err != nil {
		return nil, nil, problem.New(problem.Usage, "", "--fault: %w", err)
	}
	own := map[string][]virtual.Fault{}
	for _, arg := range o.FaultsOn {
		name, spec, ok := strings.Cut(arg, "=")
		f, err := virtual.ParseFault(spec)
		if !ok || err != nil {
			return nil, nil, problem.New(problem.Usage, "write --fault-on VT0001=unplug@40%", "--fault-on %q: %v", arg, err)
		}
		own[name] = append(own[name], f)
	}
	ports := o.Ports
	if !strings.HasPrefix(o.Listen, "usbredir:") {
		if ports != 0 || o.FullSpeed || len(o.Android) > 0 {
			return nil, nil, problem.New(problem.Usage, "add --listen usbredir:DIR", "--ports, --full-speed and --android are for tablets on USB")
		}
	} else if ports = max(ports, o.Count); o.Ports != 0 && o.Ports < o.Count || o.Ports > 1000 {
		return nil, nil, problem.New(problem.Usage, "", "--ports %d: from --count, which is %d, to 1000", o.Ports, o.Count)
	}
	for _, list := range own {
		common = append(common, list...) // to be checked
	}
	for _, f := range common {
		if f.Port() > ports {
			return nil, nil, problem.New(problem.Usage, "add --listen usbredir:DIR --ports N",
				"the fault %s=%s: there is no port %d", f.Kind, f.Arg, f.Port())
		}
	}
	common = common[:len(o.Faults)]
	cleanup = func() {}
	if o.State == "" {
		if o.State, err = os.MkdirTemp("", "zarya-virtual-"); err != nil {
			return nil, nil, problem.New(problem.Station, "", "%w", err)
		}
		dir := o.State
		cleanup = func() { _ = os.RemoveAll(dir) }
	}
	var bus *virtual.Bus
	if sizes[2] > 0 {
		bus = virtual.NewBus(sizes[2])
	}
	var mu sync.Mutex
	for i := range max(o.Count, o.Supply) {
		name := serial(i + 1)
		configs = append(configs, virtual.Config{
			Serial: name, Family: families[i%len(families)], Dir: o.State, UnlockCode: o.UnlockCode,
			MaxDownload: sizes[0], Rate: sizes[1], WriteRate: sizes[3], Bus: bus, RebootTime: 2 * time.Second,
			Android: slices.Contains(o.Android, name), Faults: slices.Concat(common, own[name]),
			Log: func(format string, args ...any) {
				if o.Log == nil {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				o.Log(name, fmt.Sprintf(format, args...))
			},
		})
		delete(own, name)
	}
	unknown := slices.DeleteFunc(slices.Clone(o.Android), func(name string) bool {
		return slices.ContainsFunc(configs, func(c virtual.Config) bool { return c.Serial == name })
	})
	for _, name := range slices.AppendSeq(unknown, maps.Keys(own)) {
		return nil, nil, problem.New(problem.Usage, fmt.Sprintf("the tablets are %s to %s", serial(1), serial(max(o.Count, o.Supply))),
			"there is no tablet %q", name)
	}
	return configs, cleanup, nil
}

// serveUSB puts the tablets into the ports of a virtual machine: one unix socket a
// port, DIR/port-N, to which QEMU's usb-redir connects.
func serveUSB(ctx context.Context, o Options, dir string, ready func([]Place)) error {
	if dir == "" {
		return problem.New(problem.Usage, "write usbredir:DIR", "--listen: no folder for the sockets")
	}
	configs, cleanup, err := o.configs()
	if err != nil {
		return err
	}
	defer cleanup()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return problem.New(problem.Station, "name a folder that can be written", "--listen: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var places []Place
	failed := make(chan error, o.Count)
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
			err := tablet.ServeUSB(ctx, ports, i+1, o.FullSpeed)
			if err != nil {
				failed <- fmt.Errorf("%s: %w", config.Serial, err)
				cancel()
			}
		})
		select {
		case <-ports.listening:
			places = append(places, Place{config.Serial, "usbredir:" + ports.path(i+1)})
		case <-ended:
		}
	}
	if ctx.Err() == nil {
		ready(places)
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
