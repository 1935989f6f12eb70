// This file is the bench: a station's settings, and what is plugged in.

package target

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/adb"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/usb"
	"github.com/zarya-station/zarya/usb/libusb"
)

// Target is a place where a tablet is reached. Its String is how a person names it,
// such as usb:1-1.3 or tcp:10.0.0.5:5554.
type Target interface {
	flash.Target
	fmt.Stringer
}

// Options are the settings of a bench. The zero value is the machine's own.
type Options struct {
	Sysfs   string     // where the kernel shows its devices; "": usb.Sysfs
	Names   string     // the file of the station's names for ports; "": ports have none
	LockDir string     // where tablets are locked for the whole machine; "": usb.LockDir
	ADB     adb.Server // reaches tablets that run Android; "": as the environment says
}

// Bench is the places of one station. Its methods may be called from several
// goroutines.
type Bench struct {
	names   string
	lockDir string
	adb     adb.Server
	view    *view
	wires   libusb.Host // the kernel's memory for USB is shared by all tablets
}

// NewBench makes a bench. Nothing is read before something is asked.
func NewBench(o Options) *Bench {
	return &Bench{
		names: o.Names, lockDir: cmp.Or(o.LockDir, usb.LockDir), adb: cmp.Or(o.ADB, adb.Default()),
		view: newView(cmp.Or(o.Sysfs, usb.Sysfs)),
	}
}

// Close ends what keeps the bench up to date. Its targets can still be used: then each
// second's reading counts.
func (b *Bench) Close() { b.view.close() }

// Bus returns what is plugged in. It is shared and must not be changed.
func (b *Bench) Bus() (*usb.Bus, error) {
	bus, err := b.view.read()
	if err != nil {
		return nil, problem.New(problem.Station, "look at /sys/bus/usb", "%w", err)
	}
	return bus, nil
}

// Plugged returns what is plugged in and the names of the ports. The bus is shared and
// must not be changed.
func (b *Bench) Plugged() (*usb.Bus, usb.Names, error) {
	bus, err := b.Bus()
	if err != nil {
		return nil, nil, err
	}
	names, err := b.Names()
	return bus, names, err
}

// At returns the target in a port.
func (b *Bench) At(p usb.Port, names usb.Names) USB { return USB{b, p, names[p.Path()]} }

// Join writes targets one after the other for a person.
func Join[T fmt.Stringer](list []T) string {
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = t.String()
	}
	return strings.Join(names, ", ")
}
