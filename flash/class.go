// This file sorts failures into the classes that scripts and technicians act on.

package flash

// Class says where to look for the cause of a failure.
type Class string

// The classes. Cable, Timeout, Station and Operator are reasons of the bench:
// the same tablet may well pass on the next try.
const (
	ClassCable    Class = "cable"
	ClassDevice   Class = "device"
	ClassLocked   Class = "locked"
	ClassImage    Class = "image"
	ClassProfile  Class = "profile"
	ClassBoot     Class = "boot"
	ClassIdentity Class = "identity"
	ClassTimeout  Class = "timeout"
	ClassStation  Class = "station"
	ClassOperator Class = "operator"
	ClassBug      Class = "bug"
)

// Bench reports whether c is a reason of the bench rather than of the tablet:
// a job that failed so is worth another try.
func (c Class) Bench() bool {
	switch c {
	case ClassCable, ClassTimeout, ClassStation, ClassOperator:
		return true
	}
	return false
}
