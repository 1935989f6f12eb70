package usb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestWatch is told what is there, then changes: at once by an event, within a second
// without.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		device := func(port string, address int, mode Mode) Device {
			_, chain, _ := strings.Cut(port, "-")
			return Device{Port: Port{Bus: 1, Chain: chain}, Bus: 1, Address: address, Mode: mode}
		}
		var mu sync.Mutex
		var plugged []Device // guarded by mu
		var fault error      // guarded by mu
		scan := func() ([]Device, error) {
			mu.Lock()
			defer mu.Unlock()
			return plugged, fault
		}
		set := func(err error, devices ...Device) {
			mu.Lock()
			defer mu.Unlock()
			plugged, fault = devices, err
		}
		wake := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		said := make(chan string, 10)
		ended := make(chan error)
		go func() {
			ended <- Watch(ctx, scan, wake, func(changes []Change) error {
				var words []string
				for _, c := range changes {
					words = append(words, fmt.Sprintf("%s %s %s", c.Change, c.Device.Port, c.Device.Mode))
				}
				said <- strings.Join(words, ", ")
				return nil
			}, func(err error) error { said <- err.Error(); return nil })
		}()
		expect := func(want string) {
			t.Helper()
			if got := <-said; got != want {
				t.Errorf("%q, not %q", got, want)
			}
		}
		expect("")
		synctest.Wait()
		start := time.Now()
		set(nil, device("1-2", 5, ADB), device("1-10", 6, Fastboot))
		wake <- struct{}{}
		expect("arrived 1-2 adb, arrived 1-10 fastboot")
		if d := time.Since(start); d > 0 {
			t.Errorf("%s after the event", d)
		}
		// Out and in again between two looks is a departure and an arrival.
		set(nil, device("1-2", 7, Fastboot), device("1-10", 6, Fastboot))
		expect("left 1-2 adb, arrived 1-2 fastboot")
		if d := time.Since(start); d > RescanEvery {
			t.Errorf("%s without an event", d)
		}
		set(errors.New("no sysfs"))
		expect("no sysfs")
		close(wake)
		set(nil, device("1-2", 7, Fastboot), device("1-10", 6, Fastbootd))
		expect("changed 1-10 fastbootd")
		set(nil)
		expect("left 1-2 fastboot, left 1-10 fastbootd")
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		// A new watcher is first told what is there.
		set(nil, device("1-2", 7, Fastboot))
		enough := errors.New("enough")
		err := Watch(t.Context(), scan, nil, func(changes []Change) error {
			if len(changes) != 1 || changes[0].Change != Present {
				t.Errorf("%v", changes)
			}
			return enough
		}, nil)
		if !errors.Is(err, enough) {
			t.Error(err)
		}
	})
}
