// The simulation of whole runs: tablets made of memory are flashed, boot what was
// flashed, are provisioned over SSH and recorded in the real ledger, with seeded
// faults, cut connections and stops, on the clock of a bubble.

package flash_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/flashtest"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/provision"
	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/internal/virtual/imageset"
	"github.com/zarya-station/zarya/usb"
)

const wholeTablets = 6

// wholeFaults are what can befall a tablet on its way; true is what no job survives.
var wholeFaults = []struct {
	spec  string
	fatal bool
}{
	{"no-boot", true}, {"slow-boot=20", false}, {"slow-boot=900", true}, {"wrong-build", true}, {faultSerial, true},
	{"corrupt@5%", true}, {"corrupt@40%", true}, {"corrupt@75%", true}, {"corrupt@flash:vbmeta", false},
	{"unplug=3@30%", false}, {"unplug@40%", true},
	{"locked", true}, {"low-battery", true}, {"fail@flash:system", true},
	{faultCut, false}, {faultCut, false}, {faultCut, false},
}

// faultCut is made by the target below, not by the tablet.
const faultCut = "cut"

// faultSerial comes back with another serial.
const faultSerial = "serial=OTHER@reboot"

// wholeTarget is a tablet whose connections to its system may be cut.
type wholeTarget struct {
	simTarget
	cuts *atomic.Int64 // how many connections are still to be cut
	rnd  *rand.Rand    // of the one worker of this target
}

func (t wholeTarget) Dial(ctx context.Context, port int) (net.Conn, error) {
	c, err := t.simTarget.Dial(ctx, port)
	if err == nil && t.cuts.Add(-1) >= 0 {
		c = &cutConn{Conn: c, left: int64(t.rnd.IntN(20_000))}
	}
	return c, err
}

// cutConn breaks after so many bytes to the tablet.
type cutConn struct {
	net.Conn
	left int64 // used by SSH's one writer
}

func (c *cutConn) Write(p []byte) (int, error) {
	if c.left -= int64(len(p)); c.left < 0 {
		return 0, errors.Join(io.ErrClosedPipe, c.Close())
	}
	return c.Conn.Write(p)
}

// wholeSteps are what a profile would make.
func wholeSteps(images map[string]*image.Image) []flash.Step {
	is := func(format string) provision.Value {
		return func(_ context.Context, s *flash.Session) (string, error) {
			return strings.ReplaceAll(format, "%", s.Key().Serial), nil
		}
	}
	steps := []flash.Step{flash.Erase{Partition: "userdata"}.Step()}
	for _, part := range []string{"vbmeta", "boot", "system"} {
		steps = append(steps, flash.WriteImage{Partition: part, Image: images[part]}.Step())
	}
	steps = append(steps, flash.Reboot{Mode: "system"}.Step(),
		provision.Hostname(is("tab-%")), provision.Timezone(is("Europe/Moscow")),
		provision.File(provision.FileOptions{To: "/etc/census/big.conf", Content: is(strings.Repeat("% was here\n", 3000)), Mode: 0o640,
			Root: true}),
		provision.Exec{Argv: []provision.Value{is("/bin/true")}, Program: "/bin/true", Timeout: time.Minute}.Step(),
		provision.Fact{Fact: "os-release.VERSION_ID", Is: is("5.1.0.100")}.Step())
	for _, part := range []string{"vbmeta", "boot", "system"} {
		steps = append(steps, provision.Digest{Partition: part, Size: images[part].Size(),
			SHA256: strings.TrimPrefix(images[part].Digest(), "sha256:")}.Step())
	}
	return append(steps, provision.Stamp("these images\n"))
}

var errOther = errors.New("it is another")

// whole is one simulated run, and a second one over the same tablets.
type whole struct {
	world
	ledger  *ledger.Ledger
	again   []flash.JobDone
	flashed []int // per tablet, writes by the end of the first run
	jobs    []*ledger.JobRecord
	broken  error // the chain
}

