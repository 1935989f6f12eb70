package usb

import (
	"fmt"
	"testing"
)

// TestFollow is every combination of what a tablet tells before and after, of the
// family's entry in the device table, and of who sent it away. The rule is written out
// again as a table of its own: serials × family × commanded.
func TestFollow(t *testing.T) {
	models := map[SerialRule]string{SerialStays: "KOB-L09", SerialMissing: "AGS3-L09", SerialChanges: "KOB2-W09"}
	for rule, model := range models {
		if f, ok := Known(model); !ok || f.Serials != rule {
			t.Fatalf("%s is not an example of %d", model, rule)
		}
	}
	const same, changed, lost, told, never = "same", "changed", "lost", "told late", "never"
	serials := map[string][2]string{same: {"S1", "S1"}, changed: {"S1", "S2"}, lost: {"S1", ""}, told: {"", "S1"}, never: {"", ""}}
	allowed := map[string]SerialRule{changed: SerialChanges, lost: SerialMissing, told: SerialMissing, never: SerialMissing}
	for name, serial := range serials {
		for rule, model := range models {
			for _, commanded := range []bool{false, true} {
				for _, m := range []struct {
					before, now string
					agree       bool
				}{{model, model, true}, {model, "", true}, {"", model, true}, {model, "ags3-l09x", false}, {"BAH3-W09", model, false}} {
					want := Another
					switch {
					case !m.agree:
					case name == same:
						want = Same
					case commanded && rule >= allowed[name]:
						want = Unproven
					}
					about := fmt.Sprintf("serial %s, rule %d, commanded %v, model %q then %q", name, rule, commanded, m.before, m.now)
					got, err := Follow(Sighting{Serial: serial[0], Model: m.before}, Sighting{Serial: serial[1], Model: m.now}, commanded)
					if got != want || (err != nil) != (want == Another) {
						t.Errorf("%s: %v, %v; want %v", about, got, err, want)
					}
				}
			}
		}
		// A model that nobody knows has nothing allowed.
		for _, model := range []string{"", "aurora_gsi", "AGS3-L09HN"} {
			s := Sighting{Model: model}
			before, now := s, s
			before.Serial, now.Serial = serial[0], serial[1]
			if got, _ := Follow(before, now, true); (got == Same) != (name == same) || got == Unproven {
				t.Errorf("%s of %q: %v", name, model, got)
			}
		}
	}
	if got, _ := Follow(Sighting{Serial: "S", Model: "AGS3-L09"}, Sighting{Serial: "S", Model: "ags3-l09"}, false); got != Same {
		t.Error("a model in other letters is another tablet")
	}
}
