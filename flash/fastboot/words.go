// This file knows what bootloaders say when they refuse. A text that is new to it is one
// row of failTexts and one case of words_test.go; nothing else changes.
//
// Sources: sources and public trackers of the bootloaders that each group names.

package fastboot

import (
	"slices"
	"strings"
)

// Meaning is what a FAIL text tells a technician.
type Meaning string

// The meanings.
const (
	MeansUnknown     Meaning = ""              // the table does not have it
	MeansRefused     Meaning = "refused"       // locked, refused or unknown: the device does not say which
	MeansLocked      Meaning = "locked"        // the bootloader is locked
	MeansProtected   Meaning = "protected"     // this partition is never written, whatever the lock
	MeansNoPartition Meaning = "no-partition"  // the tablet has no such partition
	MeansTooLarge    Meaning = "too-large"     // the image is larger than the partition
	MeansTooMuch     Meaning = "too-much"      // the download is larger than the device takes at once
	MeansSignature   Meaning = "signature"     // the image is not signed for this device
	MeansRollback    Meaning = "rollback"      // the image is older than the device allows
	MeansWrongImage  Meaning = "wrong-image"   // the image is not of the kind that the partition takes
	MeansUnlockCode  Meaning = "unlock-code"   // the unlock code is wrong
	MeansFRP         Meaning = "frp"           // factory reset protection holds the lock
	MeansPhoneFinder Meaning = "phone-finder"  // the finder service holds the lock
	MeansNotLocked   Meaning = "not-locked"    // relock of a unit that is not unlocked
	MeansLowBattery  Meaning = "low-battery"   // the battery is too empty to write
	MeansNoCommand   Meaning = "no-command"    // the bootloader lacks the command
	MeansNoSparse    Meaning = "no-sparse"     // sparse images are not understood
	MeansNoChunk     Meaning = "no-chunk"      // a kind of chunk of sparse images is not understood
	MeansSuperFull   Meaning = "super-full"    // super has no room for the logical partition
	MeansSnapshot    Meaning = "snapshot"      // an update of the old system is not finished
	MeansWriteFailed Meaning = "write-failure" // the storage did not take it
)

// failText is one row: the first whose text is in the FAIL, letter case aside, decides.
type failText struct {
	at    string // the beginning of the commands that it is an answer to; "" is any
	text  string // lower case
	means Meaning
}

