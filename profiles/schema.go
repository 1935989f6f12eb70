// This file holds a profile to the schema, and says what is wrong in a person's
// words.

package profiles

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// schemaBase is the schema without the steps under provision.
//
//go:embed schema.json
var schemaBase string

// Schema returns the JSON Schema of the language, for editors and for this package.
var Schema = sync.OnceValue(func() []byte {
	var required, properties []string
	for _, s := range provisionSchemas {
		required = append(required, fmt.Sprintf(`{"required": [%q]}`, s.key))
		text := strings.NewReplacer("«", "`", "»", "`", "\n", "\n          ").Replace(s.schema)
		properties = append(properties, fmt.Sprintf("%q: %s", s.key, text))
	}
	return []byte(strings.NewReplacer(`{"required": ["provision-step"]}`, strings.Join(required, ", "),
		`"provision-step": {}`, strings.Join(properties, ",\n          ")).Replace(schemaBase))
})

const schemaID = "zarya-profile-1"

// compiled is the schema, made ready at its first use: that takes milliseconds.
var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) { return compile("") })

// compile makes a part of the schema ready.
func compile(part string) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.RegisterFormat(&jsonschema.Format{Name: "template", Validate: ofText(func(s string) error { _, err := parseText(s); return err })})
	c.RegisterFormat(&jsonschema.Format{Name: "condition", Validate: ofText(func(s string) error { _, err := parseCondition(s); return err })})
	if err := c.AddResource(schemaID, doc); err != nil {
		return nil, err
	}
	return c.Compile(schemaID + part)
}

// ofText is a format of texts; other values have none.
func ofText(check func(string) error) func(any) error {
	return func(v any) error {
		if s, ok := v.(string); ok {
			return check(s)
		}
		return nil
	}
}

// validate adds to t all that the schema does not allow.
func (t *tree) validate() {
	schema, err := compiled()
	t.hold(schema, err)
}

// validateAs is validate for a part of the schema.
func (t *tree) validateAs(part string) {
	schema, err := compile(part)
	t.hold(schema, err)
}

func (t *tree) hold(schema *jsonschema.Schema, err error) {
	if err != nil {
		t.fail(t.file, nil, "internal error: %v", err)
		return
	}
	var invalid *jsonschema.ValidationError
	switch err := schema.Validate(t.root).(type) { //nolint:errorlint // Validate returns nothing else
	case nil:
		return
	case *jsonschema.ValidationError:
		invalid = err
	default:
		t.fail(t.file, nil, "%v", err)
		return
	}
	t.leaves(invalid)
}

// leaves reports the errors that have no errors below them.
func (t *tree) leaves(e *jsonschema.ValidationError) {
	_, choice := e.ErrorKind.(*kind.OneOf)
	if len(e.Causes) > 0 && !choice {
		// A step with a wrong word has no right one: the word is what is wrong.
		word := slices.ContainsFunc(e.Causes, func(c *jsonschema.ValidationError) bool {
			_, is := c.ErrorKind.(*kind.AdditionalProperties)
			return is
		})
		for _, c := range e.Causes {
			if _, choice := c.ErrorKind.(*kind.OneOf); !choice || !word {
				t.leaves(c)
			}
		}
		return
	}
	pointer := ""
	for _, part := range e.InstanceLocation {
		pointer += "/" + escape(part)
	}
	name := "the profile"
	if len(e.InstanceLocation) > 0 {
		name = pathText(e.InstanceLocation)
	}
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		known := knownKeys(e.SchemaURL)
		for _, key := range k.Properties {
			where := t.places[pointer+"/"+escape(key)]
			t.fail(where.file, where.key, "unknown key %q%s; known are %s", key, nearest(key, known), strings.Join(known, ", "))
		}
	case *kind.OneOf:
		t.at(pointer, "%s: a step has one of %s, and besides it name, when, timeout; it has %s", name, strings.Join(choices(e.SchemaURL), ", "),
			t.keysAt(pointer))
	case *kind.Format:
		t.at(pointer, "%s: %q: %v", name, k.Got, k.Err)
	case *kind.Required:
		t.at(pointer, "%s needs %s", name, strings.Join(k.Missing, " and "))
	case *kind.Type:
		if k.Got == "null" {
			t.at(pointer, "%s has no value", name)
			return
		}
		t.at(pointer, "%s must be %s, and is %s", name, kinds(k.Want), kinds([]string{k.Got}))
	case *kind.Enum:
		var words []string
		for _, w := range k.Want {
			if s, ok := w.(string); ok {
				words = append(words, s)
			}
		}
		got := fmt.Sprint(k.Got)
		t.at(pointer, "%s: %s is not one of: %s%s", name, got, strings.Join(words, ", "), nearest(got, words))
	case *kind.Pattern:
		t.at(pointer, "%s: %q is not %s", name, k.Got, described(e.SchemaURL, k.Want))
	case *kind.MinItems, *kind.MinLength, *kind.MinProperties:
		t.at(pointer, "%s is empty", name)
	default:
		t.at(pointer, "%s: %v", name, e.ErrorKind)
	}
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

// part finds what a schema's URL points to.
func part(url string) map[string]any {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		return nil
	}
	_, pointer, _ := strings.Cut(url, "#")
	for _, key := range strings.Split(strings.Trim(pointer, "/"), "/") {
		if m, ok := doc.(map[string]any); ok && key != "" {
			doc = m[strings.NewReplacer("~1", "/", "~0", "~", "%24", "$").Replace(key)]
		}
	}
	m, _ := doc.(map[string]any)
	return m
}

func knownKeys(url string) []string {
	properties, _ := part(url)["properties"].(map[string]any)
	return slices.Sorted(maps.Keys(properties))
}

// choices are the keys of which a step has one.
func choices(url string) (words []string) {
	one, _ := part(strings.TrimSuffix(url, "/oneOf"))["oneOf"].([]any)
	for _, c := range one {
		required, _ := c.(map[string]any)["required"].([]any)
		for _, r := range required {
			words = append(words, fmt.Sprint(r))
		}
	}
	return words
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
func described(url string, pattern string) string {
	if d, ok := part(url)["description"].(string); ok {
		return "right: " + d
	}
	return fmt.Sprintf("right (it must match %s)", pattern)
}
