// This file holds templates and conditions to the names there are, and to when they are
// known.

package profiles

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// place of use: how late a value may be known there, and whether it may be a secret.
type use struct {
	latest Phase
	plain  string // why no secret may stand there; "": it may
}

const (
	onCommandLine = "would stand on a command line, where everybody on the system can read it; put it in a file"
	inTheOpen     = "would be shown"
)

// uses are by the beginnings of pointers; the longest one counts.
var uses = []struct {
	path string // * is any index or key
	use  use
}{
	{"/ssh", use{AtStart, ""}},
	{"/flash", use{AtConnect, inTheOpen}},
	{"/provision", use{WhenBooted, ""}},
	{"/provision/*/hostname", use{WhenBooted, inTheOpen}},
	{"/provision/*/timezone", use{WhenBooted, inTheOpen}},
	{"/provision/*/locale", use{WhenBooted, inTheOpen}},
	{"/provision/*/wifi/ssid", use{WhenBooted, inTheOpen}},
	{"/provision/*/exec", use{WhenBooted, onCommandLine}},
	{"/provision/*/dconf", use{WhenBooted, onCommandLine}},
	{"/provision/*/dbus", use{WhenBooted, onCommandLine}},
	{"/checks", use{WhenBooted, inTheOpen}},
	{"/hooks", use{AtConnect, onCommandLine}},
}

func useAt(pointer string) use {
	var best use
	depth := 0
	have := strings.Split(pointer, "/")
	for _, u := range uses {
		want := strings.Split(u.path, "/")
		if len(want) <= len(have) && len(want) > depth &&
			slices.EqualFunc(want, have[:len(want)], func(w, h string) bool { return w == "*" || w == h }) {
			best, depth = u.use, len(want)
		}
	}
	return best
}

// checkTexts holds every template and condition to the names there are, and to when
// they are known.
func (p *Profile) checkTexts() {
	visit(reflect.ValueOf(*p), "", p.checkText)
}

func (p *Profile) checkText(pointer string, v any) {
	if strings.HasPrefix(pointer, "/vars") {
		return
	}
	u := useAt(pointer)
	var k known
	var err error
	what := ""
	switch v := v.(type) {
	case Text:
		what = v.String()
		k, err = p.known(v)
	case Condition:
		what = v.String()
		k.phase, err = p.checkCondition(&v)
	}
	switch {
	case err != nil:
		p.tree.at(pointer, "%s: %v", what, err)
	case k.phase > u.latest:
		p.tree.at(pointer, "%s: it is known only %s; here it is needed %s", what, k.phase, u.latest)
	case k.secret && u.plain != "":
		p.tree.at(pointer, "%s: a secret %s", what, u.plain)
	}
}

// visit calls do with every Text and Condition in v, and its JSON pointer.
func visit(v reflect.Value, pointer string, do func(string, any)) {
	if !v.IsValid() {
		return
	}
	switch x := v.Interface().(type) {
	case Text, Condition:
		do(pointer, x)
		return
	case Secret:
		do(pointer, x.text)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			visit(v.Elem(), pointer, do)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous:
				visit(v.Field(i), pointer, do)
			case f.IsExported() && name != "-":
				visit(v.Field(i), pointer+"/"+escape(name), do)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			visit(v.Index(i), fmt.Sprintf("%s/%d", pointer, i), do)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			visit(v.MapIndex(k), pointer+"/"+escape(k.String()), do)
		}
	default:
	}
}
