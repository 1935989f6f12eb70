// A day of a fleet: stations as processes and one database. The server is killed, lines are cut
// and swallow what is sent, stations are killed in the middle of tablets, one disk is cloned,
// one older copy put back, one clock is an hour late. At the end all must add up.

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/internal/virtual/imageset"
)

// slowClock is zarya on a machine whose clock is an hour back.
func slowClock() {
	ledger.Now = func() time.Time { return time.Now().Add(-time.Hour) }
	main()
}

// day is a fleet at work.
type day struct {
	t       *testing.T
	failed  context.Context // it ends when a station did what it should not
	fail    func()
	server  *fleettest.Server
	bouncer *fleettest.Bouncer
	office  *fleet.DB
	dir     string
	rows    int

	mu     sync.Mutex
	random *rand.Rand          // guarded by mu
	passed map[string]bool     // guarded by mu: tablets
	moving map[string]*plugged // guarded by mu: tablets that go to another station, by it they come from
	change chan struct{}       // guarded by mu: closed when something was told
}

// plugged is a tablet and where it is.
type plugged struct {
	serial, at string
	plug       func() // it is there from then on
	unplug     func()
}

// line is a station.
type line struct {
	name, dir, program string
	url                string           // the database's, as the station reaches it
	wire               *fleettest.Wire  // nil: it is apart
	apart              *fleettest.Apart // nil: its network is that of the test
	tablets            []*plugged
	kills              int
	backup             string // a copy of its disk from its first kill
}

func newDay(t *testing.T, seed uint64, stations, tablets int) (d *day, lines []*line) {
	t.Helper()
	d = &day{t: t, server: fleettest.Start(t), dir: t.TempDir(), random: rand.New(rand.NewPCG(seed, 17)), passed: map[string]bool{},
		moving: map[string]*plugged{}, change: make(chan struct{}), rows: stations*tablets + stations*20}
	d.failed, d.fail = context.WithCancel(t.Context())
	apart, apartURL := d.setApart()
	d.bouncer = fleettest.StartBouncer(t, d.server)
	d.office = fleettest.Open(t, d.server.URL(fleettest.Supervisor), fleet.Login{})
	set, err := imageset.Build(t.Context(), filepath.Join(d.dir, "images"), imageset.Options{Size: 12 << 20})
	if err != nil {
		t.Skipf("no images: %v", err)
	}
	profile, err := os.ReadFile(set.Profile)
	if err != nil {
		t.Fatal(err)
	}
	d.write("images/census.yaml", strings.Replace(string(profile), "\nflash:\n",
		"\nidentity: {pool: census, columns: [inventory]}\nflash:\n", 1))
	for i := range stations {
		l := &line{name: fmt.Sprintf("line-%d", i), program: "zarya", kills: 2}
		l.dir = filepath.Join(d.dir, l.name)
		if i == 2 {
			l.program = "zarya-slow-clock"
		}
		switch {
		case i == 2 && apart != nil:
			l.apart, l.url = apart, apartURL
		case i%2 == 1:
			l.wire = d.bouncer.NewWire(t)
		default:
			l.wire = fleettest.NewWire(t, d.server)
		}
		if l.wire != nil {
			l.url = l.wire.StationURL()
		}
		for n := range tablets {
			l.tablets = append(l.tablets, d.tablet(l, fmt.Sprintf("T%d-%d", i, n), true))
		}
		d.settings(l, l.dir)
		d.join(l)
		lines = append(lines, l)
	}
	var csv strings.Builder
	csv.WriteString("inventory,pin\n")
	for n := range d.rows {
		fmt.Fprintf(&csv, "C-%06d,%d\n", n+1, n)
	}
	d.write("rows.csv", csv.String())
	t.Setenv("ZARYA_AGE_KEY", filepath.Join(d.dir, "office.key"))
	d.run("identity", "import", "--pool", "census", "--key", "inventory", "--database", d.server.URL(fleettest.Supervisor),
		filepath.Join(d.dir, "rows.csv"))
	t.Setenv("ZARYA_AGE_KEY", "")
	return d, lines
}

