package board

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/goldentest"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

var noon = time.Date(2026, 11, 26, 14, 2, 11, 0, time.Local)

// port makes one of the ports that the pictures show.
func port(name string, s station.PortState, model, serial string, more func(*station.Port)) station.Port {
	p := station.Port{Name: name, State: s, Model: model, Percent: -1, Part: -1, Since: noon}
	if serial != "" {
		p.Serial = "BXF4C2000000" + serial
	}
	if more != nil {
		more(&p)
	}
	return p
}

func reason(r string) func(*station.Port) { return func(p *station.Port) { p.Reason = r } }

func took(d time.Duration) func(*station.Port) {
	return func(p *station.Port) { p.Elapsed, p.Bytes = d, 290e6 }
}

func bar(part float64, left time.Duration) func(*station.Port) {
	return func(p *station.Port) { p.Part, p.Left = part, left }
}

// sample is the tablet that the pictures show at a place of each hub.
func sample(name, like string) station.Port {
	l09, w09 := "AGS3-L09", "AGS3-W09"
	min := time.Minute
	switch like {
	case "A1":
		return port(name, station.Passed, l09, "4821", took(3*min+12*time.Second))
	case "A2":
		return port(name, station.Flashing, l09, "4822", func(p *station.Port) { bar(.63, 80*time.Second)(p); p.Percent = 63 })
	case "A3":
		return port(name, station.Away, l09, "4823", func(p *station.Port) { p.Reason, p.Within = "away", 22*time.Second })
	case "A4":
		return port(name, station.Passed, w09, "1107", took(3*min+15*time.Second))
	case "A5":
		return port(name, station.Booting, l09, "4830", bar(.8, 40*time.Second))
	case "A6":
		return port(name, station.Retry, l09, "4831", reason("cable"))
	case "A7":
		return port(name, station.Queued, l09, "4840", func(p *station.Port) { p.Within = 70 * time.Second })
	case "B1":
		return port(name, station.Failed, "KOB2-W09", "9001", reason("locked"))
	case "B2":
		return port(name, station.Provisioning, l09, "4844", func(p *station.Port) { bar(4./11, 25*time.Second)(p); p.StepNo, p.Steps = 4, 11 })
	case "B3":
		return port(name, station.SetAside, l09, "4000", reason("port-off"))
	case "B4":
		return port(name, station.Silent, l09, "4850", func(p *station.Port) { bar(.96, 0)(p); p.Quiet = 16 * time.Second })
	case "B5":
		return port(name, station.Foreign, "BAH3-W09", "7777", reason("profile"))
	case "B6":
		return port(name, station.Passed, l09, "4851", took(2*min+58*time.Second))
	case "B7":
		return port(name, station.Unplugged, l09, "4852", reason("unplugged"))
	}
	return port(name, station.Empty, "", "", nil)
}

func hub(name string, likes string) station.Hub {
	h := station.Hub{Name: name, Rate: 38e6, Limit: 40e6, Writing: 2, Queued: 1}
	for i, like := range strings.Fields(likes) {
		h.Ports = append(h.Ports, sample(fmt.Sprint(name, i+1), like))
	}
	return h
}

// picture is the view that a picture of the design shows.
func picture(ports int, lang string) station.View {
	v := station.View{Time: noon, Station: "bench 3", Lot: "P-118", Operator: "17",
		Today: station.Figures{Done: 214, Hour: 39, Plan: 40, FirstPass: .972, LastPass: .991, Slowest: "booting", P95: 112000,
			Failures: []station.Count{{Key: "locked", N: 7}, {Key: "cable", N: 3}, {Key: "boot", N: 1}}},
		Actions: []station.Action{{Key: "away", Ports: []string{"A3"}, Seconds: 22}, {Key: "locked", Ports: []string{"B1"}},
			{Key: "cable", Ports: []string{"A6"}}, {Key: "unplugged", Ports: []string{"B7"}}, {Key: "port-off", Ports: []string{"B3"}}}}
	if lang == "ru" {
		v.Station = "стенд 3"
	}
	a, b := "A1 A2 A3 A4 A5 A6 A7 A8", "B1 B2 B3 B4 B5 B6 B7 B8"
	if ports == 16 {
		v.Hubs = []station.Hub{hub("A", a), hub("B", b)}
		return v
	}
	v.Page = "127.0.0.1:8420"
	v.Actions[1].Ports = []string{"B1", "C4"}
	v.Hubs = []station.Hub{hub("A", a+" B6 -"), hub("B", b+" A1 -"), hub("C", "A1 A2 B6 B1 A2 B2 A1 A4 A5 -")}
	return v
}

