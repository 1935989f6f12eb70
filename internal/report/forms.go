// This file is the forms that a report can be written in.

package report

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/words"
)

// Forms are what a report can be written in. openhtf and wsjf are the jobs themselves, one on a
// line, for the systems that read these; the others are what was counted.
var Forms = []string{"text", "json", "csv", "xlsx", "html", "openhtf", "wsjf"}

// Form is how a report is wanted.
type Form struct {
	Name    string // one of [Forms]
	ExcelRu bool   // CSV as the Russian Excel reads it
}

// Check refuses what cannot be written.
func (f Form) Check() error {
	switch {
	case !slices.Contains(Forms, f.Name):
		return problem.New(problem.Usage, "choose one of "+strings.Join(Forms, ", "), "--format: no format %q", f.Name)
	case f.ExcelRu && f.Name != "csv":
		return problem.New(problem.Usage, "add --format csv", "--excel-ru does not go with --format %s", f.Name)
	}
	return nil
}

// Read reads the jobs of a source, once: it counts them or, where the form is the jobs
// themselves, writes them.
func (r *Report) Read(ctx context.Context, l Source, f Form, out io.Writer) error {
	switch f.Name {
	case "openhtf":
		return r.Export(ctx, out, l, OpenHTF)
	case "wsjf":
		return r.Export(ctx, out, l, WSJF)
	}
	return r.Count(ctx, l)
}

// Write writes what was counted; program is the version that made it. [Report.Items] are for
// JSON, which is no text.
func (r *Report) Write(out io.Writer, f Form, w *words.Words, program string, now time.Time) error {
	switch f.Name {
	case "csv":
		return r.CSV(out, f.ExcelRu)
	case "xlsx":
		return r.XLSX(out)
	case "html":
		return r.HTML(out, w, program, now)
	case "text":
		return r.Text(out, w)
	}
	return nil
}

// ReadTemplate reads the template of a protocol; of "" it is "", the built-in one.
func ReadTemplate(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file) //nolint:gosec // the file that the user names
	if err != nil {
		return "", problem.New(problem.Usage, "", "--template: %w", err)
	}
	return string(text), nil
}
