// This file holds a profile to the schema, and says what is wrong in a person's
// words.

package profiles

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/zarya-station/zarya/internal/lazyregexp"
)

// schemaBase is the schema without the steps under provision.
//
//go:embed schema.json
var schemaBase string

// Schema returns the JSON Schema of the language, for editors and for this package.
var Schema = sync.OnceValue(func() []byte {
	var required, properties []string
	for _, s := range provisionSteps {
		required = append(required, fmt.Sprintf(`{"required": [%q]}`, s.key))
		text := strings.NewReplacer("«", "`", "»", "`", "\n", "\n          ").Replace(s.schema)
		properties = append(properties, fmt.Sprintf("%q: %s", s.key, text))
	}
	return []byte(strings.NewReplacer(`{"required": ["provision-step"]}`, strings.Join(required, ", "),
		`"provision-step": {}`, strings.Join(properties, ",\n          ")).Replace(schemaBase))
})

// shape is a part of the schema: what a value may be. It has the keywords of JSON Schema that
// this language uses, and they mean what draft 2020-12 says; a test reads the schema with a
// library that knows all of them, and compares.
type shape struct {
	Schema               string            `json:"$schema"`
	ID                   string            `json:"$id"`
	Title                string            `json:"title"`
	Description          string            `json:"description"`
	Defs                 map[string]*shape `json:"$defs"`
	Ref                  string            `json:"$ref"` // #/$defs/NAME
	Type                 oneOrMore         `json:"type"`
	Enum                 []any             `json:"enum"`
	Format               string            `json:"format"` // template or condition
	Pattern              *lazyregexp.Regexp
	MinLength            int  // in characters
	MaxLength            int  // in characters; 0: any
	MinItems             int  // of a list
	UniqueItems          bool // of a list
	MinProperties        int  // of a map
	Required             []string
	Properties           map[string]*shape
	PropertyNames        *shape
	AdditionalProperties *others
	Items                *shape
	OneOf                []*shape
}

// oneOrMore is a text or a list of texts.
type oneOrMore []string

// UnmarshalJSON is of json.Unmarshaler.
func (o *oneOrMore) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*o = make(oneOrMore, 1)
		return json.Unmarshal(b, &(*o)[0])
	}
	return json.Unmarshal(b, (*[]string)(o))
}

// others says what keys of a map may be that are not named: none (false), or of a shape.
type others struct{ *shape }

// UnmarshalJSON is of json.Unmarshaler.
func (o *others) UnmarshalJSON(b []byte) error {
	if string(b) == "false" {
		return nil
	}
	return decodeSchema(b, &o.shape)
}

