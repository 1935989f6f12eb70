// This file is what is said in sentences: errors, hints, findings, help. They are made in
// English where they arise, are recorded so, and are put into a person's language where he
// reads them. So a record reads the same everywhere, and can be shown in either language.
//
// A catalogue has the English format as its key, as gettext has: "port %s is in use". A
// finished text is held against the formats; what stands for a verb is an argument, which may
// be a sentence of the catalogue again. What no format fits is shown as it is: names, paths,
// and a tablet's own words.

package words

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"gopkg.in/yaml.v3"

	"github.com/zarya-station/zarya/internal/lazyregexp"
)

//go:embed ru/*.yaml
var sentenceFiles embed.FS

// sentence is one entry of a catalogue.
type sentence struct {
	english format
	said    map[plural.Form]format // of the first number; only other, if there is one form
}

// format is a text with verbs in it.
type format struct {
	literals []string // one more than verbs
	verbs    []string // such as %s, %d
	args     []int    // which argument each verb stands for
}

// sentences are those of a language.
type sentences struct {
	whole    map[string]*sentence // by its English
	patterns []*sentence          // those with verbs by which a text can be known, the most telling first
	twice    []string             // what is in two files; a test wants none
}

var russianSentences = sync.OnceValue(func() *sentences {
	s, err := readSentences(sentenceFiles, "ru")
	if err != nil {
		panic("words: " + err.Error()) // the files are part of the program, and tests read them
	}
	return s
})

// readSentences reads the catalogues of a folder.
func readSentences(files fs.FS, folder string) (*sentences, error) {
	s := &sentences{whole: map[string]*sentence{}}
	names, err := fs.Glob(files, folder+"/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		var lines map[string]yaml.Node
		if err := yaml.Unmarshal(text, &lines); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for english, node := range lines {
			if s.whole[english] != nil { // either will do: nobody goes without words for it
				s.twice = append(s.twice, english)
				continue
			}
			said, err := readForms(&node)
			if err != nil {
				return nil, fmt.Errorf("%s: %q: %w", name, english, err)
			}
			entry := &sentence{parseFormat(english), said}
			s.whole[english] = entry
			if len(entry.english.verbs) > 0 && entry.english.telling() {
				s.patterns = append(s.patterns, entry)
			}
		}
	}
	slices.SortFunc(s.patterns, func(a, b *sentence) int {
		x, y := strings.Join(a.english.literals, "\x00"), strings.Join(b.english.literals, "\x00")
		return cmp.Or(cmp.Compare(len(y)-len(b.english.verbs), len(x)-len(a.english.verbs)), strings.Compare(x, y))
	})
	return s, nil
}

// pluralForms are the forms that a catalogue names.
var pluralForms = map[string]plural.Form{"one": plural.One, "few": plural.Few, "many": plural.Many, "other": plural.Other}

// readForms reads one text, or one for each form.
func readForms(node *yaml.Node) (map[plural.Form]format, error) {
	said := map[plural.Form]format{}
	if node.Kind == yaml.ScalarNode {
		said[plural.Other] = parseFormat(node.Value)
		return said, nil
	}
	var forms map[string]string
	if err := node.Decode(&forms); err != nil {
		return nil, err
	}
	for name, text := range forms {
		form, ok := pluralForms[name]
		if !ok {
			return nil, fmt.Errorf("no form is called %q", name)
		}
		said[form] = parseFormat(text)
	}
	return said, nil
}

// formatVerb is a verb of fmt, with the number of its argument if it has one.
var formatVerb = lazyregexp.New(`%[-+# 0]*(?:\d+)?(?:\.\d+)?(?:\[(\d+)\])?[a-zA-Z%]`)

// parseFormat takes a format apart.
func parseFormat(text string) format {
	f := format{literals: []string{""}}
	at := 0
	for _, m := range formatVerb.Get().FindAllStringSubmatchIndex(text, -1) {
		f.literals[len(f.literals)-1] += text[at:m[0]]
		at = m[1]
		if text[m[1]-1] == '%' {
			f.literals[len(f.literals)-1] += "%"
			continue
		}
		arg := len(f.verbs)
		if m[2] >= 0 {
			n, _ := strconv.Atoi(text[m[2]:m[3]])
			arg = n - 1
		}
		f.verbs, f.args, f.literals = append(f.verbs, text[m[0]:m[1]]), append(f.args, arg), append(f.literals, "")
	}
	f.literals[len(f.literals)-1] += text[at:]
	return f
}

