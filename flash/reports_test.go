// This file rebuilds what people have reported to the trackers of other flashing programs,
// each with the repository and the number of its report.

package flash_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/flashtest"
	"github.com/zarya-station/zarya/flash/image"
)

// oddAnswering is an unlocked oddDevice that answers one command with its own packets, the
// first times of them.
func oddAnswering(command string, times int, packets ...string) *oddDevice {
	return &oddDevice{vars: map[string]string{"product": "X", "serialno": "S1", "unlocked": "yes", "max-download-size": "0x100000"},
		instead: func(cmd string) []string {
			if !strings.HasPrefix(cmd, command) || times == 0 {
				return nil
			}
			times--
			return packets
		}}
}

func TestReports(t *testing.T) {
	boot, _ := flashtest.Image(t, bytes.Repeat([]byte("zarya123"), 1500))
	write := func(partition, slot string) []flash.Step {
		return []flash.Step{flash.WriteImage{Partition: partition, Slot: slot, Image: boot}.Step()}
	}
	for _, c := range []struct {
		report string
		steps  []flash.Step
		device *oddDevice
		class  flash.Class // "" passes
		says   string      // in the error and its hint
	}{
		// The first command over USB 3 arrives damaged; all later ones are right.
		{"sailfishos-sony-tama/main#64, each time", write("boot", ""), oddAnswering("download:", -1, "FAILunknown command"),
			flash.ClassCable, "USB 2 port"},
		{"sailfishos-sony-tama/main#64, once", write("boot", ""), oddAnswering("download:", 1, "FAILunknown command"), "", ""},
		// An unlocked bootloader that is older than the partition is not locked.
		{"sonyxperiadev/device-sony-suzu#34", write("oem", ""), oddAnswering("flash:", -1, "FAILCommand not allowed"),
			flash.ClassDevice, "firmware"},
		// A tablet without slots is not given one, and is left as it is.
		{"openandroidinstaller-dev/openandroidinstaller#124", write("boot", "a"), oddAnswering("", 0), flash.ClassProfile, "leave the slot out"},
		// What it means is too large, whatever it is called.
		{"phhusson/treble_experimentations#1952", write("system", ""), oddAnswering("flash:", -1, "FAILsparse flash write failure"),
			flash.ClassImage, "larger than the partition"},
		{"ubports/ubports-installer#2508", write("recovery", ""),
			oddAnswering("flash:", -1, "FAILfailed to get download permission for partition 'recovery'"), flash.ClassLocked, "unlocking"},
		// The size of a partition is a number without digits.
		{"ubports/ubports-installer#1519", write("boot", ""), oddAnswering("getvar:partition-size:", -1, "OKAY0x"), "", ""},
	} {
		results, _ := runOdd(t, c.steps, c.device)
		r := results[0]
		if r.Class != c.class || !strings.Contains(r.Error+" → "+r.Hint, c.says) {
			t.Errorf("%s: %s %s: %s → %s", c.report, r.Result, r.Class, r.Error, r.Hint)
		}
		if r.Class == flash.ClassProfile && len(c.device.commands("download:")) > 0 {
			t.Errorf("%s: something was sent", c.report)
		}
	}
}

// TestReportedZeros: a few bytes that expand to much are silently written for minutes, and
// the board is not given up (nxp-imx/mfgtools#292).
func TestReportedZeros(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zeros.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	im := flashtest.Open(t, path)
	d := oddAnswering("", 0)
	d.instead = func(cmd string) []string {
		if strings.HasPrefix(cmd, "flash:") {
			<-time.After(100 * time.Second) // of the bubble
		}
		return nil
	}
	results, _ := runOdd(t, []flash.Step{flash.WriteImage{Partition: "userdata", Image: im}.Step()}, d)
	if r := results[0]; r.Result != flash.Pass || r.Seconds < 100 || len(d.commands("flash:")) != 1 {
		t.Errorf("%+v after %q", r, d.commands("flash:"))
	}
}

// TestReportedTail: an image that ends within a block is sent to its last byte
// (bootlin/snagboot#85, which sent 82944 bytes of 86016).
func TestReportedTail(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 82944/16)
	for _, policy := range []image.Policy{image.Never, image.Always} {
		d := oddAnswering("", 0)
		im, _ := flashtest.Image(t, content)
		results, _ := runOdd(t, []flash.Step{flash.WriteImage{Partition: "rootfs", Image: im, Policy: policy}.Step()}, d)
		if r := results[0]; r.Result != flash.Pass || !bytes.Contains(d.written["rootfs"], content) {
			t.Errorf("%v: %+v, %d bytes", policy, r, len(d.written["rootfs"]))
		}
	}
}
