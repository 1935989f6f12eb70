// This file writes CSV for spreadsheets: safe against formulas, and if asked for as the
// Russian Excel reads it.

package sheet

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/internal/lazyregexp"
	"github.com/zarya-station/zarya/internal/problem"
)

// Writer is a CSV file under way.
type Writer struct {
	w  *csv.Writer
	ru bool // UTF-8 with a mark at its beginning, semicolons, decimal commas, numbers in texts stay texts
}

// NewWriter begins a file; ru is for the Russian Excel.
func NewWriter(out io.Writer, ru bool) (*Writer, error) {
	s := &Writer{csv.NewWriter(out), ru}
	if ru {
		if _, err := io.WriteString(out, "\ufeff"); err != nil {
			return nil, WriteProblem(err)
		}
		s.w.Comma, s.w.UseCRLF = ';', true
	}
	return s, nil
}

// Row writes one line.
func (s *Writer) Row(cells ...string) { _ = s.w.Write(cells) } // its error is kept for End

// End writes what is left.
func (s *Writer) End() error {
	s.w.Flush()
	if err := s.w.Error(); err != nil {
		return WriteProblem(err)
	}
	return nil
}

// WriteProblem is an export that cannot be written.
func WriteProblem(err error) error {
	return problem.New(problem.Station, "write to a disk with free space", "export: %w", err)
}

// numeric is what Excel makes a number or a date of, and loses zeros and digits.
var numeric = lazyregexp.New(`^[0-9][0-9.,:/eE+-]*$`)

// Text is a cell that may hold anything: no spreadsheet reads it as a formula, and the
// Russian Excel reads a serial of digits as the text that it is.
func (s *Writer) Text(v string) string {
	if s.ru && numeric.MatchString(v) {
		return `="` + v + `"`
	}
	return cell(v)
}

// Decimal is a number with so many digits behind its point.
func (s *Writer) Decimal(v float64, digits int) string {
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if s.ru {
		text = strings.Replace(text, ".", ",", 1)
	}
	return text
}

// cell keeps a spreadsheet from reading a device's words as a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
