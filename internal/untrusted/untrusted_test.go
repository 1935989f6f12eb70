package untrusted

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestCleaned(t *testing.T) {
	for _, c := range []struct{ name, in, line, reply, marked string }{
		{"plain", "BAH3-W09", "BAH3-W09", "BAH3-W09", "BAH3-W09"},
		{"Cyrillic", "Аврора 5.1", "Аврора 5.1", "Аврора 5.1", "Аврора 5.1"},
		{"white space around", " \t x  y\r\n", "x  y", "x  y", "x  y"},
		{"only white space", " \n\t", "", "", ""},
		{"line breaks inside", "a\nb\r\nc\td", "a b  c d", "a b  c d", "a b  c d"},
		{"escape sequence", "\x1b[31mred\x07", "[31mred", "[31mred", "�[31mred�"},
		{"C1 introducer", "\u009b2Jx", "2Jx", "2Jx", "�2Jx"},
		{"the same as one byte", "\x9b2Jx", "2Jx", "2Jx", "�2Jx"},
		{"DEL", "a\x7fb", "ab", "ab", "a�b"},
		{"bidi override", "\u202eevil\u202c", "evil", "evil", "�evil�"},
		{"bidi isolate", "\u2066x\u2069", "x", "x", "�x�"},
		{"bidi mark", "a\u200e\u200f\u061cb", "ab", "ab", "a���b"},
		{"zero width", "a\u200bb\u200cc\u200dd\u2060\ufeff", "abcd", "abcd", "a�b�c�d��"},
		{"soft hyphen", "a\u00adb", "ab", "ab", "a�b"},
		{"line separator", "a\u2028\u2029b", "ab", "ab", "a��b"},
		{"spaces that are no space", "a\u00a0b\u3000", "ab", "ab", "a�b�"},
		{"fillers", "a\u3164\u115f\uffa0b", "ab", "ab", "a���b"},
		{"variation selectors", "a\ufe0fb\U000e0100", "ab", "ab", "a�b�"},
		{"tags", "a\U000e0041\U000e007f", "a", "a", "a��"},
		{"private use", "\ue000x", "x", "x", "�x"},
		{"invalid UTF-8", "\xff\xfebytes\xc3", "bytes", "bytes", "��bytes�"},
		{"replacement character", "a\ufffd", "a", "a", "a�"},
		{"after the NUL", "0.5\x00garbage", "0.5garbage", "0.5", "0.5�garbage"},
		{"NUL first", "\x00x", "x", "", "�x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Line(c.in, Word); got != c.line {
				t.Errorf("Line %q, want %q", got, c.line)
			}
			if got := Reply(c.in, Word); got != c.reply {
				t.Errorf("Reply %q, want %q", got, c.reply)
			}
			if got := Marked(c.in, Word); got != c.marked {
				t.Errorf("Marked %q, want %q", got, c.marked)
			}
		})
	}
}

func TestBound(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"12345678", 8, "12345678"},
		{"12345678   \n", 8, "12345678"},
		{"12345678\x1b\x1b", 8, "12345678"},
		{"123456789", 8, "12345…"},
		{"1234567      9", 8, "12345…"},
		{"ЖЖЖЖ", 8, "ЖЖЖЖ"},
		{"ЖЖЖЖЖ", 8, "ЖЖ…"}, // five bytes of room: two letters of two
		{"xxxx", 3, "…"},
		{"xxxx", 2, ""},
		{"x", 0, ""},
		{strings.Repeat("x", 8<<20), 32, strings.Repeat("x", 29) + "…"},
	} {
		if got := Line(c.in, c.limit); got != c.want {
			t.Errorf("%.20q within %d: %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[31mred", "\u202eevil\u2066", "\xff\xfe", "a\tb\nc\r", " \u00a0 x ", "\u2028", "\ufffd",
		"e\u0301", "\x9b", "😀\u200d", "a\x00b", "Ж     Ж"} {
		for _, limit := range []int{0, 3, 7, 200} {
			f.Add(s, limit)
		}
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit &= 0xfff
		for name, clean := range map[string]func(string, int) string{"Line": Line, "Reply": Reply, "Marked": Marked} {
			got := clean(s, limit)
			if len(got) > limit || utf8.RuneCountInString(got) > limit {
				t.Errorf("%s: %q has %d bytes, and may have %d", name, got, len(got), limit)
			}
			if !utf8.ValidString(got) || got != strings.TrimSpace(got) || slices.ContainsFunc([]rune(got), hidden) {
				t.Errorf("%s: %q becomes %q", name, s, got)
			}
			if again := clean(got, limit); again != got {
				t.Errorf("%s: %q becomes %q, and that %q", name, s, got, again)
			}
		}
		// A text with a hidden character never equals one without.
		lines := strings.NewReplacer("\t", " ", "\n", " ", "\r", " ").Replace(s)
		if full := utf8.UTFMax * (len(s) + 1); strings.ContainsFunc(lines, hidden) && Marked(s, full) == Line(s, full) {
			t.Errorf("%q is marked as %q, which says nothing", s, Marked(s, full))
		}
	})
}

// hidden is written from Unicode's categories, not from the code under test.
func hidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp) || r != ' ' && unicode.Is(unicode.Zs, r)
}
