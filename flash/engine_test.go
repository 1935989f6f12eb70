package flash_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/admission"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/virtual"
)

// moody is a recorder that fails while it is told to.
type moody struct {
	mu      sync.Mutex
	broken  bool
	intents int
}

var errFull = errors.New("the disk is full")

func (m *moody) set(broken bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = broken
}

func (m *moody) err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return errFull
	}
	return nil
}

func (m *moody) Intent(flash.Job, flash.Where) error {
	m.mu.Lock()
	m.intents++
	m.mu.Unlock()
	return m.err()
}
func (m *moody) Step(flash.Job, flash.StepDone) error { return m.err() }
func (m *moody) Result(flash.Job, flash.Where, flash.JobDone) (string, error) {
	return "r", m.err()
}

// probed is moody that can be asked.
type probed struct{ *moody }

func (p probed) Probe() error { return p.err() }

// engineWorld has one engine and as many tablets as wanted.
type engineWorld struct {
	world
	t       *testing.T
	engine  *flash.Engine
	im      *image.Image
	ctx     context.Context
	events  []flash.Event
	serving sync.WaitGroup
}

// withEngine runs do in a bubble with an engine, and closes it.
func withEngine(t *testing.T, im *image.Image, o flash.EngineOptions, do func(w *engineWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(context.Background())
		w := &engineWorld{t: t, im: im, ctx: ctx}
		o.Events = flash.NewEvents("engine", func(e flash.Event) { w.events = append(w.events, e) })
		w.engine = flash.NewEngine(o)
		do(w)
		w.engine.Close()
		o.Events.Close()
		stop()
		w.serving.Wait()
	})
}

// job is one that flashes a new tablet, which takes rate bytes a second.
func (w *engineWorld) job(name string, rate int64) flash.Job {
	w.t.Helper()
	family, err := virtual.FamilyByName("mt8768-kob2")
	if err != nil {
		w.t.Fatal(err)
	}
	st := &simTablet{name: name}
	w.plug(w.ctx, w.t, &w.serving, st, virtual.Config{Serial: "SN" + name, Family: family, MaxDownload: 64 << 10, Rate: rate,
		Partitions: map[string]int64{"system": 1 << 20}})
	synctest.Wait()
	return flash.Job{ID: name, Target: simTarget{&w.world, name}, Scope: flash.ScopeFlash,
		Steps: []flash.Step{flash.WriteImage{Partition: "system", Image: w.im}.Step()}}
}

func (w *engineWorld) want(d flash.JobDone, r flash.JobResult) {
	w.t.Helper()
	if d.Result != r {
		w.t.Errorf("%s in place of %s: %+v", d.Result, r, d)
	}
}

// TestSubmit takes jobs from many goroutines; each has one result, and hears of its own
// events only.
func TestSubmit(t *testing.T) {
	im, _, _ := noiseImage(t, 200<<10)
	withEngine(t, im, flash.EngineOptions{Admission: admission.New(admission.Options{Concurrency: 5})}, func(w *engineWorld) {
		var jobs []flash.Job
		heard := make([][]flash.Event, 40)
		for i := range heard {
			job := w.job(strconv.Itoa(i), 0)
			job.Watch = func(e flash.Event) { heard[i] = append(heard[i], e) }
			jobs = append(jobs, job)
		}
		var submitting sync.WaitGroup
		for _, job := range jobs {
			submitting.Go(func() { w.want(w.engine.Submit(w.ctx, job).Wait(), flash.Pass) })
		}
		submitting.Wait()
		synctest.Wait()
		for i, events := range heard {
			ends := 0
			for _, e := range events {
				if e.Job != strconv.Itoa(i) {
					t.Fatalf("job %d heard of job %s", i, e.Job)
				}
				if _, ok := e.Body.(flash.JobDone); ok {
					ends++
				}
			}
			if ends != 1 {
				t.Errorf("job %d heard of %d results", i, ends)
			}
		}
	})
}

// TestHandles: one job is cancelled, one stopped after its command, the others pass.
func TestHandles(t *testing.T) {
	im, _, _ := noiseImage(t, 300<<10)
	withEngine(t, im, flash.EngineOptions{}, func(w *engineWorld) {
		var handles []*flash.Handle
		for i := range 4 {
			handles = append(handles, w.engine.Submit(w.ctx, w.job(strconv.Itoa(i), 10_000)))
		}
		<-time.After(10 * time.Second) // in the second piece of five
		start := time.Now()
		handles[1].Cancel()
		w.want(handles[1].Wait(), flash.Interrupted)
		if took := time.Since(start); took > 0 {
			t.Errorf("a cancelled job took %v to end", took)
		}
		handles[2].Stop()
		w.want(handles[2].Wait(), flash.Interrupted)
		if n := len(w.tablets[2].device.State().Flashes); n != 2 {
			t.Errorf("a stopped job wrote %d pieces: the one under way is to be finished, no other begun", n)
		}
		w.want(handles[0].Wait(), flash.Pass)
		w.want(handles[3].Wait(), flash.Pass)
	})
}

