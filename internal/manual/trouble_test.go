// The tables of troubleshooting: what doctor finds, what bootloaders say, and every error and
// failure with its hint, as they stand in the code.

package manual

import (
	"go/ast"
	"slices"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/explain"
)

// classAdvice is what zarya explain says of each class, under a heading to link to.
func classAdvice(*testing.T) string {
	var out strings.Builder
	for _, c := range flash.Classes() {
		e, _ := explain.Class(string(c))
		out.WriteString("### " + string(c) + "\n\n" + e.Happened + "\n\n")
		if e.Tablet != "" {
			out.WriteString("On the tablet now: " + e.Tablet + "\n\n")
		}
		for _, next := range e.Next {
			out.WriteString("- " + next + "\n")
		}
		out.WriteString("\n")
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// failTable is what bootloaders say when they refuse.
func failTable(t *testing.T) string {
	var rows []string
	for _, f := range fastboot.FailTexts() {
		command := f.At
		if command == "" {
			command = "flash:"
		}
		failure := flash.Classify(&fastboot.RemoteError{Command: command + "system", Message: f.Text})
		if failure.Hint == "" {
			t.Errorf("%q has no hint", f.Text)
		}
		said := code(f.Text)
		if f.At != "" {
			said += " to " + code(strings.TrimSuffix(f.At, ":"))
		}
		rows = append(rows, row(said, "["+string(failure.Class)+"](#"+string(failure.Class)+")", failure.Hint))
	}
	slices.Sort(rows)
	return table([]string{"the bootloader says", "class", "what to do"}, slices.Compact(rows)...)
}

// findingTable is what zarya doctor finds wrong.
func findingTable(t *testing.T) string {
	var rows []string
	eachLiteral(t, []string{"internal/doctor"}, "Finding", func(p *pack, keys map[string]ast.Expr) {
		level, ok := keys["Level"].(*ast.Ident)
		says, known := p.text(keys["Says"])
		if !ok || level.Name == "OK" || !known {
			return
		}
		about, _ := p.text(keys["About"])
		if about == gap {
			about = "a port"
		}
		name := strings.ToLower(level.Name)
		if name == "level" { // it depends
			name = "error or warning"
		}
		rows = append(rows, row(name, about, plain(says), hint(p, keys["Remedy"])))
	})
	slices.Sort(rows)
	return table([]string{"level", "about", "`doctor` says", "what to do"}, slices.Compact(rows)...)
}

// hintTable is every failure of a tablet that the program makes itself.
func hintTable(t *testing.T) string {
	by := map[string][]string{}
	add := func(p *pack, class, message, advice ast.Expr) {
		name, ok := className(class)
		text, known := p.text(message)
		if said := hint(p, advice); ok && known && strings.Trim(plain(text), gap+": ") != "" && said != "" {
			by[name] = append(by[name], row("["+name+"](troubleshooting.md#"+name+")", plain(text), said))
		}
	}
	folders := program(t).folders()
	eachCall(t, folders, "failf", func(p *pack, args []ast.Expr) {
		if len(args) >= 3 {
			add(p, args[0], args[2], args[1])
		}
	})
	eachLiteral(t, folders, "Failure", func(p *pack, keys map[string]ast.Expr) { add(p, keys["Class"], keys["Message"], keys["Hint"]) })
	var rows []string
	for _, c := range flash.Classes() {
		slices.Sort(by[string(c)])
		rows = append(rows, slices.Compact(by[string(c)])...)
	}
	return table([]string{"class", "the result says", "what to do"}, rows...)
}

// problemTable is every error that ends a command.
func problemTable(t *testing.T) string {
	exits := map[string]string{"Usage": "2", "Invalid": "3", "NoDevice": "4", "InUse": "5", "Station": "6", "Identity": "7",
		"NotDurable": "8", "Failed": "1", "Bench": "9", "Internal": "70"}
	var rows []string
	eachCall(t, program(t).folders(), "problem.New", func(p *pack, args []ast.Expr) {
		kind, ok := args[0].(*ast.SelectorExpr)
		if !ok || len(args) < 3 {
			return
		}
		says, known := p.text(args[2])
		do := hint(p, args[1])
		if do == "" || !known || strings.Trim(plain(says), gap+": ") == "" {
			return
		}
		rows = append(rows, row(plain(says), do, exits[kind.Sel.Name]))
	})
	slices.Sort(rows)
	return table([]string{"zarya says", "what to do", "exit"}, slices.Compact(rows)...)
}

// hint is what a person is told to do; "" is not known here.
func hint(p *pack, e ast.Expr) string {
	if e == nil {
		return ""
	}
	text, ok := p.text(e)
	if !ok {
		return ""
	}
	return plain(text)
}

// className is the class that an expression names.
func className(e ast.Expr) (string, bool) {
	var name string
	switch e := e.(type) {
	case *ast.Ident:
		name = e.Name
	case *ast.SelectorExpr:
		name = e.Sel.Name
	}
	c := flash.Class(strings.ToLower(strings.TrimPrefix(name, "Class")))
	return string(c), slices.Contains(flash.Classes(), c)
}

// plain is a format without its verbs, as text of a page.
func plain(s string) string {
	s = verb.ReplaceAllString(s, gap)
	for strings.Contains(s, gap+gap) {
		s = strings.ReplaceAll(s, gap+gap, gap)
	}
	return strings.NewReplacer("%%", "%", "<", "&lt;", "*", `\*`, "_", `\_`, "[", `\[`).Replace(s)
}
