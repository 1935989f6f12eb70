// This file reads the pages, makes HTML of them, and writes the site.

package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
)

//go:embed page.html style.css search.js
var files embed.FS

// page is one page of the site.
type page struct {
	file, URL, Title, Lang string
	Up                     string // the way to the site's root: "" or "../"
	Sheet                  bool   // it is to hang up: one A4 page when it is printed
	Body                   template.HTML
	raw                    []byte
	parts                  []part
}

// PDF is where the printed page of a sheet is on the site: scripts/site.sh makes it.
func (p *page) PDF() string { return strings.TrimSuffix(p.URL, ".html") + ".pdf" }

// part is what lies under a heading, for the search.
type part struct {
	Page    string `json:"p"`
	Heading string `json:"h,omitempty"`
	URL     string `json:"u"`
	Text    string `json:"t"`
}

// address is where a file of the tree is on the site; "" if it has no page there.
func address(file string) string {
	switch {
	case file == "README.md":
		return "index.html"
	case !strings.HasSuffix(file, ".md"):
		return ""
	}
	return strings.TrimPrefix(strings.ToLower(strings.TrimSuffix(file, ".md")), "docs/") + ".html"
}

// build writes the site of the tree in root to out, and says how many pages it has.
func build(root, out string) (int, error) {
	pages, err := read(root)
	if err != nil {
		return 0, err
	}
	layout, err := template.ParseFS(files, "page.html")
	if err != nil {
		return 0, err
	}
	var found []part
	for _, p := range pages {
		if err := p.render(pages); err != nil {
			return 0, fmt.Errorf("%s: %w", p.file, err)
		}
		found = append(found, p.parts...)
	}
	for _, p := range pages {
		var b bytes.Buffer
		if err := layout.Execute(&b, map[string]any{"Page": p, "Menu": menuOf(p, pages)}); err != nil {
			return 0, err
		}
		if err := write(out, p.URL, b.Bytes()); err != nil {
			return 0, err
		}
	}
	index, err := json.Marshal(found)
	if err != nil {
		return 0, err
	}
	script, err := files.ReadFile("search.js")
	if err != nil {
		return 0, err
	}
	style, err := files.ReadFile("style.css")
	if err != nil {
		return 0, err
	}
	err = errors.Join(write(out, "search.js", append(append([]byte("const parts = "), index...), append([]byte(";\n"), script...)...)),
		write(out, "style.css", style), copyFiles(root, out))
	return len(pages), err
}

func write(out, name string, data []byte) error {
	name = filepath.Join(out, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { //nolint:gosec // a site is for everyone
		return err
	}
	return os.WriteFile(name, data, 0o644) //nolint:gosec // a site is for everyone
}

// copyFiles takes over the pictures and sheets that pages show.
func copyFiles(root, out string) error {
	found, err := filepath.Glob(filepath.Join(root, "docs", "pictures", "*"))
	if err != nil {
		return err
	}
	for _, name := range found {
		data, err := os.ReadFile(name) //nolint:gosec // of the tree
		if err != nil {
			return err
		}
		if err := write(out, "pictures/"+filepath.Base(name), data); err != nil {
			return err
		}
	}
	return nil
}

// read finds the pages: those of the menu, in its order, and those that others lead to.
func read(root string) (pages []*page, err error) {
	var names []string
	for _, s := range menu {
		names = append(names, s.files...)
	}
	for _, pattern := range append([]string{"docs/*.md"}, further...) {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			name, err := filepath.Rel(root, f)
			if err != nil {
				return nil, err
			}
			if name = filepath.ToSlash(name); slices.Contains(names, name) {
				continue
			}
			if pattern == "docs/*.md" {
				return nil, fmt.Errorf("%s is in no section of the menu: site/menu.go", name)
			}
			names = append(names, name)
		}
	}
	for _, name := range names {
		raw, err := os.ReadFile(filepath.Join(root, name)) //nolint:gosec // of the tree
		if err != nil {
			return nil, err
		}
		p := &page{file: name, URL: address(name), Lang: "en", Up: strings.Repeat("../", strings.Count(address(name), "/")), raw: raw}
		if strings.HasSuffix(name, ".ru.md") {
			p.Lang = "ru"
		}
		p.Sheet = strings.HasPrefix(name, "docs/station-guide.")
		first, _, _ := strings.Cut(string(raw), "\n")
		p.Title = strings.TrimPrefix(first, "# ")
		pages = append(pages, p)
	}
	return pages, nil
}

