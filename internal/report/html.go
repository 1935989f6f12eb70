// This file is a report as one page that needs nothing else: to mail, to print, to keep.

package report

import (
	"bytes"
	"embed"
	"html/template"
	"io"
	"slices"
	"time"

	"github.com/zarya-station/zarya/internal/sheet"
	"github.com/zarya-station/zarya/internal/stats"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/internal/words"
)

//go:embed templates/*.html
var templates embed.FS

// tile is one large number.
type tile struct{ Name, Value string }

// reason is one bar. Coordinates are those of the plot's view box.
type reason struct {
	Name, N               string
	Y, Text, Width, After int
}

// timeRow and groupRow are rows of tables, as they are shown.
type (
	timeRow  struct{ Name, P50, P95, N string }
	groupRow struct {
		Key, Passed, Units, First, Second, Last, Rate, Interrupted string
		Bar                                                        int // of 100: last pass
	}
)

// page is what the template shows.
type page struct {
	Lang, Span, By, Program, Made string
	Tiles                         []tile
	Why                           []reason
	WhyHeight                     int
	Times                         []timeRow
	Groups                        []groupRow
}

// HTML is the report as a page, in the language of w. program is the version that made it.
func (r *Report) HTML(out io.Writer, w *words.Words, program string, now time.Time) error {
	number := func(n int) string { return w.Number(float64(n), 0) }
	percent := func(v float64) string {
		if v < 0 {
			return "–"
		}
		return w.Percent(v)
	}
	rate := func(g stats.Group) string {
		if g.Rate() < 0 {
			return "–"
		}
		return w.Number(g.Rate(), 1)
	}
	moment := func(t time.Time, none string) string {
		if t.IsZero() {
			return none
		}
		return t.Local().Format(w.DateForm() + " 15:04")
	}
	all := r.All
	p := page{Lang: w.Lang(), Program: program, Made: moment(now, ""), Span: moment(r.Since, "…") + " – " + moment(r.Until, moment(now, ""))}
	p.Tiles = []tile{
		{w.Text("page.passed", nil), number(all.Passed)}, {w.Text("page.units", nil), number(all.Units)},
		{w.Text("label.first-pass", nil), percent(all.Yield(all.First))}, {w.Text("label.last-pass", nil), percent(all.Yield(all.Last))},
		{w.Text("label.per-hour", nil), rate(all)}, {w.Text("page.interrupted", nil), number(all.Interrupted)},
	}
	for i, f := range all.Failures[:min(shownReasons, len(all.Failures))] {
		y := 4 + i*24
		width := max(3, 170*f.N/all.Failures[0].N)
		p.Why = append(p.Why, reason{Name: why(w, f.Class) + " " + f.Step, N: number(f.N), Y: y, Text: y + 13, Width: width, After: 206 + width})
	}
	p.WhyHeight = 8 + len(p.Why)*24
	for _, t := range slices.Concat(all.States, all.Steps[:min(shownReasons, len(all.Steps))]) {
		name := t.Name
		if id := "page.span." + name; w.Has(id) {
			name = w.Text(id, nil)
		}
		took := func(ms int64) string { return w.Seconds(time.Duration(ms) * time.Millisecond) }
		p.Times = append(p.Times, timeRow{name, took(t.P50), took(t.P95), number(t.N)})
	}
	if r.By != stats.ByAll {
		p.By = w.Text("report.by."+string(r.By), nil)
		for _, g := range r.Groups {
			p.Groups = append(p.Groups, groupRow{ui.Dash(g.Key), number(g.Passed), number(g.Units), percent(g.Yield(g.First)),
				percent(g.Yield(g.Second)), percent(g.Yield(g.Last)), rate(g), number(g.Interrupted), max(0, int(100*g.Yield(g.Last)))})
		}
	}
	return render(out, "report.html", "", w, p)
}

// why is a class of failures in a word.
func why(w *words.Words, class string) string {
	if id := "row." + class; w.Has(id) {
		return w.Text(id, nil)
	}
	return ui.Dash(class)
}

// render fills a template in: one of ours, or a text that somebody else wrote.
func render(out io.Writer, name, text string, w *words.Words, data any) error {
	t := template.New(name).Funcs(template.FuncMap{"t": func(id string) string { return w.Text(id, nil) }})
	var err error
	if text == "" {
		t, err = t.ParseFS(templates, "templates/"+name)
	} else {
		t, err = t.Parse(text)
	}
	var b bytes.Buffer
	if err == nil {
		err = t.Execute(&b, data)
	}
	if err != nil {
		return err
	}
	if _, err := b.WriteTo(out); err != nil {
		return sheet.WriteProblem(err)
	}
	return nil
}
