// This file is the data of the families: what their bootloaders say. Sources:
// AOSP fastboot README; LK; public reports of Kirin units.

package device

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Family is what is imitated.
type Family struct {
	Name        string
	Product     string            // the full model
	MaxDownload int64             // bytes
	SizeFormat  string            // of max-download-size: how this family writes numbers
	Vars        map[string]string // further variables; {serial} stands for the serial
	OEM         map[string]string // question → lines; the last is the OKAY text; {lock} and {LOCK} for the state
	Refuses     bool              // nearly every getvar is "Command not allowed"
	Answers     []string          // with Refuses: variables that are answered all the same
	Unknown     string            // the whole answer to an unknown variable
	Userspace   bool              // AOSP's fastbootd
	Slots       bool              // partitions named in Slotted exist as _a and _b
	Parallel    bool              // parallel-download-flash
	Locked      string            // FAIL text of flash and erase on a locked tablet
	NoPartition string            // FAIL text for an unknown partition
	TooLarge    string            // FAIL text for an image larger than the partition
	Partitions  map[string]int64  // bytes
}

const (
	mib = 1 << 20
	gib = 1 << 30
)

// kirinPartitions are the partitions of the Kirin 659 family that matter here.
var kirinPartitions = map[string]int64{
	"kernel": 24 * mib, "ramdisk": 32 * mib, "recovery_ramdisk": 32 * mib, "recovery_vendor": 16 * mib,
	"erecovery_kernel": 24 * mib, "erecovery_ramdisk": 32 * mib, "dts": 8 * mib, "dto": 16 * mib,
	"vbmeta": 4 * mib, "recovery_vbmeta": 2 * mib, "cache": 128 * mib, "odm": 128 * mib, "patch": 32 * mib,
	"system": 4 * gib, "cust": 512 * mib, "version": 128 * mib, "vendor": 784 * mib, "product": 1 * gib,
	"userdata": 16 * gib, "boot": 32 * mib,
	"xloader": 2 * mib, "fastboot": 12 * mib, "nvme": 5 * mib, "oeminfo": 64 * mib, "frp": 1 * mib,
}

// otherPartitions are those of all other families.
var otherPartitions = map[string]int64{
	"boot": 64 * mib, "dtbo": 8 * mib, "vbmeta": 1 * mib, "recovery": 64 * mib, "cache": 256 * mib,
	"system": 4 * gib, "vendor": 1 * gib, "product": 1 * gib, "userdata": 16 * gib, "misc": 1 * mib, "persist": 32 * mib,
}

// Slotted are the partitions that exist once per slot where a family has slots.
var Slotted = []string{"boot", "dtbo", "vbmeta", "system", "vendor", "product"}

// Logical are those that live in super.
var Logical = []string{"system", "vendor", "product"}

func kirinOEM(model, build string, old bool) map[string]string {
	oem := map[string]string{
		"get-bootinfo":      "{lock}",
		"get-product-model": model,
		"get-build-number":  ":" + model + " " + build,
	}
	if old {
		oem["backdoor info"] = "FB LockState: {LOCK}\nUSER LockState: {LOCK}\n"
	} else {
		oem["lock-state info"] = "FB LockState: {LOCK}\nUSER LockState: {LOCK}\n"
	}
	return oem
}

var families = map[string]Family{
	"kirin659-ags2": {
		Product: "AGS2-L09", MaxDownload: 471859200, SizeFormat: "%d", Refuses: true,
		Answers: []string{"max-download-size", "serialno"}, Unknown: "FAILCommand not allowed",
		OEM: kirinOEM("AGS2-L09", "8.0.0.175(C635)", true), Locked: "Command not allowed",
		NoPartition: "partition length get error", TooLarge: "sparse flash write failure", Partitions: kirinPartitions,
	},
	"kirin710a-ags3": {
		Product: "AGS3-L09", MaxDownload: 471859200, SizeFormat: "%d", Refuses: true,
		Answers: []string{"max-download-size", "serialno"}, Unknown: "FAILCommand not allowed",
		OEM: kirinOEM("AGS3-L09", "10.1.1.176(C635E4R1P1)", false), Locked: "Command not allowed",
		NoPartition: "partition length get error", TooLarge: "sparse flash write failure", Partitions: kirinPartitions,
	},
	"mt8768-kob2": {
		Product: "KOB2-W09", MaxDownload: 128 * mib, SizeFormat: "\t0x%x", Unknown: "OKAYundefine",
		Vars: map[string]string{"version": "0.5", "version-preloader": "0.1.00", "off-mode-charge": "1", "battery-soc-ok": "yes",
			"warranty": "yes"},
		OEM: map[string]string{}, Locked: "download for partition is not allowed: Flashing is not allowed in Lock State",
		NoPartition: "partition table doesn't exist: no such partition", TooLarge: "size too large", Partitions: otherPartitions,
	},
	"qualcomm": {
		Product: "KOB-L09", MaxDownload: 512 * mib, SizeFormat: "%d", Unknown: "FAILGetVar Variable Not found",
		Vars: map[string]string{"version-bootloader": "BL-1", "version-baseband": "BB-1", "variant": "SDM UFS", "secure": "no",
			"battery-voltage": "3987", "battery-soc-ok": "yes", "hw-revision": "10000", "off-mode-charge": "0", "parallel-download-flash": "yes"},
		OEM: map[string]string{"device-info": "Device tampered: false\nDevice unlocked: {unlocked}\n"}, Slots: true, Parallel: true,
		Locked: "Flashing is not allowed in Lock State", NoPartition: "Invalid partition name", TooLarge: "Image size too large for partition",
		Partitions: otherPartitions,
	},
	"fastbootd": {
		Product: "aurora_gsi", MaxDownload: 256 * mib, SizeFormat: "0x%08x", Unknown: "FAILUnknown variable", Userspace: true,
		Vars: map[string]string{"version": "0.4", "version-bootloader": "U-1", "version-baseband": "", "hw-revision": "0", "secure": "yes",
			"super-partition-name": "super", "snapshot-update-status": "none", "battery-voltage": "4200", "battery-soc-ok": "yes",
			"max-fetch-size": "0x1000000", "is-force-debuggable": "no", "treble-enabled": "true"},
		OEM: map[string]string{}, Slots: true, Locked: "Flashing is not allowed on locked devices",
		NoPartition: "No such file or directory: partition does not exist", TooLarge: "larger than partition", Partitions: otherPartitions,
	},
}

// Families are the names, sorted.
func Families() []string { return slices.Sorted(maps.Keys(families)) }

// FamilyByName finds a family.
func FamilyByName(name string) (Family, error) {
	f, ok := families[name]
	if !ok {
		return f, fmt.Errorf("no family %q; known are %s", name, strings.Join(Families(), ", "))
	}
	f.Name = name
	return f, nil
}
