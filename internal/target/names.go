// This file is the station's names for ports.

package target

import (
	"slices"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/usb"
)

// Names reads the station's names for ports.
func (b *Bench) Names() (usb.Names, error) {
	if b.names == "" {
		return usb.Names{}, nil
	}
	n, err := usb.LoadNames(b.names)
	if err != nil {
		return nil, problem.New(problem.Station, "fix or remove the file", "port names: %w", err)
	}
	return n, nil
}

// PortPath returns the path (usb.Port.Path) of the one port that a person names: by its
// name, its path, or as usb:1-1.3.
func (b *Bench) PortPath(name string) (string, error) {
	names, err := b.Names()
	if err != nil {
		return "", err
	}
	if path := names.Find(name); path != "" {
		return path, nil
	}
	if strings.Contains(name, "-usb-0:") {
		return name, nil
	}
	bus, err := b.Bus()
	if err != nil {
		return "", err
	}
	ports, err := findPorts(bus, strings.TrimPrefix(name, "usb:"))
	if err != nil {
		return "", err
	}
	if len(ports) != 1 {
		return "", problem.New(problem.Usage, "name one port", "%q is %d ports: %s", name, len(ports), joinPorts(ports))
	}
	return ports[0].Path(), nil
}

// NamePort keeps a name for the port with a path; "" takes its name away. A name that
// another port has is refused.
func (b *Bench) NamePort(path, name string) error {
	names, err := b.Names()
	if err != nil {
		return err
	}
	return b.saveName(names, path, name)
}

// MoveName keeps a name for the port with a path; the port that had it loses it.
func (b *Bench) MoveName(path, name string) error {
	names, err := b.Names()
	if err != nil {
		return err
	}
	if old := names.Find(name); old != "" && old != path {
		if err := names.Set(old, ""); err != nil {
			return problem.New(problem.Usage, "", "%w", err)
		}
	}
	return b.saveName(names, path, name)
}

// NamedPort is a port as a person writes it, and its name.
type NamedPort struct{ Port, Name string }

// NamePorts keeps the names of several ports, or none of them: bad is the one that cannot be
// kept. A port that had one of the names loses it.
func (b *Bench) NamePorts(ports []NamedPort) (bad int, err error) {
	names, err := b.Names()
	if err != nil {
		return 0, err
	}
	for i, p := range ports {
		path, err := b.PortPath(p.Port)
		if err != nil {
			return i, err
		}
		if old := names.Find(p.Name); old != "" && old != path {
			delete(names, old)
		}
		if err := names.Set(path, p.Name); err != nil {
			return i, problem.New(problem.Invalid, "a name has letters, digits, - and _, and is no port's number", "%w", err)
		}
	}
	if err := names.Save(b.names); err != nil {
		return 0, problem.New(problem.Station, "give the folder the right owner and room", "port names: %w", err)
	}
	return 0, nil
}

func (b *Bench) saveName(names usb.Names, path, name string) error {
	if err := names.Set(path, name); err != nil {
		return problem.New(problem.Usage, "zarya ports list shows the names there are", "%w", err)
	}
	if err := names.Save(b.names); err != nil {
		return problem.New(problem.Station, "give the folder the right owner and room", "port names: %w", err)
	}
	return nil
}

const maxNames = 100 // that a range may stand for

// ExpandNames returns A1, A2, A3 for A1..A3, and other names as they are. Each must be
// good for a port, and be there once.
func ExpandNames(args []string) ([]string, error) {
	var list []string
	for _, arg := range args {
		from, to, isRange := strings.Cut(arg, "..")
		if !isRange {
			list = append(list, arg)
			continue
		}
		prefix := strings.TrimRight(from, "0123456789")
		first, err := strconv.Atoi(from[len(prefix):])
		last, lerr := strconv.Atoi(strings.TrimPrefix(to, prefix))
		if err != nil || lerr != nil || last < first || last-first >= maxNames {
			return nil, problem.New(problem.Usage, "write A1..A8", "%q is not a range of names", arg)
		}
		for n := first; n <= last; n++ {
			list = append(list, prefix+strconv.Itoa(n))
		}
	}
	for i, name := range list {
		if err := usb.ValidName(name); err != nil {
			return nil, problem.New(problem.Usage, "", "%w", err)
		}
		if slices.Contains(list[:i], name) {
			return nil, problem.New(problem.Usage, "name each port once", "%q is there twice", name)
		}
	}
	return list, nil
}
