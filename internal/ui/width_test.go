package ui

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFit(t *testing.T) {
	for _, test := range []struct {
		text       string
		n          int
		end, start string // cut at the end, and at the start
	}{
		{"planshet", 8, "planshet", "planshet"},
		{"planshet", 5, "plan…", "…shet"},
		{"планшет", 4, "пла…", "…шет"},
		{"日本語", 6, "日本語", "日本語"}, // two columns each
		{"日本語", 5, "日本…", "…本語"},
		{"日本語", 4, "日…", "…語"},
		{"e\u0301te\u0301", 3, "e\u0301te\u0301", "e\u0301te\u0301"}, // a letter and its accent are one
		{"e\u0301te\u0301", 2, "e\u0301…", "…e\u0301"},
		{"x", 0, "", ""},
		{"xy", 1, "…", "…"},
		{"", 2, "", ""},
	} {
		if got := cutEnd(test.text, test.n); got != test.end {
			t.Errorf("%q at %d: %q, not %q", test.text, test.n, got, test.end)
		}
		if got := cutStart(test.text, test.n); got != test.start {
			t.Errorf("%q at %d: %q, not %q", test.text, test.n, got, test.start)
		}
		if got := textWidth(fit(test.text, test.n)); got != test.n {
			t.Errorf("%q at %d is %d columns wide", test.text, test.n, got)
		}
	}
}

func FuzzFit(f *testing.F) {
	f.Add("планшет 日本 e\u0301 👩‍👩‍👧", 5)
	f.Add("\u200b\u202e", 1)
	f.Fuzz(func(t *testing.T, text string, n int) {
		n = min(max(n, 0), 200)
		text = printable(text)
		for _, got := range []string{cutEnd(text, n), cutStart(text, n)} {
			if textWidth(got) > n || !utf8.ValidString(got) {
				t.Errorf("%q at %d: %q", text, n, got)
			}
			if rest := strings.Trim(got, "…"); !strings.Contains(text, rest) {
				t.Errorf("%q at %d: %q was not in it", text, n, got)
			}
		}
	})
}
