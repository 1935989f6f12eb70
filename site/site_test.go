package main

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// element is a tag of a page with what it has.
type element struct {
	tag   string
	attrs map[string]string
}

// elements reads a page.
func elements(t *testing.T, file string) (all []element) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	root, err := html.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			e := element{n.Data, map[string]string{}}
			for _, a := range n.Attr {
				e.attrs[a.Key] = a.Val
			}
			all = append(all, e)
		}
	}
	return all
}

// TestSite: each link leads to a page and a heading that are there, nothing comes from
// elsewhere, and the search finds all pages.
func TestSite(t *testing.T) {
	out := t.TempDir()
	n, err := build("..", out)
	if err != nil {
		t.Fatal(err)
	}
	ids, files := map[string]map[string]bool{}, []string{}
	err = filepath.WalkDir(out, func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".html") {
			return err
		}
		files = append(files, path)
		ids[path] = map[string]bool{}
		for _, e := range elements(t, path) {
			if id := e.attrs["id"]; id != "" {
				if ids[path][id] {
					t.Errorf("%s has two %s", path, id)
				}
				ids[path][id] = true
			}
		}
		return nil
	})
	if err != nil || len(files) != n || n < 40 {
		t.Fatalf("%d pages, %d files, %v", n, len(files), err)
	}
	links := 0
	for _, file := range files {
		for _, e := range elements(t, file) {
			for _, name := range []string{"src", "href"} {
				to, ok := e.attrs[name]
				if !ok {
					continue
				}
				u, err := url.Parse(to)
				switch {
				case err != nil:
					t.Errorf("%s: %s: %v", file, to, err)
				case u.Scheme != "" && e.tag != "a" && u.Scheme != "data":
					t.Errorf("%s: <%s> comes from elsewhere: %s", file, e.tag, to)
				case u.Scheme != "" || strings.HasSuffix(u.Path, ".pdf"): // scripts/site.sh prints those
				default:
					links++
					target := file
					if u.Path != "" {
						target = filepath.Join(filepath.Dir(file), u.Path)
					}
					if _, err := os.Stat(target); err != nil {
						t.Errorf("%s: %s leads nowhere", file, to)
					} else if u.Fragment != "" && !ids[target][u.Fragment] {
						t.Errorf("%s: %s has no such heading", file, to)
					}
				}
			}
		}
	}
	if links < 1000 {
		t.Errorf("only %d links", links)
	}
	script, err := os.ReadFile(filepath.Join(out, "search.js"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(string(script), "const parts = "), ";\n")
	var parts []part
	if err := json.Unmarshal([]byte(first), &parts); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, p := range parts {
		page, _, _ := strings.Cut(p.URL, "#")
		found[filepath.Join(out, page)] = true
	}
	for _, f := range files {
		if !found[f] {
			t.Errorf("the search does not know %s", f)
		}
	}
}
