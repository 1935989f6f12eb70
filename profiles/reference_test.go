// The reference is made of the schema (go test ./profiles -run TestReference -update), and
// the guide's example is held to the language.

package profiles

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/profile-reference.md")

const referencePage = "../docs/profile-reference.md"

// member is one member of an object of the schema, in the order of the file.
type member struct {
	name  string
	value json.RawMessage
}

// members reads an object in its order.
func members(t *testing.T, raw json.RawMessage) (all []member) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		var m member
		m.name = key.(string)
		if err := d.Decode(&m.value); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

type schemaNode struct {
	Ref         string          `json:"$ref"`
	Description string          `json:"description"`
	Properties  json.RawMessage `json:"properties"`
	Items       *schemaNode     `json:"items"`
	Additional  json.RawMessage `json:"additionalProperties"`
	Required    []string        `json:"required"`
	Enum        []any           `json:"enum"`
	Format      string          `json:"format"`
}

// resolve follows a reference; what stands beside it comes first.
func (n schemaNode) resolve(t *testing.T) schemaNode {
	t.Helper()
	name, ok := strings.CutPrefix(n.Ref, "#/$defs/")
	if !ok {
		return n
	}
	var doc struct {
		Defs map[string]schemaNode `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &doc); err != nil {
		t.Fatal(err)
	}
	at := doc.Defs[name]
	if n.Description != "" {
		at.Description = n.Description
	}
	return at
}

// below are the objects in a node, and how the path to them goes on.
func (n schemaNode) below(t *testing.T) (schemaNode, string) {
	t.Helper()
	switch {
	case n.Properties != nil:
		return n, ""
	case n.Items != nil:
		in, path := n.Items.resolve(t).below(t)
		return in, "[]" + path
	}
	var more schemaNode
	if json.Unmarshal(n.Additional, &more) == nil && (more.Properties != nil || more.Ref != "") {
		in, path := more.resolve(t).below(t)
		return in, ".NAME" + path
	}
	return schemaNode{}, ""
}

func reference(t *testing.T) string {
	var out strings.Builder
	out.WriteString("# Profile reference\n\nFor authors of profiles: every key, from the schema that `zarya profile schema` prints.\n" +
		"[Profiles](profile.md) is the guide. `[]` is a list, `NAME` a word of your own; **bold** keys are required.\n")
	var root schemaNode
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	var table func(path string, n schemaNode)
	table = func(path string, n schemaNode) {
		fmt.Fprintf(&out, "\n| key of `%s` | meaning |\n|---|---|\n", path)
		var further []func()
		for _, m := range members(t, n.Properties) {
			var v schemaNode
			if err := json.Unmarshal(m.value, &v); err != nil {
				t.Fatal(err)
			}
			v = v.resolve(t)
			name := "`" + m.name + "`"
			if slices.Contains(n.Required, m.name) {
				name = "**" + name + "**"
			}
			text := v.Description
			if text == "" {
				t.Errorf("%s.%s has no description", path, m.name)
			}
			fmt.Fprintf(&out, "| %s | %s |\n", name, strings.ReplaceAll(text, "|", `\|`))
			if in, on := v.below(t); in.Properties != nil {
				further = append(further, func() { table(path+"."+m.name+on, in) })
			}
		}
		for _, f := range further {
			f()
		}
	}
	for _, m := range members(t, root.Properties) {
		var v schemaNode
		if err := json.Unmarshal(m.value, &v); err != nil {
			t.Fatal(err)
		}
		v = v.resolve(t)
		fmt.Fprintf(&out, "\n## %s\n\n%s.\n", m.name, strings.ToUpper(v.Description[:1])+v.Description[1:])
		if in, on := v.below(t); in.Properties != nil {
			table(m.name+on, in)
		}
	}
	return out.String()
}

func TestReference(t *testing.T) {
	want := reference(t)
	if *update {
		if err := os.WriteFile(referencePage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referencePage)
	if err != nil || string(got) != want {
		t.Errorf("docs/profile-reference.md is not what the schema says; run go test ./profiles -run TestReference -update (%v)", err)
	}
}

// anyFiles has whatever a profile names.
type anyFiles struct{}

func (anyFiles) Open(name string) (io.ReadCloser, int64, error) {
	text := "x\n"
	switch {
	case strings.HasSuffix(name, ".pem"):
		text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
	case strings.HasSuffix(name, ".rpm"):
		text = "\xed\xab\xee\xdb"
	case strings.HasSuffix(name, "base-kiosk"), strings.HasSuffix(name, "base-kiosk.yaml"):
		text = "zarya: 1\nname: base-kiosk\ntablet: {models: [AGS2-L09]}\n"
	}
	return io.NopCloser(strings.NewReader(text)), int64(len(text)), nil
}

// TestGuide reads the example of the guide.
func TestGuide(t *testing.T) {
	page, err := os.ReadFile("../docs/profile.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, _, ok := strings.Cut(example, "```")
	if !ok {
		t.Fatal("there is no example")
	}
	p, err := Parse("census.yaml", []byte(example), Settings{Files: anyFiles{}})
	if err != nil {
		t.Fatal(err)
	}
	// It uses every section of the language but those for unsigned work and access.
	v := reflect.ValueOf(*p)
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if name != "" && name != "images" && name != "access" && v.Field(i).IsZero() {
			t.Errorf("the example has no %s", name)
		}
	}
}

// TestSchemaTypes holds the Go types to the schema: every key has a place, and every place
// a key.
func TestSchemaTypes(t *testing.T) {
	var root schemaNode
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	var compare func(path string, n schemaNode, typ reflect.Type)
	compare = func(path string, n schemaNode, typ reflect.Type) {
		if typ.Kind() == reflect.Map && typ.Elem() == reflect.TypeFor[Hook]() { // by moment
			for _, m := range members(t, n.Properties) {
				var v schemaNode
				if err := json.Unmarshal(m.value, &v); err != nil {
					t.Fatal(err)
				}
				compare(path+"/"+m.name, v.resolve(t), typ.Elem())
			}
			return
		}
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[Text]() || typ == reflect.TypeFor[Secret]() ||
			typ == reflect.TypeFor[Condition]() {
			return
		}
		fields := map[string]reflect.Type{}
		for _, f := range reflect.VisibleFields(typ) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !f.Anonymous && f.IsExported() && name != "-" {
				fields[name] = f.Type
			}
		}
		for _, m := range members(t, n.Properties) {
			ft, ok := fields[m.name]
			if !ok {
				if path != "" || m.name != "zarya" && m.name != "extends" {
					t.Errorf("%s/%s has no place in %v", path, m.name, typ)
				}
				continue
			}
			delete(fields, m.name)
			var v schemaNode
			if err := json.Unmarshal(m.value, &v); err != nil {
				t.Fatal(err)
			}
			if in, _ := v.resolve(t).below(t); in.Properties != nil {
				compare(path+"/"+m.name, in, ft)
			}
		}
		for name := range fields {
			t.Errorf("%s/%s of %v is not in the schema", path, name, typ)
		}
	}
	compare("", root, reflect.TypeFor[Profile]())
}