// failTexts are in the order in which they are tried: what names a reason before what
// only says no.
var failTexts = []failText{
	// A download that is refused for its size: LK, U-Boot, Rockchip, Amlogic ("data too
	// large"), Qualcomm ABL ("Requested download size is more than max allowed"), others.
	{"download:", "too large", MeansTooMuch},
	{"download:", "too big", MeansTooMuch},
	{"download:", "more than max", MeansTooMuch},
	{"download:", "exceed", MeansTooMuch},
	{"download:", "out of memory", MeansTooMuch},
	{"download:", "not enough memory", MeansTooMuch},

	// Huawei (HiSilicon).
	{"", "not allowed in lock", MeansLocked}, // "Lock State", "locked state"
	{"", "command not allowed", MeansRefused},
	{"", "check password failed", MeansUnlockCode},
	{"", "password wrong", MeansUnlockCode},
	{"", "necessary to unlock frp", MeansFRP},
	{"", "enable oem unlock", MeansFRP},
	{"", "disable phone finder", MeansPhoneFinder},
	{"", "stat not match", MeansNotLocked},
	{"", "partition length get error", MeansNoPartition},
	{"", "sparse flash write failure", MeansTooLarge},
	{"", "image verification error", MeansSignature},

	// Samsung, Google and others with factory reset protection.
	{"", "oem unlock is not allowed", MeansFRP},
	{"", "oem unlocking is disabled", MeansFRP},
	{"", "flashing unlock is not allowed", MeansFRP},
	{"", "frp lock", MeansFRP},

	// Older than what is on the device: Xiaomi, Motorola, Google Pixel.
	{"", "rollback", MeansRollback}, // "anti-rollback", "antirollback version"
	{"", "version downgrade", MeansRollback},
	{"", "downgrade is not", MeansRollback},

	// Protected whatever the lock: Qualcomm ABL, LK.
	{"", "critical partition", MeansProtected},
	{"", "partition is protected", MeansProtected},
	{"", "write protect", MeansProtected},

	// No such partition: AOSP, LK, U-Boot, Qualcomm ABL, MediaTek, Motorola, Google GBL.
	{"", "partition does not exist", MeansNoPartition},
	{"", "partition doesn't exist", MeansNoPartition},
	{"", "partition table doesn't exist", MeansNoPartition},
	{"", "no such partition", MeansNoPartition},
	{"", "no such file or directory", MeansNoPartition},
	{"", "cannot find partition", MeansNoPartition},
	{"", "could not find partition", MeansNoPartition},
	{"", "couldn't find partition", MeansNoPartition},
	{"", "partition not found", MeansNoPartition},
	{"", "unknown partition", MeansNoPartition},
	{"", "invalid partition", MeansNoPartition},
	{"", "slot does not exist", MeansNoPartition},

	// Too large for the partition: LK and MediaTek ("size too large"), U-Boot, Amlogic,
	// AOSP's fastbootd (the words of errno).
	{"", "larger than partition", MeansTooLarge},
	{"", "larger than the partition", MeansTooLarge},
	{"", "size too large", MeansTooLarge},
	{"", "too large for", MeansTooLarge},
	{"", "image too large", MeansTooLarge},
	{"", "file too large", MeansTooLarge},
	{"", "no space left on device", MeansTooLarge},
	{"", "partition is too small", MeansTooLarge},
	{"", "volume full", MeansTooLarge}, // of UEFI: Qualcomm ABL

	// AOSP's fastbootd and super.
	{"", "not enough space to resize", MeansSuperFull},
	{"", "not enough room", MeansSuperFull},
	{"", "snapshot", MeansSnapshot},

	// Locked: AOSP, LK, Qualcomm ABL, MediaTek, Unisoc, Intel kernelflinger, Rockchip,
	// Amlogic, NXP, Lenovo, Amazon, NVIDIA.
	{"", "flashing is not allowed", MeansLocked},
	{"", "erase is not allowed", MeansLocked},
	{"", "erasing is not allowed", MeansLocked},
	{"", "not allowed on locked", MeansLocked},
	{"", "download for partition", MeansLocked}, // "… 'x' is not allowed"
	{"", "device is locked", MeansLocked},
	{"", "bootloader is locked", MeansLocked},
	{"", "lock flag is locked", MeansLocked},
	{"", "partition is locked", MeansLocked},
	{"", "locked devices", MeansLocked},
	{"", "locked device", MeansLocked},
	{"", "device locked", MeansLocked},
	{"", "locked hw", MeansLocked},
	{"", "locked state", MeansLocked},
	{"", "lock state", MeansLocked},
	{"", "not unlocked", MeansLocked},
	{"", "lock control", MeansLocked},
	{"", "unlock device to", MeansLocked},
	{"", "unlock it first", MeansLocked},
	{"", "unlock bootloader first", MeansLocked},
	{"", "please unlock", MeansLocked},
	{"", "not allow!", MeansLocked},
	{"", "download permission", MeansLocked}, // MediaTek: "failed to get … for partition 'x'"

	// The signature: LK, HTC, Motorola, MediaTek, Unisoc.
	{"", "signature", MeansSignature},
	{"", "not signed", MeansSignature},
	{"", "image verification failed", MeansSignature},
	{"", "failed to verify", MeansSignature},
	{"", "authenticate", MeansSignature},
	{"", "preflash validation failed", MeansSignature},
	{"", "hab check failed", MeansSignature},
	{"", "secure boot", MeansSignature},
	{"", "not support on security", MeansSignature},

	// The wrong image.
	{"", "not a boot image", MeansWrongImage},
	{"", "invalid boot image", MeansWrongImage},
	{"", "bad boot image", MeansWrongImage},
	{"", "dtb not found", MeansWrongImage},
	{"", "invalid image", MeansWrongImage},
	{"", "invalid gpt", MeansWrongImage},

	{"", "battery", MeansLowBattery},
	{"", "low power", MeansLowBattery},

	{"", "unknown chunk type", MeansNoChunk},
	{"", "unsupported chunk", MeansNoChunk},
	{"", "sparse not supported", MeansNoSparse},
	{"", "bogus chunk", MeansNoSparse},
	{"", "bogus size", MeansNoSparse},
	{"", "sparse image", MeansNoSparse}, // LK: "sparse image size is not matched"

	{"", "invalid command", MeansNoCommand},
	{"", "unknown command", MeansNoCommand},
	{"", "unknown cmd", MeansNoCommand},
	{"", "unknown oem command", MeansNoCommand},
	{"", "unrecognized command", MeansNoCommand},
	{"", "command not found", MeansNoCommand},
	{"", "not implement", MeansNoCommand},
	{"", "not implet", MeansNoCommand}, // Unisoc
	{"", "unsupported command", MeansNoCommand},
	{"", "command not supported", MeansNoCommand},

	// The storage: LK, U-Boot, Unisoc, AOSP (errno).
	{"", "write failure", MeansWriteFailed},
	{"", "write fail", MeansWriteFailed},
	{"", "write error", MeansWriteFailed},
	{"", "failed writing", MeansWriteFailed},
	{"", "failed to write", MeansWriteFailed},
	{"", "write img failed", MeansWriteFailed},
	{"", "image update error", MeansWriteFailed},
	{"", "failed to erase", MeansWriteFailed},
	{"", "failed erasing", MeansWriteFailed},
	{"", "input/output error", MeansWriteFailed},
	{"", "i/o error", MeansWriteFailed},
	{"", "device error", MeansWriteFailed},
	{"", "block device not found", MeansWriteFailed},
}

// failRow is the row that decides what a FAIL to a command means, or -1. Of words alone,
// without a command, the rows that any command can get are tried first.
func failRow(command, fail string) int {
	fail = strings.ToLower(fail)
	find := func(fits func(failText) bool) int {
		return slices.IndexFunc(failTexts, func(row failText) bool { return fits(row) && strings.Contains(fail, row.text) })
	}
	i := find(func(row failText) bool { return strings.HasPrefix(command, row.at) })
	if i < 0 && command == "" {
		i = find(func(failText) bool { return true })
	}
	return i
}

func meaningOf(command, fail string) Meaning {
	if i := failRow(command, fail); i >= 0 {
		return failTexts[i].means
	}
	return MeansUnknown
}

// FailText is a row of the table, for its page: a bootloader that answers a command with words
// that have Text in them.
type FailText struct {
	At      string // the beginning of the command; "" is any
	Text    string
	Meaning Meaning
}

// FailTexts are all words of bootloaders that are understood.
func FailTexts() (all []FailText) {
	for _, row := range failTexts {
		all = append(all, FailText{row.at, row.text, row.means})
	}
	return all
}