var pictureOf = regexp.MustCompile("(?s)## (\\d+)x(\\d+)[^\n]* · (English|Русский)\n\n```\n(.*?)\n```")

// The board is what was drawn before it was built, but for what is said here.
func TestPictures(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "pictures.md"))
	if err != nil {
		t.Fatal(err)
	}
	better := strings.NewReplacer(
		// All keys are named where there is room.
		"Q stop (supervisor)", "Q stop (supervisor)   D decide   G golden   O operator   L lot",
		"Q стоп (старший)", "Q стоп (старший)   D решить   G образец   O оператор   L партия")
	small := strings.NewReplacer(
		// The small board says what else there is to do, not only how much.
		"        and 2 more", "        B1: set aside: locked   and 3 more",
		"        и ещё 2", "        B1: отложите: закрыт   A6: смените кабель   и ещё 2")
	found := pictureOf.FindAllStringSubmatch(string(raw), -1)
	if len(found) != 6 {
		t.Fatalf("%d pictures", len(found))
	}
	for _, m := range found {
		var size Size
		_, _ = fmt.Sscan(m[1], &size.Width)
		_, _ = fmt.Sscan(m[2], &size.Height)
		lang, ports, want := "en", 16, m[4]
		if m[3] != "English" {
			lang = "ru"
		}
		switch size.Width {
		case 120:
			ports, want = 30, better.Replace(want)
		case 60:
			want = small.Replace(want)
		}
		got := ansi.Strip(Render(picture(ports, lang), size, words.For(lang), Options{}))
		if diff := cmp.Diff(strings.Split(trimmed(want), "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("%s %s: %s\n%s", m[1], lang, diff, got)
		}
	}
}