// TestRefuseAndDrain: after Refuse jobs under way go on, those that wait and come are
// skipped; after Drain those under way stop too.
func TestRefuseAndDrain(t *testing.T) {
	im, _, _ := noiseImage(t, 300<<10)
	for _, drain := range []bool{false, true} {
		withEngine(t, im, flash.EngineOptions{Admission: admission.New(admission.Options{Concurrency: 1})}, func(w *engineWorld) {
			running := w.engine.Submit(w.ctx, w.job("running", 10_000))
			waiting := w.engine.Submit(w.ctx, w.job("waiting", 0))
			late := w.job("late", 0)
			<-time.After(10 * time.Second)
			if drain {
				w.engine.Drain()
			} else {
				w.engine.Refuse()
			}
			at := time.Now()
			w.want(waiting.Wait(), flash.Skipped)
			if took := time.Since(at); took > 0 {
				t.Errorf("the job that waited was skipped after %v", took)
			}
			w.want(w.engine.Submit(w.ctx, late).Wait(), flash.Skipped)
			if d := running.Wait(); drain {
				w.want(d, flash.Interrupted)
			} else {
				w.want(d, flash.Pass)
			}
		})
	}
}

// TestRecorderRecovers: a record that fails stops the jobs under way, and no job that comes
// when it works again.
func TestRecorderRecovers(t *testing.T) {
	im, _, _ := noiseImage(t, 300<<10)
	for _, canBeAsked := range []bool{false, true} {
		m := &moody{}
		var r flash.Recorder = m
		if canBeAsked {
			r = probed{m}
		}
		withEngine(t, im, flash.EngineOptions{Recorder: r}, func(w *engineWorld) {
			slow, fast := w.engine.Submit(w.ctx, w.job("slow", 10_000)), w.engine.Submit(w.ctx, w.job("fast", 60_000))
			<-time.After(time.Second)
			m.set(true)
			for _, d := range []flash.JobDone{fast.Wait(), slow.Wait()} {
				if w.want(d, flash.Fail); d.Class != flash.ClassStation || !d.NotDurable {
					t.Errorf("%+v", d)
				}
			}
			if w.engine.Durable() {
				t.Error("the engine believes in its record")
			}
			again := w.job("again", 0)
			before := m.intents
			d := w.engine.Submit(w.ctx, again).Wait()
			if !d.NotDurable || len(w.tablets[2].device.State().Flashes) > 0 {
				t.Errorf("written without a record: %+v", d)
			}
			if canBeAsked && (d.Result != flash.Skipped || m.intents != before) {
				t.Errorf("begun, though the recorder says that it cannot record: %+v", d)
			}
			m.set(false)
			again.ID = "at last"
			w.want(w.engine.Submit(w.ctx, again).Wait(), flash.Pass)
			if !w.engine.Durable() {
				t.Error("the engine does not believe in its record")
			}
		})
	}
}

