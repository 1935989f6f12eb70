// This file speaks to GitHub Actions: an annotation for each tablet that failed and each
// warning, as workflow commands (docs.github.com, "Workflow commands").

package ui

import (
	"fmt"
	"io"
	"strings"

	"github.com/zarya-station/zarya/flash"
)

type githubSink struct {
	w   io.Writer
	err error
}

// NewGitHub writes annotations as they happen.
func NewGitHub(w io.Writer) Sink { return &githubSink{w: w} }

func (g *githubSink) Event(e flash.Event) {
	switch b := e.Body.(type) {
	case flash.JobDone:
		if b.Result != flash.Pass && b.Result != flash.Compliant {
			g.annotate("error", fmt.Sprintf("%s: %s %s", e.Label(), b.Result.Word(b.Scope), b.Class), reason(b)+hintAfter(b.Hint))
		}
	case flash.Warning:
		g.annotate("warning", e.Label(), b.Message+hintAfter(b.Hint))
	case Summary:
		if b.Error != nil {
			g.annotate("error", "zarya: "+b.Error.Class, b.Error.Message+hintAfter(b.Error.Hint))
		}
	}
}

func hintAfter(hint string) string {
	if hint == "" {
		return ""
	}
	return " → " + hint
}

func (g *githubSink) annotate(level, title, message string) {
	if g.err == nil {
		_, g.err = fmt.Fprintf(g.w, "::%s title=%s::%s\n", level, workflowValue(title), workflowText(message))
	}
}

// workflowText escapes the text of a workflow command; workflowValue that of a property.
func workflowText(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(printable(s))
}

func workflowValue(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(workflowText(s))
}

func (g *githubSink) Close() error { return g.err }
