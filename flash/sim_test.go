// This file is the simulation: sixteen tablets made of memory, seeded faults and
// stops, the real engine and the real protocol code on both sides, and the
// clock of a synctest bubble. What must hold is in check; sabotage_test.go
// breaks each of those once to see that check catches it.

package flash_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/admission"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/flashtest"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/internal/virtual/memnet"
)

const simTablets = 16

// simMaxDownload makes several pieces of the small images.
const simMaxDownload = 64 << 10

// world is one simulated run and what it left behind.
type world struct {
	seed    uint64
	net     memnet.Net
	tablets []*simTablet
	images  map[string]*image.Image // by partition
	stopped bool                    // the operator stopped the run

	// Sabotage, for the test of the checks; nil normally.
	wire func(fastboot.Transport) fastboot.Transport
	sink func(flash.Event) bool // false loses the event

	mu      sync.Mutex
	events  []flash.Event // guarded by mu
	records []string      // guarded by mu: intent ID, step ID, result ID, in order
	results []flash.JobDone
}

type simTablet struct {
	name    string
	fault   string // as ParseFault reads it; "" is healthy
	renamed string // the serial after the reboot, if the family may have another; "" is the same
	device  *virtual.Tablet
}

// simRecorder notes the order of records.
type simRecorder struct{ w *world }

func (r simRecorder) note(what string) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	r.w.records = append(r.w.records, what)
}

func (r simRecorder) Intent(j flash.Job, _ flash.Where) error {
	r.note("intent " + j.ID)
	for _, t := range r.w.tablets {
		if "mem:"+t.name == j.Target.Where().Address && len(t.device.State().Flashes) > 0 {
			return errors.New("written before the intent")
		}
	}
	return nil
}
func (r simRecorder) Step(j flash.Job, _ flash.StepDone) error { r.note("step " + j.ID); return nil }
func (r simRecorder) Result(j flash.Job, _ flash.Where, _ flash.JobDone) (string, error) {
	r.note("result " + j.ID)
	return "rec-" + j.ID, nil
}

// simImages writes the images once for all schedules: a raw one with zeros and
// fill, and one that is larger than a download.
func simImages(t testing.TB) map[string]*image.Image {
	t.Helper()
	images := map[string]*image.Image{}
	images["boot"], _ = flashtest.Image(t, flashtest.Noise(1, 20<<10))
	images["system"], _ = flashtest.Image(t, slices.Concat(flashtest.Noise(2, 100<<10), make([]byte, 64<<10), flashtest.Noise(3, 40<<10)))
	return images
}

// simFaults are what can befall a tablet; "" is three times as likely as one of
// the others.
var simFaults = []string{
	"unplug@40%", "unplug=3@30%", "unplug=3@flash:system", "unplug=200@70%", "unplug=2@90%*2", "unplug=2@50%*",
	"stall@download:2", "stall@flash:boot", "stall@60%", "fail@flash:system", "fail=no%20room@flash:boot", "fail@download:1",
	"short@download:1", "slow=20000", "corrupt@download:2", "locked", "refuse-getvar", "low-battery", "flood@flash:system",
	"garbage@flash:boot", "serial=OTHER@flash:system", "serial=@flash:boot",
}

// mustFail are faults that a job cannot survive.
var mustFail = map[string]bool{
	"unplug@40%": true, "unplug=200@70%": true, "unplug=2@50%*": true, "fail@flash:system": true,
	"fail=no%20room@flash:boot": true, "fail@download:1": true, "short@download:1": true, "locked": true,
	"low-battery": true, "flood@flash:system": true,
}

var simFamilies = []string{"kirin659-ags2", "kirin710a-ags3", "mt8768-kob2", "qualcomm", "fastbootd"}

// plug makes a tablet, with its fault unless that is none of the tablet's, and serves
// it until ctx ends.
func (w *world) plug(ctx context.Context, t *testing.T, serving *sync.WaitGroup, st *simTablet, c virtual.Config) {
	if st.fault != "" && st.fault != faultCut {
		f, err := virtual.ParseFault(st.fault)
		if err != nil {
			t.Fatal(err)
		}
		c.Faults = []virtual.Fault{f}
	}
	var err error
	if st.device, err = virtual.New(c); err != nil {
		t.Fatal(err)
	}
	w.tablets = append(w.tablets, st)
	serving.Go(func() {
		if err := st.device.Serve(ctx, &w.net, st.name); err != nil {
			t.Errorf("seed %d: %s: %v", w.seed, st.name, err)
		}
	})
}

