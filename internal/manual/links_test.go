// Links of the documentation lead to a page, a file of the tree, or a heading that is there.

package manual

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fence   = regexp.MustCompile("(?ms)^```.*?^```$|`[^`\n]+`")
	heading = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
)

// anchors are the headings of a page as GitHub and the site name them.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(text, ""), -1) {
		var b strings.Builder
		for _, r := range strings.ToLower(strings.TrimSpace(m[1])) {
			switch {
			case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
				b.WriteRune(r)
			case r == ' ':
				b.WriteRune('-')
			}
		}
		all[b.String()] = true
	}
	return all
}

func TestLinks(t *testing.T) {
	all := pages(t)
	for _, more := range []string{"docs/decisions/*.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"} {
		found, err := filepath.Glob(filepath.Join(root, more))
		if err != nil || len(found) == 0 {
			t.Fatal(more, err)
		}
		all = append(all, found...)
	}
	checked := 0
	for _, page := range all {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(string(raw), ""), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			checked++
			file, anchor, _ := strings.Cut(m[1], "#")
			to := page
			if file != "" {
				to = filepath.Join(filepath.Dir(page), file)
			}
			info, err := os.Stat(to)
			if err != nil {
				t.Errorf("%s: %s leads nowhere", page, m[1])
				continue
			}
			if anchor == "" || info.IsDir() {
				continue
			}
			text, err := os.ReadFile(to)
			if err != nil {
				t.Fatal(err)
			}
			if !anchors(string(text))[anchor] {
				t.Errorf("%s: %s has no heading #%s", page, to, anchor)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d links were found", checked)
	}
}

// Each decision is in the list of decisions.
func TestDecisionsAreListed(t *testing.T) {
	list, err := os.ReadFile(filepath.Join(root, "docs/decisions/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob(filepath.Join(root, "docs/decisions/0*.md"))
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	for _, file := range all {
		if !strings.Contains(string(list), "]("+filepath.Base(file)+")") {
			t.Errorf("docs/decisions/README.md does not list %s", filepath.Base(file))
		}
	}
}

// Each picture is on a page; that those of pages are there, TestLinks holds.
func TestPicturesAreShown(t *testing.T) {
	var text strings.Builder
	for _, page := range pages(t) {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(raw)
	}
	all, err := filepath.Glob(filepath.Join(root, "docs/pictures/*.[ps][nv]g"))
	if err != nil || len(all) < 8 {
		t.Fatal(all, err)
	}
	for _, file := range all {
		if !strings.Contains(text.String(), "pictures/"+filepath.Base(file)+")") {
			t.Errorf("no page shows docs/pictures/%s", filepath.Base(file))
		}
	}
}
