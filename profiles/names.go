// This file is the names that templates and conditions know: what each is, and when in a
// job it is known.

package profiles

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/internal/lazyregexp"
)

// Phase is when in a job something is known.
type Phase int

// The phases, in their order.
const (
	AtStart    Phase = iota // before any tablet
	AtConnect               // the tablet has told who it is; nothing is written
	WithIdent               // the identity is assigned; nothing is written
	WhenBooted              // the system that was flashed is up
)

func (p Phase) String() string {
	return [...]string{"before any tablet is there", "once the tablet is connected", "once the identity is assigned",
		"once the tablet has booted"}[p]
}

// valueKind is what values of a name can be compared as.
type valueKind int

const (
	text valueKind = iota
	number
	version
)

// known is one name.
type known struct {
	phase  Phase
	kind   valueKind
	secret bool
}

// plainNames are those that do not depend on the profile.
var plainNames = map[string]known{
	"tablet.serial":  {phase: AtConnect},
	"tablet.model":   {phase: AtConnect},
	"tablet.place":   {phase: AtConnect},
	"tablet.lock":    {phase: AtConnect},
	"tablet.battery": {phase: AtConnect, kind: number},
	"port.name":      {phase: AtConnect},
	"port.path":      {phase: AtConnect},
	"bundle.name":    {phase: AtConnect},
	"bundle.version": {phase: AtConnect, kind: version},
}

// factForm is what can be read from the booted tablet, as checks have it.
var factForm = lazyregexp.New(
	`^((os|hw)-release\.[A-Za-z_][A-Za-z0-9_]*|model|serial|usb-serial|wifi-mac|imei|machine-id|host-key|` +
		`hostname|timezone|locale|battery|storage)$`)

// numberFacts are the facts that are numbers.
var numberFacts = []string{"battery", "storage"}

// secretParts make a column of an identity a secret wherever they stand in its name; secretWords
// only as a word of it, because shipping and keyboard are none.
var (
	secretParts = []string{"password", "passphrase", "secret"}
	secretWords = []string{"psk", "pin", "key"}
)

// SecretColumn reports whether a column of an identity is a secret by its name.
func SecretColumn(name string) bool {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' })
	return slices.ContainsFunc(secretParts, func(part string) bool { return strings.Contains(name, part) }) ||
		slices.ContainsFunc(secretWords, func(word string) bool { return slices.Contains(words, word) })
}

// name finds out about a name. An error says which there are.
func (p *Profile) name(name string) (known, error) {
	if k, ok := plainNames[name]; ok {
		return k, nil
	}
	kind, rest, _ := strings.Cut(name, ".")
	switch kind {
	case "fact":
		if factForm.MatchString(rest) {
			k := known{phase: WhenBooted}
			switch {
			case slices.Contains(numberFacts, rest):
				k.kind = number
			case strings.HasSuffix(rest, "VERSION_ID"):
				k.kind = version
			}
			return k, nil
		}
		return known{}, fmt.Errorf("there is no fact %q; docs/profile-reference.md lists them under checks", rest)
	case "secret":
		if rest != "" {
			return known{phase: AtStart, secret: true}, nil
		}
	case "identity":
		if p.Identity == nil {
			return known{}, fmt.Errorf("%s: the profile has no identity: say its pool and columns", name)
		}
		if slices.Contains(p.Identity.Columns, rest) {
			return known{phase: WithIdent, secret: SecretColumn(rest) || slices.Contains(p.Identity.Secret, rest)}, nil
		}
		return known{}, fmt.Errorf("%s: no such column under identity.columns%s", name, nearest(rest, p.Identity.Columns))
	case "vars":
		v, ok := p.Vars[rest]
		if !ok {
			return known{}, fmt.Errorf("%s: there is no such var under vars%s", name, nearest(rest, keys(p.Vars)))
		}
		for _, n := range append(v.Value.names(), v.By) {
			if strings.HasPrefix(n, "vars.") {
				return known{}, fmt.Errorf("%s: a var cannot use another var", name)
			}
		}
		if v.By != "" {
			k, err := p.name(v.By)
			k.kind = text
			return k, err
		}
		return p.known(v.Value)
	}
	all := keys(plainNames)
	return known{}, fmt.Errorf("there is no name %q%s; known are %s, fact.FACT, identity.COLUMN, secret.NAME, vars.NAME", name,
		nearest(name, all), strings.Join(all, ", "))
}

// known is what a template's value is: as late as its latest name, secret if one is.
func (p *Profile) known(t Text) (known, error) {
	var all known
	for _, n := range t.names() {
		k, err := p.name(n)
		if err != nil {
			return all, err
		}
		all.phase, all.secret = max(all.phase, k.phase), all.secret || k.secret
	}
	return all, nil
}

// IsSecret reports whether no output may show a template's value.
func (p *Profile) IsSecret(t Text) bool {
	k, _ := p.known(t) // the names were checked
	return k.secret
}

// keys are a map's, sorted.
func keys[V any](m map[string]V) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// nearest says which of some words was most likely meant; "" is none.
func nearest(word string, words []string) string {
	best, at := "", max(2, len(word)/3)+1
	for _, w := range words {
		if d := distance(word, w); d < at {
			best, at = w, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// distance is how many letters are to be changed, put in or taken out (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			last, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, last+cost)
		}
	}
	return row[len(b)]
}
