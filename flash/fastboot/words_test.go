// This file has one case for each row of the table of FAIL texts, and fails when a row has
// none. The texts are as devices say them.

package fastboot

import (
	"strings"
	"testing"
)

func TestMeanings(t *testing.T) {
	tested := map[int]bool{}
	for _, c := range []struct {
		command, row, fail string
		means              Meaning
	}{
		{"download:10000000", "too large", "data too large", MeansTooMuch},
		{"download:10000000", "too large", "Requested size too large", MeansTooMuch},
		{"download:10000000", "too big", "download size too big", MeansTooMuch},
		{"download:10000000", "more than max", "Requested download size is more than max allowed", MeansTooMuch},
		{"download:10000000", "exceed", "size exceeds the download buffer", MeansTooMuch},
		{"download:10000000", "out of memory", "Out of memory", MeansTooMuch},
		{"download:10000000", "not enough memory", "not enough memory", MeansTooMuch},
		{"flash:x", "not allowed in lock", "Flashing is not allowed in Lock State", MeansLocked},
		{"flash:x", "not allowed in lock", "Command not allowed in locked state", MeansLocked},
		{"flash:x", "command not allowed", "Command not allowed", MeansRefused},
		{"oem unlock", "check password failed", "check password failed!", MeansUnlockCode},
		{"oem unlock", "password wrong", "password wrong", MeansUnlockCode},
		{"oem unlock", "necessary to unlock frp", "Necessary to unlock FRP! Navigate to Settings", MeansFRP},
		{"oem unlock", "enable oem unlock", "Enable OEM unlock in Developer options", MeansFRP},
		{"oem unlock", "disable phone finder", "Necessary to disable phone finder", MeansPhoneFinder},
		{"flashing lock", "stat not match", "stat not match", MeansNotLocked},
		{"flash:x", "partition length get error", "partition length get error", MeansNoPartition},
		{"flash:x", "sparse flash write failure", "sparse flash write failure", MeansTooLarge},
		{"flash:x", "image verification error", "image verification error", MeansSignature},
		{"flashing unlock", "oem unlock is not allowed", "oem unlock is not allowed", MeansFRP},
		{"flashing unlock", "oem unlocking is disabled", "OEM unlocking is disabled in settings", MeansFRP},
		{"flashing unlock", "flashing unlock is not allowed", "Flashing Unlock is not allowed\n", MeansFRP},
		{"flash:x", "frp lock", "FRP LOCK is on", MeansFRP},
		{"flash:x", "rollback", "Anti-rollback check failed", MeansRollback},
		{"flash:x", "rollback", "current device antirollback version is greater than this package", MeansRollback},
		{"flash:x", "version downgrade", "version downgraded for boot", MeansRollback},
		{"flash:x", "downgrade is not", "Downgrade is not allowed", MeansRollback},
		{"flash:x", "critical partition", "Flashing is not allowed for Critical Partitions\n", MeansProtected},
		{"flash:x", "partition is protected", "Partition is protected", MeansProtected},
		{"flash:x", "write protect", "eMMC is write protected", MeansProtected},
		{"flash:x", "partition does not exist", "(boot_z) partition does not exist", MeansNoPartition},
		{"flash:x", "partition doesn't exist", "This partition doesn't exist", MeansNoPartition},
		{"flash:x", "partition table doesn't exist", "partition table doesn't exist", MeansNoPartition},
		{"flash:x", "no such partition", "(userdata_a) No such partition", MeansNoPartition},
		{"flash:x", "no such file or directory", "No such file or directory", MeansNoPartition},
		{"flash:x", "cannot find partition", "cannot find partition", MeansNoPartition},
		{"flash:x", "could not find partition", "Could not find partition x", MeansNoPartition},
		{"flash:x", "couldn't find partition", "Couldn't find partition x", MeansNoPartition},
		{"flash:x", "partition not found", "Partition not found", MeansNoPartition},
		{"flash:x", "unknown partition", "unknown partition name", MeansNoPartition},
		{"flash:x", "invalid partition", "Invalid partition name", MeansNoPartition},
		{"flash:x", "slot does not exist", "slot does not exist", MeansNoPartition},
		{"flash:x", "larger than partition", "image larger than partition size", MeansTooLarge},
		{"flash:x", "larger than the partition", "Image size is larger than the partition size", MeansTooLarge},
		{"flash:x", "size too large", "size too large", MeansTooLarge},
		{"flash:x", "too large for", "too large for partition: 'boot'", MeansTooLarge},
		{"flash:x", "image too large", "Image too large", MeansTooLarge},
		{"flash:x", "file too large", "File too large", MeansTooLarge},
		{"flash:x", "no space left on device", "No space left on device", MeansTooLarge},
		{"flash:x", "too large for", "Value too large for defined data type", MeansTooLarge},
		{"flash:x", "partition is too small", "partition is too small", MeansTooLarge},
		{"resize-logical-partition:x:1", "not enough space to resize", "Not enough space to resize partition", MeansSuperFull},
		{"resize-logical-partition:x:1", "not enough room", "Not enough room in super", MeansSuperFull},
		{"flash:x", "snapshot", "Cannot flash super while a snapshot update is in progress", MeansSnapshot},
		{"flash:x", "flashing is not allowed", "Flashing is not allowed!", MeansLocked},
		{"flash:x", "flashing is not allowed", "Partition flashing is not allowed", MeansLocked},
		{"erase:x", "erase is not allowed", "Erase is not allowed for xloader", MeansLocked},
		{"erase:x", "erasing is not allowed", "Erasing is not allowed on locked devices", MeansLocked},
		{"erase:x", "not allowed in lock", "Erase boot is not allowed in lock state", MeansLocked},
		{"flash:x", "not allowed on locked", "Download is not allowed on locked devices", MeansLocked},
		{"flash:x", "download for partition", "download for partition 'recovery' is not allowed", MeansLocked},
		{"flash:x", "device is locked", "device is locked. Cannot flash images", MeansLocked},
		{"flash:x", "bootloader is locked", "Bootloader is locked.", MeansLocked},
		{"flash:x", "lock flag is locked", "Flashing Lock Flag is locked. Please unlock it first!", MeansLocked},
		{"flash:x", "partition is locked", "partition is locked", MeansLocked},
		{"flash:x", "locked devices", "Command not available on locked devices", MeansLocked},
		{"flash:x", "locked device", "not supported in locked device", MeansLocked},
		{"flash:x", "device locked", "Device Locked", MeansLocked},
		{"flash:x", "locked hw", "the command you input is restricted on locked hw", MeansLocked},
		{"flash:x", "locked state", "cannot flash, locked state", MeansLocked},
		{"flash:x", "lock state", "wrong lock state", MeansLocked},
		{"flash:x", "not unlocked", "\tDevice not unlocked cannot flash or erase", MeansLocked},
		{"flash:x", "lock control", "No support by lock control", MeansLocked},
		{"flash:x", "unlock device to", "unlock device to use this command", MeansLocked},
		{"flash:x", "unlock it first", "unlock it first", MeansLocked},
		{"flash:x", "unlock bootloader first", "Unlock bootloader first", MeansLocked},
		{"flash:x", "please unlock", "please unlock the device", MeansLocked},
		{"flash:x", "not allow!", "Not allow!", MeansLocked},
		{"flash:x", "signature", "Signature check failed", MeansSignature},
		{"flash:x", "not signed", "Image not signed or corrupt", MeansSignature},
		{"flash:x", "image verification failed", "image verification failed", MeansSignature},
		{"flash:x", "failed to verify", "Failed to verify hab image boot", MeansSignature},
		{"boot", "authenticate", "Failed to load/authenticate boot image: Load Error", MeansSignature},
		{"flash:x", "preflash validation failed", "Preflash validation failed", MeansSignature},
		{"flash:x", "hab check failed", "hab check failed for boot", MeansSignature},
		{"flash:x", "secure boot", "secure boot: x is not ours", MeansSignature},
		{"flash:x", "not support on security", "not support on security", MeansSignature},
		{"flash:x", "not a boot image", "image is not a boot image", MeansWrongImage},
		{"flash:x", "invalid boot image", "Invalid Boot image Header", MeansWrongImage},
		{"boot", "bad boot image", "bad boot image", MeansWrongImage},
		{"boot", "dtb not found", "dtb not found", MeansWrongImage},
		{"flash:x", "invalid image", "Invalid image", MeansWrongImage},
		{"flash:x", "invalid gpt", "invalid GPT header", MeansWrongImage},
		{"flash:x", "battery", "Warning: battery's capacity is very low\n", MeansLowBattery},
		{"flash:x", "low power", "low power, need charging", MeansLowBattery},
		{"flash:x", "unknown chunk type", "unknown chunk type cac4", MeansNoChunk},
		{"flash:x", "unsupported chunk", "Unsupported chunk type", MeansNoChunk},
		{"flash:x", "sparse not supported", "sparse not supported", MeansNoSparse},
		{"flash:x", "bogus chunk", "Bogus chunk size for chunk type Raw", MeansNoSparse},
		{"flash:x", "bogus size", "Bogus size sparse and chunk header", MeansNoSparse},
		{"flash:x", "sparse image", "sparse image size is not matched", MeansNoSparse},
		{"oem x", "invalid command", "invalid command", MeansNoCommand},
		{"oem x", "unknown command", "unknown command", MeansNoCommand},
		{"oem x", "unknown cmd", "unknown cmd.", MeansNoCommand},
		{"oem x", "unknown oem command", "Unknown oem command", MeansNoCommand},
		{"oem x", "unrecognized command", "Unrecognized command x", MeansNoCommand},
		{"oem x", "command not found", "Command not found", MeansNoCommand},
		{"oem x", "not implement", "Not implement", MeansNoCommand},
		{"oem x", "not implet", "Not Implet.", MeansNoCommand},
		{"oem x", "unsupported command", "unsupported command", MeansNoCommand},
		{"oem x", "command not supported", "command not supported", MeansNoCommand},
		{"flash:x", "download permission", "failed to get download permission for partition 'recovery'", MeansLocked},
		{"flash:x", "volume full", "Error flashing partition : Volume Full", MeansTooLarge},
		{"flash:x", "write failure", "flash write failure", MeansWriteFailed},
		{"flash:x", "write fail", "write failed", MeansWriteFailed},
		{"flash:x", "write error", "mmc write error", MeansWriteFailed},
		{"flash:x", "failed writing", "failed writing to device 0", MeansWriteFailed},
		{"flash:x", "failed to write", "Failed to write partition", MeansWriteFailed},
		{"flash:x", "write img failed", "write img failed", MeansWriteFailed},
		{"flash:x", "image update error", "image update error", MeansWriteFailed},
		{"erase:x", "failed to erase", "failed to erase partition", MeansWriteFailed},
		{"erase:x", "failed erasing", "failed erasing from device 0", MeansWriteFailed},
		{"flash:x", "input/output error", "Input/output error", MeansWriteFailed},
		{"flash:x", "i/o error", "I/O error", MeansWriteFailed},
		{"flash:x", "device error", "Error writing: Device Error", MeansWriteFailed},
		{"flash:x", "block device not found", "block device not found", MeansWriteFailed},
	} {
		i := failRow(c.command, c.fail)
		if i < 0 || failTexts[i].text != c.row {
			t.Errorf("%s: %q is not decided by row %q (but %d)", c.command, c.fail, c.row, i)
		} else {
			tested[i] = true
		}
		if got := (&RemoteError{Command: c.command, Message: c.fail}).Meaning(); got != c.means {
			t.Errorf("%s: %q means %q, want %q", c.command, c.fail, got, c.means)
		}
	}
	for i, row := range failTexts {
		if !tested[i] {
			t.Errorf("row %q has no case", row.text)
		}
		if row.text != strings.ToLower(row.text) {
			t.Errorf("row %q can never match: it is not lower case", row.text)
		}
	}
	for _, s := range []string{"", "something new", "ok", "no", "too many cooks", "error 0x1f"} {
		if got := meaningOf("flash:x", s); got != MeansUnknown {
			t.Errorf("%q means %q, want unknown", s, got)
		}
	}
	for said, want := range map[string]Meaning{"data too large": MeansTooMuch, "size too large": MeansTooLarge,
		"out of memory": MeansTooMuch} {
		if got := meaningOf("", said); got != want {
			t.Errorf("%q alone means %q, want %q", said, got, want)
		}
	}
	// Only a refused download is about how much is sent at once.
	if got := meaningOf("flash:boot", "data too large"); got == MeansTooMuch {
		t.Error("a refused flash is taken for a download that is too large")
	}
}
