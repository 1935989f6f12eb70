package manual

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"iter"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// source is the program as it is written: its packages by their folders.
type source map[string]*pack

// pack is one package: its files in order, and its constants that are texts.
type pack struct {
	files []*ast.File
	texts map[string]string
}

var readSource = sync.OnceValues(func() (source, error) {
	all := source{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin" || strings.HasPrefix(name, "dist")) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		if all[dir] == nil {
			all[dir] = &pack{texts: map[string]string{}}
		}
		all[dir].files = append(all[dir].files, file)
		return nil
	})
	for _, p := range all {
		for range 2 { // the second time, constants that are made of constants
			p.readTexts()
		}
	}
	return all, err
})

// program is the source, read once.
func program(t *testing.T) source {
	t.Helper()
	all, err := readSource()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// folders are those of all packages, sorted.
func (s source) folders() []string { return slices.Sorted(maps.Keys(s)) }

// find gives the type of a name and what stands above it.
func (p *pack) find(name string) (spec *ast.TypeSpec, doc string) {
	for s, above := range p.specs(token.TYPE) {
		if s := s.(*ast.TypeSpec); s.Name.Name == name {
			return s, oneLine(above + s.Doc.Text())
		}
	}
	return nil, ""
}

// value is a constant, its value and what is said of it.
type value struct{ name, text, about string }

// specs are what a package declares with one keyword, with what stands above the group.
func (p *pack) specs(tok token.Token) iter.Seq2[ast.Spec, string] {
	return func(yield func(ast.Spec, string) bool) {
		for _, f := range p.files {
			for _, d := range f.Decls {
				g, ok := d.(*ast.GenDecl)
				if !ok || g.Tok != tok {
					continue
				}
				for _, s := range g.Specs {
					if !yield(s, g.Doc.Text()) {
						return
					}
				}
			}
		}
	}
}

// values are the constants of a type, as they are written.
func (p *pack) values(typeName string) (all []value) {
	for s := range p.specs(token.CONST) {
		v := s.(*ast.ValueSpec)
		if id, ok := v.Type.(*ast.Ident); ok && id.Name == typeName && len(v.Values) == 1 {
			text, _ := p.text(v.Values[0])
			all = append(all, value{v.Names[0].Name, text, oneLine(v.Comment.Text())})
		}
	}
	return all
}

func (p *pack) readTexts() {
	for s := range p.specs(token.CONST) {
		v := s.(*ast.ValueSpec)
		for i, name := range v.Names {
			if i < len(v.Values) {
				if text, ok := p.text(v.Values[i]); ok {
					p.texts[name.Name] = text
				}
			}
		}
	}
}

// gap stands for what is known only while the program runs.
const gap = "…"

// text is what an expression says; what is not known is a gap. ok is false if all of it is.
func (p *pack) text(e ast.Expr) (s string, ok bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, err := strconv.Unquote(e.Value)
			return s, err == nil
		}
	case *ast.Ident:
		if s, ok := p.texts[e.Name]; ok {
			return s, true
		}
	case *ast.ParenExpr:
		return p.text(e.X)
	case *ast.CallExpr: // fmt.Sprintf, and what joins texts
		if f, ok := e.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Sprintf" {
			return p.text(e.Args[0])
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			x, known := p.text(e.X)
			y, also := p.text(e.Y)
			return x + y, known || also
		}
	}
	return gap, false
}

// field is a member of a struct.
type field struct{ name, kind, key, about string }

// fields are the members of a struct: their JSON keys, and what stands beside or above them.
func (p *pack) fields(t *testing.T, spec *ast.TypeSpec) (all []field) {
	t.Helper()
	s, ok := spec.Type.(*ast.StructType)
	if !ok {
		t.Fatalf("%s is no struct", spec.Name.Name)
	}
	for _, f := range s.Fields.List {
		tag := ""
		if f.Tag != nil {
			raw, err := strconv.Unquote(f.Tag.Value)
			if err != nil {
				t.Fatal(err)
			}
			tag = reflect.StructTag(raw).Get("json")
		}
		key, _, _ := strings.Cut(tag, ",")
		for _, name := range f.Names {
			all = append(all, field{name.Name, kind(f.Type), key, oneLine(f.Doc.Text() + " " + f.Comment.Text())})
		}
	}
	return all
}

