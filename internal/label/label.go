// Package label makes the sticker of a tablet: its result in large letters, its numbers as text
// and as barcodes, and all of it in a QR code. [Of] makes one of a record of the ledger, so it
// says PASS of nothing else. [Label.Write] gives it a form: ZPL for label printers, PDF, PNG.
// A [Printer] takes it, and a [Service] prints as jobs end.
package label

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/internal/untrusted"
	"github.com/zarya-station/zarya/internal/words"
)

// Label is what a sticker says.
type Label struct {
	Result    string // PASS, COMPLIANT, FLASHED, FAIL locked, …: for machines, in every language
	Said      string // the result as a person reads it
	Good      bool   // the tablet is as its profile says
	Serial    string
	Inventory string // "" is none
	Model     string
	Record    string
	Ended     string // as a person reads it
	Golden    bool
	Copy      int // 2 is the first reprint

	ended time.Time
	words *words.Words
}

// Of is the label of a job that has ended, in the words of whoever reads it.
func Of(j *ledger.JobRecord, ws *words.Words) (Label, error) {
	if j.Ended == "" || j.Result == "running" {
		return Label{}, problem.New(problem.Usage, "wait for it, then print its label", "job %s has not ended", j.Job)
	}
	ended, err := time.Parse(time.RFC3339Nano, j.Ended)
	if err != nil {
		return Label{}, problem.New(problem.Invalid, "zarya ledger verify says more", "record %s: %w", j.Record, err)
	}
	result := flash.JobResult(j.Result)
	l := Label{Result: strings.TrimSpace(result.Word(j.Scope) + " " + string(j.Class)), Golden: j.Golden, Copy: 1, Record: j.Record,
		Good: good(j), ended: ended, words: ws,
		Said:  ui.Result(ws, flash.JobDone{Result: result, Scope: j.Scope, Class: j.Class}),
		Ended: ended.Local().Format(ws.DateForm() + " 15:04"), Serial: j.Serial, Inventory: j.Inventory, Model: j.Model}
	for _, field := range []*string{&l.Result, &l.Said, &l.Serial, &l.Inventory, &l.Model, &l.Record} {
		if len(*field) > maxField {
			return Label{}, problem.New(problem.Failed, "write it by hand", "%q does not fit a label", *field)
		}
		*field = untrusted.Marked(*field, maxField)
	}
	return l, nil
}

// maxField is what a field may have, in bytes: all of them fit a QR code, escaped.
const maxField = 64

// Find is the job of which a label is wanted: by its record, by its name, or the newest one of a
// tablet, by its serial number. A success that a failure of the same tablet came after has none.
func Find(ctx context.Context, l *ledger.Ledger, name string) (*ledger.JobRecord, error) {
	j, _, ok, err := l.Record(ctx, name)
	if err == nil && !ok {
		j, err = l.Job(ctx, name)
	}
	if err != nil {
		return nil, err
	}
	serial := name
	if j != nil {
		serial = j.Serial
	}
	all, err := l.Tablet(ctx, serial)
	if err != nil {
		return nil, err
	}
	for _, other := range all { // the newest first
		switch {
		case other.Serial != serial || other.Ended == "" || other.Result == string(flash.Skipped):
		case j == nil:
			return other, nil
		case other.Ended > j.Ended && good(j) && !good(other):
			return nil, problem.New(problem.Failed, "run it again; or print the label of "+other.Record,
				"%s passed, but record %s of the same tablet says %s", j.Record, other.Record, other.Result)
		}
	}
	if j == nil {
		return nil, problem.New(problem.Usage, "zarya ledger list shows what there is", "no record, job or serial %q is in the ledger", name)
	}
	return j, nil
}

func good(j *ledger.JobRecord) bool {
	return j.Result == string(flash.Pass) || j.Result == string(flash.Compliant)
}

// Issue records a copy of a job's label and makes it, in the words of whoever reads it. printer is
// where it goes; by is who wants it, "" is not known.
func Issue(record func(ledger.Label) (int, error), j *ledger.JobRecord, ws *words.Words, format string, s Size,
	printer, by string) ([]byte, error) {
	l, err := Of(j, ws)
	if err != nil {
		return nil, err
	}
	if _, err := l.Write(format, s); err != nil { // nothing is recorded that cannot be made
		return nil, err
	}
	l.Copy, err = record(ledger.Label{Record: l.Record, Serial: l.Serial, Result: l.Result, Format: format, Printer: printer, By: by})
	if err != nil {
		return nil, problem.New(problem.Station, "give the ledger's disk room, then do it again", "%w", err)
	}
	return l.Write(format, s)
}

// Data is what the QR code has: a query, whose values are escaped, so that none can be taken
// for another.
func (l Label) Data() string {
	var b strings.Builder
	for _, f := range []struct{ key, value string }{
		{"serial", l.Serial}, {"inventory", l.Inventory}, {"result", l.Result}, {"model", l.Model}, {"record", l.Record},
	} {
		if f.value != "" {
			fmt.Fprintf(&b, "&%s=%s", f.key, url.QueryEscape(f.value))
		}
	}
	return "zarya:?" + strings.TrimPrefix(b.String(), "&")
}

// Size is that of the sticker, and how fine it is printed.
type Size struct {
	Width, Height int // mm
	Dots          int // a mm: 8 is 203 dpi, 12 is 300 dpi, 24 is 600 dpi
}

// Usual is what most printers at benches have.
var Usual = Size{58, 40, 8}

// ParseSize reads a size such as 58x40, and a printer's dots per inch; "" is the usual.
func ParseSize(size, dpi string) (s Size, err error) {
	s = Usual
	if size != "" {
		var rest string
		n, _ := fmt.Sscanf(size+" ", "%dx%d%s", &s.Width, &s.Height, &rest)
		if n != 2 || s.Width < 40 || s.Width > 150 || s.Height < 25 || s.Height > 150 {
			return s, problem.New(problem.Usage, "write it as 58x40: width and height in mm, 40x25 to 150x150", "%q is no size of a label", size)
		}
	}
	switch dpi {
	case "", "203":
	case "300":
		s.Dots = 12
	case "600":
		s.Dots = 24
	default:
		return s, problem.New(problem.Usage, "choose one of 203, 300 and 600", "no label printer has %q dots per inch", dpi)
	}
	return s, nil
}

// Formats are what a label can be written as.
var Formats = []string{"zpl", "pdf", "png"}

// FormatOf is the one that the name of a file ends with; anything else takes ZPL.
func FormatOf(file string) string {
	if ext := strings.TrimPrefix(filepath.Ext(file), "."); slices.Contains(Formats, ext) {
		return ext
	}
	return "zpl"
}

// Write makes the label in one of [Formats].
func (l Label) Write(format string, s Size) ([]byte, error) {
	drawing, err := l.layout(s)
	if err != nil {
		return nil, err
	}
	switch format {
	case "zpl":
		return drawing.zpl(), nil
	case "pdf":
		return drawing.pdf(l)
	case "png":
		return drawing.png()
	}
	return nil, problem.New(problem.Usage, "choose one of "+strings.Join(Formats, ", "), "--format: no format %q", format)
}
