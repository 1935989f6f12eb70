package flash_test

import (
	"os"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash"
)

// TestClasses: scripts are told the classes of the table, people what they mean, and no others.
func TestClasses(t *testing.T) {
	page, err := os.ReadFile("../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## Classes")
	table, _, _ = strings.Cut(table, "\n## ")
	rows := map[string]string{}
	for line := range strings.SplitSeq(table, "\n") {
		if cells := strings.Split(line, "|"); len(cells) == 5 && strings.Contains(cells[1], "`") {
			rows[strings.Trim(cells[1], " `")] = cells[3]
		}
	}
	for _, c := range flash.Classes() {
		exit, ok := rows[string(c)]
		if !ok {
			t.Errorf("docs/events.md has no class %s", c)
		}
		if c.Bench() != (strings.Contains(exit, "9") || strings.Contains(exit, "130")) {
			t.Errorf("class %s: docs/events.md says exit %s, of the bench: %v", c, exit, c.Bench())
		}
		if e, ok := c.Explained(); !ok || e.Happened == "" || e.Tablet == "" || len(e.Next) == 0 {
			t.Errorf("class %s is not explained", c)
		}
		delete(rows, string(c))
	}
	for c := range rows {
		t.Errorf("docs/events.md has a class %s that is none", c)
	}
	if e, ok := flash.Class("weather").Explained(); ok || e.Happened != "" || flash.Class("weather").Bench() {
		t.Errorf("a class that there is not is explained: %+v", e)
	}
}
