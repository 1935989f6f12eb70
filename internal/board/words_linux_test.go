// This file draws whatever the board can say, in both languages, on a small and on a large
// terminal. What is fixed is never cut: a word that becomes too long fails here.

package board

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"gopkg.in/yaml.v3"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

// onBoard are the families of ids that the board draws.
var onBoard = []string{"state.", "row.", "hint.", "action.", "brief.", "banner.", "board.", "fate.", "job.", "label.", "count.", "unit."}

// elsewhere are those of them that the page, the plain lines or a table say.
var elsewhere = []string{"board.over", "count.failed", "count.minute", "count.port", "count.try", "label.first-pass", "label.last-pass",
	"label.per-hour", "label.today"}

// drawing is the board in one language on one terminal, and the ids that were seen in full.
type drawing struct {
	*testing.T
	w       *words.Words
	size    Size
	seen    map[string]bool
	printed bool // a screen on which something is missing
}

// view is a station as large as the terminal has room for.
func (d *drawing) view() station.View {
	if d.size.Width >= 120 {
		return picture(30, d.w.Lang())
	}
	return picture(16, d.w.Lang())
}

// with is that station with another tablet in A1.
func (d *drawing) with(s station.PortState, more func(*station.Port)) station.View {
	v := d.view()
	v.Hubs[0].Ports[0] = port("A1", s, "AGS3-L09", "4821", more)
	return v
}

// compact is a text without the spaces and lines that it was laid out with.
func compact(s string) string { return strings.Join(strings.Fields(ansi.Strip(s)), "") }

// shows holds a screen to a text that it has to show in full.
func (d *drawing) shows(screen, text string, ids ...string) {
	d.Helper()
	if !strings.Contains(compact(screen), compact(text)) {
		d.Errorf("%v: it does not fit, or is not shown: %q", ids, text)
		if !d.printed {
			d.printed = true
			d.Log("\n" + ansi.Strip(screen))
		}
		return
	}
	for _, id := range ids {
		d.seen[id] = true
	}
}

// says is shows for the text of an id.
func (d *drawing) says(screen, id string, args words.Args) {
	d.Helper()
	d.shows(screen, d.w.Text(id, args), id)
}

func (d *drawing) render(v station.View, o Options) string { return Render(v, d.size, d.w, o) }

func TestWordsFitTheBoard(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "words", "en.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var ids map[string]any
	if err := yaml.Unmarshal(raw, &ids); err != nil {
		t.Fatal(err)
	}
	for _, lang := range words.Languages {
		seen := map[string]bool{}
		for name, size := range map[string]Size{"80x24": {80, 24}, "120x40": {120, 40}} {
			t.Run(lang+" "+name, func(t *testing.T) {
				d := &drawing{T: t, w: words.For(lang), size: size, seen: seen}
				d.states()
				d.hints()
				d.actions()
				d.banners(ids)
				d.frame()
				d.figures()
				d.questions()
				d.details()
			})
		}
		for id := range ids {
			drawn := slices.ContainsFunc(onBoard, func(family string) bool { return strings.HasPrefix(id, family) })
			if drawn && !seen[id] && !slices.Contains(elsewhere, id) {
				t.Errorf("%s: %s was not drawn: draw it here, or say that it is shown elsewhere", lang, id)
			}
		}
	}
}

