// This file speaks to GitHub Actions: an annotation for each tablet that failed, each warning
// and each mistake in a file, as workflow commands, and a table of all tablets as the summary
// of the step (docs.github.com, "Workflow commands").

package ui

import (
	"fmt"
	"html"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/flash"
)

type githubSink struct {
	w       io.Writer
	summary string // the file of the step's summary; "" is none
	scope   flash.Scope
	models  map[string]string // by job
	rows    []githubRow
	ended   *Summary
	err     error
}

type githubRow struct {
	bad  bool // among the first
	text string
}

// NewGitHub writes annotations as they happen, past a [Guard] where w is one, and at Close
// adds a table to the file summary, where there is one.
func NewGitHub(w io.Writer, summary string) Sink {
	if g, ok := w.(*guard); ok {
		w = g.w
	}
	return &githubSink{w: w, summary: summary, models: map[string]string{}}
}

func (g *githubSink) Event(e flash.Event) {
	switch b := e.Body.(type) {
	case flash.JobStarted:
		g.scope = b.Scope
	case flash.Device:
		if e.Job != "" && b.Model != "" {
			g.models[e.Job] = b.Model
		}
	case flash.JobDone:
		if b.Result != flash.Pass && b.Result != flash.Compliant {
			g.annotate("error", fmt.Sprintf("title=%s", workflowValue(fmt.Sprintf("%s: %s %s", e.Label(), b.Result.Word(b.Scope), b.Class))),
				reason(b)+hintAfter(b.Hint))
		}
		g.done(e, b)
	case flash.Warning:
		g.annotate("warning", "title="+workflowValue(e.Label()), b.Message+hintAfter(b.Hint))
	case Summary:
		g.ended = &b
		if b.Error != nil {
			g.annotate("error", place(b.Error)+"title="+workflowValue("zarya: "+b.Error.Class), b.Error.Message+hintAfter(b.Error.Hint))
		}
	}
}

// place is where in a file of the repository a mistake is shown.
func place(e *SummaryError) (properties string) {
	if e.File == "" || e.Line == 0 {
		return ""
	}
	properties = fmt.Sprintf("file=%s,line=%d,", workflowValue(e.File), e.Line)
	if e.Column > 0 {
		properties += fmt.Sprintf("col=%d,", e.Column)
	}
	return properties
}

func hintAfter(hint string) string {
	if hint == "" {
		return ""
	}
	return " → " + hint
}

func (g *githubSink) annotate(level, properties, message string) {
	if g.err == nil {
		_, g.err = fmt.Fprintf(g.w, "::%s %s::%s\n", level, properties, workflowText(message))
	}
}

// workflowText escapes the text of a workflow command; workflowValue that of a property.
func workflowText(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(printableLines(strings.Split(s, "\n")))
}

func workflowValue(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(workflowText(s))
}

// done keeps a line of the table. What a tablet says stands in HTML, where Markdown has no
// meaning, so that it is shown and makes no link and no picture.
func (g *githubSink) done(e flash.Event, b flash.JobDone) {
	good := b.Result == flash.Pass || b.Result == flash.Compliant
	sign := "❌"
	switch {
	case good:
		sign = "✅"
	case b.Class.Bench() || b.Result == flash.Skipped:
		sign = "🟠"
	}
	why := ""
	if !good {
		why = reason(b) + hintAfter(b.Hint)
	}
	model := b.Model
	if model == "" {
		model = g.models[e.Job]
	}
	var row strings.Builder
	row.WriteString("<tr>")
	for _, cell := range []string{e.Label(), e.Serial, model, sign + " " + strings.TrimSpace(b.Result.Word(b.Scope)+" "+string(b.Class)),
		why, secondsText(b.Seconds), b.Record} {
		row.WriteString("<td>" + html.EscapeString(printable(cell)) + "</td>")
	}
	row.WriteString("</tr>\n")
	g.rows = append(g.rows, githubRow{!good, row.String()})
}

// maxSummary is what the table may take: GitHub takes 1 MiB from all of a step.
const maxSummary = 256 << 10

// table is the summary of the step: what did not pass comes first.
func (g *githubSink) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s: %s\n\n", html.EscapeString(strings.TrimSpace("zarya "+string(g.scope))), g.title())
	if e := g.ended; e != nil && e.Error != nil {
		fmt.Fprintf(&b, "<pre>%s</pre>\n\n", html.EscapeString(printableLines(strings.Split(e.Error.Message+hintAfter(e.Error.Hint), "\n"))))
	}
	if len(g.rows) == 0 {
		return b.String()
	}
	b.WriteString("<table>\n<tr><th>Tablet</th><th>Serial</th><th>Model</th><th>Result</th>" +
		"<th>What happened → what to do</th><th>Time</th><th>Record</th></tr>\n")
	slices.SortStableFunc(g.rows, func(x, y githubRow) int {
		switch {
		case x.bad == y.bad:
			return 0
		case x.bad:
			return -1
		}
		return 1
	})
	for i, r := range g.rows {
		if b.Len()+len(r.text) > maxSummary {
			fmt.Fprintf(&b, "<tr><td colspan=\"7\">and %s more</td></tr>\n", Options{}.count(len(g.rows)-i))
			break
		}
		b.WriteString(r.text)
	}
	b.WriteString("</table>\n\n")
	return b.String()
}

// title is how it went, in a few words.
func (g *githubSink) title() string {
	if g.ended == nil {
		return "ended before its summary"
	}
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{g.ended.Passed, "passed"}, {g.ended.Compliant, "compliant"}, {g.ended.Failed, "failed"},
		{g.ended.Interrupted, "interrupted"}, {g.ended.Skipped, "skipped"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing was done"}
	}
	return strings.Join(parts, ", ") + fmt.Sprintf(" (exit %d, %s)", g.ended.Exit, secondsText(g.ended.Seconds))
}

func (g *githubSink) Close() error {
	if g.summary == "" || g.ended == nil && len(g.rows) == 0 {
		return g.err
	}
	f, err := os.OpenFile(g.summary, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(g.table())
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}
	if g.err == nil {
		g.err = err
	}
	return g.err
}
