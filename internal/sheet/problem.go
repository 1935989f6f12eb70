// This file says what is wrong with a table in a file.

package sheet

import (
	"errors"

	"github.com/zarya-station/zarya/internal/problem"
)

// Problem is an error of a table with the file and the line in front.
func Problem(file string, err error) error {
	var bad *Error
	if !errors.As(err, &bad) {
		return problem.New(problem.Invalid, "name a CSV file", "%w", err)
	}
	if bad.Line > 0 {
		return problem.New(problem.Invalid, bad.Hint, "%s:%d: %s", file, bad.Line, bad.Reason)
	}
	return problem.New(problem.Invalid, bad.Hint, "%s: %s", file, bad.Reason)
}
