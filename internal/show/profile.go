// This file is profiles: whether they are valid, and which there are.

package show

import (
	"fmt"
	"io"
	"strings"

	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/words"
)

// Validation is whether a profile is valid.
type Validation struct {
	Profile string   `json:"profile"`
	Valid   bool     `json:"valid"`
	Errors  []string `json:"errors,omitempty"`
	Needs   []string `json:"needs,omitempty"` // what must be at hand when it is run
}

// OfValidation is what was found out about a profile.
func OfValidation(profile string, found recipe.Validation) Validation {
	v := Validation{Profile: profile, Valid: len(found.Errors) == 0, Needs: found.Needs}
	for _, err := range found.Errors {
		v.Errors = append(v.Errors, err.Error())
	}
	return v
}

// Text writes it for people.
func (v Validation) Text(w io.Writer, ws *words.Words) {
	if v.Valid {
		fmt.Fprintf(w, "%s: %s\n", v.Profile, ws.Say("valid"))
	}
	for _, e := range v.Errors {
		fmt.Fprintln(w, ws.Say(e))
	}
	if len(v.Needs) > 0 {
		needs := make([]string, len(v.Needs))
		for i, n := range v.Needs {
			needs[i] = ws.Say(n)
		}
		fmt.Fprintf(w, "  %s: %s\n", ws.Say("to run it"), strings.Join(needs, ", "))
	}
}

// Profile is one line of the list of profiles.
type Profile struct {
	Name   string   `json:"name"`
	File   string   `json:"file"` // built in for those of the program
	Models []string `json:"models"`
}

// OfProfiles are the profiles that are valid, and the files of the others.
func OfProfiles(listed []recipe.Listed) (items []Profile, broken []string) {
	items = []Profile{}
	for _, l := range listed {
		if l.Problem != nil {
			broken = append(broken, l.File)
			continue
		}
		items = append(items, Profile{l.Name, l.File, l.Models})
	}
	return items, broken
}

// Text writes a profile's line.
func (p Profile) Text(w io.Writer, ws *words.Words) {
	fmt.Fprintf(w, "%-20s %-30s %s\n", p.Name, ws.Say(p.File), strings.Join(p.Models, ", "))
}
