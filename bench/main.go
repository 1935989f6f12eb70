//go:build linux

// Bench measures zarya beside AOSP's fastboot: the same images to the same devices over
// TCP, taking turns, in one run. A technician's script runs one fastboot a tablet; zarya
// is one process. It prints medians and ratios (zarya / fastboot; below 1 zarya needs
// less) as a Markdown table. Nothing here passes or fails.
//
// The first run prepares the images, the others find them so; -cold is for every run the
// first one.
//
// CPU is the user and system time of the client processes. Memory is what they have for
// themselves: the peak of their anonymous and shared memory, looked at every 5 ms. Pages of
// files are not in it: all processes share them, the kernel keeps them without a process too,
// and how many it maps at once differs from kernel to kernel. The peak resident size, pages of
// files included, stands with the medians. The first byte is the mean over the devices of the
// time from the start of the clients to the first byte of payload that the device is given.
// What devices are: drain.go. That the bytes are right is shown by -check, with tablets that
// keep them.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// scenario is one row of the table.
type scenario struct {
	name  string
	image string // what both send
	raw   string // if image is compressed: fastboot sends this, after unpacking image to it
	args  []string
	drain spec
}

const mb, mib = 1_000_000, 1 << 20

var scenarios = []scenario{
	{name: "40 MB/s each, mixed raw", image: "mixed.img", drain: spec{Rate: 40 * mb}},
	{name: "shared 40 MB/s bus, mixed sparse", image: "mixed.simg", drain: spec{BusRate: 40 * mb}},
	{name: "shared 40 MB/s bus, mixed sparse, --concurrency 2", image: "mixed.simg", args: []string{"--concurrency", "2"},
		drain: spec{BusRate: 40 * mb}},
	{name: "unlimited, mixed raw", image: "mixed.img"},
	{name: "40 MB/s each, mixed sparse", image: "mixed.simg", drain: spec{Rate: 40 * mb}},
	{name: "unlimited, mixed sparse", image: "mixed.simg"},
	{name: "unlimited, dense", image: "dense.img"},
	{name: "40 MB/s each, 4 devices, small raw as sparse", image: "small.img", args: []string{"--sparse", "always"},
		drain: spec{Devices: 4, Rate: 40 * mb}},
	{name: "40 MB/s each, raw in zstd", image: "mixed.img.zst", raw: "mixed.img", drain: spec{Rate: 40 * mb}},
	{name: "40 MB/s each, 60 MB/s eMMC, mixed sparse", image: "mixed.simg", drain: spec{Rate: 40 * mb, WriteRate: 60 * mb}},
	{name: "one device, unlimited, sparse", image: "mixed.simg", drain: spec{Devices: 1}},
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == "drain" {
		var d drain
		err := json.Unmarshal([]byte(os.Args[2]), &d.spec)
		if err == nil {
			err = d.run()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	zarya := flag.String("zarya", "bin/zarya", "the `PROGRAM` to measure")
	dir := flag.String("dir", filepath.Join(os.TempDir(), "zarya-bench"), "`FOLDER` of the images; kept")
	rounds := flag.Int("rounds", 5, "runs of each, taking turns")
	only := flag.String("run", "", "only scenarios that match this `REGEXP`")
	size := flag.Int64("size", 1024, "`MiB` of the images")
	devices := flag.Int("devices", 16, "devices, unless the scenario says")
	alone := flag.Bool("alone", false, "zarya only: no ratios")
	cold := flag.Bool("cold", false, "empty zarya's cache of prepared images before each of its runs")
	check := flag.Bool("check", false, "flash tablets that keep what they get, and compare it")
	flag.Parse()
	var err error
	if *zarya, err = filepath.Abs(*zarya); err == nil {
		err = os.MkdirAll(*dir, 0o755)
	}
	im := images{filepath.Join(*dir, fmt.Sprint(*size)), *size * mib}
	if err == nil {
		if err = os.MkdirAll(im.dir, 0o755); err == nil {
			err = im.make()
		}
	}
	pattern, perr := regexp.Compile(*only)
	if err = errors.Join(err, perr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	b := &bench{zarya: *zarya, images: im, rounds: *rounds, alone: *alone, cold: *cold, scratch: *dir}
	if !*check {
		fmt.Println("| scenario | wall | CPU | memory | first byte | mean completion | medians (zarya / fastboot) |")
		fmt.Println("|---|---|---|---|---|---|---|")
	}
	for _, s := range scenarios {
		if !pattern.MatchString(s.name) {
			continue
		}
		if s.drain.Devices == 0 {
			s.drain.Devices = *devices
		}
		if s.drain.MaxDownload == 0 {
			s.drain.MaxDownload = 512 * mib
		}
		run := b.measure
		if *check {
			run = b.check
		}
		if err := run(s); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", s.name, err)
			os.Exit(1)
		}
	}
}

type bench struct {
	zarya   string
	scratch string
	images  images
	rounds  int
	alone   bool
	cold    bool
}

// environment is ours; the cache and the ledger are the bench's own.
func (b *bench) environment() []string { return append(os.Environ(), "ZARYA_CACHE="+b.cache()) }

func (b *bench) cache() string { return filepath.Join(b.scratch, "cache") }

// result is what one run took.
type result struct {
	wall, first, mean time.Duration
	cpu               time.Duration
	own, resident     int64 // bytes, peak
	wire              int64
}

// devices is a running drain.
type devices struct {
	cmd       *exec.Cmd
	in        io.WriteCloser
	addresses []string
	mu        sync.Mutex
	marks     []mark
	synced    chan struct{}
}

func serve(d spec) (*devices, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	p := &devices{cmd: exec.Command(self, "drain", string(text)), synced: make(chan struct{})}
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	lines := json.NewDecoder(bufio.NewReader(out))
	var ready mark
	if err := lines.Decode(&ready); err != nil {
		return nil, err
	}
	p.addresses = ready.Address
	go func() {
		for {
			var m mark
			if lines.Decode(&m) != nil {
				return
			}
			if m.Event == "sync" {
				p.synced <- struct{}{}
				continue
			}
			p.mu.Lock()
			p.marks = append(p.marks, m)
			p.mu.Unlock()
		}
	}()
	return p, nil
}

// seen gives what the devices told since the last call.
func (p *devices) seen() []mark {
	fmt.Fprintln(p.in)
	<-p.synced
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.marks
	p.marks = nil
	return m
}

func (p *devices) close() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

// ours is the command of a scenario.
func (b *bench) ours(s scenario, addresses []string) []*exec.Cmd {
	args := []string{"flash", "--yes", "--quiet", "--ledger", "sqlite:" + filepath.Join(b.scratch, "ledger.db"), "--image",
		"system=" + b.images.path(s.image)}
	args = append(args, s.args...)
	for _, a := range addresses {
		args = append(args, "-s", "tcp:"+a)
	}
	cmd := exec.Command(b.zarya, args...)
	cmd.Env = b.environment()
	return []*exec.Cmd{cmd}
}

// fastboots are what a script runs instead: one process a tablet.
func fastboots(addresses []string, image string) (cmds []*exec.Cmd) {
	for _, a := range addresses {
		cmds = append(cmds, exec.Command("fastboot", "-s", "tcp:"+a, "flash", "system", image))
	}
	return cmds
}

// run starts the commands at once, waits for all, and reads the kernel's accounts.
func run(start time.Time, p *devices, cmds []*exec.Cmd) (result, error) {
	var r result
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	for _, c := range cmds {
		var said bytes.Buffer
		c.Stdout, c.Stderr = &said, &said
		if err := c.Start(); err != nil {
			return r, err
		}
		wg.Go(func() {
			watched := make(chan struct{})
			peak := int64(0)
			go func() { // the kernel keeps no peak of it
				defer close(watched)
				for {
					n := ownMemory(c.Process.Pid)
					if n < 0 {
						return
					}
					peak = max(peak, n)
					time.Sleep(5 * time.Millisecond)
				}
			}()
			err := c.Wait()
			<-watched
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = fmt.Errorf("%s: %w\n%s", c.Path, err, said.Bytes())
			}
			usage := c.ProcessState.SysUsage().(*syscall.Rusage)
			r.cpu += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
			r.resident += usage.Maxrss << 10
			r.own += peak
		})
	}
	wg.Wait()
	r.wall = time.Since(start)
	if failed != nil {
		return r, failed
	}
	first, last := map[int]int64{}, map[int]int64{}
	for _, m := range p.seen() {
		switch m.Event {
		case "first":
			if _, ok := first[m.Device]; !ok {
				first[m.Device] = m.At - start.UnixNano()
			}
		case "flashed":
			last[m.Device] = m.At - start.UnixNano()
			r.wire += m.Bytes
		}
	}
	if len(last) != len(p.addresses) {
		return r, fmt.Errorf("%d of %d devices were flashed", len(last), len(p.addresses))
	}
	r.first, r.mean = average(first), average(last)
	return r, nil
}

func average(of map[int]int64) time.Duration {
	var sum int64
	for _, v := range of {
		sum += v
	}
	return time.Duration(sum / int64(max(1, len(of))))
}

// measure prints a scenario's row.
func (b *bench) measure(s scenario) error {
	p, err := serve(s.drain)
	if err != nil {
		return err
	}
	defer p.close()
	var ours, theirs []result
	for range b.rounds {
		if b.cold {
			if err := os.RemoveAll(b.cache()); err != nil {
				return err
			}
		}
		r, err := run(time.Now(), p, b.ours(s, p.addresses))
		if err != nil {
			return err
		}
		ours = append(ours, r)
		if b.alone {
			theirs = append(theirs, r)
			continue
		}
		start, image, unpacking := time.Now(), b.images.path(s.image), time.Duration(0)
		if s.raw != "" {
			image = filepath.Join(b.scratch, "unpacked.img")
			c := exec.Command("zstd", "-dqf", "-o", image, b.images.path(s.image))
			if err := c.Run(); err != nil {
				return err
			}
			unpacking = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
		}
		if r, err = run(start, p, fastboots(p.addresses, image)); err != nil {
			return err
		}
		if s.raw != "" {
			_ = os.Remove(image)
		}
		r.cpu += unpacking
		theirs = append(theirs, r)
	}
	o, t := medians(ours), medians(theirs)
	ratio := func(a, b float64) string { return fmt.Sprintf("%.2f", a/b) }
	memory := ratio(float64(o.own), float64(t.own))
	fmt.Printf("| %s | %s | %s | %s | %s | %s | %.2f / %.2f s, CPU %.2f / %.2f s, own %d / %d MiB, "+
		"resident %d / %d MiB, first %.2f / %.2f s, mean %.2f / %.2f s, wire %d / %d MB |\n", s.name,
		ratio(o.wall.Seconds(), t.wall.Seconds()), ratio(o.cpu.Seconds(), t.cpu.Seconds()), memory,
		ratio(o.first.Seconds(), t.first.Seconds()), ratio(o.mean.Seconds(), t.mean.Seconds()),
		o.wall.Seconds(), t.wall.Seconds(), o.cpu.Seconds(), t.cpu.Seconds(), o.own/mib, t.own/mib, o.resident/mib, t.resident/mib,
		o.first.Seconds(), t.first.Seconds(), o.mean.Seconds(), t.mean.Seconds(), o.wire/mb, t.wire/mb)
	return nil
}

// medians takes the median of each column.
func medians(of []result) result {
	return result{
		wall: median(of, func(r result) time.Duration { return r.wall }), first: median(of, func(r result) time.Duration { return r.first }),
		mean: median(of, func(r result) time.Duration { return r.mean }), cpu: median(of, func(r result) time.Duration { return r.cpu }),
		own: median(of, func(r result) int64 { return r.own }), resident: median(of, func(r result) int64 { return r.resident }),
		wire: median(of, func(r result) int64 { return r.wire }),
	}
}

func median[T int64 | time.Duration](of []result, column func(result) T) T {
	var v []T
	for _, r := range of {
		v = append(v, column(r))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// check flashes virtual tablets that keep their partitions, and compares.
func (b *bench) check(s scenario) error {
	state, err := os.MkdirTemp(b.scratch, "check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(state)
	c := exec.Command(b.zarya, "virtual", "--count", "2", "--listen", "tcp:127.0.0.1:0", "--state", state, "--max-download", "512MiB")
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	defer func() { _ = c.Process.Signal(syscall.SIGTERM); _ = c.Wait() }()
	var addresses []string
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
		_, address, _ := strings.Cut(lines.Text(), " tcp:")
		addresses = append(addresses, address)
	}
	if said, err := b.ours(s, addresses)[0].CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, said)
	}
	image := s.image
	if raw, ok := strings.CutSuffix(image, ".simg"); ok {
		image = raw + ".img"
	} else if s.raw != "" {
		image = s.raw
	}
	info, err := os.Stat(b.images.path(image))
	if err != nil {
		return err
	}
	for i := range addresses {
		if said, err := exec.Command("cmp", "-n", fmt.Sprint(info.Size()), b.images.path(image),
			filepath.Join(state, fmt.Sprintf("VT%04d", i+1), "system.img")).CombinedOutput(); err != nil {
			return fmt.Errorf("device %d: %w: %s", i, err, said)
		}
	}
	fmt.Printf("%s: equal on %d tablets\n", s.name, len(addresses))
	return nil
}