// telling reports whether a format has so much text of its own that what fits it was made
// with it.
func (f format) telling() bool {
	return len(notLetters.Get().ReplaceAllString(strings.Join(f.literals, ""), "")) >= 5
}

var notLetters = lazyregexp.New(`[^a-zA-Z]`)

// maxSaid is how long a line may be, in bytes: what is longer is no sentence.
const maxSaid = 1 << 10

// Say is a finished English text in this language, line by line. What the catalogue does not
// have stays as it is. It may be called of no words, which are English.
func (w *Words) Say(text string) string {
	if w == nil || w.lang != "ru" || text == "" {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if len(line) <= maxSaid {
			if said, ok := w.sayWhole(line); ok {
				lines[i] = said
			} else {
				lines[i] = w.sayPart(line)
			}
		}
	}
	return strings.Join(lines, "\n")
}

// Sayf is a format filled in, in this language.
func (w *Words) Sayf(english string, args ...any) string {
	if w == nil || w.lang != "ru" {
		return inEnglish(english, args)
	}
	entry := russianSentences().whole[english]
	if entry == nil || len(entry.english.verbs) != len(args) {
		return w.Say(fmt.Sprintf(english, args...))
	}
	texts := make([]string, len(args))
	for i, verb := range entry.english.verbs {
		texts[i] = fmt.Sprintf(verb, args[entry.english.args[i]])
	}
	return w.filled(entry, texts)
}

// sayPart says a line or an argument: as a whole, or what is before a colon and what is behind
// it. One word is no sentence but a name.
func (w *Words) sayPart(text string) string {
	if !strings.Contains(text, " ") {
		said, _ := w.measure(text)
		return cmp.Or(said, text)
	}
	if said, ok := w.sayWhole(text); ok {
		return said
	}
	if said, ok := w.sayList(text); ok {
		return said
	}
	if said, ok := w.sayAdvice(text); ok {
		return said
	}
	for from := 0; ; {
		i := strings.Index(text[from:], ": ")
		if i < 0 {
			break
		}
		if head := text[:from+i]; strings.Contains(head, " ") {
			if said, ok := w.sayWhole(head); ok {
				return said + ": " + w.sayPart(text[from+i+2:])
			}
		}
		from += i + 2
	}
	if head, tail, ok := strings.Cut(text, ": "); ok {
		return head + ": " + w.sayPart(tail)
	}
	return text
}

// sayList says what is listed with commas, such as size of vbmeta, lock state: each item that is
// not one word, which is a name. It says nothing unless it has words for all of those.
func (w *Words) sayList(text string) (string, bool) {
	items := strings.Split(text, ", ")
	known := 0
	for i, item := range items {
		if !strings.Contains(item, " ") {
			continue
		}
		said, ok := w.sayWhole(item)
		if !ok {
			return "", false
		}
		items[i] = said
		known++
	}
	return strings.Join(items, ", "), known > 0 && len(items) > 1
}

// sayAdvice says what is wrong and, behind semicolons, what to do about it: there are words for
// the first of these, or for the last.
func (w *Words) sayAdvice(text string) (string, bool) {
	parts := strings.Split(text, "; ")
	if len(parts) == 1 {
		return "", false
	}
	first, ok := w.sayWhole(parts[0])
	if !ok {
		last := len(parts) - 1
		advice, ok := w.sayWhole(parts[last])
		if !ok {
			return "", false
		}
		return w.sayPart(strings.Join(parts[:last], "; ")) + "; " + advice, true
	}
	parts[0] = first
	for i, part := range parts[1:] {
		parts[i+1] = w.sayPart(part)
	}
	return strings.Join(parts, "; "), true
}

var sentenceEnd = lazyregexp.New(`\. ([A-Z])`)

