// Tests that are skipped on most machines are run by a script somewhere; the page for developers
// says where.

package manual

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var elsewhereRow = regexp.MustCompile("(?m)^\\| `([a-z/]+)` `(Test[A-Za-z]+)` \\|[^\n]*`(scripts/[a-z.-]+)`[^\n]*\\|$")

func TestSkippedTestsRunElsewhere(t *testing.T) {
	root := filepath.Join("..", "..")
	read := func(pattern ...string) (all string) {
		for _, p := range pattern {
			files, err := filepath.Glob(filepath.Join(root, p))
			if err != nil || len(files) == 0 {
				t.Fatalf("no file is %s (%v)", p, err)
			}
			for _, file := range files {
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				all += string(b)
			}
		}
		return all
	}
	rows := elsewhereRow.FindAllStringSubmatch(read("docs/contributing.md"), -1)
	if len(rows) != 5 {
		t.Errorf("%d tests are said to run elsewhere", len(rows))
	}
	for _, r := range rows {
		folder, test, script := r[1], r[2], r[3]
		if !strings.Contains(read(folder+"/*_test.go"), "func "+test+"(") {
			t.Errorf("%s has no test %s", folder, test)
		}
		if !strings.Contains(read("Makefile", "scripts/*"), filepath.Base(script)) {
			t.Errorf("nothing runs %s", script)
		}
		what := test
		if test == "TestRules" {
			what = "70-zarya.rules"
		}
		if !strings.Contains(read(script), what) {
			t.Errorf("%s does not run %s", script, what)
		}
	}
}