// decodeSchema reads a part of the schema, and refuses a keyword that [shape] does not have.
func decodeSchema(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// schemaShape is the schema, read at its first use.
var schemaShape = sync.OnceValue(func() *shape {
	root := &shape{}
	if err := decodeSchema(Schema(), root); err != nil {
		panic(err) // no input is in it
	}
	return root
})

// hold adds to t all that a part of the schema does not allow of a value, which stands where
// the parts of at say.
func (t *tree) hold(s *shape, v any, at []string) {
	pointer, name := "", "the profile"
	for _, part := range at {
		pointer += "/" + escape(part)
	}
	if len(at) > 0 {
		name = pathText(at)
	}
	if is := typeOf(v); len(s.Type) > 0 && !slices.Contains(s.Type, is) {
		if v == nil {
			t.at(pointer, "%s has no value", name)
			return
		}
		t.at(pointer, "%s must be %s, and is %s", name, kinds(s.Type), kinds([]string{is}))
		return
	}
	if s.Enum != nil && !slices.ContainsFunc(s.Enum, func(e any) bool { return e == v }) { // texts: nothing else is in a profile
		var allowed []string
		for _, e := range s.Enum {
			if word, ok := e.(string); ok {
				allowed = append(allowed, word)
			}
		}
		got := fmt.Sprint(v)
		t.at(pointer, "%s: %s is not one of: %s%s", name, got, strings.Join(allowed, ", "), nearest(got, allowed))
		return
	}
	if text, ok := v.(string); ok && s.Format != "" {
		if err := formats[s.Format](text); err != nil {
			t.at(pointer, "%s: %q: %v", name, text, err)
			return
		}
	}
	if s.Ref != "" {
		t.hold(schemaShape().Defs[strings.TrimPrefix(s.Ref, "#/$defs/")], v, at)
	}
	switch v := v.(type) {
	case string:
		t.holdText(s, v, pointer, name)
	case []any:
		t.holdList(s, v, pointer, name, at)
	case map[string]any:
		t.holdMap(s, v, pointer, name, at)
	}
}

// formats are the formats of texts.
var formats = map[string]func(string) error{
	"template":  func(s string) error { _, err := parseText(s); return err },
	"condition": func(s string) error { _, err := parseCondition(s); return err },
}

func (t *tree) holdText(s *shape, v, pointer, name string) {
	n := utf8.RuneCountInString(v)
	switch {
	case n < s.MinLength:
		t.at(pointer, "%s is empty", name)
	case s.MaxLength > 0 && n > s.MaxLength:
		t.at(pointer, "%s has %d characters, and may have %d", name, n, s.MaxLength)
	}
	if s.Pattern != nil && !s.Pattern.MatchString(v) {
		t.at(pointer, "%s: %q is not right%s", name, v, described(s))
	}
}

func (t *tree) holdList(s *shape, v []any, pointer, name string, at []string) {
	if len(v) < s.MinItems {
		t.at(pointer, "%s is empty", name)
	}
	seen := map[any]bool{}
	for i, item := range v {
		if text, ok := item.(string); ok && s.UniqueItems {
			if seen[text] {
				t.at(pointer+"/"+strconv.Itoa(i), "%s has %q twice", name, text)
			}
			seen[text] = true
		}
		if s.Items != nil {
			t.hold(s.Items, item, below(at, strconv.Itoa(i)))
		}
	}
}

func (t *tree) holdMap(s *shape, v map[string]any, pointer, name string, at []string) {
	if len(v) < s.MinProperties {
		t.at(pointer, "%s is empty", name)
	}
	var missing []string
	for _, key := range s.Required {
		if _, ok := v[key]; !ok {
			missing = append(missing, key)
		}
	}
	if len(missing) > 0 {
		t.at(pointer, "%s is missing %s", name, strings.Join(missing, " and "))
	}
	known := slices.Sorted(maps.Keys(s.Properties))
	unknown := false
	for _, key := range slices.Sorted(maps.Keys(v)) {
		where := t.places[pointer+"/"+escape(key)]
		if s.PropertyNames != nil && !s.PropertyNames.Pattern.MatchString(key) {
			t.fail(where.file, where.key, "%s: %q is not right%s", name, key, described(s.PropertyNames))
		}
		switch property := s.Properties[key]; {
		case property != nil:
			t.hold(property, v[key], below(at, key))
		case s.AdditionalProperties == nil:
		case s.AdditionalProperties.shape != nil:
			t.hold(s.AdditionalProperties.shape, v[key], below(at, key))
		default:
			unknown = true
			if hint := nearest(key, known); hint != "" {
				t.fail(where.file, where.key, "unknown key %q%s; known are %s", key, hint, strings.Join(known, ", "))
			} else {
				t.fail(where.file, where.key, "unknown key %q; known are %s", key, strings.Join(known, ", "))
			}
		}
	}
	// A step with a wrong word has no right one: the word is what is wrong.
	if s.OneOf != nil && !unknown {
		t.holdChoice(s, v, pointer, name)
	}
}

// holdChoice wants exactly one of the keys of which a step has one.
func (t *tree) holdChoice(s *shape, v map[string]any, pointer, name string) {
	var choices []string
	has := 0
	for _, one := range s.OneOf {
		key := one.Required[0]
		choices = append(choices, key)
		if _, ok := v[key]; ok {
			has++
		}
	}
	if has != 1 {
		t.at(pointer, "%s: a step has one of %s, and besides it name, when, timeout; it has %s", name, strings.Join(choices, ", "),
			t.keysAt(pointer))
	}
}

// below is the place of a key or an item in what stands at a place.
func below(at []string, part string) []string { return append(slices.Clip(at), part) }

// typeOf is what JSON Schema calls a value.
func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "string"
}

// pathText writes where a value is as people count: provision 1: wifi.ssid.
func pathText(parts []string) string {
	var b strings.Builder
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		switch {
		case err == nil && i > 0:
			fmt.Fprintf(&b, " %d", n+1)
			if i+1 < len(parts) {
				b.WriteString(":")
			}
		case i == 0:
			b.WriteString(part)
		case strings.HasSuffix(b.String(), ":"):
			b.WriteString(" " + part)
		default:
			b.WriteString("." + part)
		}
	}
	return b.String()
}

// kinds names the types of YAML.
func kinds(types []string) string {
	var words []string
	for _, k := range types {
		word := map[string]string{"object": "a mapping", "array": "a list"}[k]
		if word == "" {
			word = "a plain value"
		}
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, " or ")
}

// keysAt are the keys of the map at a pointer.
func (t *tree) keysAt(pointer string) string {
	var words []string
	if n := t.places[pointer].value; n != nil {
		for i := 0; i+1 < len(n.Content); i += 2 {
			words = append(words, n.Content[i].Value)
		}
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// described says what a pattern is for, if the schema does.
func described(s *shape) string {
	if s.Description != "" {
		return ": " + s.Description
	}
	return fmt.Sprintf(" (it must match %s)", s.Pattern)
}