func (d *day) write(name, text string) {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// settings writes a station's file of settings, for a disk at dir.
func (d *day) settings(l *line, dir string) {
	d.t.Helper()
	name, err := filepath.Rel(d.dir, filepath.Join(dir, "config.yaml"))
	if err != nil {
		d.t.Fatal(err)
	}
	d.write(name, fmt.Sprintf("ledger: sqlite:%s/ledger.db\nage-key: %s/age.key\ncache: none\nfleet: {database: %q, station: %s, ahead: 6}\n",
		dir, dir, l.url, l.name))
}

// run runs a verb that must go well, and returns what it printed.
func (d *day) run(args ...string) string {
	d.t.Helper()
	return d.runAt(nil, args...)
}

// join makes a machine a station of the fleet.
func (d *day) join(l *line) {
	d.t.Helper()
	token := strings.TrimSpace(d.run("fleet", "enrol", l.name, "--database", d.server.URL(fleettest.Supervisor)))
	d.runAt(l, "--config", filepath.Join(l.dir, "config.yaml"), "fleet", "join", l.url, "--token", token)
}

// tablet makes one with an address of its own at a station.
func (d *day) tablet(l *line, serial string, there bool) *plugged {
	d.t.Helper()
	family, err := virtual.FamilyByName("kirin710a-ags3")
	if err != nil {
		d.t.Fatal(err)
	}
	disks := filepath.Join(d.dir, "tablets") // in memory, 160 that are flashed at once would take 24 GiB
	tablet, err := virtual.New(virtual.Config{Serial: serial, Family: family, Dir: disks})
	if err != nil {
		d.t.Fatal(err)
	}
	at, network := d.hold(l)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	p := &plugged{serial: serial, at: "tcp:" + at.Addr()}
	p.plug = sync.OnceFunc(func() {
		all.Go(func() {
			if err := errors.Join(tablet.Serve(ctx, network, at.Addr()), os.RemoveAll(filepath.Join(disks, serial))); err != nil {
				d.t.Error(err)
			}
		})
	})
	if there {
		p.plug()
	}
	p.unplug = cancel
	d.t.Cleanup(func() {
		cancel()
		all.Wait()
		_ = at.Close()
	})
	return p
}

// life is one of a station, on the disk at dir: it works on the tablets until see ends it.
func (d *day) life(l *line, dir string, tablets []*plugged, see func(p *os.Process, e map[string]any)) {
	args := []string{"--config", filepath.Join(dir, "config.yaml"), "--json", "--yes", "station", "--listen", "none",
		"--profile", filepath.Join(d.dir, "images", "census.yaml"), "--concurrency", "8"}
	for _, p := range tablets {
		args = append(args, "--target", p.serial+"="+p.at)
	}
	cmd, out, errs := d.start(l, l.program, args)
	code, stderr := follow(d.t, cmd, out, errs, func(p *os.Process, e map[string]any) {
		// Compliant is one whose station was killed after its last step, and before its result.
		if e["type"] == "job-done" && (e["result"] == "pass" || e["result"] == "compliant") {
			d.tell(func() { d.passed[e["serial"].(string)] = true })
			for _, p := range tablets { // it is taken out
				if p.serial == e["serial"] {
					p.unplug()
				}
			}
		}
		see(p, e)
	})
	if code != 137 && code != 143 {
		d.t.Errorf("%s ended with %d: %s", l.name, code, stderr)
		d.fail()
	}
}

// tell changes something and wakes who waits for it.
func (d *day) tell(what func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	what()
	close(d.change)
	d.change = make(chan struct{})
}

// until waits for something that is told.
func (d *day) until(what string, is func() bool) {
	d.t.Helper()
	for {
		d.mu.Lock()
		now, change := is(), d.change
		d.mu.Unlock()
		if now {
			return
		}
		select {
		case <-change:
		case <-d.failed.Done():
			d.t.FailNow()
		case <-time.After(5 * time.Minute): // in which nothing happened: else a failure hangs
			d.t.Fatalf("never: %s", what)
		}
	}
}

// left are the tablets that have not passed, with those that came from elsewhere.
func (d *day) left(l *line) (list []*plugged) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for from, p := range d.moving {
		if from != l.name && l.apart == nil { // where it is apart, no other's tablet is reached
			l.tablets = append(l.tablets, p)
			delete(d.moving, from)
		}
	}
	return d.undone(l.tablets)
}

// undone are the tablets that have not passed; mu is held.
func (d *day) undone(tablets []*plugged) (list []*plugged) {
	for _, p := range tablets {
		if !d.passed[p.serial] {
			list = append(list, p)
		}
	}
	return list
}

// isDone says whether all tablets have passed.
func (d *day) isDone(tablets []*plugged) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.undone(tablets)) == 0
}

