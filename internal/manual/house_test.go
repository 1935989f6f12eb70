package manual

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The limits of docs/contributing.md: what one person can hold in mind.
const (
	mostFiles = 15   // of a package, tests left out
	mostLines = 2500 // of them together
	mostInOne = 450  // lines of one file, tests too
)

// excuse is how the comment of a package that is over a limit says why.
var excuse = regexp.MustCompile(`(?i)more files|more lines|is larger than the others|a little larger than|small file for each|as large as`)

// TestPackagesAreSmall: no file is too long for one sitting, and a package with many files says
// in its comment why it is not two.
func TestPackagesAreSmall(t *testing.T) {
	files, lines := map[string]int{}, map[string]int{}
	for dir := range program(t) {
		list, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range list {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			n := bytes.Count(text, []byte("\n"))
			if n > mostInOne {
				t.Errorf("%s has %d lines, and %d are enough for one file", path, n, mostInOne)
			}
			if !strings.HasSuffix(path, "_test.go") {
				files[dir]++
				lines[dir] += n
			}
		}
	}
	for dir, p := range program(t) {
		about := ""
		for _, f := range p.files {
			about += f.Doc.Text()
		}
		isLarge, excused := files[dir] > mostFiles || lines[dir] > mostLines, excuse.MatchString(oneLine(about))
		switch {
		case isLarge && !excused:
			t.Errorf("%s has %d files of %d lines: split it, or say in its comment why it has more files or more lines than others",
				dir, files[dir], lines[dir])
		case excused && !isLarge:
			t.Errorf("%s excuses its size, and has %d files of %d lines", dir, files[dir], lines[dir])
		}
	}
}
