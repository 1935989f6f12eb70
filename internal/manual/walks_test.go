package manual

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	declared = regexp.MustCompile(`(?m)^(?:func (?:\([^)]*\) )?|type |\t)(\w+)[(\[ ]`)
	// named are the functions and types that a walk goes by: image.Open, Session.work, waitChange.
	named = regexp.MustCompile(`\b[A-Za-z]+(?:\.[A-Za-z]+)+\b|\b[a-z]+[A-Z]\w*\b`)
)

// The walks of a byte and of an arrival go by functions that there are.
func TestTheWalksGoByFunctions(t *testing.T) {
	names := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != "." && d.Name() != "..":
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			names[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	walked := 0
	for _, heading := range []string{"## The way of a byte\n\n```\n", "## The way of an arrival\n\n```\n"} {
		_, rest, ok := strings.Cut(string(page), heading)
		walk, _, _ := strings.Cut(rest, "```")
		if !ok {
			t.Fatalf("the page has no %q", heading)
		}
		for _, name := range named.FindAllString(walk, -1) {
			walked++
			if last := name[strings.LastIndex(name, ".")+1:]; !names[last] {
				t.Errorf("there is no %s", name)
			}
		}
	}
	if walked < 20 {
		t.Errorf("the walks go by %d functions", walked)
	}
}
