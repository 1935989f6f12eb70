// This file is what there is to say to somebody who does not know what to ask.

package show

import (
	"fmt"
	"io"
	"strings"

	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/internal/words"
	"github.com/zarya-station/zarya/usb"
)

// Greeting writes what is plugged in, and what to do next. err is why nothing is known of
// USB.
func Greeting(w io.Writer, ws *words.Words, bus *usb.Bus, names usb.Names, err error) {
	plugged := ""
	switch {
	case err != nil:
		fmt.Fprintln(w, ws.Say("This machine has no USB that zarya can see; tablets on a network and virtual ones work."))
	case len(bus.Tablets()) == 0:
		fmt.Fprintln(w, ws.Say("No tablet is plugged in."))
	default:
		ui.DrawTree(w, ws, bus, names, target.About(nil))
		fmt.Fprintln(w)
		plugged = "usb:" + bus.Tablets()[0].Port.Short()
	}
	fmt.Fprint(w, nextSteps(ws, plugged))
}

// nextSteps says what a person can do now; target is a tablet that is plugged in.
func nextSteps(ws *words.Words, target string) string {
	steps := [][2]string{
		{"zarya doctor", "check this machine"},
		{"zarya try", "see it work, on virtual tablets"},
		{"zarya profile new census.yaml", "write a first profile"},
	}
	if target != "" {
		steps = [][2]string{
			{"zarya profile new census.yaml", "a profile for the tablet that is plugged in"},
			{"zarya plan --profile census.yaml -s " + target, "what would be done; nothing is written"},
			{"zarya run --profile census.yaml -s " + target, "do it"},
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n", ws.Say("Next:"))
	for _, s := range append(steps, [2]string{"zarya --help", "all verbs"}) {
		fmt.Fprintf(&b, "  %-44s %s\n", s[0], ws.Say(s[1]))
	}
	return b.String()
}
