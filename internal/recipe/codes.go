// This file reads unlock codes, each for one tablet.

package recipe

import (
	"context"
	"errors"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/sheet"
	"github.com/zarya-station/zarya/profiles"
)

// CodeRecord remembers which unlock codes went to which tablets. The ledger is one.
type CodeRecord interface {
	// Tried reports whether a code went to a tablet before, in any run, and did not open it.
	Tried(ctx context.Context, serial, code string) (bool, error)
	// Trying records that the code goes to the tablet now.
	Trying(serial, code string) error
	// Worked records that it was the right one.
	Worked(serial, code string) error
}

// unlockCodes are unlock codes by serial; it is a flash.Codes.
type unlockCodes struct {
	bySerial map[string]string
	record   CodeRecord
}

// loadCodes reads a file of unlock codes.
func (m *Maker) loadCodes(p *profiles.Profile, u *profiles.Unlock) (*unlockCodes, error) {
	text, err := m.openSealed(p, u.Codes)
	if err != nil {
		return nil, err
	}
	// Nothing of a row but its serial is ever in an error: the file is secret.
	table, err := sheet.Parse(text)
	if err != nil {
		return nil, codesProblem(u.Codes, err)
	}
	serial, code := table.Column(u.By), table.Column("code")
	if serial < 0 || code < 0 {
		return nil, problem.New(problem.Invalid, "name its columns in the first line: "+u.By+",code",
			"%s has no columns %s and code", u.Codes, u.By)
	}
	c := &unlockCodes{bySerial: map[string]string{}, record: m.Codes}
	lines := map[string]int{} // by serial
	for _, row := range table.Rows {
		s, v := row.Cells[serial], row.Cells[code]
		if s == "" || v == "" {
			continue
		}
		if was, twice := c.bySerial[s]; twice && was != v {
			return nil, problem.New(problem.Invalid, "take one of them out",
				"%s: %s has one code in line %d and another in line %d", u.Codes, s, lines[s], row.Line)
		}
		if strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) || len(v) > 50 {
			return nil, problem.New(problem.Invalid, "a code has up to 50 letters and digits", "%s: line %d: that is no code", u.Codes, row.Line)
		}
		m.Secrets.Add(v)
		c.bySerial[s], lines[s] = v, row.Line
	}
	return c, nil
}

// codesProblem says what is wrong with a file of unlock codes, and in which line.
func codesProblem(file string, err error) error {
	hint := "it is CSV with a line of column names"
	var bad *sheet.Error
	if errors.As(err, &bad) && bad.Hint != "" {
		hint = bad.Hint
	}
	return problem.New(problem.Invalid, hint, "%s: %w", file, err)
}

// Code returns the code for the tablet's USB serial.
func (c *unlockCodes) Code(s *flash.Session) (string, error) {
	if flash.Placeholder(s.Key().Serial) {
		return "", nil
	}
	return c.bySerial[s.Key().Serial], nil
}

// Tried asks the record.
func (c *unlockCodes) Tried(ctx context.Context, s *flash.Session, code string) (bool, error) {
	return c.record.Tried(ctx, s.Key().Serial, code)
}

// Trying writes to the record.
func (c *unlockCodes) Trying(_ context.Context, s *flash.Session, code string) error {
	return c.record.Trying(s.Key().Serial, code)
}

// Worked writes to the record.
func (c *unlockCodes) Worked(_ context.Context, s *flash.Session, code string) error {
	return c.record.Worked(s.Key().Serial, code)
}
