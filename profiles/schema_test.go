// A library that knows all of JSON Schema is asked about every value, too: what this package
// allows is what the schema says, also in an editor.

package profiles

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// oracle is the schema in the library.
func oracle(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for name, check := range formats {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			if s, ok := v.(string); ok {
				return check(s)
			}
			return nil
		}})
	}
	if err := c.AddResource("zarya-profile-1", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("zarya-profile-1")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func sameAsOracle(t *testing.T, library *jsonschema.Schema, root any) (valid bool) {
	t.Helper()
	tree := &tree{}
	tree.hold(schemaShape(), root, nil)
	err := library.Validate(root)
	if (err == nil) != (len(tree.errs) == 0) {
		text, _ := json.MarshalIndent(root, "", " ")
		t.Fatalf("the library says %v\nand this package %v of\n%s", err, tree.errs, text)
	}
	return err == nil
}

// someTexts have one for each pattern of the schema, and some for none.
var someTexts = []string{
	"1", "x", "", "true", "bundle", "all", "disabled", "AGS3-L09", "12m", "90s", "42", "100", "101", zeros,
	"SHA256:" + zeros[:43], "/etc/x", "/", "https://a.example/b", "wifi", "a.service", "a b", "{{ vars.x }}", "{{ x",
	"tablet.model == 'A'", "==", "0644", "os-release.ID", "battery", ">=5.1", "A_B", "ru_RU.UTF-8", "Europe/Moscow",
	"host-1", "C-0001", "10.0.0.1", "\x00", strings.Repeat("я", 200), strings.Repeat("я", 201),
	strings.Repeat("x", 401), "ssh-ed25519 AAAA x", "com.example.app", "/a/b", "org.x.Y", "12345678", "1.2.3",
}

// generator makes values that a shape mostly allows.
type generator struct{ *rand.Rand }

func (g generator) text(s *shape) string {
	if s.Pattern == nil || g.IntN(40) == 0 {
		return someTexts[g.IntN(len(someTexts))]
	}
	fits := slices.DeleteFunc(slices.Clone(someTexts), func(text string) bool { return !s.Pattern.MatchString(text) })
	if len(fits) == 0 {
		return "none"
	}
	return fits[g.IntN(len(fits))]
}

func (g generator) value(s *shape, depth int) any {
	for s.Ref != "" {
		s = schemaShape().Defs[strings.TrimPrefix(s.Ref, "#/$defs/")]
	}
	if g.IntN(60) == 0 {
		return []any{nil, "", "x", []any{}, map[string]any{}, []any{"x", "x"}, map[string]any{"x": "y"}}[g.IntN(7)]
	}
	if s.Enum != nil {
		return fmt.Sprint(s.Enum[g.IntN(len(s.Enum))])
	}
	kind := "string"
	if len(s.Type) > 0 {
		kind = s.Type[g.IntN(len(s.Type))]
	}
	switch kind {
	case "array":
		list := []any{}
		for range g.IntN(3) + s.MinItems {
			var item any = g.text(s)
			if s.Items != nil {
				item = g.value(s.Items, depth+1)
			}
			list = append(list, item)
		}
		return list
	case "object":
		return g.object(s, depth)
	}
	return g.text(s)
}

func (g generator) object(s *shape, depth int) map[string]any {
	m := map[string]any{}
	var one string
	if s.OneOf != nil {
		one = s.OneOf[g.IntN(len(s.OneOf))].Required[0]
	}
	choice := func(key string) bool {
		return slices.ContainsFunc(s.OneOf, func(o *shape) bool { return o.Required[0] == key })
	}
	for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[key]
		usual := key == one || slices.Contains(s.Required, key) || !choice(key) && g.IntN(4) == 0
		if usual != (g.IntN(150) == 0) {
			m[key] = g.value(p, depth+1)
		}
	}
	if o := s.AdditionalProperties; o != nil && o.shape != nil {
		for range g.IntN(3) + s.MinProperties {
			key := "x"
			if s.PropertyNames != nil {
				key = g.text(s.PropertyNames)
			}
			m[key] = g.value(o.shape, depth+1)
		}
	}
	if g.IntN(100) == 0 {
		m["surely-not"] = "x"
	}
	return m
}

func TestTheSchemaIsWhatALibrarySays(t *testing.T) {
	library := oracle(t)
	g := generator{rand.New(rand.NewPCG(1, 2))} // the same values at each run
	counts := map[bool]int{}
	for range 500 {
		counts[sameAsOracle(t, library, g.object(schemaShape(), 0))]++
		// A step or a section alone is valid more often than a whole profile.
		for _, name := range []string{"flash", "provision", "checks", "finish", "tablet", "ssh", "vars", "hooks", "identity"} {
			root := map[string]any{"zarya": "1", "name": "x", "tablet": map[string]any{"models": "bundle"}}
			root[name] = g.value(schemaShape().Properties[name], 1)
			counts[sameAsOracle(t, library, root)]++
		}
	}
	t.Logf("%d valid, %d not", counts[true], counts[false])
	if counts[true] < 1000 || counts[false] < 1000 {
		t.Errorf("%d values are valid and %d are not: that is no test of both", counts[true], counts[false])
	}
}

// FuzzSchema asks the library about text.
func FuzzSchema(f *testing.F) {
	f.Add([]byte(whole))
	for _, name := range Builtins() {
		text, _ := Builtin(name)
		f.Add(text)
	}
	library := oracle(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		var n yaml.Node
		if yaml.Unmarshal(text, &n) != nil {
			return
		}
		if tree := readYAML("p.yaml", text); len(tree.errs) == 0 {
			sameAsOracle(t, library, tree.root)
		}
	})
}
