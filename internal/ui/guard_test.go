package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// orders are the lines that a runner takes for a command: actions/runner, ActionCommand.cs.
func orders(text string) (found []string) {
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
			found = append(found, line)
		}
	}
	return found
}

func TestGuard(t *testing.T) {
	for in, want := range map[string]string{
		"plain: text\n":                        "plain: text\n",
		"::set-output name=x::y\n":             `:\u003aset-output name=x::y` + "\n",
		"a\n \t::add-mask::A3\n":               "a\n \t" + `:\u003aadd-mask::A3` + "\n",
		"a\r::stop-commands::x":                "a\r" + `:\u003astop-commands::x`,
		"A3: refused ##[set-output name=x;]y":  `A3: refused ##\u005bset-output name=x;]y`,
		"###[error]":                           `###\u005berror]`,
		"# [x] ## [y] a::b [::] #[z]\n: ::\n:": "# [x] ## [y] a::b [::] #[z]\n: ::\n:",
	} {
		for size := range len(in) { // in pieces of any size
			var b bytes.Buffer
			g := Guard(&b)
			for rest := in; rest != ""; {
				n := min(size+1, len(rest))
				if m, err := g.Write([]byte(rest[:n])); m != n || err != nil {
					t.Fatal(m, err)
				}
				rest = rest[n:]
			}
			if b.String() != want || len(orders(b.String())) > 0 {
				t.Errorf("%q in pieces of %d: %q, want %q", in, size+1, b.String(), want)
			}
		}
	}
	if _, err := Guard(broken{}).Write([]byte("x")); !errors.Is(err, errDisk) {
		t.Error(err)
	}
}

// JSON means the same as before.
func TestGuardedJSON(t *testing.T) {
	var b bytes.Buffer
	said := map[string]string{"error": "##[set-output name=a]b ::error::"}
	if err := json.NewEncoder(Guard(&b)).Encode(said); err != nil {
		t.Fatal(err)
	}
	var read map[string]string
	if err := json.Unmarshal(b.Bytes(), &read); err != nil || read["error"] != said["error"] || len(orders(b.String())) > 0 {
		t.Errorf("%s: %v %q", b.String(), err, read)
	}
}
