// This file is the tree of hubs and ports that a technician has in front of him, what is
// in each, and what keeps it from being used.

package ui

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/internal/words"
	"github.com/zarya-station/zarya/usb"
)

// Dash is a text in a table; what is not known is a dash.
func Dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// branch is one line of the tree.
type branch struct {
	port                             string // with the tree's indent
	name, kind, model, serial, speed string
	hint                             string
}

// About tells of a tablet that is plugged in: its model, "" if it is not known, and what
// keeps it from being used, with what to do.
type About func(usb.Device) (model, hint string)

// DrawTree shows hub by hub, port by port, what is plugged in.
func DrawTree(w io.Writer, ws *words.Words, bus *usb.Bus, names usb.Names, about About) {
	t := tree{words: ws, names: names, about: about, at: map[usb.Port]usb.Device{}}
	for _, d := range bus.Devices {
		// The USB 3 half of a hub is in the same port: the faster one tells more.
		if other, ok := t.at[d.Port]; !ok || !d.Hub || other.Speed < d.Speed {
			t.at[d.Port] = d
		}
	}
	for _, r := range bus.Roots {
		if t.redundant(bus, r) {
			continue
		}
		t.rows = append(t.rows, branch{port: ws.Sayf("%s, bus %d, %d Mbit/s", r.Controller, r.Bus, int(r.Speed))})
		t.ports(usb.Port{Controller: r.Controller, Bus: r.Bus}, r.HubPorts, "  ")
	}
	if len(t.rows) == 0 {
		return
	}
	width := textWidth(ws.Say("TARGET"))
	for _, r := range t.rows {
		if r.kind != "" {
			width = max(width, textWidth(r.port))
		}
	}
	fmt.Fprintf(w, "%-*s  %-8s %-10s %-10s %-18s %s\n", width, ws.Say("TARGET"), ws.Say("NAME"), ws.Say("MODE"), ws.Say("MODEL"),
		ws.Say("SERIAL"), ws.Say("SPEED"))
	for _, r := range t.rows {
		if r.kind == "" {
			fmt.Fprintln(w, r.port)
			continue
		}
		line := fmt.Sprintf("%-*s  %-8s %-10s %-10s %-18s %s", width, r.port, Dash(r.name), r.kind, r.model, r.serial, r.speed)
		fmt.Fprintln(w, strings.TrimRight(line, " "))
		if r.hint != "" {
			fmt.Fprintf(w, "%*s→ %s\n", len(r.port)-len(strings.TrimLeft(r.port, " "))+2, "", ws.Say(r.hint))
		}
	}
}

type tree struct {
	words *words.Words
	names usb.Names
	about About
	at    map[usb.Port]usb.Device
	rows  []branch
}

// redundant is the USB 3 half of a controller, whose ports are those of the other
// half, unless something is shown there.
func (t *tree) redundant(bus *usb.Bus, r usb.Root) bool {
	other := slices.ContainsFunc(bus.Roots, func(o usb.Root) bool {
		return o.Controller == r.Controller && o.Bus != r.Bus && o.Speed < usb.SuperSpeed
	})
	return r.Speed >= usb.SuperSpeed && other && !slices.ContainsFunc(bus.Devices, func(d usb.Device) bool { return d.Port.Bus == r.Bus })
}

// ports shows those of one hub. Empty ones that have no name share a line.
func (t *tree) ports(hub usb.Port, count int, indent string) {
	empty := 0 // the first of those not shown yet
	flush := func(last int) {
		if empty == 0 {
			return
		}
		text := indent + "usb:" + hub.Child(empty).Short()
		if last > empty {
			text += " " + t.words.Sayf("to %d", last)
		}
		t.rows = append(t.rows, branch{port: text, kind: t.words.Say("empty")})
		empty = 0
	}
	for n := 1; n <= count; n++ {
		p := hub.Child(n)
		d, plugged := t.at[p]
		name := t.names[p.Path()]
		if !plugged && name == "" {
			if empty == 0 {
				empty = n
			}
			continue
		}
		flush(n - 1)
		r := branch{port: indent + "usb:" + p.Short(), name: name}
		switch {
		case !plugged:
			r.kind = t.words.Say("empty")
		case d.Hub:
			r.kind, r.model, r.speed = t.words.Say("hub"), t.words.Sayf("%d ports", d.HubPorts), d.Speed.String()
		case d.Mode == "":
			r.kind, r.model, r.speed = t.words.Say("other"), strings.TrimSpace(d.Manufacturer+" "+d.Name), d.Speed.String()
		default:
			r.kind, r.serial, r.speed = string(d.Mode), Dash(d.Serial), d.Speed.String()
			r.model, r.hint = t.about(d)
			r.model = Dash(r.model)
		}
		t.rows = append(t.rows, r)
		if d.Hub {
			t.ports(p, d.HubPorts, indent+"  ")
		}
	}
	flush(count)
}