func (w *whole) simulate(t *testing.T) {
	rnd := rand.New(rand.NewPCG(w.seed, 1))
	ctx, stopTablets := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	var err error
	if w.ledger, err = ledger.OpenMemory("sim"); err != nil {
		t.Fatal(err)
	}
	var jobs []flash.Job
	system := virtualLogin()
	steps := wholeSteps(w.images)
	for i := range wholeTablets {
		st := &simTablet{name: fmt.Sprintf("t%02d", i)}
		cuts := &atomic.Int64{}
		if rnd.IntN(3) > 0 {
			st.fault = wholeFaults[rnd.IntN(len(wholeFaults))].spec
		}
		family, err := virtual.FamilyByName([]string{"kirin710a-ags3", "mt8768-kob2"}[rnd.IntN(2)])
		if err != nil {
			t.Fatal(err)
		}
		if known, ok := usb.Known(family.Product); ok && st.fault == faultSerial && known.Serials == usb.SerialChanges {
			st.renamed = "OTHER" // which this family may
		}
		c := virtual.Config{Serial: "SN" + st.name, Family: family, MaxDownload: 8 << 20,
			Partitions: map[string]int64{"system": 13 << 20, "boot": 9 << 20, "vbmeta": 64 << 10, "userdata": 1 << 20}, RebootTime: time.Second}
		if st.fault == faultCut {
			cuts.Store(int64(1 + rnd.IntN(3)))
		}
		w.plug(ctx, t, &serving, st, c)
		jobs = append(jobs, flash.Job{ID: strconv.Itoa(i), Scope: flash.ScopeRun, Profile: "sim", Steps: steps, System: system,
			Boot: 2 * time.Minute, Target: wholeTarget{simTarget{&w.world, st.name}, cuts, rand.New(rand.NewPCG(w.seed, uint64(100+i)))},
			Require: flash.Requirements{Products: []string{"AGS3-L09", "KOB2-W09"}}})
	}
	synctest.Wait() // all listen
	drain, hard, cancel := w.operator(rnd, 6, 10*time.Second)
	events := flash.NewEvents("sim", func(e flash.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, e)
	})
	w.results = runUntil(hard, flash.NewEngine(flash.EngineOptions{Events: events, Recorder: w.ledger}), jobs, drain)
	for i, st := range w.tablets {
		w.flashed = append(w.flashed, len(st.device.State().Flashes))
		jobs[i].ID = "again-" + jobs[i].ID
	}
	if !w.stopped {
		w.again = flash.NewEngine(flash.EngineOptions{Events: events, Recorder: w.ledger}).Run(hard, passed(jobs, w.results))
	}
	cancel()
	events.Close()
	if w.jobs, err = w.ledger.Jobs(context.Background()); err != nil {
		t.Error(err)
	}
	_, w.broken = w.ledger.Verify(context.Background())
	if err := w.ledger.Close(); err != nil {
		t.Error(err)
	}
	stopTablets()
	serving.Wait()
}

// passed are the jobs of tablets that passed.
func passed(jobs []flash.Job, results []flash.JobDone) (out []flash.Job) {
	for i, d := range results {
		if d.Result == flash.Pass {
			out = append(out, jobs[i])
		}
	}
	return out
}

func (w *whole) check() (wrong []error) {
	bad := func(format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("seed %d: "+format, append([]any{w.seed}, args...)...))
	}
	if w.broken != nil {
		bad("the ledger: %v", w.broken)
	}
	wrong = append(wrong, checkStates(w.events)...)
	recorded := map[string]*ledger.JobRecord{}
	for _, j := range w.jobs {
		recorded[j.Job] = j
	}
	fatal := map[string]bool{}
	for _, f := range wholeFaults {
		fatal[f.spec] = f.fatal
	}
	for i, st := range w.tablets {
		d := w.results[i]
		name := fmt.Sprintf("%s (fault %q, %s %s %s: %s)", st.name, st.fault, d.Result, d.Class, d.Step, d.Error)
		if d.Result != flash.Skipped {
			if j := recorded[strconv.Itoa(i)]; j == nil || j.Result != string(d.Result) || j.Record != d.Record {
				bad("%s: the ledger says otherwise: %+v", name, j)
			}
		}
		switch {
		case d.Result == flash.Pass:
			if fatal[st.fault] && st.renamed == "" {
				bad("%s passed", name)
			}
			if d.Verified != "booted" {
				bad("%s: verified %q", name, d.Verified)
			}
			for part, im := range w.images {
				if err := sameBytes(st.device, part, im); err != nil {
					bad("%s: %v", name, err)
				}
			}
			w.settings(st, func(err error) { bad("%s: %v", name, err) })
		case w.stopped:
		case st.fault == "" || st.fault == faultCut || st.renamed != "" || strings.HasPrefix(st.fault, "slow-boot=20"):
			bad("%s should have passed", name)
		case d.Result != flash.Fail || d.Class == flash.ClassBug || d.Class == "" || d.Hint == "" || d.Step == "":
			bad("%s: a failure without class, step or hint", name)
		}
		if n := len(st.device.State().Flashes); n != w.flashed[i] {
			bad("%s: the second run wrote", name)
		}
	}
	for _, d := range w.again {
		if d.Result != flash.Compliant || d.Seconds > 2 {
			bad("the second run says %+v", d)
		}
	}
	return wrong
}

