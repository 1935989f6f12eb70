// This file is templates: text with {{ names }} that stand for what is known of a
// tablet.

package profiles

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Text is a template.
type Text struct{ parts []piece }

// piece is literal text, or a name.
type piece struct {
	text string
	name bool
}

// literal is text without templates, whatever it looks like.
func literal(s string) Text { return Text{parts: []piece{{text: s}}} }

// parseText takes a template apart. Only names are allowed between the braces.
func parseText(s string) (Text, error) {
	var t Text
	for s != "" {
		before, rest, found := strings.Cut(s, "{{")
		if before != "" {
			t.parts = append(t.parts, piece{text: before})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}}")
		if !closed {
			return Text{}, errors.New("{{ without }}")
		}
		name = strings.TrimSpace(name)
		if name == "" || strings.ContainsAny(name, " {}\t\n") {
			return Text{}, fmt.Errorf("{{ %s }}: between the braces stands one name, such as tablet.serial", name)
		}
		t.parts = append(t.parts, piece{text: name, name: true})
		s = after
	}
	return t, nil
}

// UnmarshalJSON reads a template from a string.
func (t *Text) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	parsed, err := parseText(s)
	*t = parsed
	return err
}

// MarshalJSON writes the template as it was.
func (t Text) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

// IsZero reports whether there is nothing.
func (t Text) IsZero() bool { return len(t.parts) == 0 }

func (t Text) String() string {
	var b strings.Builder
	for _, p := range t.parts {
		if p.name {
			b.WriteString("{{ " + p.text + " }}")
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// names are those that the template asks for.
func (t Text) names() []string {
	var names []string
	for _, p := range t.parts {
		if p.name && !slices.Contains(names, p.text) {
			names = append(names, p.text)
		}
	}
	return names
}

// Lookup gives what is known by a name of the language, vars and secrets aside. "" is
// not told. An error, such as one that means not yet, is handed on.
type Lookup func(name string) (string, error)

// Expand gives the text for one tablet.
func (p *Profile) Expand(t Text, look Lookup) (string, error) {
	var b strings.Builder
	for _, part := range t.parts {
		if !part.name {
			b.WriteString(part.text)
			continue
		}
		v, err := p.lookup(part.text, look)
		if err != nil {
			return "", err
		}
		if v == "" {
			return "", fmt.Errorf("{{ %s }}: this tablet does not report it", part.text)
		}
		b.WriteString(v)
	}
	return b.String(), nil
}

// lookup gives the value of any name; "" is not told.
func (p *Profile) lookup(name string, look Lookup) (string, error) {
	kind, rest, _ := strings.Cut(name, ".")
	switch kind {
	case "secret":
		v, ok := p.secrets[rest]
		if !ok {
			return "", fmt.Errorf("{{ %s }}: there is no such secret", name)
		}
		return v, nil
	case "vars":
		v, ok := p.Vars[rest]
		if !ok {
			return "", fmt.Errorf("{{ %s }}: there is no such var", name)
		}
		if v.By == "" {
			return p.Expand(v.Value, look)
		}
		key, err := p.lookup(v.By, look)
		if err != nil {
			return "", err
		}
		if value, ok := v.Map[key]; ok {
			return value, nil
		}
		if v.Default == nil {
			return "", fmt.Errorf("{{ %s }}: its map has nothing for %s %q, and there is no default", name, v.By, key)
		}
		return *v.Default, nil
	}
	return look(name)
}

func hasKey[V any](m map[string]V, key string) bool { _, ok := m[key]; return ok }
