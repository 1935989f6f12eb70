package manual

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs/ anew")

const root = "../.."

// tables are what pages may have between their comments.
var tables = map[string]func(*testing.T) string{
	"classes":        classTable,
	"class-advice":   classAdvice,
	"event-head":     func(t *testing.T) string { return keysOf(t, "eventHead", "") },
	"events":         eventTables,
	"exit-codes":     exitTable,
	"fail-texts":     failTable,
	"findings":       findingTable,
	"problems":       problemTable,
	"results":        func(t *testing.T) string { return valuesOf(t, "flash", "JobResult", "StepResult") },
	"settings":       settingTable,
	"states":         func(t *testing.T) string { return valuesOf(t, "flash", "State") },
	"station-keys":   stationTable,
	"tablet-hints":   hintTable,
	"board-words-en": func(t *testing.T) string { return boardWords(t, "en") },
	"board-words-ru": func(t *testing.T) string { return boardWords(t, "ru") },
	"actions-en":     func(t *testing.T) string { return actionTable(t, "en") },
	"actions-ru":     func(t *testing.T) string { return actionTable(t, "ru") },
	"banners-en":     func(t *testing.T) string { return bannerTable(t, "en") },
	"banners-ru":     func(t *testing.T) string { return bannerTable(t, "ru") },
}

var block = regexp.MustCompile(`(?s)<!-- table ([a-z-]+) -->\n.*?<!-- end -->`)

// pages are the files of docs/ and the README.
func pages(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	return append(all, filepath.Join(root, "README.md"))
}

// TestTables: each page has the tables that the code makes, and each table is on a page.
func TestTables(t *testing.T) {
	used := map[string]bool{}
	for _, page := range pages(t) {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		made := block.ReplaceAllStringFunc(string(raw), func(old string) string {
			name := block.FindStringSubmatch(old)[1]
			table := tables[name]
			if table == nil {
				t.Errorf("%s: there is no table %s", page, name)
				return old
			}
			used[name] = true
			return fmt.Sprintf("<!-- table %s -->\n\n%s\n<!-- end -->", name, table(t))
		})
		if n := strings.Count(made, "<!-- table "); n != len(block.FindAllString(made, -1)) {
			t.Errorf("%s: a table does not end", page)
		}
		if made == string(raw) {
			continue
		}
		if !*update {
			t.Errorf("%s is not what the code says: run go test ./internal/manual -update, and read the difference", page)
			continue
		}
		if err := os.WriteFile(page, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name := range tables {
		if !used[name] {
			t.Errorf("no page has the table %s", name)
		}
	}
}

// row is a line of a table.
func row(cells ...string) string {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(strings.ReplaceAll(c, "\n", " "), "|", `\|`)
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// table is a head and rows.
func table(head []string, rows ...string) string {
	return row(slices.Clone(head)...) + "|" + strings.Repeat("---|", len(head)) + "\n" + strings.Join(rows, "")
}

// code is a text as code, also one with a backtick in it.
func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(s, "`", "'") + "`"
}

// sentence begins with a capital letter and ends with a stop.
func sentence(s string) string {
	if s == "" {
		return s
	}
	r := []rune(s)
	s = strings.ToUpper(string(r[:1])) + string(r[1:])
	if !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}