// operator stops one run of oneIn at some time within a span, and perhaps again: the
// first closes drain, the second ends hard. cancel also stops its timers.
func (w *world) operator(rnd *rand.Rand, oneIn int, within time.Duration) (drain chan struct{}, hard context.Context, cancel func()) {
	drain = make(chan struct{})
	hard, end := context.WithCancelCause(context.Background())
	timers := []*time.Timer{}
	if rnd.IntN(oneIn) == 0 {
		w.stopped = true
		at := time.Duration(rnd.IntN(int(within.Milliseconds()))) * time.Millisecond
		timers = append(timers, time.AfterFunc(at, func() { close(drain) }))
		if rnd.IntN(2) == 0 {
			at += time.Duration(rnd.IntN(5000)) * time.Millisecond
			timers = append(timers, time.AfterFunc(at, func() { end(flash.ErrStopped) }))
		}
	}
	return drain, hard, func() {
		for _, timer := range timers {
			timer.Stop()
		}
		end(nil)
	}
}

// runUntil runs jobs, and drains the engine when drain is closed.
func runUntil(ctx context.Context, e *flash.Engine, jobs []flash.Job, drain <-chan struct{}) []flash.JobDone {
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-drain:
			e.Drain()
		case <-ended:
		}
	}()
	return e.Run(ctx, jobs)
}

// simulate runs the schedule of a seed inside a bubble.
func simulate(t *testing.T, w *world) {
	rnd := rand.New(rand.NewPCG(w.seed, 0))
	ctx, stopTablets := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	for i := range simTablets {
		st := &simTablet{name: fmt.Sprintf("t%02d", i)}
		if rnd.IntN(2) == 0 {
			st.fault = simFaults[rnd.IntN(len(simFaults))]
		}
		family, err := virtual.FamilyByName(simFamilies[rnd.IntN(len(simFamilies))])
		if err != nil {
			t.Fatal(err)
		}
		c := virtual.Config{Serial: "SN" + st.name, Family: family, MaxDownload: simMaxDownload,
			Partitions: map[string]int64{"system": 1 << 20, "boot": 256 << 10}, RebootTime: time.Second, Digests: true}
		w.plug(ctx, t, &serving, st, c)
	}
	synctest.Wait() // all listen

	drain, hard, cancel := w.operator(rnd, 8, 20*time.Second)
	var jobs []flash.Job
	steps := []flash.Step{
		flash.WriteImage{Partition: "boot", Image: w.images["boot"]}.Step(),
		flash.WriteImage{Partition: "system", Image: w.images["system"]}.Step(),
		flash.Reboot{Mode: "bootloader"}.Step(),
	}
	var uplink string
	if rnd.IntN(2) == 0 {
		uplink = "1-1"
	}
	for i, st := range w.tablets {
		jobs = append(jobs, flash.Job{ID: strconv.Itoa(i), Target: uplinkedTarget{simTarget{w, st.name}, uplink}, Scope: flash.ScopeFlash,
			Steps: steps})
	}
	events := flash.NewEvents("sim", func(e flash.Event) {
		if w.sink != nil && !w.sink(e) {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if d, ok := e.Body.(flash.JobDone); ok && d.Result != flash.Skipped {
			w.records = append(w.records, "shown "+e.Job)
		}
		w.events = append(w.events, e)
	})
	o := flash.EngineOptions{Events: events, Recorder: simRecorder{w}}
	if rnd.IntN(3) == 0 {
		o.Admission = admission.New(admission.Options{Concurrency: 1 + rnd.IntN(simTablets)})
	}
	w.results = runUntil(hard, flash.NewEngine(o), jobs, drain)
	cancel()
	events.Close()
	stopTablets()
	serving.Wait()
}

// check lists what did not hold.
func (w *world) check() (wrong []error) {
	bad := func(format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("seed %d: "+format, append([]any{w.seed}, args...)...))
	}
	started, done := map[string]int{}, map[string]int{}
	open := map[string]string{}
	var last int64
	for _, e := range w.events {
		if e.Seq <= last {
			bad("event %d after %d", e.Seq, last)
		}
		last = e.Seq
		switch b := e.Body.(type) {
		case flash.JobStarted:
			started[e.Job]++
		case flash.StepStarted:
			open[e.Job] = b.Step
		case flash.StepDone:
			if open[e.Job] != b.Step {
				bad("job %s: step %s ended, %q was open", e.Job, b.Step, open[e.Job])
			}
			delete(open, e.Job)
		case flash.JobDone:
			done[e.Job]++
		}
	}
	wrong = append(wrong, checkStates(w.events)...)
	order := map[string]string{}
	for _, r := range w.records {
		var what, id string
		_, _ = fmt.Sscan(r, &what, &id)
		order[id] += what[:1]
	}
	for i, st := range w.tablets {
		id := strconv.Itoa(i)
		d := w.results[i]
		name := fmt.Sprintf("%s (fault %q, %s)", st.name, st.fault, d.Result)
		if done[id] != 1 {
			bad("%s has %d results", name, done[id])
		}
		if open[id] != "" {
			bad("%s: step %s never ended", name, open[id])
		}
		if d.Result == flash.Skipped {
			if !w.stopped || len(st.device.State().Flashes) > 0 {
				bad("%s was skipped", name)
			}
			continue
		}
		if started[id] != 1 {
			bad("%s was started %d times", name, started[id])
		}
		if o := order[id]; len(o) < 2 || o[len(o)-2:] != "rs" {
			bad("%s: recorded in the order %q: the result must be recorded before it is shown", name, o)
		}
		switch d.Result {
		case flash.Pass:
			if mustFail[st.fault] {
				bad("%s passed", name)
			}
			if err := w.holds(st); err != nil {
				bad("%s passed, but %v", name, err)
			}
		case flash.Fail:
			if st.fault == "" {
				bad("%s: healthy, but %s: %s", name, d.Class, d.Error)
			}
			if d.Class == "" || d.Class == flash.ClassBug || d.Step == "" || d.Error == "" || d.Hint == "" {
				bad("%s: a failure without class, step, error or hint: %+v", name, d)
			}
		case flash.Interrupted:
			if !w.stopped {
				bad("%s: nobody stopped it", name)
			}
		default:
			bad("%s: an odd result", name)
		}
	}
	return wrong
}