// work lives as many lives as a station needs. When it is killed, one of its tablets goes to
// another station. It begins anew with tablets that failed, as a technician plugs them in again:
// on a machine that has too much to do, a tablet is too late.
func (d *day) work(l *line) {
	for lives := 0; ; lives++ {
		left := d.left(l)
		if len(left) == 0 || d.failed.Err() != nil {
			return
		}
		if lives > 10 {
			d.t.Errorf("%s did not finish %d tablets in %d lives, as %s", l.name, len(left), lives, left[0].serial)
			d.fail()
			return
		}
		after, n := 0, 0
		d.mu.Lock()
		if l.kills > 0 {
			after = 1 + d.random.IntN(10*len(left))
		}
		d.mu.Unlock()
		killed, failed := false, map[any]bool{}
		d.life(l, l.dir, left, func(p *os.Process, e map[string]any) {
			if e["type"] == "job-done" {
				failed[e["address"]] = e["result"] == "fail"
			}
			undone := slices.DeleteFunc(slices.Clone(left), func(p *plugged) bool { return failed[p.at] })
			if n++; n == after {
				killed = p.Kill() == nil
			} else if d.isDone(undone) {
				_ = p.Signal(syscall.SIGTERM)
			}
		})
		if !killed {
			continue
		}
		d.t.Logf("%s was killed at event %d of a life with %d tablets", l.name, after, len(left))
		if l.kills--; l.backup == "" {
			l.backup = l.dir + "-backup"
			d.copy(l, l.backup)
		}
		if left = d.left(l); len(left) > 1 && l.apart == nil {
			d.tell(func() {
				if d.moving[l.name] == nil {
					gone := left[d.random.IntN(len(left))]
					d.moving[l.name] = gone
					for i, p := range l.tablets {
						if p == gone {
							l.tablets = append(l.tablets[:i:i], l.tablets[i+1:]...)
							break
						}
					}
				}
			})
		}
	}
}

// disturb does what happens to servers and lines while tablets pass.
func (d *day) disturb(lines []*line, tablets int) {
	began := time.Now()
	passed := func(n int) {
		d.until(fmt.Sprintf("%d tablets", n), func() bool { return len(d.passed) >= n })
		d.t.Logf("after %v: %d tablets", time.Since(began).Round(time.Second), n)
	}
	passed(tablets / 8)
	d.server.Kill()
	d.server.Restart()
	passed(tablets / 4)
	for i, l := range lines {
		if l.apart != nil {
			l.apart.Lose(fleettest.ServerAddress) // nobody is told
		} else {
			l.wire.CutAfter(200 + 100*i) // in the middle of what is said
		}
	}
	lines[0].wire.Block()
	passed(tablets / 2)
	for _, l := range lines {
		if l.apart != nil {
			l.apart.Carry(fleettest.ServerAddress)
		} else {
			l.wire.Cut()
		}
	}
	passed(tablets * 5 / 8)
	lines[0].wire.Unblock()
	d.server.Kill()
	d.server.Restart()
}

func TestADayOfAFleet(t *testing.T) {
	stations, each := 3, 6
	if text := os.Getenv("ZARYA_FLEET_DAY"); text != "" { // STATIONSxTABLETS
		if n, err := fmt.Sscanf(text, "%dx%d", &stations, &each); err != nil || n != 2 {
			t.Fatalf("ZARYA_FLEET_DAY=%q, want 20x100", text)
		}
	}
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv("ZARYA_SIM_SEED"), strconv.FormatUint(rand.Uint64(), 10)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("seed %d", seed)
	d, lines := newDay(t, seed, stations, each)
	var all sync.WaitGroup
	for _, l := range lines {
		all.Go(func() { d.work(l) })
	}
	d.disturb(lines, stations*each)
	all.Wait()
	d.work(lines[0]) // what was on its way to another station last
	d.work(lines[1])

	// A clone, beside the original.
	original := lines[0]
	first, second := d.tablet(original, "late-1", true), d.tablet(original, "late-2", false)
	began := make(chan *os.Process, 1)
	all.Go(func() {
		d.life(original, original.dir, []*plugged{first, second}, func(p *os.Process, _ map[string]any) {
			select {
			case began <- p:
			default:
			}
		})
	})
	p := <-began
	d.until("the original works", func() bool { return d.passed["late-1"] })
	d.asks("all is sent", "(SELECT seq >= $2 FROM zarya.head WHERE station = $1)", original.name, d.last(original))
	clone := original.dir + "-clone"
	d.betweenContacts(original, func() { d.copy(original, clone) })
	d.caught(original, clone, second.plug)
	_ = p.Kill()
	all.Wait()
	d.resume(original)
	original.tablets = append(original.tablets, second)
	d.work(original)

	// An older copy that was put back.
	if lines[1].backup == "" {
		t.Fatal("the station was never killed")
	}
	d.caught(lines[1], lines[1].backup, func() {})
	d.resume(lines[1])
	d.addsUp(lines, stations*each+2)
}
