// This file finds the targets that a person names.

package target

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/usb"
)

// Resolve finds the targets of names: those on a network (Forms); usb:PORT or port:PORT with a
// port's short form, path or glob, port: also with the station's name; serial:SERIAL or SERIAL
// alone. Without names it is the one tablet on USB. No tablet is named twice. One that is named
// and not there is a target that fails, unless all are.
func (b *Bench) Resolve(names []string) ([]Target, error) {
	if len(names) == 0 {
		return b.only()
	}
	portNames, err := b.Names()
	if err != nil {
		return nil, err
	}
	var list []Target
	var absent error
	missing := 0
	seen := map[string]string{}
	for _, name := range names {
		found, err := b.find(portNames, name)
		if kind, _ := problem.KindOf(err); err != nil && kind == problem.NoDevice {
			absent, missing, found, err = cmp.Or(absent, err), missing+1, []Target{Missing{name, err}}, nil
		}
		if err != nil {
			return nil, err
		}
		for _, t := range found {
			place := LockName(t) // by TCP and by UDP is the same tablet
			if before, ok := seen[place]; ok {
				return nil, problem.New(problem.Usage, "name each tablet once", "%s and %s are the same tablet", before, name)
			}
			seen[place] = name
			list = append(list, t)
		}
	}
	if missing == len(names) {
		return nil, absent
	}
	return list, nil
}

// ResolveWithin is Resolve that waits up to patience for tablets on USB that are not there
// yet; without names, for one to be there.
func (b *Bench) ResolveWithin(ctx context.Context, names []string, patience time.Duration) (list []Target, err error) {
	_, werr := b.WaitUntil(ctx, patience, func() (bool, error) {
		list, err = b.Resolve(names)
		kind, _ := problem.KindOf(err)
		absent := err != nil && kind == problem.NoDevice || slices.ContainsFunc(list, func(t Target) bool { _, is := t.(Missing); return is })
		return !absent, nil
	})
	if werr != nil {
		return nil, werr
	}
	if kind, _ := problem.KindOf(err); kind == problem.NoDevice && patience > 0 {
		err = fmt.Errorf("%w (waited %s)", err, patience)
	}
	return list, err
}

// WaitUntil calls done at once and again after each change of what is plugged in, until it
// returns true or an error. It returns false when patience has passed.
func (b *Bench) WaitUntil(ctx context.Context, patience time.Duration, done func() (bool, error)) (bool, error) {
	if patience == 0 {
		return done()
	}
	wake, stop := b.view.subscribe()
	defer stop()
	tick := time.NewTicker(usb.RescanEvery) // events can be lost
	defer tick.Stop()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return ok, err
		}
		select {
		case <-wake:
		case <-tick.C:
		case <-deadline.C:
			return false, nil
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// only returns the one tablet that is plugged in.
func (b *Bench) only() ([]Target, error) {
	bus, names, err := b.Plugged()
	if err != nil {
		return nil, err
	}
	var list []Target
	for _, d := range bus.Tablets() {
		list = append(list, b.At(d.Port, names))
	}
	switch len(list) {
	case 0:
		return nil, problem.New(problem.NoDevice, "plug one in, or name targets with -s tcp:HOST[:PORT]", "no target, and no tablet on USB")
	case 1:
		return list, nil
	}
	return nil, problem.New(problem.Usage, "name targets with -s", "several tablets are plugged in: %s", Join(list))
}

// find resolves one name.
func (b *Bench) find(names usb.Names, name string) ([]Target, error) {
	if isNetwork(name) {
		n, err := ParseNetwork(name)
		return []Target{n}, err
	}
	if kind, rest, found := strings.Cut(name, ":"); name == "" || found && rest == "" {
		return nil, problem.New(problem.Usage, "write SERIAL, usb:1-1.3, port:A3, tcp:HOST or ssh:HOST", "target %q names nothing", name)
	} else if found && kind != "usb" && kind != "port" && kind != "serial" {
		return nil, problem.New(problem.Usage, "write serial:"+name+" if that is a serial; otherwise "+
			strings.TrimSuffix(prefixes(), ":")+":, usb:, port:",
			"target %q: there is no kind of target %q", name, kind)
	}
	bus, err := b.Bus()
	if err != nil {
		return nil, err
	}
	var ports []usb.Port
	kind, rest, found := strings.Cut(name, ":")
	if !found { // a serial alone
		kind, rest = "serial", name
	}
	switch kind {
	case "usb":
		ports, err = findPorts(bus, rest)
	case "port":
		if path := names.Find(rest); path != "" {
			rest = path
		}
		ports, err = findPorts(bus, rest)
	case "serial":
		ports, err = findSerial(bus, rest)
	}
	list := make([]Target, len(ports))
	for i, p := range ports {
		list[i] = b.At(p, names)
	}
	return list, err
}

// findSerial finds the port of the tablet with a serial.
func findSerial(bus *usb.Bus, serial string) ([]usb.Port, error) {
	var list []usb.Port
	for _, d := range bus.Tablets() {
		if d.Serial == serial {
			list = append(list, d.Port)
		}
	}
	switch len(list) {
	case 0:
		return nil, problem.New(problem.NoDevice, "zarya devices shows what is plugged in", "no tablet on USB has the serial %q", serial)
	case 1:
		return list, nil
	}
	return nil, problem.New(problem.Usage, "name the one that is meant by its port", "these %d tablets have the serial %q: %s",
		len(list), serial, joinPorts(list))
}

// findPorts finds the ports with a tablet that a pattern matches, or the empty port that
// it names: one can be waited for.
func findPorts(bus *usb.Bus, pattern string) ([]usb.Port, error) {
	var list []usb.Port
	for _, d := range bus.Tablets() {
		if d.Port.Matches(pattern) {
			list = append(list, d.Port)
		}
	}
	if len(list) > 0 {
		return list, nil
	}
	if p, ok := bus.Port(pattern); ok {
		return []usb.Port{p}, nil
	}
	return nil, problem.New(problem.NoDevice, "zarya devices shows what is plugged in", "no tablet is in the port %q", pattern)
}

// joinPorts writes ports one after the other for a person.
func joinPorts(list []usb.Port) string {
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = "usb:" + p.Short()
	}
	return strings.Join(names, ", ")
}
