package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
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
	erring = []string{"cmd/zarya", "flash", "internal/adb", "internal/author", "internal/board", "internal/console",
		"internal/daemon", "internal/evidence", "internal/finished", "internal/fleet", "internal/fleet/lease",
		"internal/fleet/outbox", "internal/fleet/schema", "internal/fleet/stock", "internal/label", "internal/ledger",
		"internal/ledger/pool", "internal/machine", "internal/outputs", "internal/page", "internal/provision",
		"internal/provision/overssh", "internal/recipe", "internal/records", "internal/registry", "internal/registry/follow",
		"internal/registry/named", "internal/report", "internal/runs", "internal/scanner", "internal/settings", "internal/station",
		"internal/target", "internal/target/ask", "internal/target/ports", "internal/target/reach", "usb", "profiles",
		"flash/fastboot", "flash/image", "flash/image/bundle", "flash/image/convert", "flash/image/unpack", "internal/disk",
		"internal/flock", "internal/help", "internal/identities", "internal/sheet", "internal/show", "internal/sshsign",
		"internal/systemd", "internal/ui", "usb/libusb", "usb/usbnet", "internal/bytesize",
		"flash/image/payload", "flash/image/release", "flash/image/sparse", "flash/image/updateapp", "flash/image/xzinfo"}
	hinting = []string{}
)

// outside are folders whose words are no technician's: tests' helpers, and tablets made of
// software.
var outside = []string{"internal/virtual", "flash/fastboot/fastboottest", "internal/hosttest", "internal/fleet/fleettest", "bench"}

// apart are files whose texts are no errors: pages of the documentation, which are in English,
// and what bootloaders say.
var apart = []string{"internal/settings/keys.go", "profiles/provision.go", "flash/fastboot/words.go"}

// hintNames are the names of what is a hint, wherever it is set.
var hintNames = regexp.MustCompile(`^([Hh]int|[Rr]emedy|Hint[A-Z].*|hint[A-Z].*|[a-z]+Hint|Says|Fix|Happened|Tablet|Short)$`)

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
				filepath.Base(path) == "singular.go" || // they are what others say

				slices.ContainsFunc(outside, func(o string) bool { return folder == o || strings.HasPrefix(folder, o+"/") }) {
				return err
			}
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			r := reader{source: s, files: files, folder: folder, whole: slices.Contains(whole, folder), errs: slices.Contains(erring, folder)}
			r.errs = r.errs && !slices.ContainsFunc(apart, func(d string) bool { return strings.HasSuffix(filepath.ToSlash(path), d) })
			r.hints = r.whole || r.errs || slices.Contains(hinting, folder)
			ast.Inspect(file, r.visit)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s.readDatabase(t, filepath.Join(root, "internal", "fleet", "schema", "migrations"))
	usage, err := os.ReadFile(filepath.Join(root, "internal", "help", "usage.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range saidInTemplate.FindAllStringSubmatch(string(usage), -1) {
		s.texts[m[1]], s.spoken[m[1]] = true, "usage.tmpl"
	}
	if len(s.texts) < 1000 {
		t.Fatalf("only %d texts were found", len(s.texts))
	}
	return s
}

// saidBySQL is what a function of the fleet's database says: an error, or its hint.
var saidBySQL = regexp.MustCompile(`(?:RAISE EXCEPTION|HINT =) '((?:[^']|'')+)'`)

// readDatabase reads what the fleet's database says in the files of a folder.
func (s *source) readDatabase(t *testing.T, folder string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		sql, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range saidBySQL.FindAllStringSubmatch(string(sql), -1) {
			text := strings.ReplaceAll(strings.ReplaceAll(m[1], "''", "'"), "%", "%v")
			s.texts[text], s.spoken[text] = true, file
		}
	}
}

// saidInTemplate is what the template of --help says.
var saidInTemplate = regexp.MustCompile(`say "([^"]+)"`)

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
			for line := range strings.SplitSeq(text, "\n") { // as they are said
				for _, part := range append(strings.Split(line, "; "), line) {
					r.texts[normal(part)] = true
				}
			}
			if _, call := n.(*ast.CallExpr); !call && r.whole {
				r.speak(n)
			}
		}
		switch n := n.(type) {
		case *ast.CallExpr:
			r.call(n)
		case *ast.CompositeLit:
			name := lastName(n.Type)
			for _, e := range n.Elts {
				if r.errs && (name == "Failure" || strings.HasSuffix(name, "Error")) && !isPathError(n) && keyOf(e) != "Command" {
					r.speak(valueOf(e))
				}
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
	case *ast.FuncDecl:
		switch {
		case !r.errs || n.Recv == nil || n.Body == nil:
		case n.Name.Name == "hint":
			ast.Inspect(n.Body, r.returned)
		case n.Name.Name == "Error":
			ast.Inspect(n.Body, func(n ast.Node) bool {
				if e, ok := n.(ast.Expr); ok && len(alternatives(e)) > 0 {
					r.speak(e)
					return false
				}
				return true
			})
		}
	case *ast.ReturnStmt:
		for _, e := range n.Results {
			if texts := alternatives(e); r.errs && len(texts) > 0 && strings.Count(texts[0], " ") >= 4 { // why something cannot be
				r.speak(e)
			}
		}
	case *ast.ImportSpec:
		return false
	case *ast.AssignStmt:
		for i := range n.Lhs {
			if len(n.Lhs) == len(n.Rhs) {
				r.named(n.Lhs[i], n.Rhs[i])
				r.long(n.Rhs[i])
			}
		}
	case *ast.ValueSpec:
		for i := range n.Names {
			if len(n.Names) == len(n.Values) {
				r.named(n.Names[i], n.Values[i])
				r.long(n.Values[i])
			}
		}
	}
	return true
}

