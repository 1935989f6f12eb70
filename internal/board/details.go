// This file is one port in detail: its job, what failed with the device's own words, and
// what was said last.

package board

import (
	"strconv"

	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

// labelWidth is of a detail's name, in cells.
const labelWidth = 12

// Details is one port in full, with the last lines that its tablet and its job said. Back is
// how many lines before the last a person has scrolled.
func Details(v station.View, name string, said []string, back int, size Size, w *words.Words, o Options) string {
	p := painter{w, o}
	port, ok := find(v, name)
	if !ok || size.Width < 1 || size.Height < 1 {
		return ""
	}
	lines := []string{" " + p.bold(w.Text("board.details", words.Args{"port": clean(port.Name)}))}
	lines = append(lines, p.facts(port, actionOf(w, port), size.Width)...)
	keys := w.Text("board.keys.details", nil)
	if decidable(port) {
		keys += w.Text("board.keys.decide", nil)
	}
	end := []string{"", " " + p.paint(dim, false, keys)}
	lines = lines[:min(len(lines), max(1, size.Height-len(end)))]
	room := size.Height - len(lines) - len(end) - 2
	if room >= 1 {
		lines = append(lines, "", " "+p.paint(dim, false, w.Text("board.lines", nil)))
		if len(said) == 0 {
			said = []string{w.Text("board.lines.none", nil)}
		}
		last := max(min(len(said), room), len(said)-back)
		for _, s := range said[max(0, last-room):last] {
			lines = append(lines, "   "+clean(s))
		}
	}
	for len(lines)+len(end) < size.Height {
		lines = append(lines, "")
	}
	return p.finish(append(lines, end...), size)
}

// facts are what is known of a port and its job, each on its own line.
func (p painter) facts(port station.Port, action string, width int) (lines []string) {
	add := func(label, value string, h hue) {
		if value == "" {
			return
		}
		for i, part := range wrap(value, width-labelWidth-4, 3) {
			if i > 0 {
				label = ""
			}
			lines = append(lines, "   "+p.paint(dim, false, fit(label, labelWidth))+" "+p.paint(h, false, part))
		}
	}
	l := looks[port.State]
	lines = append(lines, "   "+p.paint(dim, false, fit(p.w.Text("job.state", nil), labelWidth))+" "+
		p.paint(l.hue, l.inverse, l.sign+" "+StateWord(p.w, port)))
	add(p.w.Text("job.hint", nil), action, warning)
	add(p.w.Text("job.keys", nil), clean(port.Keys), plain)
	add(p.w.Text("job.error", nil), p.w.Say(clean(port.Error)), l.hue)
	add(p.w.Text("job.model", nil), clean(port.Model), plain)
	add(p.w.Text("job.serial", nil), clean(port.Serial), plain)
	if port.Attempt > 0 {
		add(p.w.Text("job.attempt", nil), strconv.Itoa(port.Attempt), plain)
	}
	if port.Disposition != "" {
		add(p.w.Text("job.disposition", nil), p.w.Text("fate."+port.Disposition, nil), plain)
	}
	add(p.w.Text("job.profile", nil), clean(port.Profile), plain)
	add(p.w.Text("job.bundle", nil), clean(port.Bundle), plain)
	step := clean(port.Step)
	if step != "" && port.Steps > 0 {
		step += "  " + strconv.Itoa(port.StepNo) + "/" + strconv.Itoa(port.Steps)
	}
	add(p.w.Text("job.step", nil), step, plain)
	if port.Elapsed > 0 {
		add(p.w.Text("job.time", nil), words.Clock(port.Elapsed), plain)
	}
	if port.Left > 0 {
		add(p.w.Text("job.left", nil), words.Clock(port.Left), plain)
	}
	if port.Bytes > 0 {
		written := p.w.Bytes(port.Bytes)
		if port.Rate > 0 {
			written += ", " + p.w.Rate(port.Rate)
		}
		add(p.w.Text("job.written", nil), written, plain)
	}
	add(p.w.Text("job.job", nil), clean(port.Job), plain)
	add(p.w.Text("job.record", nil), clean(port.Record), plain)
	if b := port.Before; b != nil {
		said := p.w.Text("board.before", words.Args{"time": b.Time.Local().Format(p.w.DayForm() + " 15:04"), "port": clean(b.Port),
			"words": clean(b.Error)})
		for _, part := range wrap(said, width-4, 3) {
			lines = append(lines, "   "+p.paint(warning, false, part))
		}
	}
	return lines
}

// find is a port of a view by its name.
func find(v station.View, name string) (station.Port, bool) {
	for _, h := range v.Hubs {
		for _, port := range h.Ports {
			if port.Name == name {
				return port, true
			}
		}
	}
	return station.Port{}, false
}

// names are a view's ports in the order of the bench.
func names(v station.View) (list []string) {
	for _, h := range v.Hubs {
		for _, port := range h.Ports {
			list = append(list, port.Name)
		}
	}
	return list
}

// actionOf is the sentence of what a port asks for, with that port alone.
func actionOf(w *words.Words, port station.Port) string {
	if port.Reason == "" {
		return ""
	}
	said := port.Error
	if port.State == station.YourTurn {
		said = port.Keys
	}
	return ActionText(w, station.Action{Key: port.Reason, Ports: []string{port.Name}, Seconds: int(port.Within.Seconds()), Words: said,
		Serial: port.Serial, Record: port.Record})
}
