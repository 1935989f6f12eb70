// This file is conditions: small expressions over names, without loops or effects.
//
//	condition = and { ("or" | "||") and }
//	and       = not { ("and" | "&&") not }
//	not       = ("not" | "!") not | "(" condition ")" | comparison
//	comparison = operand [ operator operand ]
//	operator  = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "matches"
//	operand   = NAME | "TEXT" | NUMBER | VERSION | "true" | "false" | "[" operand { "," operand } "]"
//
// < and its kin compare numbers, and versions by their numbers: 5.10 is newer than 5.9.
// matches takes a pattern in which * stands for anything and ? for one letter.

package profiles

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/internal/lazyregexp"
)

// Condition is a condition that was taken apart.
type Condition struct {
	source string
	root   *node
}

// node is one part of a condition.
type node struct {
	op    string // or, and, not, an operator; name, text, number, list, bool
	text  string // of an operand
	items []*node
}

func (c Condition) String() string { return c.source }

// UnmarshalJSON reads a condition from a string.
func (c *Condition) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	parsed, err := parseCondition(s)
	if err == nil {
		*c = *parsed
	}
	return err
}

// MarshalJSON writes the condition as it was.
func (c Condition) MarshalJSON() ([]byte, error) { return json.Marshal(c.source) }

// tokens of a condition: texts, operators, words.
var token = lazyregexp.New(`^\s*("(?:[^"\\]|\\.)*"|'[^']*'|==|!=|<=|>=|<|>|&&|\|\||!|\(|\)|\[|\]|,|[A-Za-z0-9_.+*-]+)`)

type parser struct {
	source string
	rest   string
	next   string
	depth  int
}

const maxCondition = 4096 // bytes

func parseCondition(s string) (*Condition, error) {
	if len(s) > maxCondition {
		return nil, fmt.Errorf("a condition of %d bytes; at most %d", len(s), maxCondition)
	}
	p := &parser{source: s, rest: s}
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.or()
	if err == nil && p.next != "" {
		err = fmt.Errorf("%q is more than a condition", p.next)
	}
	if err != nil {
		return nil, err
	}
	return &Condition{source: s, root: n}, nil
}

func (p *parser) advance() error {
	m := token.FindStringSubmatch(p.rest)
	if m == nil {
		if left := strings.TrimSpace(p.rest); left != "" {
			return fmt.Errorf("%q cannot be read; write tablet.lock == \"locked\"", left)
		}
		p.next = ""
		return nil
	}
	p.next, p.rest = m[1], p.rest[len(m[0]):]
	return nil
}

// takes reads the next token if it is one of those.
func (p *parser) takes(words ...string) (bool, error) {
	if !slices.Contains(words, p.next) {
		return false, nil
	}
	return true, p.advance()
}

func (p *parser) chain(op string, words []string, below func() (*node, error)) (*node, error) {
	first, err := below()
	if err != nil {
		return nil, err
	}
	all := &node{op: op, items: []*node{first}}
	for {
		more, err := p.takes(words...)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		next, err := below()
		if err != nil {
			return nil, err
		}
		all.items = append(all.items, next)
	}
	if len(all.items) == 1 {
		return first, nil
	}
	return all, nil
}

func (p *parser) or() (*node, error) { return p.chain("or", []string{"or", "||"}, p.and) }

func (p *parser) and() (*node, error) { return p.chain("and", []string{"and", "&&"}, p.not) }

func (p *parser) not() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("nested too deep")
	}
	defer func() { p.depth-- }()
	if yes, err := p.takes("not", "!"); yes || err != nil {
		if err != nil {
			return nil, err
		}
		n, err := p.not()
		return &node{op: "not", items: []*node{n}}, err
	}
	if yes, err := p.takes("("); yes || err != nil {
		if err != nil {
			return nil, err
		}
		n, err := p.or()
		if err != nil {
			return nil, err
		}
		if closed, err := p.takes(")"); err != nil || !closed {
			return nil, fmt.Errorf("( without )")
		}
		return n, nil
	}
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	op := p.next
	if yes, err := p.takes("==", "!=", "<", "<=", ">", ">=", "in", "matches"); err != nil {
		return nil, err
	} else if !yes {
		if left.op != "bool" {
			return nil, fmt.Errorf("%s: compare it with something: ==, !=, <, <=, >, >=, in, matches", left.text)
		}
		return left, nil
	}
	right, err := p.operand()
	if err != nil {
		return nil, err
	}
	return &node{op: op, items: []*node{left, right}}, nil
}

var (
	nameForm    = lazyregexp.New(`^[a-z]+\.[A-Za-z0-9_.-]+$`)
	versionForm = lazyregexp.New(`^[0-9]+(\.[0-9]+)*$`)
)