func trimmed(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// What the pictures do not show: other sizes, other terminals, trouble and questions.
func TestRender(t *testing.T) {
	en, ru := words.For("en"), words.For("ru")
	trouble := picture(16, "en")
	trouble.Banners = []station.Notice{{Key: "drain"}, {Key: "disk-full", Urgent: true, Words: "/var"}}
	trouble.Actions = slices.Insert(trouble.Actions, 0, station.Action{Key: "station", Words: "no space left on device"})
	greeted := station.View{Station: "bench 3", Today: station.Figures{FirstPass: -1, LastPass: -1},
		Hubs: []station.Hub{{Ports: []station.Port{
			port("10.0.0.1:5555", station.Preflight, "AGS3-L09", "1", func(p *station.Port) {
				p.Before = &station.Past{Time: noon, Port: "A6", Class: flash.ClassCable}
			}),
			port("10.0.0.2:5555", station.Detected, "", "", func(p *station.Port) { p.Elapsed = 3 * time.Second }),
			port("10.0.0.3:5555", station.YourTurn, "AGS3-L09", "12345", func(p *station.Port) {
				p.Reason, p.Keys = "keys", "hold \x1b[31mvolume\x07 down"
			}),
			port("10.0.0.4:5555", station.NoIdentity, "планшет-очень-длинный", "", reason("no-identity")),
		}}}}
	for _, c := range []struct {
		name string
		v    station.View
		size Size
		w    *words.Words
		o    Options
	}{
		{"trouble-80x24", trouble, Size{80, 24}, en, Options{}},
		{"asked-80x24", picture(16, "en"), Size{80, 24}, en, Options{Selected: "A2", Prompt: "Set port A2 aside?   y yes   n no"}},
		{"tiny-20x5", picture(16, "en"), Size{20, 5}, en, Options{}},
		{"tiny-40x10", picture(30, "ru"), Size{40, 10}, ru, Options{}},
		{"short-80x20", picture(16, "ru"), Size{80, 20}, ru, Options{}},
		{"wide-200x50", picture(30, "en"), Size{200, 50}, en, Options{}},
		{"tall-120x40", picture(16, "ru"), Size{120, 40}, ru, Options{}},
		{"network-80x24", greeted, Size{80, 24}, en, Options{}},
		{"ascii-80x24", picture(16, "en"), Size{80, 24}, en, Options{ASCII: true}},
	} {
		goldentest.Is(t, c.name+".golden", ansi.Strip(Render(c.v, c.size, c.w, c.o)))
	}
	for name, o := range map[string]Options{"dark": {}, "light": {Light: true}, "no-colour": {NoColour: true}} {
		goldentest.Is(t, "colours-"+name+".golden", Render(picture(16, "en"), Size{80, 24}, en, o))
	}
}

// Whatever the size and whatever a tablet says, the board fits and the next action is there.
func TestRenderFits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	hostile := []string{"\x1b[2J", "\x1b]0;x\x07", "漢字漢字漢字", "\u202eabc", "a\u0301\u0301", "👩‍👩‍👧‍👦", "\t\n", strings.Repeat("x", 500)}
	for range 1500 {
		lang := words.Languages[r.IntN(2)]
		v := picture([]int{16, 30}[r.IntN(2)], lang)
		for _, h := range v.Hubs {
			p := &h.Ports[r.IntN(len(h.Ports))]
			text := hostile[r.IntN(len(hostile))]
			p.Model, p.Serial, p.Keys, p.Error = text, text, text, text
			if r.IntN(3) == 0 {
				p.Name = text
			}
		}
		v.Station, v.Lot = hostile[r.IntN(len(hostile))], hostile[r.IntN(len(hostile))]
		size := Size{1 + r.IntN(220), 1 + r.IntN(60)}
		got := Render(v, size, words.For(lang), Options{NoColour: true})
		lines := strings.Split(got, "\n")
		if len(lines) > size.Height {
			t.Fatalf("%v: %d lines", size, len(lines))
		}
		for _, line := range lines {
			if ansi.StringWidth(line) > size.Width {
				t.Fatalf("%v: %q is too wide", size, line)
			}
		}
		if strings.Contains(got, "\x1b]") || strings.Contains(got, "\x1b[2J") || strings.Contains(got, "\u202e") {
			t.Fatalf("%v: the tablet reached the terminal: %q", size, got)
		}
		if size.Width >= 20 && size.Height >= 4 && !strings.Contains(ansi.Strip(got), "A3: ") {
			t.Fatalf("%v: no next action:\n%s", size, got)
		}
	}
}

// allReasons are the keys of what can be wrong in a port: classes of failures, and others.
func allReasons() []string {
	reasons := []string{"away", "keys", "port-off", "unplugged", "no-identity", "numbers", "settings", "set-aside", "skipped"}
	for _, c := range flash.Classes() {
		reasons = append(reasons, string(c))
	}
	return reasons
}

// Every key that a station may show has words, and every state has a look.
func TestEveryKeyHasWords(t *testing.T) {
	w := words.For("en")
	for _, r := range allReasons() {
		for _, family := range []string{"row.", "hint.", "action.", "brief."} {
			if !w.Has(family + r) {
				t.Errorf("%s%s has no words", family, r)
			}
		}
		if !w.Has("hint." + r + ".short") {
			t.Errorf("hint.%s.short has no words", r)
		}
	}
	for _, id := range []string{"action.pool-low", "action.take-out", "action.next", "brief.pool-low", "brief.take-out", "brief.next",
		"banner.disk-full", "banner.ledger-refused", "banner.database-away", "banner.database-refuses",
		"banner.pool-low", "banner.pool-empty", "banner.golden",
		"banner.badge", "banner.said", "banner.scanner-away", "banner.new-bundle",
		"banner.reload-failed", "banner.follow-coming", "banner.follow-refused", "banner.follow-away", "banner.drain"} {
		if !w.Has(id) {
			t.Errorf("%s has no words", id)
		}
	}
	if len(looks) != 23 {
		t.Errorf("%d states have a look", len(looks))
	}
	for s, l := range looks {
		if !w.Has("state." + string(s)) {
			t.Errorf("state.%s has no words", s)
		}
		if (l.hue == good) != s.Good() {
			t.Errorf("%s: green is only ever a tablet that may leave the bench", s)
		}
		if ansi.StringWidth(l.sign) != 1 {
			t.Errorf("%s: its sign is %d cells wide", s, ansi.StringWidth(l.sign))
		}
	}
}
