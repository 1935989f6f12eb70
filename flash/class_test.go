package flash_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/explain"
)

// TestClasses: what the table has is told to scripts and explained to people, and nothing
// else is.
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
		if e, ok := explain.Class(string(c)); !ok || e.Happened == "" || len(e.Next) == 0 {
			t.Errorf("class %s is not explained", c)
		}
		delete(rows, string(c))
	}
	for c := range rows {
		t.Errorf("docs/events.md has a class %s that is none", c)
	}
	for _, name := range explain.Classes() {
		if !slices.Contains(flash.Classes(), flash.Class(name)) {
			t.Errorf("a class %s is explained that is none", name)
		}
	}
}
