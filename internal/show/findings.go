// This file is what this machine's doctor found, and what a result means.

package show

import (
	"fmt"
	"io"
	"strings"

	"github.com/zarya-station/zarya/internal/doctor"
	"github.com/zarya-station/zarya/internal/explain"
	"github.com/zarya-station/zarya/internal/words"
)

// Findings writes what was found, each with its remedy.
func Findings(w io.Writer, ws *words.Words, findings []doctor.Finding) {
	for _, f := range findings {
		fmt.Fprintf(w, "%-8s %-12s %s\n", ws.Say(string(f.Level)), ws.Say(f.About), ws.Say(f.Says))
		if f.Remedy != "" {
			fmt.Fprintf(w, "  → %s\n", ws.Say(f.Remedy))
		}
	}
}

// Explanation writes what something means, and what to do next.
func Explanation(w io.Writer, ws *words.Words, e explain.Explanation) {
	subject := ws.Say(e.Subject)
	if class, ok := strings.CutPrefix(e.Subject, "class "); ok { // too short to be known by itself
		subject = ws.Sayf("class %s", class)
	}
	fmt.Fprintf(w, "%s\n\n%s\n", subject, ws.Say(e.Happened))
	if e.Tablet != "" {
		fmt.Fprintf(w, "\n%s\n", ws.Sayf("On the tablet now: %s", e.Tablet))
	}
	if len(e.Next) > 0 {
		fmt.Fprintf(w, "\n%s\n", ws.Say("Next:"))
	}
	for _, n := range e.Next {
		fmt.Fprintf(w, "  → %s\n", ws.Say(n))
	}
}