// settings reads what should be on a tablet that passed.
func (w *whole) settings(st *simTablet, bad func(error)) {
	serial := cmp.Or(st.renamed, "SN"+st.name)
	for file, want := range map[string]string{
		"/etc/hostname":        "tab-" + serial + "\n",
		"/etc/census/big.conf": strings.Repeat(serial+" was here\n", 3000),
		"/var/lib/zarya/stamp": "these images\n",
	} {
		if got, err := st.device.ReadFile(file); err != nil || string(got) != want {
			bad(fmt.Errorf("%s is not there: %.40q, %w", file, got, cmp.Or(err, errOther)))
		}
	}
	if zone, err := st.device.ReadLink("/var/lib/timed/localtime"); err != nil || zone != "/usr/share/zoneinfo/Europe/Moscow" {
		bad(fmt.Errorf("time zone %q, %w", zone, cmp.Or(err, errOther)))
	}
}

// wholeImages builds the smallest set that boots.
func wholeImages(t *testing.T) map[string]*image.Image {
	t.Helper()
	from := t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "readme"), []byte("a system"), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := imageset.Build(t.Context(), filepath.Join(t.TempDir(), "set"), imageset.Options{Size: 12 << 20, From: from})
	if err != nil {
		t.Fatal(err)
	}
	images := map[string]*image.Image{}
	open := func(part, file string) { images[part] = flashtest.Open(t, file) }
	open("system", set.System)
	open("boot", set.Boot)
	meta := virtual.VBMeta{Version: "sim"} // the set's own also names userdata, which these jobs erase
	for part, im := range images {
		meta.Partitions = append(meta.Partitions, virtual.VBMetaDigests{Name: part, Ranges: [][2]int64{{0, im.Size()}},
			SHA256: strings.TrimPrefix(im.Digest(), "sha256:")})
	}
	text, err := meta.Bytes()
	if err == nil {
		err = os.WriteFile(set.VBMeta, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	open("vbmeta", set.VBMeta)
	return images
}

// TestWholeRuns runs seeded schedules: a tenth of ZARYA_SIM_SCHEDULES, at least one.
// ZARYA_SIM_SEED runs one.
func TestWholeRuns(t *testing.T) {
	images := wholeImages(t)
	first, n := seeds(t, max(1, schedules(t)/10))
	results := map[flash.JobResult]int{}
	for seed := first; seed < first+uint64(n); seed++ {
		w := &whole{world: world{seed: seed, images: images}}
		synctest.Test(t, w.simulate)
		for _, err := range w.check() {
			t.Error(err)
		}
		for _, r := range append(w.results, w.again...) {
			results[r.Result]++
		}
		if t.Failed() {
			t.Fatalf("run it again with ZARYA_SIM_SEED=%d go test ./flash -run TestWholeRuns", seed)
		}
	}
	t.Logf("%d schedules of %d tablets: %v", n, wholeTablets, results)
}

// TestWholeCatches breaks the promises once.
func TestWholeCatches(t *testing.T) {
	images := wholeImages(t)
	for seed := uint64(1); seed < 6; seed++ {
		w := &whole{world: world{seed: seed, images: images}}
		synctest.Test(t, w.simulate)
		for i := range w.results {
			if d := w.results[i]; d.Result == flash.Fail && wholeFaults[0].fatal {
				w.results[i].Result = flash.Pass // a lie that check must see
				if len(w.check()) == 0 {
					t.Errorf("seed %d: nobody noticed that tablet %d did not pass", seed, i)
				}
				return
			}
		}
	}
	t.Error("no job failed")
}
