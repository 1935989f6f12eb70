// This file chooses how an image goes to a partition.

package image

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/flash/image/unpack"
)

// Policy is what the operator or a profile says about sparse; "" is Auto.
type Policy string

// The policies.
const (
	Auto   Policy = "auto"
	Always Policy = "always"
	Never  Policy = "never"
)

// ParsePolicy reads auto, always or never.
func ParsePolicy(s string) (Policy, error) {
	switch p := Policy(s); p {
	case Auto, Always, Never:
		return p, nil
	}
	return "", fmt.Errorf("%q is not a sparse policy: write auto, always or never", s)
}

// bootChain are partitions that a bootloader reads without a file system.
var bootChain = []string{
	"boot", "init_boot", "vendor_boot", "vendor_kernel_boot", "kernel", "ramdisk",
	"recovery", "recovery_ramdisk", "erecovery_kernel", "erecovery_ramdisk",
	"dtb", "dtbo", "dto", "dts",
}

func inBootChain(partition string) bool {
	name := strings.TrimSuffix(strings.TrimSuffix(partition, "_a"), "_b")
	return slices.Contains(bootChain, name) || IsVBMeta(name)
}

// IsVBMeta reports whether a partition holds a vbmeta image, AVB's list of what may boot.
func IsVBMeta(partition string) bool {
	name := strings.TrimSuffix(strings.TrimSuffix(partition, "_a"), "_b")
	return strings.HasPrefix(name, "vbmeta") || strings.HasSuffix(name, "_vbmeta")
}

// Choose says in which form im goes to a partition of a tablet that takes at most
// max bytes in one download; takesSparse tells that the device table wants sparse
// there. A boot image is never turned into a sparse one, whatever the policy:
// not every bootloader would expand it, and the tablet would not start.
func Choose(policy Policy, partition string, im *Image, max int64, takesSparse bool) (Form, error) {
	boot := inBootChain(partition)
	raw := im.fitsRaw(max)
	switch {
	case boot && raw != nil:
		return Raw, hinted(raw, "boot images are only ever sent raw: check that this is the image for "+partition)
	case policy == Never && raw != nil:
		return Raw, hinted(raw, "allow sparse: --sparse auto")
	case boot, policy == Never:
		return Raw, nil
	case policy == Always, im.index.Format == FormatSparse, takesSparse, errors.As(raw, new(*LimitError)):
		return Sparse, nil
	}
	return Raw, nil
}

// hinted appends what to do to an error about the form.
func hinted(err error, hint string) error { return fmt.Errorf("%w; %s", err, hint) }

// AsIs tells that a file goes to a partition without being unpacked: a kernel or a RAM
// disk is often compressed, and is flashed so. Only a name that says it too, such as
// boot.img.gz, is unpacked. Archives always are.
func AsIs(partition, file string) bool {
	return inBootChain(partition) && !unpack.SaysPacked(file)
}
