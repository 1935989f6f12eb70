// The simulation of days: a bench of sixteen ports, tablets made of memory with seeded
// faults, technicians who plug in, swap, pull out in the middle and come back later, a
// station that is stopped and started again, on the clock of a bubble. Engine, protocol and
// station are the real ones.

package station_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/flashtest"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/internal/virtual/memnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const simPorts = 16

// simFaultNames are what can befall a tablet.
var simFaultNames = []string{"unplug@40%", "unplug=3@30%", "stall@flash:boot", "fail@flash:system", "locked", "low-battery",
	"slow=20000", "corrupt@download:2"}

// bench is the hub with what is plugged in.
type bench struct {
	net memnet.Net

	mu     sync.Mutex
	report func([]station.Change)       // guarded by mu; nil while no station runs
	in     map[string]*tablet           // guarded by mu; by port
	was    map[string]map[string]bool   // guarded by mu; serials that were ever in a port
	begun  map[string][]string          // guarded by mu; records, by job: intent, result
	ended  map[string]flash.JobDone     // guarded by mu; by job
	where  map[string]flash.Where       // guarded by mu; by job
	wrong  []error                      // guarded by mu
	counts struct{ arrivals, left int } // guarded by mu
}

// tablet is one on its way through the day.
type tablet struct {
	serial, fault string
	device        *virtual.Tablet
	stop          context.CancelFunc
	served        chan struct{}
}

// place is a port of the bench as a target.
type place struct {
	b    *bench
	name string
}

func (p place) String() string     { return "mem:" + p.name }
func (p place) Where() flash.Where { return flash.Where{PortName: p.name} }

func (p place) Fastboot(ctx context.Context) (fastboot.Transport, error) {
	c, err := p.b.net.Dial(ctx, p.name)
	if err != nil {
		return nil, &flash.Failure{Class: flash.ClassCable, Message: err.Error(), Hint: "plug it in", Err: err}
	}
	s, err := fastboot.NewStream(ctx, c)
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return s, nil
}

func (p place) Dial(context.Context, int) (net.Conn, error) {
	return nil, errors.New("none of these boots")
}

func (b *bench) Intent(j flash.Job, w flash.Where) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.begun[j.ID] = append(b.begun[j.ID], "intent")
	if w.Serial != "" && !b.was[w.PortName][w.Serial] {
		b.wrong = append(b.wrong, fmt.Errorf("%s is to write %s, which was never in %s", j.ID, w.Serial, w.PortName))
	}
	return nil
}

func (b *bench) Step(flash.Job, flash.StepDone) error { return nil }

func (b *bench) Result(j flash.Job, w flash.Where, d flash.JobDone) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.begun[j.ID] = append(b.begun[j.ID], "result")
	b.ended[j.ID], b.where[j.ID] = d, w
	return "rec-" + j.ID, nil
}

// Watch is the station's watcher.
func (b *bench) Watch(ctx context.Context, report func([]station.Change)) error {
	b.mu.Lock()
	var list []station.Change
	for name, t := range b.in {
		list = append(list, b.change(name, t.serial, true))
	}
	b.report = report
	b.mu.Unlock()
	report(list)
	<-ctx.Done()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.report = nil
	return nil
}

func (b *bench) change(name, serial string, present bool) station.Change {
	return station.Change{Place: b.at(name), Present: present, Serial: serial}
}

func (b *bench) at(name string) station.Place {
	return station.Place{Key: name, Name: name, Target: place{b, name}}
}

// tell reports a change, if a station listens. b.mu is not held.
func (b *bench) tell(c station.Change) {
	b.mu.Lock()
	report := b.report
	b.mu.Unlock()
	if report != nil {
		report([]station.Change{c})
	}
}

// announcedNet tells when a tablet listens for the first time.
type announcedNet struct {
	*memnet.Net
	listens chan struct{}
	once    sync.Once
}

func (n *announcedNet) Listen(name string) (net.Listener, error) {
	l, err := n.Net.Listen(name)
	n.once.Do(func() { close(n.listens) })
	return l, err
}

// plug puts a tablet into a port.
func (b *bench) plug(t *testing.T, name string, tab *tablet) {
	ctx, stop := context.WithCancel(context.Background())
	tab.stop, tab.served = stop, make(chan struct{})
	listens := make(chan struct{})
	go func() {
		defer close(tab.served)
		if err := tab.device.Serve(ctx, &announcedNet{Net: &b.net, listens: listens}, name); err != nil {
			t.Errorf("%s in %s: %v", tab.serial, name, err)
		}
	}()
	<-listens
	b.mu.Lock()
	b.in[name] = tab
	if b.was[name] == nil {
		b.was[name] = map[string]bool{}
	}
	b.was[name][tab.serial] = true
	b.counts.arrivals++
	b.mu.Unlock()
	b.tell(b.change(name, tab.serial, true))
}

