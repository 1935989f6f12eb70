// This file turns scans into arrivals and departures.

package usb

import (
	"context"
	"slices"
	"time"
)

// RescanEvery bounds how long a change can stay unseen when nobody tells of it.
const RescanEvery = time.Second

// Changed says what happened in a port.
type Changed string

// What can happen, as the events have it.
const (
	Present Changed = "present" // was there when the watch began
	Arrived Changed = "arrived"
	Left    Changed = "left"
	Altered Changed = "changed" // the same device shows itself otherwise
)

// Change is one event of a watch. Of what left, Device is how it was.
type Change struct {
	Change Changed
	Device Device
}

// Watch tells first what is there, then every change, until ctx ends or tell returns
// an error, which it returns. A value on wake is a reason to look at once; without any
// it looks every RescanEvery, and what a scan shows is the truth. A scan that fails is
// told to failed, which may end the watch, and is tried again.
func Watch(ctx context.Context, scan func() ([]Device, error), wake <-chan struct{}, tell func([]Change) error,
	failed func(error) error) error {
	tick := time.NewTicker(RescanEvery)
	defer tick.Stop()
	var before []Device
	for first := true; ; {
		now, err := scan()
		if err != nil {
			err = failed(err)
		} else {
			if changes := compare(before, now, first); first || len(changes) > 0 {
				err = tell(changes)
			}
			before, first = now, false
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-wake:
			if !ok {
				wake = nil // a nil channel never has a value: the ticker remains
			}
		case <-tick.C:
		}
	}
}

// Changes returns what is different between two scans: departures first, each in the
// order of ports.
func Changes(before, now []Device) []Change { return compare(before, now, false) }

// compare lists what is different: departures first, each in the order of ports.
func compare(before, now []Device, first bool) []Change {
	var changes []Change
	there := func(list []Device, d Device) *Device {
		i := slices.IndexFunc(list, func(o Device) bool { return o.Port == d.Port && o.Bus == d.Bus && o.Address == d.Address })
		if i < 0 {
			return nil
		}
		return &list[i]
	}
	for _, d := range before {
		if there(now, d) == nil {
			changes = append(changes, Change{Left, d})
		}
	}
	for _, d := range now {
		old := there(before, d)
		switch {
		case first:
			changes = append(changes, Change{Present, d})
		case old == nil:
			changes = append(changes, Change{Arrived, d})
		case old.Mode != d.Mode || old.Serial != d.Serial || old.Net() != d.Net() || old.Speed != d.Speed:
			changes = append(changes, Change{Altered, d})
		}
	}
	return changes
}