// states are drawn with the longest numbers that they can have.
func (d *drawing) states() {
	for s, l := range looks {
		id := "state." + string(s)
		v := d.with(s, func(p *station.Port) { p.Model = "" })
		d.shows(d.render(v, Options{}), "A1"+l.sign+d.w.Text(id, nil), id)
	}
	for id, c := range map[string]struct {
		state station.PortState
		more  func(*station.Port)
		args  words.Args
	}{
		"state.flashing.percent": {station.Flashing, func(p *station.Port) { p.Percent = 100 }, words.Args{"percent": 100}},
		"state.provisioning.step": {station.Provisioning, func(p *station.Port) { p.StepNo, p.Steps = 12, 12 },
			words.Args{"step": 12, "steps": 12}},
		"state.silent.for": {station.Silent, func(p *station.Port) { p.Quiet = 119 * time.Second },
			words.Args{"time": d.w.Seconds(119 * time.Second)}},
		"state.away.left": {station.Away, func(p *station.Port) { p.Within = 119 * time.Second },
			words.Args{"time": d.w.Seconds(119 * time.Second)}},
	} {
		d.says(d.render(d.with(c.state, c.more), Options{}), id, c.args)
	}
	d.seen["unit.second"] = true
}

// hints are in full on a terminal for one column, and where there are two, in fewer words.
func (d *drawing) hints() {
	hint := func(id string, v station.View, args words.Args) {
		screen := d.render(v, Options{})
		if d.size.Width < 120 {
			d.says(screen, id, args)
			return
		}
		if !strings.Contains(compact(screen), compact(d.w.Text(id, args))) {
			d.says(screen, id+".short", args)
		}
		d.seen[id+".short"] = true
	}
	for _, r := range allReasons() {
		hint("hint."+r, d.with(station.Failed, reason(r)), nil)
	}
	for _, c := range flash.Classes() {
		v := d.with(station.Detected, func(p *station.Port) { p.Before = &station.Past{Time: noon, Port: "A10", Class: c} })
		hint("hint.before", v, words.Args{"time": noon.Format("15:04"), "port": "A10", "reason": d.w.Text("row."+string(c), nil)})
	}
}

