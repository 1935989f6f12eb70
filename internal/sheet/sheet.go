// This file reads a table.

package sheet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Sheet is a table.
type Sheet struct {
	Encoding  string // UTF-8, UTF-16, Windows-1251
	Separator rune   // of columns
	Columns   []string
	Rows      []Row // those that have a value
	Blank     int   // rows without any, which were left out
}

// Row is one row; it has a cell for each column.
type Row struct {
	Line  int // of the file, from 1
	Cells []string
}

// Error says what is wrong with a table. Nothing of a row is in it.
type Error struct {
	Line   int // 0: the whole file
	Reason string
	Hint   string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
}

// ReadFile reads a file of at most limit bytes.
func ReadFile(name string, limit int64) (*Sheet, error) {
	f, err := os.Open(name) //nolint:gosec // the file that the user names
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, &Error{Reason: fmt.Sprintf("is larger than %d bytes", limit)}
	}
	return Parse(text)
}

// Parse reads a table.
func Parse(text []byte) (*Sheet, error) {
	text, name, err := decode(text)
	if err != nil {
		return nil, err
	}
	s := &Sheet{Encoding: name}
	text = bytes.TrimRight(text, "\x1a") // DOS ends text so
	if bytes.IndexByte(text, '\n') < 0 { // an old Mac ends lines so
		text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	}
	text, skipped := s.takeSeparatorLine(text)
	if s.Separator == 0 {
		if s.Separator, err = findSeparator(text); err != nil {
			return nil, err
		}
	}
	return s, s.readRows(text, skipped)
}

// takeSeparatorLine takes off the line sep=; by which one spreadsheet tells another.
func (s *Sheet) takeSeparatorLine(text []byte) (rest []byte, lines int) {
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	line = bytes.Trim(bytes.TrimRight(line, "\r"), "\"")
	if value, ok := bytes.CutPrefix(bytes.ToLower(line), []byte("sep=")); ok && len(value) == 1 && bytes.ContainsAny(value, ",;\t") {
		s.Separator = rune(value[0])
		return rest, 1
	}
	return text, 0
}

// findSeparator looks at the names of the columns, which have no separators in them.
func findSeparator(text []byte) (rune, error) {
	head := text
	for len(head) > 0 {
		line, rest, _ := bytes.Cut(head, []byte("\n"))
		if len(bytes.Trim(line, " \t\r,;\"")) > 0 {
			head = line
			break
		}
		head = rest
	}
	var found []string
	separator := ','
	for _, s := range []struct {
		is   rune
		name string
	}{{',', ","}, {';', ";"}, {'\t', "TAB"}} {
		if bytes.ContainsRune(head, s.is) {
			separator, found = s.is, append(found, s.name)
		}
	}
	if len(found) > 1 {
		return 0, &Error{Line: 1, Reason: fmt.Sprintf("has both %s in its first line: which of them separates columns cannot be told",
			strings.Join(found, " ")), Hint: "use one separator, and names of columns without it"}
	}
	return separator, nil
}

// readRows reads the names of the columns and the rows.
func (s *Sheet) readRows(text []byte, skipped int) error {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = s.Separator, -1, true
	for {
		cells, err := r.Read()
		var bad *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			if s.Columns == nil {
				return &Error{Reason: "is empty", Hint: "its first line names the columns"}
			}
			return nil
		case errors.As(err, &bad):
			return &Error{Line: bad.Line + skipped, Reason: bad.Err.Error(),
				Hint: "a cell with a quote or a line end in it is in quotes, its own quotes doubled"}
		case err != nil:
			return err
		}
		line, _ := r.FieldPos(0)
		if err := s.addRow(cells, line+skipped); err != nil {
			return err
		}
	}
}

func (s *Sheet) addRow(cells []string, line int) error {
	trimmed := make([]string, len(cells))
	last := 0 // after the last cell with a value
	for i, cell := range cells {
		if trimmed[i] = strings.TrimSpace(cell); trimmed[i] != "" {
			last = i + 1
		}
	}
	switch {
	case last == 0:
		s.Blank++
	case s.Columns == nil:
		s.Columns = trimmed[:last] // a spreadsheet may write columns that were once used
		for i, name := range s.Columns {
			if name == "" {
				return &Error{Line: line, Reason: fmt.Sprintf("column %d has no name", i+1)}
			}
			if slices.Contains(s.Columns[:i], name) {
				return &Error{Line: line, Reason: fmt.Sprintf("two columns have the name %q", name)}
			}
		}
	case last > len(s.Columns) || len(trimmed) < len(s.Columns):
		return &Error{Line: line, Reason: fmt.Sprintf("wrong number of fields: %d, and there are %d columns", len(trimmed), len(s.Columns)),
			Hint: "every line has as many columns as the first; separators within one are in quotes"}
	default:
		s.Rows = append(s.Rows, Row{line, trimmed[:len(s.Columns)]})
	}
	return nil
}

// Column returns the index of a column, -1 if there is none of that name.
func (s *Sheet) Column(name string) int { return slices.Index(s.Columns, name) }

// Key holds a column to being a key: every row has a value in it, and none has that of
// another. The value is in the error: a key is no secret.
func (s *Sheet) Key(name string) error {
	column := s.Column(name)
	if column < 0 {
		return &Error{Line: 1, Reason: fmt.Sprintf("there is no column %q", name), Hint: "the columns are " + strings.Join(s.Columns, ", ")}
	}
	lines := map[string][]int{}
	for _, row := range s.Rows {
		if row.Cells[column] == "" {
			return &Error{Line: row.Line, Reason: "has nothing in the column " + name, Hint: "every row has its own " + name}
		}
		lines[row.Cells[column]] = append(lines[row.Cells[column]], row.Line)
	}
	for _, row := range s.Rows { // in their order
		value := row.Cells[column]
		if same := lines[value]; len(same) > 1 {
			return &Error{Line: same[1], Reason: fmt.Sprintf("%s %q is in the lines %s", name, value, joinLines(same)),
				Hint: "every row has its own " + name}
		}
	}
	return nil
}

// joinLines is "2 and 5", "2, 5 and 9", "2, 5, 9 and 12 more".
func joinLines(lines []int) string {
	const shown = 5
	var words []string
	for i, line := range lines {
		if i == shown && len(lines) > shown+1 {
			words = append(words, "…")
			break
		}
		words = append(words, fmt.Sprint(line))
	}
	return strings.Join(words, ", ")
}

// Says tells what was recognised where it is not plain comma-separated UTF-8, and what was
// left out; "" is nothing.
func (s *Sheet) Says() string {
	var words []string
	if s.Encoding != "UTF-8" {
		words = append(words, "read as "+s.Encoding)
	}
	switch s.Separator {
	case ';':
		words = append(words, "columns by semicolons")
	case '\t':
		words = append(words, "columns by tabs")
	}
	switch {
	case s.Blank == 1:
		words = append(words, "1 blank row left out")
	case s.Blank > 1:
		words = append(words, fmt.Sprintf("%d blank rows left out", s.Blank))
	}
	return strings.Join(words, ", ")
}
