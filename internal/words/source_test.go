package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source is what the program's own files say: every text in them, and which of those a person
// reads who must have them in his language.
type source struct {
	texts  map[string]bool   // as formats; verbs are all %v
	spoken map[string]string // format → where it is said
}

// whole are the packages whose sentences are all for a person. In the others those are that
// stand where hints and errors are made.
var whole = []string{"internal/doctor", "internal/explain"}

// erring are the packages whose errors a technician sees, hinting those of which he sees the
// hints only.
var (
	erring  = []string{"flash"}
	hinting = []string{"internal/ui", "internal/show"}
)

// outside are folders whose words are no technician's: tests' helpers, and tablets made of
// software.
var outside = []string{"internal/virtual", "flash/fastboot/fastboottest", "internal/hosttest", "internal/fleet/fleettest", "bench"}

// hintNames are the names of what is a hint, wherever it is set.
var hintNames = regexp.MustCompile(`^([Hh]int|[Rr]emedy|Hint[A-Z].*|hint[A-Z].*|Says|Fix|Happened|Short)$`)

// readSource reads all files of the program.
func readSource(t *testing.T) *source {
	t.Helper()
	s := &source{texts: map[string]bool{}, spoken: map[string]string{}}
	root := filepath.Join("..", "..")
	files := token.NewFileSet()
	for _, top := range []string{"cmd", "internal", "flash", "profiles", "usb"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			folder, _ := filepath.Rel(root, filepath.Dir(path))
			folder = filepath.ToSlash(folder)
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") ||
				slices.ContainsFunc(outside, func(o string) bool { return folder == o || strings.HasPrefix(folder, o+"/") }) {
				return err
			}
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			r := reader{source: s, files: files, folder: folder, whole: slices.Contains(whole, folder), errs: slices.Contains(erring, folder)}
			r.hints = r.whole || r.errs || slices.Contains(hinting, folder)
			ast.Inspect(file, r.visit)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(s.texts) < 1000 {
		t.Fatalf("only %d texts were found", len(s.texts))
	}
	return s
}

// reader reads the files of one folder.
type reader struct {
	*source
	files       *token.FileSet
	folder      string
	whole, errs bool // what is said here; see above
	hints       bool
}

func (r reader) visit(n ast.Node) bool {
	switch n := n.(type) {
	case ast.Expr:
		for _, text := range alternatives(n) {
			r.texts[normal(text)] = true
			if _, call := n.(*ast.CallExpr); !call && r.whole {
				r.speak(n)
			}
		}
		switch n := n.(type) {
		case *ast.CallExpr:
			r.call(n)
		case *ast.CompositeLit:
			for _, e := range n.Elts {
				if r.errs && len(alternatives(e)) == 1 && strings.Count(alternatives(e)[0], " ") >= 4 { // a row of a table
					r.speak(e)
				}
				if kv, ok := e.(*ast.KeyValueExpr); ok {
					r.named(kv.Key, kv.Value)
				}
			}
		}
		if b, ok := n.(*ast.BinaryExpr); ok && len(alternatives(b)) > 0 {
			for _, call := range callsIn(b) { // the parts are no texts of their own
				ast.Inspect(call, r.visit)
			}
			return false
		}
	case *ast.ImportSpec:
		return false
	case *ast.AssignStmt:
		for i := range n.Lhs {
			if len(n.Lhs) == len(n.Rhs) {
				r.named(n.Lhs[i], n.Rhs[i])
			}
		}
	case *ast.ValueSpec:
		for i := range n.Names {
			if len(n.Names) == len(n.Values) {
				r.named(n.Names[i], n.Values[i])
			}
		}
	}
	return true
}

func callsIn(e ast.Expr) (calls []ast.Expr) {
	ast.Inspect(e, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok {
			calls = append(calls, c)
			return false
		}
		return true
	})
	return calls
}

// named looks at what is set: name = value.
func (r reader) named(name, value ast.Expr) {
	if id := lastName(name); r.hints && hintNames.MatchString(id) {
		r.speak(value)
	}
}

func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// speaking are the calls that say something, and which of their arguments is what. A method
// and a function of one name say the same.
var speaking = map[string]int{"Say": 0, "Sayf": 0, "say": 0, "agreed": 0, "askable": 0, "tell": 0}

// failing are those that make an error: where its text is.
var failing = map[string]int{"Errorf": 0, "failf": 2, "warn": 0, "Warn": 0}

func (r reader) call(c *ast.CallExpr) {
	name := lastName(c.Fun)
	argument := func(i int) {
		if i < len(c.Args) {
			r.speak(c.Args[i])
		}
	}
	of := ""
	if sel, ok := c.Fun.(*ast.SelectorExpr); ok {
		of = lastName(sel.X)
	}
	switch {
	case !r.hints:
	case of == "problem" && name == "New":
		argument(1)
		if r.errs {
			argument(2)
		}
	case name == "failf":
		argument(1)
		argument(2)
	case of == "errors" && name == "New" && r.errs:
		argument(0)
	default:
		if i, ok := speaking[name]; ok {
			argument(i)
		}
		if i, ok := failing[name]; ok && r.errs {
			argument(i)
		}
	}
}

// commandLine is a remedy that is only to be typed: it is the same in every language.
var commandLine = regexp.MustCompile(`^(zarya (retry|doctor|identity (import|list) --pool .*)|adb start-server|` +
	`(sudo |sysctl |systemctl |timedatectl )[^,]*)$`)

// letters is what a sentence has at least.
var letters = regexp.MustCompile(`[a-zA-Z]{2}.* |[a-zA-Z]{4}`)

// speak notes what an expression says.
func (r reader) speak(e ast.Expr) {
	for _, text := range alternatives(e) {
		if letters.MatchString(formatVerb.ReplaceAllString(text, "")) && strings.Contains(text, " ") {
			if commandLine.MatchString(text) {
				continue
			}
			r.spoken[text] = r.files.Position(e.Pos()).String()
		}
	}
}

// alternatives are the texts that an expression can be, as formats.
func alternatives(e ast.Expr) []string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			if text, err := strconv.Unquote(e.Value); err == nil {
				return []string{text}
			}
		}
	case *ast.ParenExpr:
		return alternatives(e.X)
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return nil
		}
		left, right := alternatives(e.X), alternatives(e.Y)
		if left == nil && right == nil {
			return nil
		}
		var all []string
		for _, x := range orVerb(left) {
			for _, y := range orVerb(right) {
				all = append(all, x+y)
			}
		}
		return all
	case *ast.CallExpr:
		switch lastName(e.Fun) {
		case "Sprintf":
			return alternatives(e.Args[0])
		case "Or":
			var all []string
			for _, a := range e.Args {
				all = append(all, orVerb(alternatives(a))...)
			}
			return all
		}
	}
	return nil
}

func orVerb(texts []string) []string {
	if texts == nil {
		return []string{"%v"}
	}
	return texts
}

// normal is a format with all its verbs alike.
func normal(text string) string {
	return formatVerb.ReplaceAllStringFunc(text, func(v string) string {
		if v == "%%" {
			return v
		}
		return "%v"
	})
}

func TestEverySentenceIsSaidInRussian(t *testing.T) {
	src := readSource(t)
	known := map[string]bool{}
	for english := range russianSentences().whole {
		known[normal(english)] = true
		if !src.texts[normal(english)] {
			t.Errorf("nobody says %q", english)
		}
	}
	for text, where := range src.spoken {
		if !known[normal(text)] {
			t.Errorf("%s: %q is not said in Russian", where, text)
		}
	}
}
