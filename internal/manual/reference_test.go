// The tables for scripts: events, exit codes, classes, settings.

package manual

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/explain"
	"github.com/zarya-station/zarya/internal/settings"
)

// keysOf is the table of the keys of a form of internal/ui; what they mean is said there, or
// beside the same fields of the engine's event.
func keysOf(t *testing.T, form, event string) string {
	t.Helper()
	all := program(t)
	spec, _ := all["internal/ui"].find(form)
	if spec == nil {
		t.Fatalf("internal/ui has no %s", form)
	}
	about := map[string]string{}
	if event != "" && event != form {
		said, _ := all["flash"].find(event)
		if said == nil {
			t.Fatalf("flash has no %s", event)
		}
		for _, f := range all["flash"].fields(t, said) {
			about[f.name] = f.about
		}
	}
	var rows []string
	for _, f := range all["internal/ui"].fields(t, spec) {
		if f.key == "-" || f.key == "" {
			continue
		}
		text := f.about
		if text == "" {
			text = about[f.name]
		}
		if text == "" {
			t.Errorf("nothing says what the key %s of %s is: write it beside its field", f.key, form)
		}
		rows = append(rows, row(code(f.key), f.kind, text))
	}
	return table([]string{"key", "type", "meaning"}, rows...)
}

// eventTables are all events, in the order of flash/event.go, and the summary.
func eventTables(t *testing.T) string {
	all := program(t)
	var out strings.Builder
	types := []string{"StateConnecting", "`connecting`", "StateDone", "`done`"}
	for _, name := range methodsNamed(all["flash"], "EventType") {
		if strings.ContainsAny(name[1:], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			types = append(types, name, code(eventType(t, "flash", name)))
		}
	}
	events := strings.NewReplacer(types...)
	add := func(pack, name, form string) {
		_, doc := all[pack].find(name)
		event := name
		if pack == "internal/ui" {
			event = ""
		}
		doc = strings.TrimPrefix(strings.TrimPrefix(doc, name+" "), "is ")
		fmt.Fprintf(&out, "### %s\n\n%s\n\n%s\n", eventType(t, pack, name), sentence(events.Replace(doc)), keysOf(t, form, event))
	}
	for _, name := range methodsNamed(all["flash"], "EventType") {
		add("flash", name, strings.ToLower(name[:1])+name[1:]+"Form")
	}
	add("internal/ui", "Summary", "Summary")
	fmt.Fprintf(&out, "#### `error` of a summary\n\n%s\n", keysOf(t, "SummaryError", ""))
	for _, of := range []struct{ name, title string }{{"ImageInfo", "`images`"}, {"Measurement", "`measurements`"}} {
		spec, _ := all["flash"].find(of.name)
		var rows []string
		for _, f := range all["flash"].fields(t, spec) {
			if f.about == "" {
				t.Errorf("nothing says what %s of %s is: write it beside its field", f.key, of.name)
			}
			rows = append(rows, row(code(f.key), f.kind, f.about))
		}
		fmt.Fprintf(&out, "#### %s\n\n%s\n", of.title, table([]string{"key", "type", "meaning"}, rows...))
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// eventType is what an event calls itself.
func eventType(t *testing.T, pack, name string) string {
	t.Helper()
	text, ok := program(t)[pack].returns(name, "EventType")
	if !ok {
		t.Fatalf("%s.%s has no type", pack, name)
	}
	return text
}

// valuesOf are the values of types, each with what stands beside it.
func valuesOf(t *testing.T, pack string, types ...string) string {
	var out []string
	for _, name := range types {
		var rows []string
		for _, v := range program(t)[pack].values(name) {
			if v.about == "" {
				t.Errorf("nothing says what %s is: write it beside it", v.name)
			}
			rows = append(rows, row(code(v.text), v.about))
		}
		head := "value"
		switch name {
		case "State":
			head = "state"
		case "JobResult":
			head = "result of a job"
		case "StepResult":
			head = "result of a step"
		}
		out = append(out, table([]string{head, "meaning"}, rows...))
	}
	return strings.Join(out, "\n")
}

// exitTable are the exit codes, as zarya explain has them.
func exitTable(t *testing.T) string {
	var rows []string
	known := map[string]bool{}
	for n := range 256 {
		if e, ok := explain.Code(strconv.Itoa(n)); ok {
			known[strconv.Itoa(n)] = true
			rows = append(rows, row(strconv.Itoa(n), e.Happened, strings.Join(e.Next, " ")))
		}
	}
	for _, c := range program(t)["cmd/zarya"].numbers("exit") {
		if !known[c.text] {
			t.Errorf("zarya explain %s does not say what %s is", c.text, c.name)
		}
	}
	return table([]string{"code", "meaning", "what to do"}, rows...)
}

// classTable are the classes, for scripts.
func classTable(t *testing.T) string {
	var rows []string
	for _, c := range flash.Classes() {
		e, ok := explain.Class(string(c))
		if !ok {
			t.Errorf("zarya explain %s says nothing", c)
		}
		exit := "1"
		switch {
		case c == flash.ClassBug:
			exit = "70"
		case c == flash.ClassOperator:
			exit = "9; 130 after ^C"
		case c == flash.ClassStation:
			exit = "9; 8 if it is the ledger"
		case c == flash.ClassIdentity:
			exit = "1; 7 if a pool is empty"
		case c.Bench():
			exit = "9"
		}
		rows = append(rows, row(code(string(c)), e.Happened, exit))
	}
	return table([]string{"class", "cause", "exit code"}, rows...)
}

// settingTable are the settings of all verbs.
func settingTable(*testing.T) string {
	var rows []string
	for _, s := range settings.All {
		rows = append(rows, row(code(s.Key), code("ZARYA_"+strings.ToUpper(strings.ReplaceAll(s.Key, "-", "_"))), s.About))
	}
	return table([]string{"setting", "in the environment", "meaning"}, rows...)
}

// stationTable are those of a station's own file.
func stationTable(*testing.T) string {
	var rows []string
	for _, s := range settings.Own {
		rows = append(rows, row(code(s.Key), s.About))
	}
	return table([]string{"setting", "meaning"}, rows...)
}
