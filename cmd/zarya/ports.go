// This file is zarya ports: the station's names for hub ports.

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/target/ports"
	"github.com/zarya-station/zarya/usb"
)

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
	items, err := ports.List(a.Bench())
	if err != nil {
		return err
	}
	if a.JSON {
		return a.Document("ports", items)
	}
	ports.Text(a.Out, a.Words, items)
	return nil
}

func (a *app) namePort(args []string) error {
	path, err := a.Bench().PortPath(args[0])
	if err != nil {
		return err
	}
	name := ""
	if len(args) == 2 {
		name = args[1]
	}
	return a.Bench().NamePort(path, name)
}

func (a *app) importPorts(file string) error {
	n, err := ports.Import(a.Bench(), file)
	if err == nil && !a.Quiet {
		a.Sayf("%s: %d ports have their names", file, n)
	}
	return err
}

// learnPorts names the ports into which things are plugged, in the order of names.
func (a *app) learnPorts(args []string) error {
	if a.NoInput {
		return problem.New(problem.Usage, "use zarya ports name PORT NAME", "somebody has to plug something in, and --no-input is set")
	}
	wanted, err := target.ExpandNames(args)
	if err != nil {
		return err
	}
	if err := a.Bench().Listen(); err != nil {
		a.Warnf("%v; the ports are looked at every second", err)
	}
	return ports.Learn(a.Context, a.Bench(), wanted, ports.Teacher{
		Ask:     func(name string) { a.Sayf("plug something into the port that is to be %s", name) },
		Already: func(name string) { a.Sayf("that port is %s already", name) },
		Learnt:  func(name string, p usb.Port) { fmt.Fprintf(a.Out, "%s usb:%s %s\n", name, p.Short(), p.Path()) },
	})
}
