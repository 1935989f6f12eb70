// This file reads facts from the booted tablet, and has the steps that hold them to
// what the profile says.

package provision

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/lazyregexp"
	"github.com/zarya-station/zarya/internal/untrusted"
	"github.com/zarya-station/zarya/usb"
)

// maxFactFile is more than any file that holds a fact has, in bytes.
const maxFactFile = 64 << 10

// fact reads one fact; "" is not told. The names are those of the profile language. What
// cannot be seen is marked, so that a fact which holds it equals none that does not.
func (c tablet) fact(ctx context.Context, name string) (string, error) {
	text, err := c.readFact(ctx, name)
	return untrusted.Marked(text, untrusted.Word), err
}

// readFact reads a fact as the tablet says it.
func (c tablet) readFact(ctx context.Context, name string) (string, error) {
	text := func(file string) (string, error) {
		f, err := c.ReadFile(ctx, file, maxFactFile, false)
		if errors.Is(err, errNoFile) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		return strings.TrimSpace(string(f.Data)), nil
	}
	switch base, key, _ := strings.Cut(name, "."); {
	case key != "" && (base == "os-release" || base == "hw-release"):
		all, err := text("/etc/" + base)
		return assigned(all, key), err
	case name == "hostname":
		return text("/etc/hostname")
	case name == "machine-id":
		return text("/etc/machine-id")
	case name == "battery":
		return text("/sys/class/power_supply/battery/capacity")
	case name == "boot-id":
		return text("/proc/sys/kernel/random/boot_id")
	case name == "host-key":
		return c.HostKey(), nil
	case name == "wifi-mac":
		v, err := text("/sys/class/net/wlan0/address")
		return strings.ToLower(v), err
	case name == "storage":
		return c.storage(ctx)
	case name == "locale":
		all, err := text(localeFile)
		return assigned(all, "LANG"), err
	case name == "imei":
		return c.imei(ctx)
	case name == "serial" || name == "usb-serial":
		all, err := text("/proc/cmdline")
		for _, word := range strings.Fields(all) {
			if v, ok := strings.CutPrefix(word, "androidboot.serialno="); ok {
				return v, err
			}
		}
		return "", err
	case name == "model":
		out, _, status, err := c.run(ctx, commandModel(), commandTimeout)
		if err != nil || status != 0 {
			return "", err
		}
		v, ok := strings.CutPrefix(strings.TrimSpace(out), "('")
		v, end := strings.CutSuffix(v, "',)")
		if !ok || !end {
			return "", nil
		}
		return v, nil
	case name == "timezone":
		target, err := c.ReadLink(ctx, localtime)
		if errors.Is(err, errNoFile) {
			return "", nil
		}
		return strings.TrimPrefix(target, zoneinfo), err
	}
	return "", fmt.Errorf("there is no fact %q", name)
}

// storage is the size of the tablet's storage in bytes.
func (c tablet) storage(ctx context.Context) (string, error) {
	for _, disk := range []string{"mmcblk0", "sda"} {
		f, err := c.ReadFile(ctx, "/sys/block/"+disk+"/size", maxFactFile, false)
		if errors.Is(err, errNoFile) {
			continue
		}
		if err != nil {
			return "", err
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(string(f.Data)), 10, 54); err == nil {
			return strconv.FormatInt(n*512, 10), nil
		}
	}
	return "", nil
}

// modemSerial is the property of ofono's modems that is the IMEI.
var modemSerial = lazyregexp.New(`'Serial': <'([0-9]{14,16})'>`)

// imei is that of the first modem; "" if there is none.
func (c tablet) imei(ctx context.Context) (string, error) {
	out, _, status, err := c.run(ctx, commandModem(), commandTimeout)
	if err != nil || status != 0 {
		return "", err
	}
	if m := modemSerial.FindStringSubmatch(out); m != nil {
		return m[1], nil
	}
	return "", nil
}

// assigned reads one key of a file in os-release's form (os-release(5)).
func assigned(text, key string) string {
	for line := range strings.Lines(text) {
		v, ok := strings.CutPrefix(strings.TrimSpace(line), key+"=")
		if !ok {
			continue
		}
		if n := len(v); n >= 2 && (v[0] == '"' || v[0] == '\'') && v[n-1] == v[0] {
			v = v[1 : n-1]
		}
		return v
	}
	return ""
}

// Digest reads a partition back from the booted system.
type Digest struct {
	Partition string
	Size      int64  // bytes from its beginning
	SHA256    string // of those bytes, lower-case hexadecimal
}

// Step is check:PARTITION. There is nothing to compare before the partition is written; it
// can be read again.
func (d Digest) Step() flash.Step {
	return flash.Step{Name: "check:" + d.Partition, Needs: usb.Booted, Traits: flash.Traits{Restartable: true, Verifies: true},
		Run: d.run, Already: d.already}
}

// already reports whether the partition holds the image.
func (d *Digest) already(ctx context.Context, s *flash.Session) (bool, error) {
	got, err := d.read(ctx, s)
	return err == nil && got == d.SHA256, err
}

func (d *Digest) read(ctx context.Context, s *flash.Session) (string, error) {
	limit := commandTimeout + time.Duration(d.Size/10_000_000)*time.Second // at least 10 MB/s
	out, errs, status, err := tabletOf(s).run(ctx, commandDigest(d.Partition, d.Size), limit)
	if err != nil {
		return "", err
	}
	if status != 0 {
		return "", failf(flash.ClassDevice, "the tablet says no more than that", "%s cannot be read back: %s", d.Partition, errs)
	}
	sum, _, _ := strings.Cut(out, " ")
	return clean(sum), nil
}

// run fails if the partition does not hold the image.
func (d *Digest) run(ctx context.Context, s *flash.Session) error {
	got, err := d.read(ctx, s)
	if err == nil && got != d.SHA256 {
		err = failf(flash.ClassDevice, "the tablet's storage did not keep what was written: flash it once more, then send it for repair",
			"%s reads back with sha256 %.16s…, and the image has %.16s…", d.Partition, got, d.SHA256)
	}
	return err
}

// commandModem lists the modems with their properties (ofono; Serial is the IMEI).
func commandModem() command {
	return systemBus("org.ofono", "/", "org.ofono.Manager.GetModems")
}

// commandModel asks the system which device it runs on (Aurora's device information
// service; prints ('MODEL',)).
func commandModel() command {
	return command{argv: []string{"gdbus", "call", "--system", "--dest", "ru.omp.deviceinfo",
		"--object-path", "/ru/omp/deviceinfo/Features", "--method", "ru.omp.deviceinfo.Features.getDeviceModel"}}
}

// commandDigest prints the SHA-256 of the first n bytes of a partition.
func commandDigest(partition string, n int64) command {
	return command{root: true, argv: []string{"sh", "-c", `head -c "$1" "$2" | sha256sum`, "sh",
		strconv.FormatInt(n, 10), "/dev/disk/by-partlabel/" + partition}}
}