func (p *parser) operand() (*node, error) {
	t := p.next
	switch {
	case t == "":
		return nil, fmt.Errorf("something is missing at the end")
	case t == "[":
		if err := p.advance(); err != nil {
			return nil, err
		}
		list := &node{op: "list"}
		for {
			item, err := p.operand()
			if err != nil {
				return nil, err
			}
			if item.op == "list" {
				return nil, fmt.Errorf("a list in a list")
			}
			list.items = append(list.items, item)
			if more, err := p.takes(","); err != nil {
				return nil, err
			} else if !more {
				break
			}
		}
		if closed, err := p.takes("]"); err != nil || !closed {
			return nil, fmt.Errorf("[ without ]")
		}
		return list, nil
	case t[0] == '"':
		s, err := strconv.Unquote(t)
		if err != nil {
			return nil, fmt.Errorf("%s is no text", t)
		}
		return &node{op: "text", text: s}, p.advance()
	case t[0] == '\'':
		return &node{op: "text", text: t[1 : len(t)-1]}, p.advance()
	case t == "true", t == "false":
		return &node{op: "bool", text: t}, p.advance()
	case versionForm.MatchString(t):
		return &node{op: "number", text: t}, p.advance()
	case nameForm.MatchString(t):
		return &node{op: "name", text: t}, p.advance()
	}
	return nil, fmt.Errorf("%s is neither a name nor a value; put text in quotes: %q", t, t)
}

// check holds a condition to the names there are and what they can be compared as.
func (p *Profile) checkCondition(c *Condition) (Phase, error) {
	var latest Phase
	var visit func(n *node) error
	visit = func(n *node) error {
		if n.op == "name" {
			k, err := p.name(n.text)
			latest = max(latest, k.phase)
			if err == nil && k.secret {
				err = fmt.Errorf("%s is a secret: nothing may depend on it that others can see", n.text)
			}
			return err
		}
		for _, i := range n.items {
			if err := visit(i); err != nil {
				return err
			}
		}
		switch n.op {
		case "<", "<=", ">", ">=":
			for _, i := range n.items {
				if k := p.kindOf(i); k == text {
					return fmt.Errorf("%s: %s is neither a number nor a version", n.op, i.text)
				}
			}
		case "in":
			if n.items[1].op != "list" {
				return fmt.Errorf("in: a list stands on its right: [\"a\", \"b\"]")
			}
		case "matches":
			if n.items[1].op != "text" {
				return fmt.Errorf("matches: a pattern in quotes stands on its right: \"*-L09\"")
			}
		case "==", "!=":
			if n.items[0].op == "list" || n.items[1].op == "list" {
				return fmt.Errorf("%s: a list is looked through with in", n.op)
			}
		}
		return nil
	}
	return latest, visit(c.root)
}

// kindOf is what an operand can be compared as.
func (p *Profile) kindOf(n *node) valueKind {
	switch n.op {
	case "name":
		k, _ := p.name(n.text) // it was checked
		return k.kind
	case "number":
		return version
	}
	if n.op == "text" && versionForm.MatchString(n.text) {
		return version
	}
	return text
}

// Holds reports whether a condition holds. What a tablet does not report is "": it equals
// only that, fits no pattern, and is neither more nor less than anything.
func (p *Profile) Holds(c *Condition, look Lookup) (bool, error) { return p.holds(c.root, look) }

func (p *Profile) holds(n *node, look Lookup) (bool, error) {
	switch n.op {
	case "bool":
		return n.text == "true", nil
	case "or", "and":
		for _, i := range n.items {
			v, err := p.holds(i, look)
			if err != nil || v == (n.op == "or") {
				return v, err
			}
		}
		return n.op == "and", nil
	case "not":
		v, err := p.holds(n.items[0], look)
		return !v, err
	}
	left, err := p.operandOf(n.items[0], look)
	if err != nil {
		return false, err
	}
	if n.op == "in" {
		for _, i := range n.items[1].items {
			v, err := p.operandOf(i, look)
			if err != nil {
				return false, err
			}
			if v == left {
				return true, nil
			}
		}
		return false, nil
	}
	right, err := p.operandOf(n.items[1], look)
	if err != nil {
		return false, err
	}
	switch n.op {
	case "==":
		return left == right, nil
	case "!=":
		return left != right, nil
	case "matches":
		return left != "" && glob(right, left), nil
	}
	if !versionForm.MatchString(left) || !versionForm.MatchString(right) {
		return false, nil
	}
	return compareOp(n.op, compareVersions(left, right)), nil
}

func (p *Profile) operandOf(n *node, look Lookup) (string, error) {
	if n.op == "name" {
		return p.lookup(n.text, look)
	}
	return n.text, nil
}

func compareOp(op string, c int) bool {
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	case ">=":
		return c >= 0
	}
	return c == 0
}

// compareVersions compares numbers with dots, number by number; one that is longer is
// newer.
func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		x, y := "", ""
		if i < len(as) {
			x = strings.TrimLeft(as[i], "0")
		}
		if i < len(bs) {
			y = strings.TrimLeft(bs[i], "0")
		}
		if len(x) != len(y) {
			return len(x) - len(y)
		}
		if c := strings.Compare(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// splitVersion takes ">=5.1.4" apart; without an operator a version is itself.
func splitVersion(s string) (op, version string) {
	i := strings.IndexFunc(s, func(r rune) bool { return r >= '0' && r <= '9' })
	if i < 0 {
		return "", ""
	}
	return strings.TrimSpace(s[:i]), s[i:]
}

// glob reports whether a whole text fits a pattern with * and ?, letter case aside.
func glob(pattern, s string) bool {
	pattern, s = strings.ToLower(pattern), strings.ToLower(s)
	star, mark := -1, 0
	i, j := 0, 0
	for i < len(s) {
		switch {
		case j < len(pattern) && (pattern[j] == '?' || pattern[j] == s[i]) && pattern[j] != '*':
			i++
			j++
		case j < len(pattern) && pattern[j] == '*':
			star, mark = j, i
			j++
		case star >= 0:
			mark++
			i, j = mark, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[j:], "*") == ""
}
