// This file is zarya ports: the station's names for hub sockets.

package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/usb"
)

// namesFile is where the names are.
func namesFile() string { return filepath.Join(filepath.Dir(profileFolder()), "ports") }

func loadNames() (usb.Names, error) {
	n, err := usb.LoadNames(namesFile())
	if err != nil {
		return nil, fail(exitStation, "mend or remove the file", "port names: %w", err)
	}
	return n, nil
}

func newPorts(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "ports", Short: "List and name the sockets of hubs", Args: cobra.NoArgs}
	cmd.AddCommand(
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
	names, err := loadNames()
	if err != nil {
		return err
	}
	bus, err := scanUSB()
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
			return fail(exitUsage, "name one socket", "%q is %d sockets: %s", args[0], len(found), joinTargets(found))
		}
		path = found[0].(socket).port.Path()
	}
	name := ""
	if len(args) == 2 {
		name = args[1]
	}
	if err := names.Set(path, name); err != nil {
		return fail(exitUsage, "zarya ports list shows the names there are", "%w", err)
	}
	if err := names.Save(namesFile()); err != nil {
		return fail(exitStation, "give the folder the right owner and room", "port names: %w", err)
	}
	return nil
}
