// This file reads YAML strictly: one document, no anchors, no key twice, scalars as
// they are written, and where each thing stands.

package profiles

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxProfile bounds a profile, in bytes; maxDepth its nesting.
const (
	maxProfile = 1 << 20
	maxDepth   = 64
)

// Error is one thing that is wrong with a profile.
type Error struct {
	File         string
	Line, Column int // 0 when the whole file is meant
	Message      string
	Source       string // the line, where only a look at it helps; "" otherwise
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Message)
	}
	text := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
	if e.Source != "" {
		text += "\n    " + strings.ReplaceAll(e.Source, "\t", "→") + "\n    " + strings.Repeat(" ", max(0, e.Column-1)) + "^"
	}
	return text
}

// place is where a value and its key stand.
type place struct {
	value, key *yaml.Node
	file       string
}

// tree is a document: objects are map[string]any, lists []any, scalars string (as
// written) or nil.
type tree struct {
	file   string
	sum    [sha256.Size]byte // of the file's text
	root   any
	places map[string]place // by JSON pointer
	errs   []*Error
}

func (t *tree) fail(file string, n *yaml.Node, format string, args ...any) {
	e := &Error{File: file, Message: fmt.Sprintf(format, args...)}
	if n != nil {
		e.Line, e.Column = n.Line, n.Column
	}
	t.errs = append(t.errs, e)
}

// place is where the value at a pointer stands, or the nearest above it.
func (t *tree) place(pointer string) place {
	for p := pointer; ; p = p[:strings.LastIndexByte(p, '/')] {
		if where, ok := t.places[p]; ok {
			return where
		}
		if p == "" {
			return place{file: t.file}
		}
	}
}

// at reports something wrong with the value at a pointer.
func (t *tree) at(pointer, format string, args ...any) {
	where := t.place(pointer)
	t.fail(where.file, where.value, format, args...)
}

func readYAML(file string, text []byte) *tree {
	t := &tree{file: file, sum: sha256.Sum256(text), places: map[string]place{}}
	if len(text) > maxProfile {
		t.fail(file, nil, "has %d bytes; a profile has at most %d", len(text), maxProfile)
		return t
	}
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	var doc, more yaml.Node
	if err := d.Decode(&doc); err != nil {
		t.broken(err, string(text))
		return t
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		t.fail(file, &more, "a second document, or text that is none; a profile is one document")
	}
	if len(doc.Content) == 1 {
		t.root = t.value(doc.Content[0], "", 0)
	}
	return t
}

// value turns a node into plain values.
func (t *tree) value(n *yaml.Node, pointer string, depth int) any {
	t.places[pointer] = place{value: n, key: t.places[pointer].key, file: t.file}
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		t.fail(t.file, n, "anchors and aliases are not allowed in a profile")
		return nil
	}
	if depth > maxDepth {
		t.fail(t.file, n, "nested too deep")
		return nil
	}
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return nil
		}
		if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") || n.Tag == "!!binary" {
			t.fail(t.file, n, "the tag %s is not allowed in a profile", n.Tag)
		}
		return n.Value
	case yaml.SequenceNode:
		list := []any{}
		for i, c := range n.Content {
			list = append(list, t.value(c, pointer+"/"+strconv.Itoa(i), depth+1))
		}
		return list
	case yaml.MappingNode:
		object := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, v := n.Content[i], n.Content[i+1]
			if key.Kind != yaml.ScalarNode || key.Anchor != "" {
				if key.Kind == yaml.MappingNode {
					t.fail(t.file, key, "a template must be in quotes: \"{{ %s }}\"", flowed(key))
				} else {
					t.fail(t.file, key, "a key must be a plain word")
				}
				continue
			}
			p := pointer + "/" + escape(key.Value)
			if before, twice := t.places[p]; twice {
				t.fail(t.file, key, "%q is there twice; first in line %d", key.Value, before.key.Line)
				continue
			}
			t.places[p] = place{key: key, file: t.file}
			object[key.Value] = t.value(v, p, depth+1)
		}
		return object
	default:
		t.fail(t.file, n, "cannot be read")
		return nil
	}
}

// flowed is what stood between the inner braces of an unquoted template.
func flowed(n *yaml.Node) string {
	if len(n.Content) > 0 && n.Content[0].Kind == yaml.ScalarNode {
		return n.Content[0].Value
	}
	return "…"
}

// escape makes a key part of a JSON pointer (RFC 6901).
func escape(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

// joined gives all errors as one, in the order of their lines.
func (t *tree) joined() error {
	slices.SortStableFunc(t.errs, func(a, b *Error) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
	errs := make([]error, len(t.errs))
	for i, e := range t.errs {
		errs[i] = e
	}
	return errors.Join(errs...)
}
