// This file is under what jobs are done, as far as people say it.

package records

import (
	"strings"
	"unicode"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/problem"
)

// maxCircumstance is how long the name of an operator or a lot may be, in bytes.
const maxCircumstance = 64

// CheckCircumstances holds what people say of a job to what a record may have.
func CheckCircumstances(c flash.Circumstances) error {
	for _, of := range []struct{ flag, value string }{{"operator", c.Operator}, {"lot", c.Lot}} {
		if len(of.value) > maxCircumstance || strings.ContainsFunc(of.value, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return problem.New(problem.Usage, "write up to 64 bytes that can be printed", "--%s: %q is no name", of.flag, of.value)
		}
	}
	return nil
}