// unplug takes the tablet out of a port.
func (b *bench) unplug(name string) {
	b.mu.Lock()
	tab := b.in[name]
	delete(b.in, name)
	b.mu.Unlock()
	tab.stop()
	<-tab.served
	b.tell(b.change(name, tab.serial, false))
}

// empty takes out all tablets.
func (b *bench) empty() {
	b.mu.Lock()
	left := slices.Collect(maps.Keys(b.in))
	b.mu.Unlock()
	for _, name := range left {
		b.unplug(name)
	}
}

// recordedOnce are the jobs that were begun and have not exactly one result.
func (b *bench) recordedOnce() (wrong []error) {
	for job, records := range b.begun {
		results := 0
		for _, r := range records {
			if r == "result" {
				results++
			}
		}
		if results != 1 {
			wrong = append(wrong, fmt.Errorf("%s has %d results", job, results))
		}
	}
	return wrong
}

// simWork makes the jobs.
type simWork struct{ steps []flash.Step }

func (simWork) Title() string { return "sim" }

func (w simWork) Job(id string, t flash.Target) flash.Job {
	return flash.Job{ID: id, Target: t, Scope: flash.ScopeFlash, Profile: "sim", LeaveForeign: true,
		Plan: func(k flash.Key) (flash.Plan, error) {
			if k.Product == "foreign" {
				return flash.Plan{}, &flash.Failure{Class: flash.ClassProfile, Err: flash.ErrForeign, Message: "not ours", Hint: "put it back"}
			}
			return flash.Plan{Steps: w.steps}, nil
		}}
}

// day is the schedule of one seed.
type day struct {
	*bench
	seed  uint64
	steps []flash.Step
}

func (d *day) bad(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wrong = append(d.wrong, fmt.Errorf("seed %d: "+format, append([]any{d.seed}, args...)...))
}

// run lives the day in a bubble.
func (d *day) run(t *testing.T) {
	rnd := rand.New(rand.NewPCG(d.seed, 0))
	var technicians sync.WaitGroup
	closing := make(chan struct{})
	serials := &counter{}
	for i := range simPorts {
		own := rand.New(rand.NewPCG(d.seed, uint64(i+1)))
		technicians.Go(func() { d.technician(t, fmt.Sprintf("A%d", i+1), own, serials, closing) })
	}
	for lives := 1 + rnd.IntN(3); lives > 0; lives-- {
		d.station(t, lives, time.Duration(5+rnd.IntN(20))*time.Minute, rnd.IntN(2) == 0)
	}
	close(closing)
	technicians.Wait()
	d.empty()
}

// station lets one station live for a while; then it is stopped in order, or killed.
func (d *day) station(t *testing.T, life int, span time.Duration, kill bool) {
	events := flash.NewEvents("sim", func(flash.Event) {})
	engine := flash.NewEngine(flash.EngineOptions{Events: events, Recorder: d.bench})
	var places []station.Place
	for i := range simPorts {
		places = append(places, d.at(fmt.Sprintf("A%d", i+1)))
	}
	s := station.New(station.Options{Name: "sim", Run: fmt.Sprintf("%d-%d", d.seed, life), Engine: engine, Work: simWork{d.steps},
		Watcher: d.bench, Places: places})
	ctx, end := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	stop := time.NewTimer(span)
	watch := true
	for watch {
		changed := s.Changed()
		d.look(s.View())
		select {
		case <-changed:
		case <-stop.C:
			watch = false
		}
	}
	if kill {
		end()
	} else if err := s.Do(ctx, station.Order{Do: station.OrderStop}); err != nil {
		t.Error(err)
	}
	if err := <-ran; err != nil {
		t.Error(err)
	}
	end()
	engine.Close()
	events.Close()
	d.look(s.View())
}

// look holds a view to what must be true of every view.
func (d *day) look(v station.View) {
	if len(v.Actions) == 0 {
		d.bad("a view without an action")
	}
	for _, h := range v.Hubs {
		for _, p := range h.Ports {
			d.mu.Lock()
			done, recorded := d.ended[p.Job]
			d.mu.Unlock()
			switch {
			case p.State.Good() && (!recorded || done.Result != flash.Pass):
				d.bad("%s shows %s, and its job %s has the record %q", p.Name, p.State, p.Job, done.Result)
			case p.State == station.Failed && (done.Class == "" || done.Class.Bench()):
				d.bad("%s blames the tablet for %q", p.Name, done.Class)
			case p.State == station.Retry && !done.Class.Bench():
				d.bad("%s blames the bench for %q", p.Name, done.Class)
			}
		}
	}
}

