// This file is zarya ports: the station's names for hub sockets.

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/usb"
	"github.com/zarya-station/zarya/usb/uevent"
)

// namesFile is where the names are.
func namesFile() string { return filepath.Join(configFolder(), "ports") }

func loadNames() (usb.Names, error) {
	n, err := usb.LoadNames(namesFile())
	if err != nil {
		return nil, problem.New(problem.Station, "mend or remove the file", "port names: %w", err)
	}
	return n, nil
}

func newPorts(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "ports", Short: "List and name the sockets of hubs", Args: cobra.NoArgs}
	cmd.AddCommand(
		&cobra.Command{
			Use: "learn NAME...", Short: "Name sockets by plugging something into each in turn", Args: cobra.MinimumNArgs(1),
			Long: `Name sockets one after the other: for each NAME, plug anything (a tablet, a memory stick)
into the socket that is to have it. A1..A8 stands for eight names. What was learnt is
kept at once; ^C ends.`,
			Example: "  zarya ports learn A1..A8",
			RunE:    func(_ *cobra.Command, args []string) error { return a.learnPorts(args) },
		},
		&cobra.Command{
			Use: "list", Short: "List sockets that have a name or a tablet", Args: cobra.NoArgs,
			Example: "  zarya ports list --json",
			RunE:    func(*cobra.Command, []string) error { return a.listPorts() },
		},
		&cobra.Command{
			Use: "name PORT [NAME]", Short: "Name a socket; without NAME, take its name away", Args: cobra.RangeArgs(1, 2),
			Long: `Name a socket, as usb:1-1.3 or by its path. The name is kept against the path, which
stays the same when the machine is started again, and can be used wherever a port is
named: -s port:A3.`,
			Example: "  zarya ports name usb:1-1.3 A3\n  zarya ports name pci-0000:00:14.0-usb-0:1.3 A3\n  zarya ports name A3",
			RunE:    func(_ *cobra.Command, args []string) error { return a.namePort(args) },
		},
	)
	return cmd
}

func (a *app) listPorts() error {
	bus, names, err := plugged()
	if err != nil {
		return err
	}
	type item struct {
		Name   string   `json:"name,omitempty"`
		Port   string   `json:"port,omitempty"`
		Path   string   `json:"path"`
		Mode   usb.Mode `json:"mode,omitempty"`
		Serial string   `json:"serial,omitempty"`
	}
	items := []item{}
	seen := map[string]bool{}
	for _, d := range bus.Tablets() {
		path := d.Port.Path()
		seen[path] = true
		items = append(items, item{names[path], d.Port.Short(), path, d.Mode, d.Serial})
	}
	for path, name := range names {
		if !seen[path] {
			items = append(items, item{Name: name, Path: path})
		}
	}
	slices.SortStableFunc(items, func(x, y item) int { return strings.Compare(x.Name, y.Name) })
	if a.json {
		return a.document("ports", items)
	}
	fmt.Fprintf(a.stdout, "%-16s %-12s %-10s %-18s %s\n", "NAME", "PORT", "MODE", "SERIAL", "PATH")
	for _, i := range items {
		fmt.Fprintf(a.stdout, "%-16s %-12s %-10s %-18s %s\n", dash(i.Name), dash(i.Port), dash(string(i.Mode)), dash(i.Serial), i.Path)
	}
	return nil
}

func (a *app) namePort(args []string) error {
	names, err := loadNames()
	if err != nil {
		return err
	}
	path := names.Find(args[0])
	if path == "" && strings.Contains(args[0], "-usb-0:") {
		path = args[0]
	}
	if path == "" {
		bus, err := scanUSB()
		if err != nil {
			return err
		}
		found, err := usbTargets(bus, names, "usb:"+strings.TrimPrefix(args[0], "usb:"))
		if err != nil {
			return err
		}
		if len(found) != 1 {
			return problem.New(problem.Usage, "name one socket", "%q is %d sockets: %s", args[0], len(found), joinTargets(found))
		}
		path = found[0].(socket).port.Path()
	}
	name := ""
	if len(args) == 2 {
		name = args[1]
	}
	return keepName(names, path, name)
}

// keepName writes one name down.
func keepName(names usb.Names, path, name string) error {
	if err := names.Set(path, name); err != nil {
		return problem.New(problem.Usage, "zarya ports list shows the names there are", "%w", err)
	}
	if err := names.Save(namesFile()); err != nil {
		return problem.New(problem.Station, "give the folder the right owner and room", "port names: %w", err)
	}
	return nil
}

// learnPorts names the sockets into which things are plugged, in the order of names.
func (a *app) learnPorts(args []string) error {
	if a.noInput {
		return problem.New(problem.Usage, "use zarya ports name PORT NAME", "somebody has to plug something in, and --no-input is set")
	}
	wanted, err := expandNames(args)
	if err != nil {
		return err
	}
	ctx, cancel := a.untilSignal()
	defer cancel()
	wake, err := uevent.Listen(ctx)
	if err != nil {
		a.warn("%v; the ports are looked at every second", err)
	}
	scan := func() ([]usb.Device, error) {
		bus, err := scanUSB()
		if err != nil {
			return nil, err
		}
		return slices.DeleteFunc(bus.Devices, func(d usb.Device) bool { return d.Hub }), nil
	}
	learnt := map[string]string{} // path → name
	ask := func() { fmt.Fprintf(a.stderr, "plug something into the socket that is to be %s\n", wanted[0]) }
	asked := false
	tell := func(changes []usb.Change) error {
		if !asked { // what is there now is known, so that whatever comes next is new
			ask()
			asked = true
		}
		for _, c := range changes {
			path := c.Device.Port.Path()
			if c.Change != usb.Arrived {
				continue
			}
			if name := learnt[path]; name != "" {
				fmt.Fprintf(a.stderr, "that socket is %s already\n", name)
				continue
			}
			if err := rename(path, wanted[0]); err != nil {
				return err
			}
			learnt[path] = wanted[0]
			fmt.Fprintf(a.stdout, "%s usb:%s %s\n", wanted[0], c.Device.Port.Short(), path)
			if wanted = wanted[1:]; len(wanted) == 0 {
				return errLearnt
			}
			ask()
		}
		return nil
	}
	if err := usb.Watch(ctx, scan, wake, tell, func(err error) error { return err }); !errors.Is(err, errLearnt) {
		return err
	}
	return nil
}

var errLearnt = errors.New("every name has its socket")

// rename keeps a name for a path; the socket that had the name before loses it.
func rename(path, name string) error {
	names, err := loadNames()
	if err != nil {
		return err
	}
	if old := names.Find(name); old != "" && old != path {
		if err := names.Set(old, ""); err != nil {
			return problem.New(problem.Usage, "", "%w", err)
		}
	}
	return keepName(names, path, name)
}

const maxNames = 100 // that are learnt at a time

// expandNames makes A1, A2, A3 of A1..A3.
func expandNames(args []string) ([]string, error) {
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
			return nil, problem.New(problem.Usage, "name each socket once", "%q is there twice", name)
		}
	}
	return list, nil
}
