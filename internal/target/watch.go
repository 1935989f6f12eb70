// This file reports arrivals and departures as targets.

package target

import (
	"context"
	"slices"

	"github.com/zarya-station/zarya/usb"
)

// Change is one event in a port: what happened, with which device, and the port as a
// target. Of what left, Device is how it was.
type Change struct {
	What   usb.Changed
	Device usb.Device
	Target USB
}

// Tablets selects for [Bench.Watch] the devices in a mode that is known.
func Tablets(d usb.Device) bool { return d.Mode != "" && !d.Hub }

// Anything selects for [Bench.Watch] all devices that are no hubs.
func Anything(d usb.Device) bool { return !d.Hub }

// Listen returns why the kernel's events are not heard, or nil. Without them a change is
// seen within a second (usb.RescanEvery).
func (b *Bench) Listen() error { return b.view.listen() }

// Watch reports first what is there, in one call and even if it is nothing, then every
// change of the selected devices, until ctx ends. It returns the first error of report,
// or why the bus or the names of ports cannot be read.
func (b *Bench) Watch(ctx context.Context, selected func(usb.Device) bool, report func([]Change) error) error {
	wake, stop := b.view.subscribe()
	defer stop()
	scan := func() ([]usb.Device, error) {
		bus, err := b.Bus()
		if err != nil {
			return nil, err
		}
		return slices.DeleteFunc(slices.Clone(bus.Devices), func(d usb.Device) bool { return !selected(d) }), nil
	}
	asTargets := func(changes []usb.Change) error {
		names, err := b.Names()
		if err != nil {
			return err
		}
		list := make([]Change, len(changes))
		for i, c := range changes {
			list[i] = Change{c.Change, c.Device, b.At(c.Device.Port, names)}
		}
		return report(list)
	}
	return usb.Watch(ctx, scan, wake, asTargets, func(err error) error { return err })
}
