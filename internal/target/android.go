// This file is what an adb server tells of tablets that run Android.

package target

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/zarya-station/zarya/internal/adb"
	"github.com/zarya-station/zarya/usb"
)

// InAndroid is what an adb server reports of a tablet, or why it does not.
type InAndroid struct {
	adb.Facts
	Err error
}

// Hint returns what to do with the tablet.
func (i InAndroid) Hint(d usb.Device) string {
	switch {
	case errors.Is(i.Err, adb.ErrNoServer):
		return Usability(d) + "; or start an adb server (adb start-server), and flash and run do it"
	case i.Err != nil:
		return fmt.Sprintf("%v; or: %s", i.Err, Usability(d))
	}
	battery := ""
	if i.Battery >= 0 {
		battery = fmt.Sprintf(", battery %d %%", i.Battery)
	}
	return fmt.Sprintf("Android %s%s; flash and run send it to its bootloader", i.Build, battery)
}

// About tells of tablets on USB, by themselves and by what an adb server told: the model, and
// what keeps one from being used.
func About(android map[usb.Port]InAndroid) func(usb.Device) (model, hint string) {
	return func(d usb.Device) (model, hint string) {
		i, ok := android[d.Port]
		if !ok {
			return d.Model(), Usability(d)
		}
		return cmp.Or(d.Model(), i.Model), i.Hint(d)
	}
}

// AskAndroid asks about every tablet that runs Android, all at once.
func (b *Bench) AskAndroid(ctx context.Context, bus *usb.Bus) map[usb.Port]InAndroid {
	var wg sync.WaitGroup
	var mu sync.Mutex
	all := map[usb.Port]InAndroid{} // guarded by mu
	for _, d := range bus.Tablets() {
		if d.Mode != usb.ADB {
			continue
		}
		wg.Go(func() {
			var i InAndroid
			at, err := b.adb.At(ctx, d.Kernel)
			if i.Err = err; err == nil {
				i.Facts, i.Err = b.adb.Facts(ctx, at)
			}
			mu.Lock()
			defer mu.Unlock()
			all[d.Port] = i
		})
	}
	wg.Wait()
	return all
}

// HasADB reports whether an adb server answers.
func (b *Bench) HasADB(ctx context.Context) bool {
	_, err := b.adb.Devices(ctx)
	return !errors.Is(err, adb.ErrNoServer)
}
