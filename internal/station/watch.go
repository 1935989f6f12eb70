// This file tells what comes and goes: in hub ports by the kernel's events, at network
// addresses by asking.

package station

import (
	"context"
	"sync"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/usb"
)

// Bus watches hub ports. With Only, it is the ports whose names or short forms it holds to
// be true of; nil is all.
type Bus struct {
	Bench *target.Bench
	Only  func(target.USB) bool
}

// Watch reports the tablets on USB.
func (b Bus) Watch(ctx context.Context, report func([]Change)) error {
	return b.Bench.Watch(ctx, target.Tablets, func(list []target.Change) error {
		var out []Change
		for _, c := range list {
			if b.Only != nil && !b.Only(c.Target) {
				continue
			}
			serial := c.Device.Serial
			if flash.Placeholder(serial) {
				serial = ""
			}
			out = append(out, Change{Place: At(c.Target), Present: c.What != usb.Left, Serial: serial, Model: c.Device.Model()})
		}
		report(out)
		return nil
	})
}

// At is the place of a target: what it is locked as is what makes it this place.
func At(t flash.Target) Place {
	return Place{Key: target.LockName(t), Name: t.Where().Label(), Target: t}
}

// How network addresses are asked.
const (
	askEvery   = time.Second
	askTimeout = 2 * time.Second
	goneAfter  = 2 // answers in a row that it is not there
)

// Network watches network targets for coming and going.
type Network struct {
	Places []Place
	// Busy reports whether a job has the place: it is not asked then.
	Busy func(key string) bool
}

// Watch asks every place once a second whether something answers there.
func (n Network) Watch(ctx context.Context, report func([]Change)) error {
	report(nil)
	var all sync.WaitGroup
	for _, p := range n.Places {
		all.Go(func() { n.watchOne(ctx, p, report) })
	}
	all.Wait()
	return nil
}

// watchOne asks one place until ctx ends.
func (n Network) watchOne(ctx context.Context, p Place, report func([]Change)) {
	present, missed := false, 0
	for {
		if n.Busy == nil || !n.Busy(p.Key) {
			if answers(ctx, p.Target) {
				missed = 0
				if !present {
					present = true
					report([]Change{{Place: p, Present: true}})
				}
			} else if missed++; present && missed >= goneAfter && ctx.Err() == nil {
				present = false
				report([]Change{{Place: p}})
			}
		}
		timer := time.NewTimer(askEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// answers reports whether something listens at a network target, in whatever mode.
func answers(ctx context.Context, t flash.Target) bool {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if conn, err := t.Dial(ctx, 0); err == nil {
		_ = conn.Close()
		return true
	}
	c, err := t.Fastboot(ctx)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// Watchers are several watchers as one: it ends when one of them fails, or all have ended.
type Watchers []Watcher

// Watch reports what all of them report.
func (w Watchers) Watch(ctx context.Context, report func([]Change)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	errs := make(chan error, len(w))
	for _, one := range w {
		all.Go(func() {
			if err := one.Watch(ctx, report); err != nil {
				errs <- err
				cancel(err)
			}
		})
	}
	all.Wait()
	close(errs)
	return <-errs
}