// sayWhole says a text that is one entry of the catalogue, a measure, or an entry made a
// sentence.
func (w *Words) sayWhole(text string) (string, bool) {
	all := russianSentences()
	if entry := all.whole[text]; entry != nil && len(entry.english.verbs) == 0 {
		return w.filled(entry, nil), true
	}
	if said, ok := w.measure(text); ok {
		return said, true
	}
	if said, ok := w.saySeveral(text); ok {
		return said, true
	}
	for _, entry := range all.patterns {
		if args, ok := entry.english.match(text); ok {
			for _, between := range []string{"; ", ", "} { // advice, or one more item of a list, belongs to no argument
				if slices.ContainsFunc(args, func(arg string) bool { return strings.Contains(arg, between) && !w.knows(arg) }) {
					if said, ok := w.sayAll(strings.Split(text, between)); ok {
						return strings.Join(said, between), true
					}
				}
			}
			return w.filled(entry, args), true
		}
	}
	if first, size := utf8.DecodeRuneInString(text); unicode.IsUpper(first) && strings.HasSuffix(text, ".") {
		if said, ok := w.sayWhole(string(unicode.ToLower(first)) + text[size:len(text)-1]); ok {
			first, size := utf8.DecodeRuneInString(said)
			return string(unicode.ToUpper(first)) + said[size:] + ".", true
		}
	}
	return "", false
}

// knows reports whether there are words for a text as a whole.
func (w *Words) knows(text string) bool {
	_, ok := w.sayWhole(text)
	return ok
}

// sayAll says texts if there are words for each of them.
func (w *Words) sayAll(texts []string) (said []string, ok bool) {
	said = make([]string, len(texts))
	for i, text := range texts {
		if said[i], ok = w.sayWhole(text); !ok {
			return nil, false
		}
	}
	return said, true
}

// saySeveral says sentences that stand one behind another.
func (w *Words) saySeveral(text string) (string, bool) {
	list := strings.Split(sentenceEnd.Get().ReplaceAllString(text, ".\n$1"), "\n")
	if len(list) == 1 {
		return "", false
	}
	said, ok := w.sayAll(list)
	return strings.Join(said, " "), ok
}

// filled is an entry with its arguments, which are said too, but for what is quoted.
func (w *Words) filled(entry *sentence, args []string) string {
	form := plural.Other
	for i, verb := range entry.english.verbs {
		if n, err := strconv.Atoi(args[i]); err == nil && verb[len(verb)-1] == 'd' && len(entry.said) > 1 {
			form = plural.Cardinal.MatchPlural(language.Russian, n, 0, 0, 0, 0)
			break
		}
	}
	said, ok := entry.said[form]
	if !ok {
		said = entry.said[plural.Other]
	}
	var b strings.Builder
	for i, literal := range said.literals {
		b.WriteString(literal)
		if i == len(said.args) || said.args[i] >= len(args) {
			continue
		}
		n := said.args[i]
		switch verb := entry.english.verbs[n]; verb[len(verb)-1] {
		case 's', 'v', 'w':
			b.WriteString(w.sayPart(args[n]))
		case 'f', 'g':
			b.WriteString(strings.ReplaceAll(args[n], ".", ","))
		default:
			b.WriteString(args[n])
		}
	}
	return b.String()
}

// match takes a text apart; ok is false if it was not made with this format.
func (f format) match(text string) (args []string, ok bool) {
	rest, ok := strings.CutPrefix(text, f.literals[0])
	if !ok || !strings.HasSuffix(rest, f.literals[len(f.literals)-1]) {
		return nil, false
	}
	return matchArgs(nil, rest, f.verbs, f.literals[1:])
}

// matchArgs finds the shortest first argument with which the others fit too.
func matchArgs(args []string, text string, verbs, literals []string) ([]string, bool) {
	if len(verbs) == 0 {
		return args, text == ""
	}
	last := len(verbs) == 1
	for from := 1; from <= len(text); from++ {
		end := len(text) - len(literals[0])
		if !last {
			i := strings.Index(text[from:], literals[0])
			if i < 0 {
				return nil, false
			}
			end = from + i
		}
		if end < 1 {
			return nil, false
		}
		if fits(verbs[0], text[:end]) && text[end-1] != ':' { // a colon ends a name, not an argument
			if all, ok := matchArgs(append(args, text[:end]), text[end+len(literals[0]):], verbs[1:], literals[1:]); ok {
				return all, true
			}
		}
		if last {
			return nil, false
		}
		from = end
	}
	return nil, false
}

// fits reports whether a text can be what a verb wrote.
func fits(verb, text string) bool {
	switch verb[len(verb)-1] {
	case 'd':
		_, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		return err == nil
	case 'f', 'g':
		_, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		return err == nil
	case 'q':
		_, err := strconv.Unquote(text)
		return err == nil
	case 'x':
		return strings.Trim(text, "0123456789abcdefx ") == ""
	}
	return true
}
