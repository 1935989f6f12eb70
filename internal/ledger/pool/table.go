// This file makes identities of the tables that people keep, and finds the one that a person
// names.

package pool

import (
	"slices"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/internal/lazyregexp"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/sheet"
)

const maxIdentities = 64 << 20 // of a file, bytes

var columnForm = lazyregexp.New(`^[a-z][a-z0-9_]{0,31}$`)

// ReadTable reads a file of identities. Nothing of a row but its key is ever in an error.
func ReadTable(file string) (*sheet.Sheet, error) {
	table, err := sheet.ReadFile(file, maxIdentities)
	if err != nil {
		return nil, sheet.Problem(file, err)
	}
	for _, c := range table.Columns {
		if !columnForm.MatchString(c) {
			return nil, problem.New(problem.Invalid, "small letters, digits and _", "%s: %q cannot be a column", file, c)
		}
	}
	if len(table.Rows) == 0 {
		return nil, problem.New(problem.Invalid, "the first line names the columns, each further one is an identity", "%s has no rows", file)
	}
	return table, nil
}

// RowsOf makes identities of a table's rows. secretName tells by its name whether a column is
// encrypted; declared and was are what this import and the pool say besides.
func RowsOf(file string, table *sheet.Sheet, declared Declaration, was []string, secretName func(string) bool) ([]Row, error) {
	for _, s := range declared.Secret {
		if table.Column(s) < 0 {
			return nil, problem.New(problem.Usage, "the columns are "+strings.Join(table.Columns, ", "), "--secret: there is no column %q", s)
		}
	}
	isSecret := func(column string) bool {
		return secretName(column) || slices.Contains(declared.Secret, column) || slices.Contains(was, column)
	}
	if declared.Key != "" {
		if isSecret(declared.Key) {
			return nil, problem.New(problem.Usage, "choose a column that is no secret", "--key: %s is secret", declared.Key)
		}
		if err := table.Key(declared.Key); err != nil {
			return nil, sheet.Problem(file, err)
		}
	}
	var rows []Row
	seen := map[string]int{}
	for _, from := range table.Rows {
		r := Row{Line: from.Line, Columns: map[string]string{}, Secrets: map[string]string{}}
		plain := ""
		for k, c := range table.Columns {
			v := from.Cells[k]
			if isSecret(c) {
				r.Secrets[c] = v
				continue
			}
			r.Columns[c] = v
			plain += c + "\x00" + v + "\x00"
		}
		if first, twice := seen[plain]; twice {
			return nil, problem.New(problem.Invalid, "take one of them out",
				"%s: the lines %d and %d are the same, secrets aside", file, first, r.Line)
		}
		seen[plain] = r.Line
		rows = append(rows, r)
	}
	return rows, nil
}

// Find returns the one identity that is named, by its number or a column's value.
func Find(rows []Identity, arg string) (Identity, error) {
	column, value, named := strings.Cut(arg, "=")
	id, err := strconv.ParseInt(arg, 10, 64)
	if !named && err != nil {
		return Identity{}, problem.New(problem.Usage, "write a number, or inventory=C-000123", "%q names no identity", arg)
	}
	var found []Identity
	for _, r := range rows {
		if !named && r.ID == id || named && r.Columns[column] == value {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Identity{}, problem.New(problem.Usage, "zarya identity list shows them", "there is no identity %s", arg)
	}
	return Identity{}, problem.New(problem.Usage, "name it by its number", "%s fits %d identities", arg, len(found))
}
