// This file names the partitions that can make a tablet unusable.

package flash

import "strings"

// protected are bootloader and identity partitions of the Kirin, MediaTek and
// Qualcomm families; a trailing * stands for any rest.
var protected = []string{
	"xloader", "ptable", "vrl", "vrl_backup", "fastboot", "nvme", "oeminfo", "frp", "modemnvm_*", "teeos", "trustfirmware",
	"preloader*", "lk", "lk2", "nvram", "nvdata", "nvcfg", "proinfo", "protect1", "protect2", "seccfg", "tee*",
	"sbl*", "xbl*", "abl", "abl_*", "aboot", "rpm", "tz", "tz_*", "hyp", "hyp_*", "modemst*", "fsg", "fsc", "devinfo", "persist",
	"gpt", "partition", "bootloader",
}

// Protected reports whether a partition is written only when it is allowed by
// name (--allow-partition): no profile, file or environment can do that.
func Protected(partition string) bool {
	for _, p := range protected {
		if stem, any := strings.CutSuffix(p, "*"); partition == p || any && strings.HasPrefix(partition, stem) {
			return true
		}
	}
	return false
}