// technician plugs in and takes out in one port until the day closes.
func (d *day) technician(t *testing.T, name string, rnd *rand.Rand, serials *counter, closing <-chan struct{}) {
	var last *tablet
	pause := func(most time.Duration) bool {
		select {
		case <-time.After(time.Duration(rnd.Int64N(int64(most)))):
			return true
		case <-closing:
			return false
		}
	}
	for pause(2 * time.Minute) {
		tab := last
		if tab == nil || rnd.IntN(4) > 0 { // else the same again
			tab = d.make(t, rnd, serials.next())
		}
		d.plug(t, name, tab)
		stay := 3 * time.Minute
		if rnd.IntN(5) == 0 {
			stay = 3 * time.Second // in the middle
		}
		open := pause(stay)
		d.unplug(name)
		last = tab
		if !open {
			return
		}
	}
}

func (d *day) make(t *testing.T, rnd *rand.Rand, serial string) *tablet {
	tab := &tablet{serial: serial}
	family, err := virtual.FamilyByName([]string{"kirin659-ags2", "kirin710a-ags3", "mt8768-kob2", "qualcomm"}[rnd.IntN(4)])
	if err != nil {
		t.Fatal(err)
	}
	c := virtual.Config{Serial: serial, Family: family, MaxDownload: 64 << 10,
		Partitions: map[string]int64{"system": 1 << 20, "boot": 256 << 10},
		RebootTime: time.Second, Digests: true}
	if rnd.IntN(3) == 0 {
		tab.fault = simFaultNames[rnd.IntN(len(simFaultNames))]
		f, err := virtual.ParseFault(tab.fault)
		if err != nil {
			t.Fatal(err)
		}
		c.Faults = []virtual.Fault{f}
	}
	if tab.device, err = virtual.New(c); err != nil {
		t.Fatal(err)
	}
	return tab
}

type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) next() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return fmt.Sprintf("SN%05d", c.n)
}

// check lists what did not hold over the day.
func (d *day) check() []error {
	wrong := d.wrong
	for _, err := range d.recordedOnce() {
		wrong = append(wrong, fmt.Errorf("seed %d: %w", d.seed, err))
	}
	for job := range d.begun {
		e := d.ended[job]
		if e.Result == flash.Fail && (e.Class == flash.ClassBug || e.Hint == "") {
			wrong = append(wrong, fmt.Errorf("seed %d: %s: %+v", d.seed, job, e))
		}
	}
	return wrong
}

func simImages(t *testing.T) map[string]*image.Image {
	t.Helper()
	images := map[string]*image.Image{}
	images["boot"], _ = flashtest.Image(t, flashtest.Noise(1, 20<<10))
	images["system"], _ = flashtest.Image(t, flashtest.Noise(2, 200<<10))
	return images
}

// TestDays lives ZARYA_SIM_DAYS days.
func TestDays(t *testing.T) {
	days := 12
	if n, err := strconv.Atoi(os.Getenv("ZARYA_SIM_DAYS")); err == nil {
		days = n
	}
	images := simImages(t)
	steps := []flash.Step{
		flash.WriteImage{Partition: "boot", Image: images["boot"]}.Step(),
		flash.WriteImage{Partition: "system", Image: images["system"]}.Step(),
	}
	arrivals, jobs := 0, 0
	results := map[flash.JobResult]int{}
	for seed := range uint64(days) {
		d := &day{seed: seed, steps: steps, bench: &bench{in: map[string]*tablet{}, was: map[string]map[string]bool{},
			begun: map[string][]string{}, ended: map[string]flash.JobDone{}, where: map[string]flash.Where{}}}
		synctest.Test(t, func(t *testing.T) { d.run(t) })
		for _, err := range d.check() {
			t.Error(err)
		}
		arrivals += d.counts.arrivals
		jobs += len(d.ended)
		for _, e := range d.ended {
			results[e.Result]++
		}
	}
	t.Logf("%d days, %d arrivals, %d jobs: %v", days, arrivals, jobs, results)
	if results[flash.Pass] == 0 || results[flash.Fail] == 0 {
		t.Error("days in which nothing passes, or nothing fails, show nothing")
	}
}
