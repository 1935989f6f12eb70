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

// Tablet is what templates can know of a tablet. Serial and Model are empty when
// the tablet does not tell them.
type Tablet struct{ Serial, Model, Place string }

// tabletNames are the facts by their names in templates.
var tabletNames = map[string]func(Tablet) string{
	"tablet.serial": func(t Tablet) string { return t.Serial },
	"tablet.model":  func(t Tablet) string { return t.Model },
	"tablet.place":  func(t Tablet) string { return t.Place },
}

// Expand gives the text for one tablet.
func (p *Profile) Expand(t Text, tablet Tablet) (string, error) {
	var b strings.Builder
	for _, part := range t.parts {
		if !part.name {
			b.WriteString(part.text)
			continue
		}
		v, err := p.lookup(part.text, tablet)
		if err != nil {
			return "", err
		}
		b.WriteString(v)
	}
	return b.String(), nil
}

func (p *Profile) lookup(name string, tablet Tablet) (string, error) {
	if fact, ok := tabletNames[name]; ok {
		v := fact(tablet)
		if v == "" {
			return "", fmt.Errorf("{{ %s }}: this tablet does not tell it", name)
		}
		return v, nil
	}
	v, ok := p.Vars[strings.TrimPrefix(name, "vars.")]
	if !ok || !strings.HasPrefix(name, "vars.") {
		return "", fmt.Errorf("{{ %s }}: there is no such name", name)
	}
	if v.By == "" {
		return p.Expand(v.Value, tablet)
	}
	key := tabletNames[v.By](tablet)
	if value, ok := v.Map[key]; ok {
		return value, nil
	}
	if v.Default == nil {
		return "", fmt.Errorf("{{ %s }}: its map has nothing for %s %q, and there is no default", name, v.By, key)
	}
	return *v.Default, nil
}

// checkNames reports names that do not exist.
func (p *Profile) checkNames(t Text, inVar bool) error {
	for _, name := range t.names() {
		v, isVar := strings.CutPrefix(name, "vars.")
		switch {
		case tabletNames[name] != nil:
		case isVar && inVar:
			return fmt.Errorf("{{ %s }}: a var cannot use another var", name)
		case isVar && hasKey(p.Vars, v):
		case isVar:
			return fmt.Errorf("{{ %s }}: there is no such var under vars", name)
		default:
			return fmt.Errorf("{{ %s }}: there is no such name; known are tablet.serial, tablet.model, tablet.place and vars.NAME", name)
		}
	}
	return nil
}

func hasKey[V any](m map[string]V, key string) bool { _, ok := m[key]; return ok }
