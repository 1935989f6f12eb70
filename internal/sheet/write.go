// This file writes CSV for spreadsheets: safe against formulas, and if asked for as the
// Russian Excel reads it.

package main

import (
	"encoding/csv"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/internal/problem"
)

// spreadsheet is a CSV file under way.
type spreadsheet struct {
	w  *csv.Writer
	ru bool // UTF-8 with a mark at its beginning, semicolons, decimal commas, numbers in texts stay texts
}

// newSpreadsheet begins a file.
func newSpreadsheet(out io.Writer, ru bool) (*spreadsheet, error) {
	s := &spreadsheet{csv.NewWriter(out), ru}
	if ru {
		if _, err := io.WriteString(out, "\ufeff"); err != nil {
			return nil, exportTrouble(err)
		}
		s.w.Comma, s.w.UseCRLF = ';', true
	}
	return s, nil
}

// row writes one line.
func (s *spreadsheet) row(cells ...string) { _ = s.w.Write(cells) } // its error is kept for end

// end writes what is left.
func (s *spreadsheet) end() error {
	s.w.Flush()
	if err := s.w.Error(); err != nil {
		return exportTrouble(err)
	}
	return nil
}

func exportTrouble(err error) error {
	return problem.New(problem.Station, "write to a disk with room", "export: %w", err)
}

// numeric is what Excel makes a number or a date of, and loses zeros and digits.
var numeric = regexp.MustCompile(`^[0-9][0-9.,:/eE+-]*$`)

// text is a cell that may hold anything: no spreadsheet reads it as a formula, and the
// Russian Excel reads a serial of digits as the text that it is.
func (s *spreadsheet) text(v string) string {
	if s.ru && numeric.MatchString(v) {
		return `="` + v + `"`
	}
	return cell(v)
}

// decimal is a number with so many digits behind its point.
func (s *spreadsheet) decimal(v float64, digits int) string {
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
