// This file explains text that is no YAML: where it breaks, and by what of the few things
// that people get wrong.

package profiles

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zarya-station/zarya/internal/lazyregexp"
)

var yamlLine = lazyregexp.New(`^yaml: line ([0-9]+): (.*)$`)

// broken reports text that is no YAML.
func (t *tree) broken(err error, text string) {
	e := &Error{File: t.file, Message: strings.TrimPrefix(err.Error(), "yaml: ")}
	if err.Error() == "EOF" {
		e.Message = "is empty; zarya profile new writes one to begin with"
		t.errs = append(t.errs, e)
		return
	}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		e.Column, e.Message = 1, m[2]
	}
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	if name, ok := strings.CutPrefix(e.Message, "unknown anchor '"); ok {
		name = "*" + strings.TrimSuffix(name, "' referenced")
		e.Message = fmt.Sprintf("a pattern must be in quotes: %q", name)
		before, _, _ := strings.Cut(text, name)
		e.Line, e.Column = strings.Count(before, "\n")+1, len(before)-strings.LastIndexByte(before, '\n')
	} else if !utf8.ValidString(text) {
		e.Line, e.Column = firstInvalid(text)
		e.Message = "the file is not UTF-8 (an editor saved it as CP1251 or the like): save it as UTF-8"
	} else if line, column, why := mistake(lines, e.Line); why != "" {
		e.Line, e.Column, e.Message = line, column, why
	}
	if e.Line > 0 && e.Line <= len(lines) {
		e.Source = shownLine(lines[e.Line-1])
	}
	t.errs = append(t.errs, e)
}

// shownLine makes a line of a file fit for a terminal: nothing in it acts, and it has an end.
func shownLine(line string) string {
	shown := []rune(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r != '\t' && unicode.IsControl(r) {
			return '?'
		}
		return r
	}, line))
	return string(shown[:min(len(shown), 120)])
}

// firstInvalid is the line and column (in characters) of the first byte that is no UTF-8.
func firstInvalid(text string) (line, column int) {
	line, column = 1, 1
	for text != "" {
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && n == 1:
			return line, column
		case r == '\n':
			line, column = line+1, 1
		default:
			column++
		}
		text = text[n:]
	}
	return line, column
}

// mistake looks for what people get wrong, in the line that YAML's parser names and those
// beside it: the parser often stops a line later, or at the line before. Lines count from 1.
func mistake(lines []string, near int) (line, column int, why string) {
	for _, n := range []int{near, near + 1, near - 1} {
		if n < 1 || n > len(lines) {
			continue
		}
		text := lines[n-1]
		body := strings.TrimLeft(text, " \t")
		indent := text[:len(text)-len(body)]
		if i := strings.IndexByte(indent, '\t'); i >= 0 {
			return n, i + 1, "a tab: YAML is indented with spaces only"
		}
		if i := strings.IndexRune(text, '\u00a0'); i >= 0 {
			return n, utf8.RuneCountInString(text[:i]) + 1, "a no-break space (U+00A0), as word processors put it: type a plain space"
		}
		if strings.HasPrefix(body, "#") || body == "" {
			continue
		}
		if i := secondColon(body); i >= 0 {
			return n, utf8.RuneCountInString(indent+body[:i]) + 1, "a colon in a value: put the value in quotes"
		}
		if i := missingSpace(body); i >= 0 && n == near {
			return n, utf8.RuneCountInString(indent+body[:i]) + 1, "a space is missing after the colon"
		}
	}
	if near >= 2 && near <= len(lines) && indentOf(lines[near-1]) != indentOf(lines[near-2]) {
		return near, indentOf(lines[near-1]) + 1, "the indent does not fit the lines above: what belongs together begins in one column"
	}
	return 0, 0, ""
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// secondColon finds ": " in an unquoted value; -1 is none.
func secondColon(body string) int {
	key, value, found := strings.Cut(body, ": ")
	if !found || strings.ContainsAny(key, `"'{[`) || strings.HasPrefix(value, `"`) || strings.HasPrefix(value, "'") ||
		strings.ContainsAny(value, "{[") {
		return -1
	}
	if i := strings.Index(value, ": "); i >= 0 {
		return len(key) + 2 + i
	}
	return -1
}

var keyWithoutSpace = lazyregexp.New(`^-? *[a-z][a-z-]*:[^ /]`)

// missingSpace finds key:value; -1 is none.
func missingSpace(body string) int {
	if keyWithoutSpace.MatchString(body) {
		return strings.IndexByte(body, ':')
	}
	return -1
}
