package system

import (
	"strings"
	"testing"
)

// FuzzSplitWords holds that what a host quotes arrives as it was, and that nothing else
// makes the shell do more than one thing.
func FuzzSplitWords(f *testing.F) {
	for _, s := range []string{"", "a b", "it's", "$(id)", "`id`", "a\nb", "'", "\\", "-rf", "*", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		_, _ = splitWords(arg)
		got, err := splitWords("echo '" + strings.ReplaceAll(arg, "'", `'\''`) + "'")
		if err != nil || len(got) != 2 || got[1] != arg {
			t.Fatalf("%q arrives as %q (%v)", arg, got, err)
		}
	})
}