// noSentence is XML, a query of a database, a command line or examples of some.
var noSentence = regexp.MustCompile(`xmlns=|SELECT |CASE |COMMENT ON |SET LOCAL|\bzarya\.|%s connect|^ulimit|^  `)

// long looks at what a variable or a constant is: in these packages a long text is a sentence.
func (r reader) long(e ast.Expr) {
	if texts := alternatives(e); r.errs && len(texts) == 1 && strings.Count(texts[0], " ") >= 4 {
		r.speak(e)
	}
}

// returned looks at what the method of an error returns.
func (r reader) returned(n ast.Node) bool {
	if n, ok := n.(*ast.ReturnStmt); ok {
		for _, e := range n.Results {
			r.speak(e)
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

// isPathError reports whether a composite literal is the system's, whose texts are operations.
func isPathError(c *ast.CompositeLit) bool { return lastName(c.Type) == "PathError" }

// keyOf is an element's name in a composite literal; "" if it has none.
func keyOf(e ast.Expr) string {
	if kv, ok := e.(*ast.KeyValueExpr); ok {
		return lastName(kv.Key)
	}
	return ""
}

// valueOf is what an element of a composite literal has for its value.
func valueOf(e ast.Expr) ast.Expr {
	if kv, ok := e.(*ast.KeyValueExpr); ok {
		return kv.Value
	}
	return e
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
var speaking = map[string]int{
	"Say": 0, "say": 0, "Sayf": 0, "Line": 0, "Notef": 0, "Progressf": 0, "Agreed": 0, "Confirmed": 0, "Askable": 1,
}

// failing are those that make an error: where its text is.
var failing = map[string]int{"Errorf": 0, "failf": 2, "fail": 0, "wrong": 0, "untrusted": 0, "Warn": 0, "Warnf": 0, "at": 1}

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
	case name == "Askable":
		argument(0)
		argument(1)
	case name == "fail" && r.errs: // a text, or a place and a text
		argument(0)
		argument(2)
	case (name == "bad" || name == "foreign") && r.errs: // a text, or where it is in a file and a text
		argument(0)
		argument(1)
	case name == "append" && r.errs && len(c.Args) > 1 && lastName(c.Args[0]) == "Left": // what was not taken, and why
		argument(1)
	case name == "append" && len(c.Args) > 1:
		for _, arg := range c.Args[1:] {
			r.long(arg)
		}
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
var commandLine = regexp.MustCompile(`^(zarya (retry|doctor|(plan|run) --profile .*|identity (import|list) --pool .*)|adb start-server|` +
	`flashing %v|(sudo |chmod |sysctl |systemctl |timedatectl |zarya ssh |head -c )[^,]*)$`)

// causeOf is a name and what is wrong with it, which is an argument: --keep: %w. The cause is
// said without it.
var causeOf = regexp.MustCompile(`^[-\w.:]+( -| %[a-z])?: %[svwd]$`)

// letters is what a sentence has at least.
var letters = regexp.MustCompile(`[a-zA-Z]{2}.* |[a-zA-Z]{4}`)

// speak notes what an expression says.
func (r reader) speak(e ast.Expr) {
	for _, text := range alternatives(e) {
		if strings.Contains(text, "\n") && !strings.ContainsAny(text, "`") { // said line by line
			for line := range strings.SplitSeq(text, "\n") {
				r.speak(&ast.BasicLit{ValuePos: e.Pos(), Kind: token.STRING, Value: strconv.Quote(line)})
			}
			continue
		}
		if letters.MatchString(formatVerb.Get().ReplaceAllString(text, "")) && strings.Contains(text, " ") {
			if commandLine.MatchString(text) || noSentence.MatchString(text) || causeOf.MatchString(text) {
				continue
			}
			r.spoken[text] = r.files.Position(e.Pos()).String()
		}
	}
}

// ofLibraries is what no file of the program says, but what it is built from.
func ofLibraries(t *testing.T) (said map[string]any) {
	t.Helper()
	text, err := sentenceFiles.ReadFile("ru/libraries.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &said); err != nil {
		t.Fatal(err)
	}
	return said
}

func TestEverySentenceIsSaidInRussian(t *testing.T) {
	src := readSource(t)
	known := map[string]bool{}
	libraries := ofLibraries(t)
	for english := range russianSentences().whole {
		known[normal(english)] = true
		if _, ok := libraries[english]; ok {
			continue
		}
		if !src.texts[normal(english)] {
			t.Errorf("nobody says %q", english)
		}
	}
	for text, where := range src.spoken {
		unknown := func(part string) bool { // a name, a colon and what is wrong with it are said apart
			said := known[normal(part)] || known[strings.TrimPrefix(normal(part), "%v: ")]
			return letters.MatchString(formatVerb.Get().ReplaceAllString(part, "")) && !said
		}
		if unknown(text) && slices.ContainsFunc(strings.Split(text, "; "), unknown) {
			t.Errorf("%s: %q is not said in Russian", where, text)
		}
	}
}
