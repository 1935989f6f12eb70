// A month without a restart, on the clock of a bubble: memory, goroutines and open files
// must be after all jobs what they were after a fifth of them. Station, engine and ledger
// are the real ones.

package station_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/virtual"
)

// uptimeFaults befall every tenth tablet, once: it passes when it is plugged in again.
var uptimeFaults = []string{"unplug@40%", "stall@flash:boot", "fail@flash:system", "corrupt@download:2", "garbage"}

// held is what the process has.
type held struct {
	heap              uint64
	goroutines, files int
}

// count looks at what is held, garbage left out.
func count(t *testing.T) held {
	t.Helper()
	for range 3 { // what pools and finalizers kept goes with the second
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("nobody tells which files are open: %v", err)
	}
	return held{m.HeapAlloc, runtime.NumGoroutine(), len(files)}
}

// month is a station that works off jobs.
type month struct {
	*station.Station
	*bench
	failed atomic.Int64
}

// maxGrown is how much the heap may differ: what caches and maps keep. They took 135 kB from the
// 112th to the 592nd tablet, and 61 kB from the 480th to the 2,400th. Where there are ten thousand,
// it is 24 bytes a tablet.
const maxGrown = 192 << 10

// TestMonth works off ZARYA_UPTIME_JOBS tablets, 10,000 in thirty days.
func TestMonth(t *testing.T) {
	jobs := 600
	if n, err := strconv.Atoi(os.Getenv("ZARYA_UPTIME_JOBS")); err == nil {
		jobs = n
	}
	images := simImages(t)
	var steps []flash.Step
	for _, part := range []string{"boot", "system"} {
		steps = append(steps, flash.WriteImage{Partition: part, Image: images[part]}.Step())
	}
	path := filepath.Join(t.TempDir(), "ledger.db")
	synctest.Test(t, func(t *testing.T) {
		l, err := ledger.Open(context.Background(), path, "month")
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}()
		m := &month{bench: &bench{in: map[string]*tablet{}, was: map[string]map[string]bool{}}}
		events := flash.NewEvents("month", func(flash.Event) {})
		engine := flash.NewEngine(flash.EngineOptions{Events: events, Recorder: l, Wait: 10 * time.Second})
		defer events.Close()
		defer engine.Close()
		var places []station.Place
		for i := range simPorts {
			places = append(places, m.at(fmt.Sprintf("A%d", i+1)))
		}
		m.Station = station.New(station.Options{Name: "month", Run: "month", Engine: engine, Work: simWork{steps}, Watcher: m.bench,
			Places: places,
			History: func(ctx context.Context, serial string) (*station.Past, int) {
				attempts, err := l.Attempts(ctx, serial)
				if err != nil {
					t.Error(err)
				}
				return nil, attempts
			}})
		ctx, end := context.WithCancel(context.Background())
		ran := make(chan error, 1)
		go func() { ran <- m.Run(ctx) }()
		defer func() {
			end()
			if err := <-ran; err != nil {
				t.Error(err)
			}
		}()
		began := time.Now()
		every := 30 * 24 * time.Hour * simPorts / 10_000
		rounds := jobs / simPorts
		var early held
		for round := range rounds {
			next := time.Now().Add(every)
			m.round(t, round)
			time.Sleep(time.Until(next)) //nolint:forbidigo // the bubble's clock: there is no rush
			if round+1 == rounds/5 {
				early = m.dayOff(t)
			}
		}
		late := m.dayOff(t)
		t.Logf("after %d tablets %+v; after %d tablets in %v %+v; %d failed once",
			rounds/5*simPorts, early, rounds*simPorts, time.Since(began), late, m.failed.Load())
		if late.goroutines != early.goroutines || late.files != early.files {
			t.Errorf("%+v at first, %+v at last", early, late)
		}
		if grown := int64(late.heap) - int64(early.heap); grown > maxGrown {
			t.Errorf("the heap has grown by %d bytes, %d a tablet", grown, grown/int64((rounds-rounds/5)*simPorts))
		}
		if m.failed.Load() == 0 {
			t.Error("a month in which nothing fails shows nothing")
		}
	})
}

// dayOff counts what is held when the day of the last job is over.
func (m *month) dayOff(t *testing.T) held {
	t.Helper()
	time.Sleep(25 * time.Hour) //nolint:forbidigo // the bubble's clock: until another date
	m.View()
	return count(t)
}

// round plugs a tablet into each port, waits for their results, and takes them out.
func (m *month) round(t *testing.T, round int) {
	var technicians sync.WaitGroup
	for i := range simPorts {
		technicians.Go(func() {
			n := round*simPorts + i
			name, serial := fmt.Sprintf("A%d", i+1), fmt.Sprintf("SN%06d", n)
			c := virtual.Config{Serial: serial, MaxDownload: 64 << 10,
				Partitions: map[string]int64{"system": 1 << 20, "boot": 256 << 10}, RebootTime: time.Second}
			c.Family, _ = virtual.FamilyByName("kirin710a-ags3")
			if n%10 == 0 {
				f, err := virtual.ParseFault(uptimeFaults[n/10%len(uptimeFaults)] + "*1")
				if err != nil {
					t.Error(err)
					return
				}
				c.Faults = []virtual.Fault{f}
			}
			device, err := virtual.New(c)
			if err != nil {
				t.Error(err)
				return
			}
			tab := &tablet{serial: serial, device: device}
			if !m.visit(t, name, tab).State.Good() {
				m.failed.Add(1)
				time.Sleep(10 * time.Second) //nolint:forbidigo // the bubble's clock: the port rests after a failure
				if p := m.visit(t, name, tab); !p.State.Good() {
					t.Errorf("%s ended at its second attempt as %+v", serial, p)
				}
			}
		})
	}
	technicians.Wait()
}

// visit plugs a tablet in, and takes it out when it has a result, which is returned.
func (m *month) visit(t *testing.T, name string, tab *tablet) station.Port {
	before := m.port(name).Job
	m.plug(t, name, tab)
	for {
		changed := m.Changed()
		if p := m.port(name); p.Job != before && p.Record != "" && !m.Has(name) {
			m.unplug(name)
			delete(m.was[name], tab.serial) // the bench is to be flat too
			return p
		}
		<-changed
	}
}

// port is what a port shows.
func (m *month) port(name string) station.Port {
	for _, h := range m.View().Hubs {
		for _, p := range h.Ports {
			if p.Name == name {
				return p
			}
		}
	}
	return station.Port{}
}
