// This file is a whole bench, with a port in every state that the design has drawn, and how a
// browser's test has it.

package page

import (
	"bufio"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/traces"
	"github.com/zarya-station/zarya/internal/words"
)

func benchView() station.View {
	s := func(n int) time.Duration { return time.Duration(n) * time.Second }
	model := "AGS3-L09"
	port := func(name string, state station.PortState, serial string, change func(*station.Port)) station.Port {
		p := station.Port{Name: name, State: state, Model: model, Serial: serial, Percent: -1, Part: -1}
		if state == station.Empty {
			p.Model = ""
		}
		if change != nil {
			change(&p)
		}
		return p
	}
	return station.View{Version: 1, Time: time.Now(), Station: "стенд 3", Lot: "P-118", Operator: "17",
		Hubs: []station.Hub{{Name: "A", Rate: 38e6, Limit: 40e6, Writing: 2, Queued: 1, Ports: []station.Port{
			port("A1", station.Flashing, "HT00004822", func(p *station.Port) { p.Percent, p.Part, p.Left = 63, .5, s(80) }),
			port("A2", station.Flashing, "HT00004823", func(p *station.Port) { p.Percent, p.Part, p.Left = 12, .1, s(170) }),
			port("A3", station.Away, "HT00004824", func(p *station.Port) { p.Within, p.Reason = s(22), "away" }),
			port("A4", station.Passed, "HT00001107", func(p *station.Port) { p.Elapsed = s(195) }),
			port("A5", station.Booting, "HT00004830", func(p *station.Port) { p.Part, p.Left = .8, s(40) }),
			port("A6", station.Retry, "HT00004831", func(p *station.Port) { p.Reason, p.Class = "cable", flash.ClassCable }),
			port("A7", station.Queued, "HT00004840", func(p *station.Port) { p.Within = s(70) }),
			port("A8", station.Empty, "", nil)}},
			{Name: "B", Rate: 12e6, Limit: 40e6, Writing: 2, Ports: []station.Port{
				port("B1", station.Failed, "KB00009001", func(p *station.Port) {
					p.Model, p.Reason, p.Class = "KOB2-W09", "locked", flash.ClassLocked
				}),
				port("B2", station.Provisioning, "HT00004844", func(p *station.Port) {
					p.StepNo, p.Steps, p.Part, p.Left = 4, 11, .36, s(25)
					p.Before = &station.Past{Time: time.Now().Truncate(24 * time.Hour), Port: "A6", Class: flash.ClassCable}
				}),
				port("B3", station.SetAside, "", func(p *station.Port) { p.Model, p.Reason = "", "port-off" }),
				port("B4", station.Silent, "HT00004850", func(p *station.Port) { p.Quiet, p.Part = s(16), .96 }),
				port("B5", station.Foreign, "BA00007777", func(p *station.Port) { p.Model, p.Reason = "BAH3-W09", "profile" }),
				port("B6", station.Passed, "HT00004851", func(p *station.Port) { p.Elapsed = s(178) }),
				port("B7", station.Unplugged, "HT00004852", func(p *station.Port) { p.Reason = "unplugged" }),
				port("B8", station.Empty, "", nil)}}},
		Actions: []station.Action{{Key: "away", Ports: []string{"A3"}, Seconds: 22}, {Key: "locked", Ports: []string{"B1"}},
			{Key: "cable", Ports: []string{"A6"}}, {Key: "port-off", Ports: []string{"B3"}}, {Key: "take-out", Ports: []string{"A4", "B6"}}},
		Today: station.Figures{Done: 214, Hour: 39, Plan: 40, FirstPass: .972, LastPass: .991, Slowest: "flashing", P95: 84000,
			Failures: []station.Count{{Key: "locked", N: 7}, {Key: "cable", N: 3}, {Key: "boot", N: 1}},
			Hours: []station.Hour{{Hour: 8, N: 31}, {Hour: 9, N: 38}, {Hour: 10, N: 41}, {Hour: 11, N: 36}, {Hour: 12, N: 12},
				{Hour: 13, N: 39}, {Hour: 14, N: 17}}}}
}

// sixty are the ports of a whole wall: those of the bench, and more hubs like it.
func sixty() (hubs []station.Hub) {
	for i := range 4 {
		for _, h := range benchView().Hubs {
			h.Name = string(rune(h.Name[0]) + rune(2*i))
			for j := range h.Ports {
				h.Ports[j].Name = h.Name + h.Ports[j].Name[1:]
			}
			hubs = append(hubs, h)
		}
	}
	hubs[7].Ports = hubs[7].Ports[:4]
	return hubs
}

// TestServeForBrowser serves one stage to scripts/pages.mjs, which says on stdin what
// happens: next lines are percentages, and the end of the input ends it.
func TestServeForBrowser(t *testing.T) {
	listen := os.Getenv("ZARYA_PAGE_LISTEN")
	if listen == "" {
		t.Skip("scripts/pages.sh runs it")
	}
	view, lang := benchView(), os.Getenv("ZARYA_PAGE_LANG")
	if lang == "en" {
		view.Station = "bench 3"
	}
	f := newStage(view)
	s, err := New(Options{Listen: listen, Words: words.For(lang), Version: "test", Records: filled(), Trace: traced, Count: month})
	if err != nil {
		t.Fatal(err)
	}
	start(t, s, f)
	fmt.Fprintln(os.Stderr, "listening on", s.Addr()) //nolint:forbidigo // a person, or the browser's test, reads it
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		switch lines.Text() {
		case "ports":
			f.set(func(v *station.View) { v.Hubs = sixty() })
		case "bench":
			f.set(func(v *station.View) { v.Hubs = benchView().Hubs })
		}
		var n int
		if _, err := fmt.Sscan(lines.Text(), &n); err == nil {
			f.set(func(v *station.View) { v.Hubs = append(percent(v.Hubs, n), v.Hubs[1:]...) })
		}
	}
}

// traced is a trace of the bench's failed job.
func traced(string) (list []traces.Line, _ error) {
	for i, l := range []traces.Line{{Dir: "=", Text: "connecting"}, {Dir: ">", Text: "getvar:product"}, {Dir: "<", Text: "OKAYAGS3-L09"},
		{Dir: "=", Text: "flash:system: begins"}, {Dir: ">", Text: "download:04000000"}, {Dir: "<", Text: "DATA04000000"},
		{Dir: ">", Bytes: 64 << 20},
		{Dir: "<", Text: "OKAY"}, {Dir: ">", Text: "flash:system"}, {Dir: "<", Text: "FAILpartition is write protected"},
		{Dir: "=", Text: "flash:system: fail, 84.20s"},
		{Dir: "=", Text: "fail", Error: "flash:system: partition is write protected"}} {
		l.TS = time.Now().Add(time.Duration(i-12) * time.Second).UTC().Format(time.RFC3339Nano)
		list = append(list, l)
	}
	return list, nil
}
