// This file is the one place that knows how bootloaders differ. A new finding is
// a new row here and a new case in quirks_test.go, not a branch elsewhere.
// Sources: AOSP fastboot README and sources; LK; public reports of Kirin units.

package fastboot

import "strings"

// Meaning is what a FAIL text tells a technician.
type Meaning string

// The meanings.
const (
	MeansUnknown     Meaning = ""              // the table does not have it
	MeansRefused     Meaning = "refused"       // locked, refused or unknown: the device does not say which
	MeansLocked      Meaning = "locked"        // the bootloader is locked
	MeansNoPartition Meaning = "no-partition"  // the tablet has no such partition
	MeansTooLarge    Meaning = "too-large"     // the image is larger than the partition
	MeansSignature   Meaning = "signature"     // the image is not signed for this device
	MeansUnlockCode  Meaning = "unlock-code"   // the unlock code is wrong
	MeansFRP         Meaning = "frp"           // factory reset protection holds the lock
	MeansPhoneFinder Meaning = "phone-finder"  // the finder service holds the lock
	MeansNotLocked   Meaning = "not-locked"    // relock of a unit that is not unlocked
	MeansLowBattery  Meaning = "low-battery"   // the battery is too empty to write
	MeansNoCommand   Meaning = "no-command"    // the bootloader lacks the command
	MeansNoSparse    Meaning = "no-sparse"     // sparse images are not understood
	MeansNoChunk     Meaning = "no-chunk"      // a kind of chunk of sparse images is not understood
	MeansWriteFailed Meaning = "write-failure" // the storage did not take it
)

// meanings: the first row whose text is in the FAIL, letter case aside, wins.
var meanings = []struct {
	text  string
	means Meaning
}{
	{"not allowed in lock", MeansLocked}, // "Lock State", "locked state"
	{"command not allowed", MeansRefused},
	{"check password failed", MeansUnlockCode},
	{"password wrong", MeansUnlockCode},
	{"necessary to unlock frp", MeansFRP},
	{"enable oem unlock", MeansFRP},
	{"disable phone finder", MeansPhoneFinder},
	{"stat not match", MeansNotLocked},
	{"partition length get error", MeansNoPartition},
	{"partition does not exist", MeansNoPartition},
	{"no such partition", MeansNoPartition},
	{"could not find partition", MeansNoPartition},
	{"unknown partition", MeansNoPartition},
	{"invalid partition", MeansNoPartition},
	{"sparse flash write failure", MeansTooLarge},
	{"larger than partition", MeansTooLarge},
	{"size too large", MeansTooLarge},
	{"too large for partition", MeansTooLarge},
	{"image verification error", MeansSignature},
	{"signature", MeansSignature},
	{"flashing is not allowed", MeansLocked},
	{"erase is not allowed", MeansLocked},
	{"device is locked", MeansLocked},
	{"locked devices", MeansLocked},
	{"locked device", MeansLocked},
	{"battery", MeansLowBattery},
	{"low power", MeansLowBattery},
	{"unknown chunk type", MeansNoChunk},
	{"sparse not supported", MeansNoSparse},
	{"invalid command", MeansNoCommand},
	{"unknown command", MeansNoCommand},
	{"unrecognized command", MeansNoCommand},
	{"write failure", MeansWriteFailed},
	{"write error", MeansWriteFailed},
}

func meaningOf(fail string) Meaning {
	fail = strings.ToLower(fail)
	for _, m := range meanings {
		if strings.Contains(fail, m.text) {
			return m.means
		}
	}
	return MeansUnknown
}

// nothings are answers to getvar that tell nothing.
var nothings = []string{"", "undefine", "undefined", "unknown", "n/a", "none"}

// placeholderSerials are given to every unit of a family.
var placeholderSerials = []string{"", "serialv1.0", "0123456789abcdef", "1234567890abcdef", "unknown", "undefine"}

// PlaceholderSerial reports whether a serial says nothing about which tablet it is.
func PlaceholderSerial(serial string) bool {
	serial = strings.ToLower(serial)
	for _, p := range placeholderSerials {
		if serial == p {
			return true
		}
	}
	return serial != "" && strings.Trim(serial, "0") == ""
}

// forbidden are variables that must never be asked.
var forbidden = []struct{ prefix, why string }{
	{"rescue_", "asking for one of the rescue_ variables reboots some tablets"},
}

func neverAsk(name string) string {
	for _, f := range forbidden {
		if strings.HasPrefix(strings.ToLower(strings.TrimSpace(name)), f.prefix) {
			return f.why
		}
	}
	return ""
}

// productQuestions are asked in turn until one is answered.
var productQuestions = []string{"getvar:product", "oem get-product-model"}

// lockQuestions are all asked, because their answers can disagree; the strictest
// is believed. In each answer (OKAY text and INFO lines) the unlocked words are
// taken out before the locked word is looked for, since "unlocked" contains it.
var lockQuestions = []struct {
	command          string
	unlocked, locked string // lower case; what the answer contains
}{
	{"getvar:unlocked", "yes", "no"},
	{"oem get-bootinfo", "unlocked", "locked"},
	{"oem lock-state info", "fb lockstate: unlocked", "fb lockstate: locked"},
	{"oem backdoor info", "fb lockstate: unlocked", "fb lockstate: locked"},
}