// actions are drawn as the next one, and in few words as the one after it.
func (d *drawing) actions() {
	all := append(allReasons(), "pool-low", "take-out", "next")
	for _, key := range all {
		a := station.Action{Key: key, Ports: []string{"A10"}, Seconds: 120, Words: "the tablet says no", Serial: "BXF4C20000004821",
			Record: "bench3-48213", Count: 12}
		switch key {
		case "locked", "cable", "boot", "image", "battery", "operator", "port-off", "timeout", "profile", "no-identity":
			a.Ports = []string{"A10", "B1", "B10"}
		case "take-out":
			a.Ports = []string{"A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "B1"}
		case "pool-low", "next", "station":
			a.Ports = nil
		}
		v := d.view()
		v.Banners = []station.Notice{{Key: "drain"}}
		v.Actions = []station.Action{a, {Key: "locked", Ports: []string{"B1"}}}
		d.shows(d.render(v, Options{}), ActionText(d.w, a), "action."+key)
		if key != "take-out" {
			v.Actions = []station.Action{{Key: "away", Ports: []string{"A3"}}, a, {Key: "next"}}
			d.shows(d.render(v, Options{}), sentence(d.w, "brief.", a)+d.w.Text("brief.next", nil), "brief."+key)
			continue
		}
		a.Ports = a.Ports[:8]
		v.Actions = []station.Action{{Key: "away", Ports: []string{"A3"}}, a}
		d.shows(d.render(v, Options{}), sentence(d.w, "brief.", a), "brief."+key)
	}
	v := d.view()
	d.shows(d.render(v, Options{}), d.w.Count("count.more", 2, nil), "count.more")
	d.says(d.render(v, Options{}), "label.next", nil)
}

// banners are drawn with as many words as usually come with them, which may take two lines.
func (d *drawing) banners(ids map[string]any) {
	said := map[string]string{
		"disk-full":        "1.8 GB is free in /var/lib/zarya",
		"follow-away":      "registry.example.org: connection refused",
		"follow-coming":    "census-ags2 2.1.0 -> 2.2.0, signed by images@example.org",
		"follow-refused":   "census-ags2 2.1.0 -> 2.2.0: signed by nobody who is trusted here",
		"new-bundle":       "census-ags2 2.2.0",
		"pool-empty":       "inventory-2026",
		"pool-low":         "inventory-2026",
		"reload-failed":    "census.yaml: line 12: there is no step called flsh",
		"said":             "scan the badge of a supervisor first",
		"scanner-away":     "usb-Honeywell_1450g-event-kbd is not plugged in",
		"ledger-refused":   "",
		"database-away":    "",
		"golden":           "",
		"badge":            "",
		"drain":            "",
		"database-refuses": "another station has this one's name",
	}
	for id := range ids {
		key, ok := strings.CutPrefix(id, "banner.")
		if !ok {
			continue
		}
		words, known := said[key]
		if !known {
			d.Errorf("%s: which words come with it?", id)
		}
		for _, urgent := range []bool{false, true} {
			v := d.view()
			n := station.Notice{Key: key, Urgent: urgent, Words: words, Count: 1286, Elapsed: 12*time.Hour + 5*time.Minute}
			v.Banners = []station.Notice{n}
			d.shows(d.render(v, Options{}), Banner(d.w, n), id)
			v.Banners = []station.Notice{{Key: "golden"}, n}
			if text := Banner(d.w, n); urgent && words == "" { // it stands before the others
				d.shows(d.render(v, Options{}), text+"·"+Banner(d.w, station.Notice{Key: "golden"}), id)
			}
		}
	}
}

// frame is what stands around the ports whatever happens.
func (d *drawing) frame() {
	v := d.with(station.Queued, func(p *station.Port) { p.Within = 80 * time.Second })
	v.Hubs[0].Ports[1] = port("A2", station.Flashing, "AGS3-L09", "4822", func(p *station.Port) { p.Elapsed = 80 * time.Second })
	v.Hubs[0].Ports[2] = port("A3", station.Passed, "AGS3-L09", "4822", func(p *station.Port) { p.Elapsed, p.Bytes = 12*time.Minute, 3.1e9 })
	v.Hubs[1].Limit = 0
	v.Hubs[0].Writing, v.Hubs[0].Queued = 10, 10
	v.Today.Done = 1286
	screen := d.render(v, Options{})
	d.says(screen, "label.lot", words.Args{"lot": "P-118"})
	d.says(screen, "label.operator", words.Args{"name": "17"})
	d.says(screen, "label.today.n", words.Args{"n": d.w.Number(1286, 0)})
	d.says(screen, "unit.hour", words.Args{"n": "39"})
	d.shows(screen, d.w.Percent(.972), "unit.percent")
	d.says(screen, "label.first-pass.n", words.Args{"n": d.w.Percent(.972)})
	d.says(screen, "label.hub", words.Args{"name": "A"})
	d.says(screen, "label.uplink.of", words.Args{"n": "38", "rate": d.w.Rate(40e6)})
	d.says(screen, "label.uplink", words.Args{"rate": d.w.Rate(38e6)})
	d.shows(screen, d.w.Rate(38e6), "unit.rate")
	d.says(screen, "label.about", words.Args{"time": "1:20"})
	d.says(screen, "board.by-now", words.Args{"time": "1:20"})
	d.shows(screen, "12:00·"+d.w.Bytes(3.1e9), "unit.gigabyte")
	d.shows(screen, "3:15·"+d.w.Bytes(290e6), "unit.megabyte")
	if d.size.Width >= 120 {
		d.says(screen, "label.page", words.Args{"address": "127.0.0.1:8420"})
		d.shows(screen, d.w.Text("board.keys", nil)+d.w.Text("board.keys.more", nil), "board.keys", "board.keys.more")
		return
	}
	d.shows(screen, d.w.Count("count.writing", 10, nil)+", "+d.w.Count("count.queued", 10, nil), "count.writing", "count.queued")
	d.says(screen, "board.keys", nil)
	v.Hubs[0].Ports[3] = port("A4", station.Failed, "AGS3-L09", "4822", func(p *station.Port) { p.Class, p.Record = "locked", "bench3-1" })
	d.says(d.render(v, Options{Selected: "A4"}), "board.keys.failed", nil)

	v.Lot, v.Operator = "P-118/26-ХКЛ", "Константинопольская" // whose tablets these are comes before how many
	screen = d.render(v, Options{})
	d.says(screen, "label.lot", words.Args{"lot": v.Lot})
	d.says(screen, "label.operator", words.Args{"name": v.Operator})
}

// figures are drawn beside many ports, and below a few.
func (d *drawing) figures() {
	for _, r := range allReasons() {
		for _, slowest := range []string{"flashing", "booting", "provisioning", "checking"} {
			v := d.view()
			if d.size.Width < 120 {
				v.Hubs = v.Hubs[:1]
			}
			v.Today.Failures = []station.Count{{Key: r, N: 12}}
			v.Today.Slowest = slowest
			screen := d.render(v, Options{})
			d.shows(screen, d.w.Text("row."+r, nil)+strings.Repeat("█", reasonBar)+"12", "row."+r)
			d.says(screen, "label.slowest", words.Args{"step": d.w.Text("state."+slowest, nil), "time": "1:52"})
			d.says(screen, "label.tablets-hour", nil)
			d.says(screen, "label.plan", words.Args{"n": "40"})
			d.says(screen, "label.failed-by", nil)
			d.shows(screen, d.w.Text("label.yields", nil)+d.w.Text("label.yields.of",
				words.Args{"first": d.w.PercentWide(.972), "last": d.w.PercentWide(.991)}), "label.yields", "label.yields.of", "unit.percent.wide")
		}
	}
}

// questions are asked with the keys that ask them, by a station that wants a badge too.
func (d *drawing) questions() {
	failed := func(p *station.Port) { p.Class, p.Record, p.Reason = "locked", "bench3-1", "locked" }
	asked := func(keys string, s station.PortState, change func(*station.View), args words.Args, ids ...string) *model {
		d.Helper()
		v := d.with(s, failed)
		if change != nil {
			change(&v)
		}
		m := &model{ctx: d.Context(), front: newFront(v), w: d.w, size: d.size, view: v, selected: "A1"}
		for _, k := range keys {
			m.press(key(k))
		}
		screen := m.View().Content
		d.shows(screen, m.prompt(), ids...)
		for _, id := range ids {
			d.says(screen, id, args)
		}
		return m
	}
	proof := func(p station.Proof) func(*station.View) { return func(v *station.View) { v.Proof = p } }
	idle := func(v *station.View) { v.Hubs = v.Hubs[:1]; v.Hubs[0].Ports = v.Hubs[0].Ports[:1] }
	a1 := words.Args{"port": "A1"}
	working := 0
	for _, h := range d.with(station.Failed, nil).Hubs {
		for _, p := range h.Ports {
			if p.State.Working() {
				working++
			}
		}
	}
	jobs := d.w.Count("count.tablet", working, nil)
	d.shows(asked("q", station.Failed, nil, words.Args{"jobs": jobs}, "board.ask.stop", "board.yes-no").View().Content, jobs, "count.tablet")
	asked("q", station.Failed, idle, nil, "board.ask.stop.idle")
	asked("s", station.Failed, nil, a1, "board.ask.off")
	asked("s", station.Flashing, nil, a1, "board.ask.off.busy")
	asked("s", station.SetAside, nil, a1, "board.ask.use")
	asked("c", station.Failed, nil, words.Args{"port": "A1", "state": d.w.Text("state.fail", nil)}, "board.ask.clear")
	asked("c", station.Flashing, nil, a1, "board.cannot.clear")
	asked("d", station.Passed, func(v *station.View) { v.Hubs[0].Ports[0].Record = "" }, a1, "board.cannot.decide")
	asked("d", station.Failed, nil, words.Args{"port": "A1", "serial": "…4821"}, "board.ask.disposition", "board.fates")
	asked("g", station.Failed, nil, nil, "board.ask.golden")
	asked("g", station.Failed, func(v *station.View) { v.Golden = true }, nil, "board.ask.not-golden")
	asked("oИванова", station.Failed, nil, nil, "board.ask.operator", "board.typing")
	asked("lP-118/26", station.Failed, nil, nil, "board.ask.lot")
	asked("qy900", station.Failed, proof(station.TypedBadge), nil, "board.ask.badge")
	for _, keys := range []string{"qy", "sy", "cy", "d1", "gy", "oИванова\r", "lP-118/26\r"} {
		asked(keys, station.Failed, proof(station.ScannedBadge), nil, "board.ask.scan", "board.escape")
	}

	args := words.Args{"port": "A1", "serial": "…4821", "name": "Константинопольская"}
	for _, id := range []string{"stop", "off", "use", "clear", "rework", "scrap", "quarantine", "golden", "not-golden", "operator", "lot"} {
		m := asked("", station.Failed, nil, nil)
		m.done(doneMsg{said: d.w.Text("board.done."+id, args)})
		d.says(m.View().Content, "board.done."+id, args)
	}
	m := asked("", station.Failed, nil, nil)
	err := problem.New(problem.Usage, "wait until the job in it has ended", "%s is being worked on", "A1")
	m.done(doneMsg{err: err})
	d.says(m.View().Content, "board.refused", words.Args{"words": problem.Advice(err)})
}

// details are drawn of a port of which everything is known.
func (d *drawing) details() {
	v := d.with(station.Failed, func(p *station.Port) {
		p.Reason, p.Class, p.Record, p.Job, p.Attempt = "locked", "locked", "bench3-48213", "48213", 2
		p.Profile, p.Bundle, p.Step, p.StepNo, p.Steps = "huawei-ags3", "census-ags2 2.2.0", "flash:system", 4, 11
		p.Elapsed, p.Left, p.Bytes, p.Rate, p.Error, p.Keys = time.Minute, time.Minute, 290e6, 38e6, "the tablet says no", "volume down"
		p.Before = &station.Past{Time: noon, Port: "A10", Class: "cable", Error: "the link was lost"}
	})
	detail := func() string { return Details(v, "A1", nil, 0, d.size, d.w, Options{}) }
	screen := detail()
	for id, value := range map[string]string{"state": d.w.Text("state.fail", nil), "hint": "A1", "keys": "volume down",
		"error": "the tablet says",
		"model": "AGS3-L09", "serial": "BXF4C", "attempt": "2", "profile": "huawei-ags3", "bundle": "census-ags2", "step": "flash:system",
		"time": "1:00", "left": "1:00", "written": "290", "job": "48213", "record": "bench3-48213"} {
		text := d.w.Text("job."+id, nil)
		if id == "state" {
			value = "✘" + value
		}
		if id == "error" {
			value = "" // it may be said in another language
		}
		d.shows(screen, text+value, "job."+id)
		if ansi.StringWidth(text) > labelWidth {
			d.Errorf("job.%s is wider than its column: %q", id, text)
		}
	}
	d.says(screen, "board.details", words.Args{"port": "A1"})
	d.shows(screen, d.w.Text("board.keys.details", nil)+d.w.Text("board.keys.decide", nil), "board.keys.details", "board.keys.decide")
	d.says(screen, "board.before", words.Args{"time": noon.Format(d.w.DayForm() + " 15:04"), "port": "A10", "words": "the link was lost"})
	for _, fate := range station.Dispositions {
		v.Hubs[0].Ports[0].Disposition = fate
		d.shows(detail(), d.w.Text("job.disposition", nil)+d.w.Text("fate."+fate, nil), "job.disposition", "fate."+fate)
	}
	v.Hubs[0].Ports[0] = port("A1", station.Empty, "", "", nil)
	d.shows(detail(), d.w.Text("board.lines", nil)+d.w.Text("board.lines.none", nil), "board.lines", "board.lines.none")
}
