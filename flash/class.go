// This file sorts failures into the classes that scripts and technicians act on. To add one:
// a constant and a row of classes; docs/contributing.md says where its Russian belongs.

package flash

// Class says where to look for the cause of a failure.
type Class string

// The classes.
const (
	ClassCable    Class = "cable"
	ClassDevice   Class = "device"
	ClassLocked   Class = "locked"
	ClassBattery  Class = "battery"
	ClassImage    Class = "image"
	ClassProfile  Class = "profile"
	ClassBoot     Class = "boot"
	ClassIdentity Class = "identity"
	ClassTimeout  Class = "timeout"
	ClassStation  Class = "station"
	ClassOperator Class = "operator"
	ClassBug      Class = "bug"
)

// Explanation says in plain words what a class of failures means.
type Explanation struct {
	Happened string
	Tablet   string   // what is on the tablet now, whatever the job was
	Next     []string // what to do, the first thing first
}

// classRow is one class.
type classRow struct {
	class Class
	bench bool // a reason of the bench: the same tablet may well pass on the next try
	means Explanation
}

// classes are all classes, those of the bench first.
var classes = []classRow{
	{class: ClassCable, bench: true, means: Explanation{
		Happened: "The connection to the tablet broke, or no tablet was there. The cause is a cable, a port or a hub, or someone unplugged it.",
		Tablet:   "Finished steps stay in effect. A partition that was being written is in an unknown state.",
		Next: []string{"Change the cable and plug the tablet in again; it is flashed from the start of the image.",
			"If the next tablet fails in the same port, do not use that port: the port is the suspect."},
	}},
	{class: ClassTimeout, bench: true, means: Explanation{
		Happened: "The tablet did not answer within the time that a command may take.",
		Tablet:   "Finished steps stay in effect. A partition that was being written is in an unknown state.",
		Next: []string{"Unplug it, hold the power key for 15 seconds, plug it in again.",
			"If it happens again with another cable, set the tablet aside."},
	}},
	{class: ClassStation, bench: true, means: Explanation{
		Happened: "This machine is the cause: permissions, a full disk, the ledger, another program that uses the tablet.",
		Tablet:   "Finished steps stay in effect; nothing was started after the problem.",
		Next:     []string{"zarya doctor says what this machine lacks.", "Then run the same command again."},
	}},
	{class: ClassOperator, bench: true, means: Explanation{
		Happened: "Someone stopped it, or it waited for someone who did not come.",
		Tablet:   "Finished steps stay in effect. A partition that was being written is in an unknown state.",
		Next:     []string{"Run the same command again; it skips what is known to be done."},
	}},
	{class: ClassDevice, means: Explanation{
		Happened: "The tablet refused a command, or its answer did not follow the protocol.",
		Tablet:   "The refused command had no effect; the steps before it stay in effect.",
		Next:     []string{"Read in the error what the tablet said.", "If it says the same again, set it aside."},
	}},
	{class: ClassLocked, means: Explanation{
		Happened: "The bootloader is locked, or does not report that it is unlocked.",
		Tablet:   "Nothing was written. Zarya never bypasses a lock.",
		Next: []string{"Set the tablet aside for unlocking with the vendor's code.",
			"If these tablets never report their lock and are known to be unlocked, write lock: allow-unknown in the profile."},
	}},
	{class: ClassBattery, means: Explanation{
		Happened: "The battery is too low for flashing, or for leaving the bench.",
		Tablet:   "Finished steps stay in effect; the step that needs the charge wrote nothing.",
		Next:     []string{"Charge the tablet and plug it in again.", "If its charge does not rise, send it for repair."},
	}},
	{class: ClassImage, means: Explanation{
		Happened: "The image does not fit this tablet: it is too large for the partition, not signed for it, or in a format it does not accept.",
		Tablet:   "The partition keeps its old contents, or is in an unknown state if it was being written.",
		Next:     []string{"Use the image or bundle made for this model.", "zarya image inspect FILE shows what an image is."},
	}},
	{class: ClassBoot, means: Explanation{
		Happened: "The tablet was flashed, but the new system did not boot in time, or is not the expected build.",
		Tablet:   "All images were sent and have the right digests; whether the system works is not known.",
		Next:     []string{"Look at the tablet's screen.", "Plug it in again to flash it once more; the second time, set it aside."},
	}},
	{class: ClassProfile, means: Explanation{
		Happened: "The tablet and the profile do not match: another model, a missing partition, or a setting that differs.",
		Tablet:   "A tablet of another model was not changed.",
		Next:     []string{"Put a tablet of another model back.", "zarya plan --profile P -s TARGET shows what would be done to this one."},
	}},
	{class: ClassIdentity, means: Explanation{
		Happened: "The pool has no identity for this tablet, or two tablets claim the same serial or machine-id.",
		Tablet:   "The tablet is not finished and does not count as passed.",
		Next: []string{"zarya identity list shows what the pool has.",
			"If two tablets have the same serial number, put them side by side and find out which is which."},
	}},
	{class: ClassBug, means: Explanation{
		Happened: "Zarya itself failed. This is a bug.",
		Tablet:   "Finished steps stay in effect. A partition that was being written is in an unknown state.",
		Next:     []string{"Report it with the output of the same command with --trace FILE.", "Flash the tablet again."},
	}},
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
func (c Class) Bench() bool { return c.row().bench }

// Explained says what the class means; ok is false if it is no class.
func (c Class) Explained() (e Explanation, ok bool) {
	row := c.row()
	return row.means, row.class != ""
}

// row is the class's row; an empty one if it has none.
func (c Class) row() classRow {
	for _, row := range classes {
		if row.class == c {
			return row
		}
	}
	return classRow{}
}
