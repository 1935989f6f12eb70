// One reading for all who ask, in a bubble of time with events of the test's own.

package target

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/usb"
)

// fakeBus counts how often it is read.
type fakeBus struct {
	mu      sync.Mutex
	devices []usb.Device
	fault   error
	scans   int
}

func (f *fakeBus) scan() (*usb.Bus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scans++
	return &usb.Bus{Devices: f.devices}, f.fault
}

func (f *fakeBus) set(fault error, devices ...usb.Device) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.devices, f.fault = devices, fault
}

// count returns the readings since it was last asked.
func (f *fakeBus) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.scans
	f.scans = 0
	return n
}

// watched is a bench of a fake bus, and the kernel's events for it; deaf is why there
// are none.
func watched(t *testing.T, deaf error) (b *Bench, bus *fakeBus, events chan struct{}) {
	b, bus, events = NewBench(Options{}), &fakeBus{}, make(chan struct{})
	b.view.scan = bus.scan
	b.view.events = func(context.Context) (<-chan struct{}, error) {
		if deaf != nil {
			return nil, deaf
		}
		return events, nil
	}
	t.Cleanup(b.Close)
	return b, bus, events
}

func inPort(chain string, address int, mode usb.Mode) usb.Device {
	return usb.Device{Port: port(chain), Bus: 1, Address: address, Mode: mode}
}

// TestSharedReading reads once for all who ask at once, again after an event, after a
// second, and after a device was not where it was read to be.
func TestSharedReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, bus, events := watched(t, nil)
		ask := func() {
			t.Helper()
			var wg sync.WaitGroup
			for i := range 16 {
				wg.Go(func() { _, _ = b.At(port(fmt.Sprint(i+1)), nil).Device() })
			}
			wg.Wait()
		}
		expect := func(want int, when string) {
			t.Helper()
			if got := bus.count(); got != want {
				t.Errorf("%s: %d readings, not %d", when, got, want)
			}
		}
		ask()
		ask()
		expect(1, "at once")
		events <- struct{}{}
		synctest.Wait()
		expect(0, "after an event that nobody waits for")
		ask()
		ask()
		expect(1, "after an event")
		time.Sleep(usb.RescanEvery) // of the bubble
		expect(0, "while nobody asks")
		ask()
		expect(1, "after a second")
		b.view.outdate()
		ask()
		expect(1, "after a device was not there")
		bus.set(errors.New("no sysfs"))
		events <- struct{}{}
		synctest.Wait()
		if _, err := b.Bus(); outcome(err) != "station: no sysfs" {
			t.Error(err)
		}
		bus.count()
		ask()
		expect(16, "while it cannot be read")
	})
}

// TestChanged wakes who waits for a port by what happens there, at once by an event and
// within a second without, and by nothing else.
func TestChanged(t *testing.T) {
	for name, deaf := range map[string]error{"with events": nil, "without": errors.New("kernel events: no netlink")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, bus, events := watched(t, deaf)
				event := func() {
					if deaf == nil {
						events <- struct{}{}
					}
				}
				one, two := b.At(port("1"), nil), b.At(port("2"), nil)
				if _, err := one.Device(); err == nil {
					t.Fatal("an empty port has a device")
				}
				if err := b.Listen(); !errors.Is(err, deaf) {
					t.Error(err)
				}
				change := one.Changed()
				if one.Changed() != change {
					t.Error("two who wait for one port wait for different things")
				}
				other := two.Changed()
				start := time.Now()
				bus.set(nil, inPort("1", 5, usb.ADB))
				event()
				<-change
				limit := usb.RescanEvery
				if deaf == nil {
					limit = 0
				}
				if d := time.Since(start); d > limit {
					t.Errorf("woken after %s", d)
				}
				if d, err := one.Device(); err != nil || d.Mode != usb.ADB {
					t.Errorf("%+v, %v", d, err)
				}
				// The same tablet in another mode, with another address, and out.
				for _, now := range [][]usb.Device{{inPort("1", 5, usb.Normal)}, {inPort("1", 6, usb.Normal)}, nil} {
					change = one.Changed()
					bus.set(nil, now...)
					event()
					<-change
				}
				select {
				case <-other:
					t.Error("woken by another port")
				default:
				}
				b.Close()
				bus.set(nil, inPort("2", 7, usb.Fastboot))
				time.Sleep(usb.RescanEvery) // of the bubble
				if d, err := two.Device(); err != nil || d.Address != 7 {
					t.Errorf("after Close: %+v, %v", d, err)
				}
				<-other // by who asked
			})
		})
	}
}

// TestWatch reports what is there, then changes, as targets with the names of their
// ports; several watchers share the readings.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, bus, events := watched(t, nil)
		b.names = t.TempDir() + "/ports"
		must(t, b.NamePort(controller+"-usb-0:1", "A1"))
		hub := usb.Device{Port: port("9"), Bus: 1, Address: 9, Hub: true, Mode: usb.Normal}
		stick := inPort("3", 3, "")
		bus.set(nil, inPort("1", 5, usb.ADB), hub, stick)
		ctx, cancel := context.WithCancel(t.Context())
		watch := func(selected func(usb.Device) bool) (reports chan string, ended chan error) {
			reports, ended = make(chan string, 10), make(chan error, 1)
			go func() {
				ended <- b.Watch(ctx, selected, func(changes []Change) error {
					var words []string
					for _, c := range changes {
						words = append(words, fmt.Sprintf("%s %s %s", c.What, c.Target.Where().Label(), c.Device.Mode))
					}
					reports <- strings.Join(words, ", ")
					return nil
				})
			}()
			return reports, ended
		}
		tablets, ended := watch(Tablets)
		anything, alsoEnded := watch(Anything)
		expect := func(reports chan string, want string) {
			t.Helper()
			if got := <-reports; got != want {
				t.Errorf("%q, not %q", got, want)
			}
		}
		expect(tablets, "present A1 adb")
		expect(anything, "present A1 adb, present 1-3 ")
		synctest.Wait()
		if n := bus.count(); n != 1 {
			t.Errorf("%d readings for two watchers", n)
		}
		start := time.Now()
		bus.set(nil, inPort("1", 6, usb.Fastboot), hub)
		events <- struct{}{}
		expect(tablets, "left A1 adb, arrived A1 fastboot")
		expect(anything, "left A1 adb, left 1-3 , arrived A1 fastboot")
		if d := time.Since(start); d > 0 {
			t.Errorf("%s after the event", d)
		}
		synctest.Wait()
		if n := bus.count(); n != 1 {
			t.Errorf("%d readings after one event", n)
		}
		bus.set(nil, inPort("1", 6, usb.Fastbootd), hub)
		expect(tablets, "changed A1 fastbootd") // without an event
		expect(anything, "changed A1 fastbootd")
		close(events) // the kernel is not heard any more
		bus.set(nil, hub)
		expect(tablets, "left A1 fastbootd")
		cancel()
		if err := errors.Join(<-ended, <-alsoEnded); err != nil {
			t.Error(err)
		}
		enough := errors.New("enough")
		if err := b.Watch(t.Context(), Tablets, func([]Change) error { return enough }); !errors.Is(err, enough) {
			t.Error(err)
		}
		if n := len(b.view.wakes); n != 0 {
			t.Errorf("%d watchers are left", n)
		}
	})
}
