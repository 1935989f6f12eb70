// This file is what is plugged in, and what targets say that they are.

package show

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/target/ask"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/internal/words"
	"github.com/zarya-station/zarya/usb"
)

// Tablet is one on USB.
type Tablet struct {
	Target string   `json:"target"`
	Port   string   `json:"port"`
	Name   string   `json:"port_name,omitempty"`
	Path   string   `json:"path"`
	Mode   usb.Mode `json:"mode"`
	Model  string   `json:"model,omitempty"`
	Serial string   `json:"serial,omitempty"`
	Speed  string   `json:"speed,omitempty"`
	Hint   string   `json:"hint,omitempty"`

	Build   string `json:"build,omitempty"`   // of Android, as an adb server tells it
	Battery int    `json:"battery,omitempty"` // percent
}

// OfBus are the tablets on USB; android is what is known of those that run it.
func OfBus(b *target.Bench, bus *usb.Bus, names usb.Names, android map[usb.Port]target.InAndroid) []Tablet {
	items := []Tablet{}
	for _, d := range bus.Tablets() {
		item := Tablet{Target: b.At(d.Port, names).String(), Port: d.Port.Short(), Name: names[d.Port.Path()],
			Path: d.Port.Path(), Mode: d.Mode, Model: d.Model(), Serial: d.Serial, Speed: d.Speed.String(), Hint: target.Usability(d)}
		if about, ok := android[d.Port]; ok {
			item.Hint = about.Hint(d)
			if about.Err == nil {
				item.Model, item.Build, item.Battery = about.Model, about.Build, max(about.Battery, 0)
			}
		}
		items = append(items, item)
	}
	return items
}

// Devices writes what targets said as a table.
func Devices(w io.Writer, ws *words.Words, answers []ask.Answer[ask.Device]) {
	row := func(target, mode, model, serial, lock string) {
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-26s %-10s %-10s %-18s %s", target, mode, model, serial, lock), " "))
	}
	row(ws.Say("TARGET"), ws.Say("MODE"), ws.Say("MODEL"), ws.Say("SERIAL"), ws.Say("LOCK"))
	for _, r := range answers {
		d := ask.Device{Mode: "-", Model: ws.Say(r.Error)}
		if r.Value != nil {
			d = *r.Value
		}
		row(r.Target, string(d.Mode), ui.Dash(d.Model), ui.Dash(d.Serial), ui.Dash(d.Lock))
	}
}

// Change writes one change of what is plugged in, at a time.
func Change(w io.Writer, ws *words.Words, at time.Time, c target.Change) {
	d, where := c.Device, c.Target.Where()
	fmt.Fprintf(w, "%s %-8s usb:%-12s %-8s %-10s %-10s %-18s %s\n", at.Format(time.TimeOnly), ws.Say(string(c.What)), where.Port,
		ui.Dash(where.PortName), d.Mode, ui.Dash(d.Model()), ui.Dash(d.Serial), d.Speed)
	if hint := Hint(c); hint != "" {
		fmt.Fprintf(w, "  → %s\n", ws.Say(hint))
	}
}

// Hint is what keeps a tablet that came from being used, and what to do; "" is nothing.
func Hint(c target.Change) string {
	if c.What == usb.Left {
		return ""
	}
	return target.Usability(c.Device)
}
