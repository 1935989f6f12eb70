// This file has the profiles that come with the program, and hooks that stand alone.

package profiles

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"strings"
)

//go:embed builtin/*.yaml
var builtin embed.FS

// Builtin is the text of a profile that comes with the program.
func Builtin(name string) ([]byte, bool) {
	text, err := builtin.ReadFile("builtin/" + name + ".yaml")
	return text, err == nil
}

// Builtins are their names.
func Builtins() (names []string) {
	files, _ := fs.ReadDir(builtin, "builtin") // it is there
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	return names
}

// ParseHooks reads a file that is the hooks section of a profile and nothing else.
func ParseHooks(file string, text []byte) (map[string]Hook, error) {
	t := readYAML(file, text)
	if len(t.errs) == 0 {
		t.hold(schemaShape().Properties["hooks"], t.root, nil)
	}
	p := &Profile{tree: t}
	if len(t.errs) == 0 {
		b, err := json.Marshal(t.root)
		if err == nil {
			err = json.Unmarshal(b, &p.Hooks)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		p.complete()
		places := maps.Clone(t.places)
		for at, where := range places { // the checks look under /hooks
			t.places["/hooks"+at] = where
		}
		p.checkHooks()
		visit(reflect.ValueOf(p.Hooks), "/hooks", p.checkText)
	}
	if len(t.errs) > 0 {
		return nil, t.joined()
	}
	return p.Hooks, nil
}