var comment = regexp.MustCompile(`(?s)<!--.*?-->\n?`)

// render makes the page's HTML and what the search finds in it.
func (p *page) render(pages []*page) error {
	source := comment.ReplaceAll(p.raw, nil)
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	ids := &headings{used: map[string]int{}}
	tree := md.Parser().Parse(text.NewReader(source), parser.WithContext(parser.NewContext(parser.WithIDs(ids))))
	here := part{Page: p.Title, URL: p.URL}
	err := ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			title := words(n, source)
			id := ids.Generate([]byte(title), n.Kind())
			n.SetAttributeString("id", id)
			if n.Level > 1 {
				p.parts = append(p.parts, here)
				here = part{Page: p.Title, Heading: title, URL: p.URL + "#" + string(id)}
			}
		case *ast.Link:
			n.Destination = []byte(p.moved(string(n.Destination), pages))
		case *ast.Image:
			n.Destination = []byte(p.moved(string(n.Destination), pages))
		case *ast.Text:
			here.Text += string(n.Value(source)) + " "
		case *ast.FencedCodeBlock:
			here.Text += string(n.Lines().Value(source)) + " "
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return err
	}
	p.parts = append(p.parts, here)
	for i := range p.parts {
		p.parts[i].Text = strings.Join(strings.Fields(p.parts[i].Text), " ")
	}
	var b bytes.Buffer
	if err := md.Renderer().Render(&b, source, tree); err != nil {
		return err
	}
	made := strings.NewReplacer("<table>", `<div class="wide"><table>`, "</table>", "</table></div>").Replace(b.String())
	p.Body = template.HTML(made) //nolint:gosec // made of the tree's own pages
	return nil
}

// words are the text of a node.
func words(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := n.(*ast.Text); ok && entering {
			b.Write(t.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// moved is where a link of this page leads on the site. What has no page there, such as a
// folder of the source, becomes a link to the repository.
func (p *page) moved(to string, pages []*page) string {
	file, anchor, cut := strings.Cut(to, "#")
	if file == "" || strings.Contains(to, ":") {
		return to
	}
	target := path.Join(path.Dir(p.file), file)
	if strings.HasPrefix(target, "docs/pictures/") {
		return p.Up + strings.TrimPrefix(target, "docs/")
	}
	if target == "docs/decisions" {
		target += "/README.md"
	}
	if !slices.ContainsFunc(pages, func(other *page) bool { return other.file == target }) {
		return "https://github.com/zarya-station/zarya/blob/main/" + target
	}
	if cut {
		anchor = "#" + anchor
	}
	return p.Up + address(target) + anchor
}

// headings gives headings the names that GitHub gives them.
type headings struct{ used map[string]int }

// Generate makes a name that no other heading of the page has.
func (h *headings) Generate(value []byte, _ ast.NodeKind) []byte {
	var b strings.Builder
	for _, r := range strings.ToLower(string(value)) {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			b.WriteRune(r)
		case r == ' ':
			b.WriteRune('-')
		}
	}
	name := b.String()
	n := h.used[name]
	if h.used[name]++; n > 0 {
		name = fmt.Sprint(name, "-", n)
	}
	return []byte(name)
}

// Put takes a name that a page gives itself.
func (h *headings) Put(value []byte) { h.used[string(value)]++ }

// entry is one line of the menu.
type entry struct {
	Title, URL string
	Here       bool
}

// menuOf is the menu as the page p shows it.
func menuOf(p *page, pages []*page) (all []struct {
	Title   string
	Entries []entry
}) {
	for _, s := range menu {
		var entries []entry
		for _, f := range s.files {
			for _, other := range pages {
				if other.file == f {
					entries = append(entries, entry{other.Title, p.Up + other.URL, other == p})
				}
			}
		}
		all = append(all, struct {
			Title   string
			Entries []entry
		}{s.title, entries})
	}
	return all
}
