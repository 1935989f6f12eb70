// This file is zarya ports: the station's names for hub ports.

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/internal/ui"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/settings"
	"github.com/zarya-station/zarya/internal/sheet"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/usb"
)

// namesFile is where the names are.
func namesFile() string { return filepath.Join(settings.Folder(), "ports") }

func newPorts(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "ports", Short: "List and name the ports of hubs", Args: cobra.NoArgs}
	cmd.AddCommand(
		&cobra.Command{
			Use: "learn NAME...", Short: "Name ports by plugging something into each in turn", Args: cobra.MinimumNArgs(1),
			RunE: func(_ *cobra.Command, args []string) error { return a.learnPorts(args) },
		},
		&cobra.Command{
			Use: "import FILE.csv", Short: "Name ports from a table with the columns port and name", Args: cobra.ExactArgs(1),
			RunE: func(_ *cobra.Command, args []string) error { return a.importPorts(args[0]) },
		},
		&cobra.Command{
			Use: "list", Short: "List ports that have a name or a tablet", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return a.listPorts() },
		},
		&cobra.Command{
			Use: "name PORT [NAME]", Short: "Name a port; without NAME, take its name away", Args: cobra.RangeArgs(1, 2),
			RunE: func(_ *cobra.Command, args []string) error { return a.namePort(args) },
		},
	)
	return cmd
}

func (a *app) listPorts() error {
	bus, names, err := a.bench().Plugged()
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
		fmt.Fprintf(a.stdout, "%-16s %-12s %-10s %-18s %s\n", ui.Dash(i.Name), ui.Dash(i.Port), ui.Dash(string(i.Mode)), ui.Dash(i.Serial), i.Path)
	}
	return nil
}

func (a *app) namePort(args []string) error {
	path, err := a.bench().PortPath(args[0])
	if err != nil {
		return err
	}
	name := ""
	if len(args) == 2 {
		name = args[1]
	}
	return a.bench().NamePort(path, name)
}

// maxPortTable is more than any bench has ports, in bytes.
const maxPortTable = 1 << 20

// importPorts names the ports of a table: all of them, or none.
func (a *app) importPorts(file string) error {
	table, err := sheet.ReadFile(file, maxPortTable)
	if err != nil {
		return sheet.Problem(file, err)
	}
	port, name := table.Column("port"), table.Column("name")
	if port < 0 || name < 0 {
		return problem.New(problem.Invalid, "name its columns in the first line: port,name", "%s has no columns port and name", file)
	}
	for _, column := range []string{"port", "name"} {
		if err := table.Key(column); err != nil {
			return sheet.Problem(file, err)
		}
	}
	ports := make([]target.NamedPort, len(table.Rows))
	for i, row := range table.Rows {
		ports[i] = target.NamedPort{Port: row.Cells[port], Name: row.Cells[name]}
	}
	if bad, err := a.bench().NamePorts(ports); err != nil {
		if len(ports) == 0 {
			return err
		}
		return fmt.Errorf("%s:%d: %w", file, table.Rows[bad].Line, err)
	}
	if !a.quiet {
		fmt.Fprintf(a.stderr, "%s: %d ports have their names\n", file, len(ports))
	}
	return nil
}

// learnPorts names the ports into which things are plugged, in the order of names.
func (a *app) learnPorts(args []string) error {
	if a.noInput {
		return problem.New(problem.Usage, "use zarya ports name PORT NAME", "somebody has to plug something in, and --no-input is set")
	}
	wanted, err := target.ExpandNames(args)
	if err != nil {
		return err
	}
	ctx, cancel := a.untilSignal()
	defer cancel()
	if err := a.bench().Listen(); err != nil {
		a.warn("%v; the ports are looked at every second", err)
	}
	learnt := map[string]string{} // path → name
	ask := func() { fmt.Fprintf(a.stderr, "plug something into the port that is to be %s\n", wanted[0]) }
	asked := false
	report := func(changes []target.Change) error {
		if !asked { // what is there now is known, so that whatever comes next is new
			ask()
			asked = true
		}
		for _, c := range changes {
			path := c.Device.Port.Path()
			if c.What != usb.Arrived {
				continue
			}
			if name := learnt[path]; name != "" {
				fmt.Fprintf(a.stderr, "that port is %s already\n", name)
				continue
			}
			if err := a.bench().MoveName(path, wanted[0]); err != nil {
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
	if err := a.bench().Watch(ctx, target.Anything, report); !errors.Is(err, errLearnt) {
		return err
	}
	return nil
}

var errLearnt = errors.New("every name has its port")
