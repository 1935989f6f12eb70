package main

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs/scale.md")

const (
	page  = "../../docs/scale.md"
	begin = "<!-- go run ./bench/fleet -->\n"
	end   = "<!-- end -->\n"
)

func defaults() (r Rates) {
	flags(flag.NewFlagSet("", flag.PanicOnError), &r)
	return r
}

// TestThePageSaysWhatTheSimulationSays: 36 million tablets among it, which take seconds.
func TestThePageSaysWhatTheSimulationSays(t *testing.T) {
	var said strings.Builder
	for i, size := range sizes {
		if i > 0 {
			said.WriteString("\n")
		}
		table(&said, size.tablets, size.stations, 1, defaults())
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	was, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the tables", page)
	}
	if was == said.String() {
		return
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+begin+said.String()+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Errorf("%s is not what the simulation says; run go test ./bench/fleet -update, and read the difference", page)
}

// TestNothingIsLost: each tablet has come to an end once, whatever happened to it.
func TestNothingIsLost(t *testing.T) {
	r := defaults()
	r.Bench, r.Own, r.Outages = 200, 50, 100
	m := simulate(60_000, 7, 3, r)
	if again := simulate(60_000, 7, 3, r); again != m {
		t.Errorf("one seed gave %+v and %+v", m, again)
	}
	if other := simulate(60_000, 7, 4, r); other == m {
		t.Error("another seed changes nothing")
	}
	again := m.Jobs - int64(m.Tablets) // tried once more for a reason of the bench
	if want := int64(m.Tablets) - m.Scrap; m.Entries != want*8+(m.Scrap+again)*5 || again < 4000 || m.Scrap < 1000 {
		t.Errorf("%d tablets, %d jobs, %d scrap, %d entries", m.Tablets, m.Jobs, m.Scrap, m.Entries)
	}
	if m.Outages == 0 || m.Backlog == 0 || m.Stood == 0 {
		t.Errorf("no line was down: %+v", m)
	}
	var sent int64
	var c central
	s := station{r: r, c: &c, down: 0}
	for i := range int64(10) {
		s.record(week-minute*5+i*minute, 3)
	}
	for _, n := range c.entries {
		sent += n
	}
	if sent != 30 || s.mostHeld != 15 || c.entries[week/minute] != 18 {
		t.Errorf("of 30 entries %d were sent; %d waited, %d came when the line did", sent, s.mostHeld, c.entries[week/minute])
	}
	r.Ahead = 100_000
	if m := simulate(60_000, 7, 3, r); m.Stood != 0 {
		t.Errorf("with identities for all they stood for %d hours", m.Stood)
	}
}

// TestWhatBreaksIsNamed: at a size at which it does.
func TestWhatBreaksIsNamed(t *testing.T) {
	for name, change := range map[string]func(*Rates){
		"appending": func(r *Rates) { r.Append = 1 }, "disk": func(r *Rates) { r.Disk = 1_000_000 }, "a report": func(r *Rates) { r.Read = 1 },
		"connections": func(r *Rates) { r.Connections = 3 }, "the registry": func(r *Rates) { r.Line = 1_000_000 / 4 },
		"a site": func(r *Rates) { r.SiteLine = 500_000 },
	} {
		r := defaults()
		var before, after strings.Builder
		table(&before, 20_000, 7, 1, r)
		change(&r)
		table(&after, 20_000, 7, 1, r)
		if !strings.Contains(before.String(), "No limit is exceeded") || !strings.Contains(after.String(), "Exceeded, the worst first: "+name) {
			t.Errorf("%s does not break:\n%s", name, after.String())
		}
	}
}
