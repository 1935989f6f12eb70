// This file is under what jobs are done: who is at the bench, which lot, and whether the
// tablet is one that no statistic counts. It is for the record.

package main

import (
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/problem"
)

// maxCircumstance is how long the name of an operator or a lot may be, in bytes.
const maxCircumstance = 64

func circumstanceFlags(cmd *cobra.Command, c *flash.Circumstances) {
	f := cmd.Flags()
	f.StringVar(&c.Operator, "operator", "", "record that `NAME` is at the bench")
	f.StringVar(&c.Lot, "lot", "", "record that the tablets came with the pallet or order `ID`")
	f.BoolVar(&c.Golden, "golden", false, "record that these are golden or test units: no statistic counts them")
}

// checkCircumstances holds the flags to what a record may have, and adds the program's
// version.
func checkCircumstances(c *flash.Circumstances) error {
	for _, of := range []struct{ flag, value string }{{"operator", c.Operator}, {"lot", c.Lot}} {
		if len(of.value) > maxCircumstance || strings.ContainsFunc(of.value, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return problem.New(problem.Usage, "write up to 64 bytes that can be printed", "--%s: %q is no name", of.flag, of.value)
		}
	}
	c.Program = programVersion()
	return nil
}
