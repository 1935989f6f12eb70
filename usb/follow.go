// This file is the rule "the same tablet or another?": whether what came back in a
// job's port is the job's tablet.

package usb

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// Sighting is what a tablet tells of itself at one moment. What it does not report, or
// tells as a placeholder, is "".
type Sighting struct{ Serial, Model string }

// Followed is how sure it is that the same tablet came back.
type Followed int

// The answers.
const (
	Another  Followed = iota // nothing more may be written
	Unproven                 // by its port and model only: a swap for another of the kind cannot be told
	Same
)

// Follow decides whether a tablet that came back in the same port is the one that
// left. commanded: we sent it away ourselves, and this is where and how it was to
// come back. The error says why it is Another.
//
// A tablet with the same serial is the same one, unless its model is another. Without
// that, a departure that nobody commanded ends the job, and one that we commanded goes
// on only if the device table allows the family another serial, or none, over it.
func Follow(before, now Sighting, commanded bool) (Followed, error) {
	if before.Model != "" && now.Model != "" && !strings.EqualFold(before.Model, now.Model) {
		return Another, fmt.Errorf("it is a %s, and was a %s", now.Model, before.Model)
	}
	if before.Serial != "" && before.Serial == now.Serial {
		return Same, nil
	}
	model := cmp.Or(before.Model, now.Model)
	family, _ := Known(model)
	told := before.Serial != "" && now.Serial != ""
	switch {
	case told && (!commanded || family.Serials < SerialChanges):
		return Another, fmt.Errorf("its serial is %s, and was %s", now.Serial, before.Serial)
	case !told && !commanded:
		return Another, errors.New("without a serial of its own it cannot be told from another")
	case !told && family.Serials < SerialMissing:
		return Another, fmt.Errorf("its serial was %s and is %s, which the device table does not allow for the model %s",
			cmp.Or(before.Serial, "not told"), cmp.Or(now.Serial, "not told"), cmp.Or(model, "not told"))
	}
	return Unproven, nil
}