// kind is a type as JSON has it.
func kind(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		switch e.Name {
		case "string", "bool":
			return e.Name
		case "int", "int64", "float64":
			return "number"
		case "State", "Scope", "Class", "JobResult", "StepResult":
			return "string"
		case "SummaryError", "ImageInfo", "Measurement", "Answer":
			return "object"
		}
	case *ast.SelectorExpr:
		return kind(e.Sel)
	case *ast.StarExpr:
		return kind(e.X)
	case *ast.ArrayType:
		if of := kind(e.Elt); of == "object" || of == "string" {
			return "list of " + of + "s"
		}
		return "list"
	case *ast.MapType:
		return "object"
	}
	return "string"
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// verb is one of a format's.
var verb = regexp.MustCompile(`%[-+# 0]*[0-9.]*[svdqwxftTcU]`)

// methodsNamed are the types that have a method, in the order of the source.
func methodsNamed(p *pack, method string) (types []string) {
	for _, f := range p.files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == method && fn.Recv != nil {
				if id, ok := fn.Recv.List[0].Type.(*ast.Ident); ok {
					types = append(types, id.Name)
				}
			}
		}
	}
	return types
}

// returns is the text that a method returns.
func (p *pack) returns(typeName, method string) (text string, ok bool) {
	for _, f := range p.files {
		for _, d := range f.Decls {
			fn, is := d.(*ast.FuncDecl)
			if !is || fn.Name.Name != method || fn.Recv == nil {
				continue
			}
			id, is := fn.Recv.List[0].Type.(*ast.Ident)
			if !is || id.Name != typeName {
				continue
			}
			if r, is := fn.Body.List[0].(*ast.ReturnStmt); is {
				return p.text(r.Results[0])
			}
		}
	}
	return "", false
}

// numbers are the constants that begin so and are numbers.
func (p *pack) numbers(prefix string) (all []value) {
	for s := range p.specs(token.CONST) {
		v := s.(*ast.ValueSpec)
		if len(v.Values) != 1 || !strings.HasPrefix(v.Names[0].Name, prefix) {
			continue
		}
		if lit, ok := v.Values[0].(*ast.BasicLit); ok && lit.Kind == token.INT {
			all = append(all, value{v.Names[0].Name, lit.Value, ""})
		}
	}
	return all
}

// eachCall visits the calls of a function by its name, as name or pack.name.
func eachCall(t *testing.T, folders []string, name string, visit func(p *pack, args []ast.Expr)) {
	t.Helper()
	found := 0
	for _, dir := range folders {
		p := program(t)[dir]
		for _, f := range p.files {
			ast.Inspect(f, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && called(call.Fun) == name {
					found++
					visit(p, call.Args)
				}
				return true
			})
		}
	}
	if found == 0 {
		t.Errorf("nothing calls %s", name)
	}
}

// eachLiteral visits the values of a struct by its name, in whatever package it is.
func eachLiteral(t *testing.T, folders []string, name string, visit func(p *pack, keys map[string]ast.Expr)) {
	t.Helper()
	found := 0
	for _, dir := range folders {
		p := program(t)[dir]
		for _, f := range p.files {
			var visitAll func(n ast.Node, inside bool)
			visitAll = func(n ast.Node, inside bool) {
				ast.Inspect(n, func(n ast.Node) bool {
					lit, ok := n.(*ast.CompositeLit)
					if !ok {
						return true
					}
					list, isList := lit.Type.(*ast.ArrayType)
					own := lit.Type != nil && called(lit.Type) == name || lit.Type == nil && inside
					if own {
						found++
						keys := map[string]ast.Expr{}
						for _, e := range lit.Elts {
							if kv, ok := e.(*ast.KeyValueExpr); ok {
								keys[called(kv.Key)] = kv.Value
							}
						}
						visit(p, keys)
					}
					of := isList && called(list.Elt) == name
					for _, e := range lit.Elts {
						visitAll(e, of)
					}
					return false
				})
			}
			visitAll(f, false)
		}
	}
	if found == 0 {
		t.Errorf("nothing makes a %s", name)
	}
}

// called is the name that an expression is, without the package unless it is problem's.
func called(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok && x.Name == "problem" {
			return "problem." + e.Sel.Name
		}
		return e.Sel.Name
	}
	return ""
}
