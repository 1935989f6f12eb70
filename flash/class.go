// This file sorts failures into the classes that scripts and technicians act on. A new
// class is a constant and a row of classes.

package flash

// Class says where to look for the cause of a failure.
type Class string

// The classes.
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

// classes says of each class whether it is a reason of the bench: the same tablet may well
// pass on the next try.
var classes = []struct {
	class Class
	bench bool
}{
	{ClassCable, true},
	{ClassTimeout, true},
	{ClassStation, true},
	{ClassOperator, true},
	{ClassDevice, false},
	{ClassLocked, false},
	{ClassImage, false},
	{ClassBoot, false},
	{ClassProfile, false},
	{ClassIdentity, false},
	{ClassBug, false},
}

// Classes are all classes, those of the bench first.
func Classes() (all []Class) {
	for _, row := range classes {
		all = append(all, row.class)
	}
	return all
}

// Bench reports whether c is a reason of the bench rather than of the tablet:
// a job that failed so is worth another try.
func (c Class) Bench() bool {
	for _, row := range classes {
		if row.class == c {
			return row.bench
		}
	}
	return false
}
