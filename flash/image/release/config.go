// This file reads flash-config.sh as data.

package release

import (
	"fmt"
	"regexp"
	"strings"
)

// ParseConfig reads the assignments of a flash-config.sh: NAME=(words), NAME="text",
// comments, and nothing else. What a shell would expand or run is refused.
func ParseConfig(text string) (map[string][]string, error) {
	config := map[string][]string{}
	line := 1
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%s:%d: %s", configName, line, fmt.Sprintf(format, args...))
	}
	next := func(n int) string {
		s := text[:n]
		line += strings.Count(s, "\n")
		text = text[n:]
		return s
	}
	blanks := func() {
		for text != "" {
			switch {
			case strings.ContainsRune(" \t\r\n", rune(text[0])):
				next(1)
			case text[0] == '#':
				next(strings.IndexByte(text+"\n", '\n'))
			default:
				return
			}
		}
	}
	// word reads one quoted or bare word.
	word := func() (string, error) {
		if quote := text[0]; quote == '"' || quote == '\'' {
			next(1)
			var w strings.Builder
			for text != "" && text[0] != quote {
				c := next(1)
				switch {
				case quote == '"' && c == "\\" && text != "":
					c = next(1)
				case quote == '"' && (c == "$" || c == "`"):
					return "", bad("what a shell would put in for %q is not known", c)
				}
				w.WriteString(c)
			}
			if text == "" {
				return "", bad("a string that does not end")
			}
			next(1)
			return w.String(), nil
		}
		n := strings.IndexAny(text+" ", " \t\r\n()\"'")
		w := next(n)
		if w == "" || strings.ContainsAny(w, "$`;&|<>\\") {
			return "", bad("%q is not plain text", w)
		}
		return w, nil
	}
	for blanks(); text != ""; blanks() {
		name, _, ok := strings.Cut(text, "=")
		if !ok || !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(name) {
			first, _, _ := strings.Cut(text, "\n")
			return nil, bad("%.60q is a command; only NAME=(…) and NAME=\"…\" are read", first)
		}
		if _, twice := config[name]; twice {
			return nil, bad("%s is set twice", name)
		}
		next(len(name) + 1)
		config[name] = []string{}
		switch {
		case text == "" || strings.ContainsRune(" \t\r\n", rune(text[0])):
		case text[0] == '(':
			next(1)
			for blanks(); ; blanks() {
				if text == "" {
					return nil, bad("%s=( does not end", name)
				}
				if text[0] == ')' {
					next(1)
					break
				}
				w, err := word()
				if err != nil {
					return nil, err
				}
				config[name] = append(config[name], w)
			}
		default:
			w, err := word()
			if err != nil {
				return nil, err
			}
			config[name] = append(config[name], w)
		}
		if text != "" && !strings.ContainsRune(" \t\r\n#", rune(text[0])) {
			return nil, bad("something follows the value of %s", name)
		}
	}
	return config, nil
}
