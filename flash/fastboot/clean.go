// This file makes what a device says safe to show, log and store.

package fastboot

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean returns s without control characters, escape sequences' introducers,
// invalid UTF-8 and invisible formatting (bidi overrides), trimmed of white
// space. A tab becomes a space.
func Clean(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\t' || r == '\n':
			b.WriteByte(' ')
		case r == utf8.RuneError || !unicode.IsPrint(r):
		default:
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(b.String())
}