// TestChangedImage: jobs with an image that was changed are refused, others are not; the
// same file, opened again, is another image.
func TestChangedImage(t *testing.T) {
	im, path, b := noiseImage(t, 300<<10)
	healthy, _, _ := noiseImage(t, 200<<10)
	withEngine(t, im, flash.EngineOptions{}, func(w *engineWorld) {
		var once sync.Once
		w.wire = func(tr fastboot.Transport) fastboot.Transport {
			return meddler{tr, &once, func() {
				if err := os.WriteFile(path, b[1:], 0o600); err != nil {
					t.Error(err)
				}
			}}
		}
		w.want(w.engine.Submit(w.ctx, w.job("first", 0)).Wait(), flash.Fail)
		job := w.job("second", 0)
		if d := w.engine.Submit(w.ctx, job).Wait(); d.Result != flash.Skipped || d.Class != flash.ClassStation {
			t.Errorf("a job with the same image: %+v", d)
		}
		job.Steps = []flash.Step{flash.WriteImage{Partition: "system", Image: healthy}.Step()}
		w.want(w.engine.Submit(w.ctx, job).Wait(), flash.Pass)
		again, err := image.Open(w.ctx, path, image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		job.Steps = []flash.Step{flash.WriteImage{Partition: "system", Image: again}.Step()}
		w.want(w.engine.Submit(w.ctx, job).Wait(), flash.Pass)
	})
}

// TestSecondBatch: what failed in one batch is tried in the next, by the same engine.
func TestSecondBatch(t *testing.T) {
	im, _, _ := noiseImage(t, 100<<10)
	withEngine(t, im, flash.EngineOptions{}, func(w *engineWorld) {
		good, bad := w.job("good", 0), w.job("bad", 0)
		bad.Require.Products = []string{"ANOTHER"}
		results := w.engine.Run(w.ctx, []flash.Job{bad, good})
		w.want(results[0], flash.Fail)
		w.want(results[1], flash.Pass)
		bad.Require.Products = nil
		for _, d := range w.engine.Run(w.ctx, []flash.Job{good, bad}) {
			w.want(d, flash.Pass)
		}
	})
}

// changing is a target that appears after a while, and says so.
type changing struct {
	flash.Target
	tries   *int
	there   func() bool
	changed chan struct{}
}

func (c changing) Changed() <-chan struct{} { return c.changed }

func (c changing) Fastboot(ctx context.Context) (fastboot.Transport, error) {
	*c.tries++
	if !c.there() {
		return nil, &flash.Failure{Class: flash.ClassCable, Message: "nothing there"}
	}
	return c.Target.Fastboot(ctx)
}

// TestArrivalWakes: a tablet that arrives is opened at once, not at the next look.
func TestArrivalWakes(t *testing.T) {
	im, _, _ := noiseImage(t, 100<<10)
	withEngine(t, im, flash.EngineOptions{Wait: time.Minute}, func(w *engineWorld) {
		job := w.job("t", 0)
		var there bool
		var mu sync.Mutex
		tries, changed := 0, make(chan struct{})
		job.Target = changing{job.Target, &tries, func() bool { mu.Lock(); defer mu.Unlock(); return there }, changed}
		start := time.Now()
		h := w.engine.Submit(w.ctx, job)
		<-time.After(10*time.Second + 123*time.Millisecond)
		mu.Lock()
		there = true
		mu.Unlock()
		close(changed)
		w.want(h.Wait(), flash.Pass)
		if took := time.Since(start); took != 10*time.Second+123*time.Millisecond {
			t.Errorf("opened after %v", took)
		}
	})
}

// nothing is a target that is never there.
type nothing struct{ flash.Target }

func (nothing) Where() flash.Where { return flash.Where{Address: "mem:nothing"} }
func (nothing) Fastboot(context.Context) (fastboot.Transport, error) {
	return nil, &flash.Failure{Class: flash.ClassDevice, Message: "nothing there"}
}

// TestManyJobs: ten thousand jobs leave nothing behind in their engine.
func TestManyJobs(t *testing.T) {
	im, _, _ := noiseImage(t, 10<<10)
	o := flash.EngineOptions{Recorder: &moody{}, Admission: admission.New(admission.Options{Concurrency: 16})}
	withEngine(t, im, o, func(w *engineWorld) {
		good := w.job("good", 0)
		size := func() (goroutines int, heap uint64) {
			synctest.Wait()
			w.events = nil
			goroutines, heap = math.MaxInt, math.MaxUint64
			for range 5 { // what is in pools, and what finalizers are at, differs
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				goroutines, heap = min(goroutines, runtime.NumGoroutine()), min(heap, m.HeapAlloc)
			}
			return goroutines, heap
		}
		batch := func(n int) {
			var handles []*flash.Handle
			for i := range n {
				job := flash.Job{ID: fmt.Sprint(i), Target: nothing{}, Scope: flash.ScopeFlash}
				if i%100 == 0 {
					job = good
				}
				handles = append(handles, w.engine.Submit(w.ctx, job))
				if i%100 == 0 { // one tablet is used by one job at a time
					w.want(handles[i].Wait(), flash.Pass)
				}
			}
			for _, h := range handles {
				h.Wait()
			}
		}
		batch(1000)
		goroutines, heap := size()
		for range 9 {
			batch(1000)
		}
		after, heapAfter := size()
		if after > goroutines || heapAfter > heap+2<<20 {
			t.Errorf("%d goroutines and %d KiB after 1,000 jobs, %d and %d after 10,000", goroutines, heap>>10, after, heapAfter>>10)
		}
	})
}

// TestOrder: places are given in the order of submission.
func TestOrder(t *testing.T) {
	im, _, _ := noiseImage(t, 10<<10)
	withEngine(t, im, flash.EngineOptions{Admission: admission.New(admission.Options{Concurrency: 1})}, func(w *engineWorld) {
		var jobs []flash.Job
		for i := range 10 {
			jobs = append(jobs, w.job(strconv.Itoa(i), 0))
		}
		w.engine.Run(w.ctx, jobs)
		synctest.Wait()
		var order []string
		for _, e := range w.events {
			if _, ok := e.Body.(flash.JobStarted); ok {
				order = append(order, e.Job)
			}
		}
		if !slices.IsSorted(order) || len(order) != 10 {
			t.Errorf("started in the order %v", order)
		}
	})
}
