// The reference is held to the schema: every word of the language is explained, and
// its example is valid.

package profiles

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestReference(t *testing.T) {
	page, err := os.ReadFile("../docs/profile.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, rest, ok := strings.Cut(example, "```")
	if !ok {
		t.Fatal("there is no example")
	}
	t.Setenv("TABLET_PASSWORD", "x")
	t.Setenv("TABLET_ROOT", "x")
	if _, err := Parse("docs/profile.md", []byte(example), Settings{}); err != nil {
		t.Error(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	var words func(v any)
	words = func(v any) {
		m, _ := v.(map[string]any)
		properties, _ := m["properties"].(map[string]any)
		for key := range properties {
			if !strings.Contains(rest, "`"+key+"`") && !strings.Contains(rest, "`"+key+":") && !strings.Contains(rest, "{"+key+":") && !strings.Contains(rest, "## "+key) &&
				key != "zarya" && key != "name" && key != "checks" && key != "provision" && key != "vars" {
				t.Errorf("docs/profile.md does not explain %s", key)
			}
		}
		for _, below := range m {
			words(below)
		}
	}
	words(schema)
}
