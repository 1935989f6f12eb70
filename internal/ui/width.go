// This file measures and cuts text in columns of a terminal: what a person sees as one
// character can be several code points, and can take two columns, or none.

package ui

import (
	"strings"

	"github.com/rivo/uniseg"
)

// textWidth is how many columns s takes.
func textWidth(s string) int { return uniseg.StringWidth(s) }

// fit makes s exactly n columns wide: padded, or cut with an ellipsis.
func fit(s string, n int) string {
	s = cutEnd(s, n)
	return s + strings.Repeat(" ", max(0, n-textWidth(s)))
}

// cutEnd makes s at most n columns wide: its beginning stays.
func cutEnd(s string, n int) string {
	if textWidth(s) <= n {
		return s
	}
	if n <= 0 {
		return ""
	}
	kept, columns := "", 0
	for g := uniseg.NewGraphemes(s); g.Next() && columns+g.Width() < n; columns += g.Width() {
		kept += g.Str()
	}
	return kept + "…"
}

// cutStart makes s at most n columns wide: its end stays.
func cutStart(s string, n int) string {
	over := textWidth(s) - n
	if over <= 0 {
		return s
	}
	if n <= 0 {
		return ""
	}
	g, cut, from := uniseg.NewGraphemes(s), 0, 0
	for cut <= over && g.Next() { // one column more, for the ellipsis
		cut += g.Width()
		_, from = g.Positions()
	}
	return "…" + s[from:]
}
