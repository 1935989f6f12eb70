// This file reads which places a station watches, as a person writes them.

package station

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/usb"
)

// named is a network target with the name that it has on the board.
type named struct {
	target.Target
	name string
}

// Where names the tablet by both.
func (n named) Where() flash.Where {
	w := n.Target.Where()
	w.PortName = n.name
	return w
}

// Lock takes places of a bench in the owner's name, for [Options].Lock.
func Lock(b *target.Bench, owner string) func(context.Context, flash.Target) (func(), error) {
	return func(ctx context.Context, t flash.Target) (func(), error) {
		if n, ok := t.(named); ok {
			t = n.Target
		}
		return b.Lock(ctx, t, owner, 0)
	}
}

// ParsePlaces reads port:GLOB and [NAME=]tcp:HOST[:PORT], where NAME is what is shown: the
// places that are known beforehand, and who watches them. Nothing typed is all ports with a
// name, or all ports if none has one.
func ParsePlaces(b *target.Bench, typed []string) ([]Place, Watchers, error) {
	var places, network []Place
	var patterns []string
	seen := map[string]string{}
	for _, text := range typed {
		name, rest, found := strings.Cut(text, "=")
		if !found {
			name, rest = "", text
		}
		if pattern, isPort := strings.CutPrefix(rest, "port:"); isPort && pattern != "" {
			if name != "" {
				return nil, nil, problem.New(problem.Usage, "name ports with zarya ports name", "--target %s: a hub port has its name already", text)
			}
			patterns = append(patterns, pattern)
			continue
		}
		t, err := target.ParseNetwork(rest)
		if err != nil {
			return nil, nil, problem.New(problem.Usage, "a station watches port:GLOB and "+target.Forms(),
				"--target %s: %w", text, err)
		}
		p := At(t)
		p.Name = cmp.Or(name, fmt.Sprintf("T%d", len(network)+1))
		p.Target = named{t, p.Name}
		for _, key := range []string{p.Key, "name " + p.Name} {
			if before, twice := seen[key]; twice {
				return nil, nil, problem.New(problem.Usage, "name each place once", "--target %s and %s are the same place", before, text)
			}
			seen[key] = text
		}
		network = append(network, p)
	}
	places = append(places, network...)
	var watchers Watchers
	if len(network) > 0 {
		watchers = append(watchers, &Network{Places: network})
	}
	if len(typed) > 0 && len(patterns) == 0 {
		return places, watchers, nil
	}
	names, err := b.Names()
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		if text, twice := seen["name "+name]; twice {
			return nil, nil, problem.New(problem.Usage, "give it another name", "--target %s: %s is the name of a hub port", text, name)
		}
	}
	watched := func(t target.USB) bool { return len(names) == 0 || t.Where().PortName != "" }
	if len(patterns) > 0 {
		watched = func(t target.USB) bool {
			return slices.ContainsFunc(patterns, func(p string) bool { return p == t.Where().PortName || t.Port().Matches(p) })
		}
	}
	usbPlaces, err := usbPlaces(b, names, watched)
	return append(places, usbPlaces...), append(watchers, Bus{Bench: b, Only: watched}), err
}

// usbPlaces are the hub ports with a name that are there now.
func usbPlaces(b *target.Bench, names usb.Names, watched func(target.USB) bool) (list []Place, err error) {
	bus, err := b.Bus()
	if err != nil {
		return nil, err
	}
	for path := range names {
		if port, ok := bus.Port(path); ok {
			if t := b.At(port, names); watched(t) {
				list = append(list, At(t))
			}
		}
	}
	return list, nil
}
