// Package ports gives names to the ports of a station's hubs: [Learn] asks for something to be
// plugged into each port in turn, [Import] reads a table, [List] shows what is named and what is
// plugged in. The names are kept by a target.Bench; what a port is, package usb knows.
package ports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/sheet"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/internal/words"
	"github.com/zarya-station/zarya/usb"
)

// Item is a port that has a name or a tablet.
type Item struct {
	Name   string   `json:"name,omitempty"`
	Port   string   `json:"port,omitempty"`
	Path   string   `json:"path"`
	Mode   usb.Mode `json:"mode,omitempty"`
	Serial string   `json:"serial,omitempty"`
}

// List returns the ports that have a name or a tablet, by name.
func List(b *target.Bench) ([]Item, error) {
	bus, names, err := b.Plugged()
	if err != nil {
		return nil, err
	}
	items := []Item{}
	seen := map[string]bool{}
	for _, d := range bus.Tablets() {
		path := d.Port.Path()
		seen[path] = true
		items = append(items, Item{names[path], d.Port.Short(), path, d.Mode, d.Serial})
	}
	for path, name := range names {
		if !seen[path] {
			items = append(items, Item{Name: name, Path: path})
		}
	}
	slices.SortStableFunc(items, func(x, y Item) int { return strings.Compare(x.Name, y.Name) })
	return items, nil
}

// Text writes ports as a table.
func Text(out io.Writer, ws *words.Words, items []Item) {
	fmt.Fprintf(out, "%-16s %-12s %-10s %-18s %s\n", ws.Say("NAME"), ws.Say("PORT"), ws.Say("MODE"), ws.Say("SERIAL"), ws.Say("PATH"))
	for _, i := range items {
		fmt.Fprintf(out, "%-16s %-12s %-10s %-18s %s\n", ui.Dash(i.Name), ui.Dash(i.Port), ui.Dash(string(i.Mode)), ui.Dash(i.Serial), i.Path)
	}
}

// maxTable is more than any bench has ports, in bytes.
const maxTable = 1 << 20

// Import names the ports of a table with the columns port and name: all of them, or none.
func Import(b *target.Bench, file string) (n int, err error) {
	table, err := sheet.ReadFile(file, maxTable)
	if err != nil {
		return 0, sheet.Problem(file, err)
	}
	port, name := table.Column("port"), table.Column("name")
	if port < 0 || name < 0 {
		return 0, problem.New(problem.Invalid, "name its columns in the first line: port,name", "%s has no columns port and name", file)
	}
	for _, column := range []string{"port", "name"} {
		if err := table.Key(column); err != nil {
			return 0, sheet.Problem(file, err)
		}
	}
	list := make([]target.NamedPort, len(table.Rows))
	for i, row := range table.Rows {
		list[i] = target.NamedPort{Port: row.Cells[port], Name: row.Cells[name]}
	}
	if bad, err := b.NamePorts(list); err != nil {
		if len(list) == 0 {
			return 0, err
		}
		return 0, fmt.Errorf("%s:%d: %w", file, table.Rows[bad].Line, err)
	}
	return len(list), nil
}

// Teacher is told how the learning of ports goes on.
type Teacher struct {
	Ask     func(name string)                // plug something into the port that is to have it
	Learnt  func(name string, port usb.Port) // it has the name, and keeps it
	Already func(name string)                // that port was named just now
}

// errLearnt ends the watching of ports.
var errLearnt = errors.New("every name has its port")

// Learn names the ports into which things are plugged, in the order of names, until all are
// given or ctx ends. Each name is kept at once.
func Learn(ctx context.Context, b *target.Bench, names []string, t Teacher) error {
	learnt := map[string]string{} // path → name
	asked := false
	report := func(changes []target.Change) error {
		if !asked { // what is there now is known, so that whatever comes next is new
			t.Ask(names[0])
			asked = true
		}
		for _, c := range changes {
			path := c.Device.Port.Path()
			if c.What != usb.Arrived {
				continue
			}
			if name := learnt[path]; name != "" {
				t.Already(name)
				continue
			}
			if err := b.MoveName(path, names[0]); err != nil {
				return err
			}
			learnt[path] = names[0]
			t.Learnt(names[0], c.Device.Port)
			if names = names[1:]; len(names) == 0 {
				return errLearnt
			}
			t.Ask(names[0])
		}
		return nil
	}
	if err := b.Watch(ctx, target.Anything, report); !errors.Is(err, errLearnt) {
		return err
	}
	return nil
}