// holds compares what a tablet received, and what it holds, with the images.
func (w *world) holds(st *simTablet) error {
	for part, im := range w.images {
		form, err := image.Choose("auto", part, im, simMaxDownload, false)
		if err != nil {
			return err
		}
		pieces, err := im.Pieces(simMaxDownload, form)
		if err != nil {
			return err
		}
		var want [][32]byte
		for i := range pieces.Len() {
			h := sha256.New()
			if _, err := pieces.At(i).WriteTo(h); err != nil {
				return err
			}
			want = append(want, [32]byte(h.Sum(nil)))
		}
		var got [][32]byte
		for _, f := range st.device.State().Flashes {
			if f.Partition == part || f.Partition == part+"_a" {
				got = append(got, f.SHA256)
			}
		}
		if len(got) < len(want) {
			return fmt.Errorf("%s: %d of %d pieces were flashed", part, len(got), len(want))
		}
		for i := range want { // the last try is what counts
			if got[len(got)-len(want)+i] != want[i] {
				return fmt.Errorf("%s: what was sent as piece %d is not what was verified", part, i)
			}
		}
		if st.fault == "corrupt@download:2" {
			continue // the tablet lies; only reading back can tell
		}
		if err := sameBytes(st.device, part, im); err != nil {
			return err
		}
	}
	return nil
}

func sameBytes(d *virtual.Tablet, part string, im *image.Image) error {
	r, _, err := d.Partition(part)
	if err != nil {
		return err
	}
	want, got := make([]byte, im.Size()), make([]byte, im.Size())
	if _, err := im.ReadAt(want, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if _, err := r.ReadAt(got, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for i := range want {
		if want[i] != got[i] {
			return fmt.Errorf("%s differs at byte %d", part, i)
		}
	}
	return nil
}

// schedules is how many seeds a run takes: ZARYA_SIM_SCHEDULES, or 100.
func schedules(t testing.TB) int {
	n, err := strconv.Atoi(os.Getenv("ZARYA_SIM_SCHEDULES"))
	if err != nil && os.Getenv("ZARYA_SIM_SCHEDULES") != "" {
		t.Fatalf("ZARYA_SIM_SCHEDULES: %v", err)
	}
	if n == 0 {
		n = 100
	}
	return n
}

// seeds are those of n schedules, or the one of ZARYA_SIM_SEED.
func seeds(t *testing.T, n int) (first uint64, count int) {
	s := os.Getenv("ZARYA_SIM_SEED")
	if s == "" {
		return 1, n
	}
	seed, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("ZARYA_SIM_SEED: %v", err)
	}
	return seed, 1
}

// TestSimulation runs seeded fault schedules. ZARYA_SIM_SEED runs one.
func TestSimulation(t *testing.T) {
	images := simImages(t)
	first, n := seeds(t, schedules(t))
	results := map[flash.JobResult]int{}
	for seed := first; seed < first+uint64(n); seed++ {
		w := &world{seed: seed, images: images}
		synctest.Test(t, func(t *testing.T) { simulate(t, w) })
		for _, err := range w.check() {
			t.Error(err)
		}
		for _, r := range w.results {
			results[r.Result]++
		}
		if t.Failed() {
			t.Fatalf("run it again with ZARYA_SIM_SEED=%d go test ./flash -run TestSimulation", seed)
		}
	}
	t.Logf("%d schedules of %d tablets: %v", n, simTablets, results)
	for _, r := range []flash.JobResult{flash.Pass, flash.Fail} {
		if results[r] == 0 {
			t.Errorf("no job ended as %s: the schedules test nothing", r)
		}
	}
}
