// Package untrusted makes text from outside fit for screens, logs, records and JSON.
//
// Whatever a tablet, a descriptor, an adb server or a file of another process says is
// hostile until it went through here: it may be megabytes long, move the cursor, recolour
// the screen, turn the reading direction around or hide characters. Clean it where it
// enters, so that nothing further in has to think of it.
//
//   - [Line] drops what has no place in a line of text.
//   - [Reply] does the same, and ends at the first NUL, as the C program at the other end
//     means it.
//   - [Marked] puts U+FFFD where [Line] drops something: for values that are compared.
//     A hostname with a hidden character in it never equals the one without.
//
// All results hold at most so many bytes (and so at most as many characters), are valid
// UTF-8, begin and end with no white space, and stay as they are when they are cleaned
// again. A text that was cut ends with "…". Of an escape sequence only the escape
// character goes: what is left shows what was tried.
package untrusted

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds in bytes for what most texts are.
const (
	Word    = 256  // one value: a serial, a model, a version
	Message = 1024 // a sentence: why something failed
)

const (
	ellipsis = "…"
	mark     = utf8.RuneError // U+FFFD, the replacement character
)

// Line returns s as one line of at most limit bytes, without whatever cannot be seen.
// Tabs and line breaks become spaces.
func Line(s string, limit int) string { return clean(s, limit, false) }

// Reply returns the Line of what stands before the first NUL in s.
func Reply(s string, limit int) string {
	s, _, _ = strings.Cut(s, "\x00")
	return Line(s, limit)
}

// Marked returns s as Line does, with U+FFFD for each character that Line drops.
func Marked(s string, limit int) string { return clean(s, limit, true) }

func clean(s string, limit int, marked bool) string {
	var b strings.Builder
	spaces := 0 // that were read and not written: none are at the beginning or the end
	for _, r := range s {
		switch {
		case r == ' ' || r == '\t' || r == '\n' || r == '\r':
			if b.Len() > 0 {
				spaces++
			}
			continue
		case r == mark && marked:
		case visible(r):
		case marked:
			r = mark
		default:
			continue
		}
		if b.Len()+spaces+utf8.RuneLen(r) > limit {
			return cut(b.String(), limit)
		}
		for ; spaces > 0; spaces-- {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// visible reports whether a character shows as one, whatever stands around it. Letters,
// marks, digits, punctuation and symbols do, but for those that Unicode says to ignore
// where they are not known (fillers, variation selectors).
func visible(r rune) bool {
	return r != mark && unicode.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// cut shortens a clean text so that it shows that it was cut.
func cut(s string, limit int) string {
	if limit < len(ellipsis) {
		return ""
	}
	at := min(len(s), limit-len(ellipsis))
	for at > 0 && at < len(s) && !utf8.RuneStart(s[at]) {
		at--
	}
	return s[:at] + ellipsis
}
