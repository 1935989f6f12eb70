// This file is the language that a person asked for, which is needed before his command line
// is understood: what is wrong with it is said in this language too.

package settings

import (
	"io"
	"os"
	"slices"

	"github.com/spf13/pflag"
)

// Language is what --lang says on a command line, or else the setting lang; "" is neither.
func Language(args []string) string {
	var lang, named string
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.ParseErrorsAllowlist.UnknownFlags = true
	f.StringVar(&lang, "lang", "", "")
	f.StringVar(&named, "config", "", "")
	f.BoolP("help", "h", false, "")
	f.SetOutput(io.Discard)
	_ = f.Parse(args) // what was read before a mistake counts
	if lang != "" {
		return lang
	}
	if named == "" {
		named = os.Getenv("ZARYA_CONFIG")
	}
	s, err := Load(named, slices.Contains(args, "station"))
	if err != nil {
		return "" // whoever reads the settings for good says so
	}
	lang, _ = s.Lookup("lang")
	return lang
}
