// The bootloader as a host sees it, packet by packet, over a network in memory.

package bootloader_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/internal/virtual/bootloader"
	"github.com/zarya-station/zarya/internal/virtual/bootloader/bootloadertest"
	"github.com/zarya-station/zarya/internal/virtual/device"
	"github.com/zarya-station/zarya/internal/virtual/memnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newDevice makes a small device of a family with faults.
func newDevice(t *testing.T, family string, faults ...string) *device.Device {
	t.Helper()
	f, err := device.FamilyByName(family)
	if err != nil {
		t.Fatal(err)
	}
	c := device.Config{Serial: "S1", Family: f, Partitions: map[string]int64{"cache": 64 << 10}, UnlockCode: "1234"}
	if c.Faults, err = device.ParseFaults(faults...); err != nil {
		t.Fatal(err)
	}
	d, err := device.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// bubble runs a bootloader in memory and hands over a connection to it.
func bubble(t *testing.T, family string, faults []string, body func(w bootloadertest.Host, d *device.Device)) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, family, faults...)
		b := bootloader.New(d, func() error { return nil })
		defer b.Close()
		n := &memnet.Net{}
		l, err := n.Listen("tablet:1")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			conn, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer stop()
			defer conn.Close()
			link, err := bootloader.Greet(conn)
			if err != nil {
				t.Error(err)
				return
			}
			if err := b.Serve(ctx, link); err == nil {
				t.Error("a session ended without a reason")
			}
		})
		body(bootloadertest.Connect(t, n, "tablet:1"), d)
		cancel()
		wg.Wait()
		_ = l.Close()
	})
}

func TestCommands(t *testing.T) {
	block := strings.Repeat("z", 16)
	for _, test := range []struct{ family, say, want string }{
		{"qualcomm", "getvar:product", "OKAYKOB-L09"},
		{"qualcomm", "getvar:current-slot", "OKAYa"},
		{"qualcomm", "getvar:max-download-size", "OKAY536870912"},
		{"qualcomm", "getvar:nothing", "FAILGetVar Variable Not found"},
		{"qualcomm", "getvar:has-slot:cache", "OKAYno"},
		{"mt8768-kob2", "getvar:nothing", "OKAYundefine"},
		{"mt8768-kob2", "getvar:max-download-size", "OKAY\t0x8000000"},
		{"kirin659-ags2", "getvar:product", "FAILCommand not allowed"},
		{"kirin659-ags2", "getvar:max-download-size", "OKAY471859200"},
		{"kirin659-ags2", "oem get-product-model", "OKAYAGS2-L09"},
		{"kirin659-ags2", "oem get-bootinfo", "OKAYunlocked"},
		{"kirin659-ags2", "oem backdoor info", "INFOFB LockState: UNLOCKED|INFOUSER LockState: UNLOCKED|OKAY"},
		{"kirin710a-ags3", "oem lock-state info", "INFOFB LockState: UNLOCKED|INFOUSER LockState: UNLOCKED|OKAY"},
		{"qualcomm", "oem device-info", "INFODevice tampered: false|INFODevice unlocked: true|OKAY"},
		{"qualcomm", "flash:cache", "FAILno data downloaded"},
		{"qualcomm", "download:00000000", "FAILinvalid size"},
		{"qualcomm", "download:zz", "FAILinvalid size"},
		{"qualcomm", "download:20000001", "FAILdata too large"},
		{"qualcomm", "set_active:c", "FAILslot does not exist"},
		{"mt8768-kob2", "set_active:a", "FAILslot does not exist"},
		{"mt8768-kob2", "flashing get_unlock_ability", "INFOget_unlock_ability: 1|OKAY"},
		{"mt8768-kob2", "reboot-fastboot", "FAILunknown command"},
		{"mt8768-kob2", "boot", "FAILno boot image"},
		{"mt8768-kob2", "dance", "FAILunknown command"},
		{"fastbootd", "getvar:is-userspace", "OKAYyes"},
		{"fastbootd", "getvar:is-logical:system", "OKAYyes"},
		{"fastbootd", "getvar:is-logical:boot", "OKAYno"},
		{"fastbootd", "create-logical-partition:spare:4096,getvar:partition-size:spare", "OKAY|OKAY0x1000"},
		{"fastbootd", "create-logical-partition:system:4096", "FAILpartition exists or does not exist"},
		{"fastbootd", "delete-logical-partition:system_a,getvar:partition-size:system_a", "OKAY|FAILUnknown variable"},
		{"fastbootd", "resize-logical-partition:system_a:8192,getvar:partition-size:system_a", "OKAY|OKAY0x2000"},
		{"fastbootd", "fetch:nothing", "FAILNo such file or directory: partition does not exist"},
		{"fastbootd", "fetch:system:0:0x2000000", "FAILlarger than max-fetch-size"},
		{"qualcomm", "oem device-info", "INFODevice tampered: false|INFODevice unlocked: true|OKAY"},
		{"qualcomm", "oem dance", "FAILinvalid command"},
		{"qualcomm", "flashing dance", "FAILunknown command"},
		{"qualcomm", "flash:cache", "FAILno data downloaded"},
		{"qualcomm", "erase:nothing", "FAILInvalid partition name"},
		{"qualcomm", "set_active:b,getvar:current-slot", "OKAY|OKAYb"},
		{"fastbootd", "create-logical-partition:spare", "FAILinvalid arguments"},
		{"fastbootd", "create-logical-partition:spare:-1", "FAILinvalid size"},
		{"fastbootd", "delete-logical-partition:spare", "FAILpartition exists or does not exist"},
		{"fastbootd", "update-super:super", "FAILno data downloaded"},
		{"fastbootd", "download:00000010," + block + ",update-super:super", "DATA00000010|OKAY|OKAY"},
		{"fastbootd", "snapshot-update:cancel", "OKAY"},
		{"fastbootd", "snapshot-update:dance", "FAILinvalid arguments"},
		{"fastbootd", "dance", "FAILunknown command"},
		{"fastbootd", "fetch:cache:zz", "FAILinvalid offset"},
		{"fastbootd", "fetch:cache:0:65537", "FAILinvalid size"},
		{"mt8768-kob2", "download:00010000," + strings.Repeat("z", 1<<16) + ",download:00010001," + strings.Repeat("z", 1<<16+1) + ",flash:cache",
			"DATA00010000|OKAY|DATA00010001|OKAY|FAILsize too large"},
		{"mt8768-kob2", "download:0000001c,\x3a\xff\x26\xed" + strings.Repeat("\x00", 24) + ",flash:cache",
			"DATA0000001c|OKAY|FAILinvalid sparse image"},
		// With parallel-download-flash a failure comes at the next command.
		{"qualcomm", "download:0000001c,\x3a\xff\x26\xed" + strings.Repeat("\x00", 24) + ",flash:cache,getvar:product,getvar:product",
			"DATA0000001c|OKAY|OKAY|FAILinvalid sparse image|OKAYKOB-L09"},
		// It leaves, with OKAY as its last word.
		{"mt8768-kob2", "reboot,getvar:product", "OKAY|gone"},
		{"mt8768-kob2", "powerdown,getvar:product", "OKAY|gone"},
		{"qualcomm", "reboot-fastboot,getvar:product", "OKAY|gone"},
		{"mt8768-kob2", "download:00000010," + block + ",boot,getvar:product", "DATA00000010|OKAY|OKAY|gone"},
		// The lock and what it stops.
		{"mt8768-kob2", "flashing lock,oem unlock 4321,oem unlock 1234,getvar:unlocked", "OKAY|FAILcheck password failed!|OKAY|OKAYyes"},
		{"mt8768-kob2", "flashing lock,erase:cache,getvar:unlocked",
			"OKAY|FAILdownload for partition is not allowed: Flashing is not allowed in Lock State|OKAYno"},
		{"kirin659-ags2", "download:00000010," + block + ",flash:nothing", "DATA00000010|OKAY|FAILpartition length get error"},
		{"mt8768-kob2", "download:00000010," + block + ",flash:cache", "DATA00000010|OKAY|OKAY"},
	} {
		t.Run(test.family+"/"+test.say, func(t *testing.T) {
			bubble(t, test.family, nil, func(w bootloadertest.Host, _ *device.Device) {
				if got := w.Say(strings.Split(test.say, ",")...); got != test.want {
					t.Errorf("%s, not %s", got, test.want)
				}
			})
		})
	}
}

func TestFaults(t *testing.T) {
	block := strings.Repeat("z", 16)
	flash := "download:00000010," + block + ",flash:cache"
	for _, test := range []struct{ fault, say, want string }{
		{"locked", flash, "DATA00000010|OKAY|FAILdownload for partition is not allowed: Flashing is not allowed in Lock State"},
		{"refuse-getvar", "getvar:product", "FAILCommand not allowed"},
		{"serial=", "getvar:serialno", "OKAY"},
		{"serial=X9", "getvar:serialno", "OKAYX9"},
		{"low-battery", flash, "DATA00000010|OKAY|FAILlow power, need battery charging"},
		{"low-battery", "getvar:battery-soc-ok", "OKAYno"},
		{"fail", flash + ",flash:cache", "DATA00000010|OKAY|FAILremote failure|OKAY"},
		{"fail=oh%20no*2", flash + ",flash:cache,flash:cache", "DATA00000010|OKAY|FAILoh no|FAILoh no|OKAY"},
		{"fail*", flash + ",flash:cache", "DATA00000010|OKAY|FAILremote failure|FAILremote failure"},
		{"fail@flash:boot", flash, "DATA00000010|OKAY|OKAY"},
		{"fail@download:2", flash + ",download:00000010", "DATA00000010|OKAY|OKAY|FAILremote failure"},
		{"short", "download:00000010", "DATA00000008"},
		{"unplug@50%", "download:00000010," + block, "DATA00000010|gone"},
		{"unplug@reboot", "reboot-bootloader", "gone"},
		{"deferred-fail", flash + ",getvar:product,getvar:product", "DATA00000010|OKAY|OKAY|FAILwrite failure (deferred)|OKAYKOB2-W09"},
		{"stall", "download:00000010," + block, "DATA00000010|gone"}, // the host's patience ends, not the connection
	} {
		t.Run(test.fault, func(t *testing.T) {
			bubble(t, "mt8768-kob2", []string{test.fault}, func(w bootloadertest.Host, _ *device.Device) {
				if got := w.Say(strings.Split(test.say, ",")...); got != test.want {
					t.Errorf("%s, not %s", got, test.want)
				}
			})
		})
	}
	t.Run("garbage", func(t *testing.T) {
		bubble(t, "mt8768-kob2", []string{"garbage"}, func(w bootloadertest.Host, _ *device.Device) {
			got := w.Say(strings.Split(flash, ",")...)
			if !strings.Contains(got, "\x1b") || len(got) < 256 {
				t.Errorf("%q is not hostile", got)
			}
		})
	})
	t.Run("flood", func(t *testing.T) {
		bubble(t, "mt8768-kob2", []string{"flood"}, func(w bootloadertest.Host, _ *device.Device) {
			w.Say("download:00000010", block)
			if err := w.Send("flash:cache"); err != nil {
				t.Fatal(err)
			}
			for i := range 5000 {
				if r, err := w.Receive(); err != nil || !strings.HasPrefix(r, "INFO") {
					t.Fatalf("line %d: %q %v", i, r, err)
				}
			}
		})
	})
	t.Run("corrupt", func(t *testing.T) {
		bubble(t, "mt8768-kob2", []string{"corrupt"}, func(w bootloadertest.Host, d *device.Device) {
			if got := w.Say(strings.Split(flash, ",")...); got != "DATA00000010|OKAY|OKAY" {
				t.Fatal(got)
			}
			r, _, err := d.Partition("cache")
			b := make([]byte, 16)
			if err == nil {
				_, err = r.ReadAt(b, 0)
			}
			if err != nil || string(b) == block || b[8]^'z' != 0x10 {
				t.Fatalf("%q %v", b, err)
			}
		})
	})
	t.Run("no-sparse", func(t *testing.T) {
		bubble(t, "mt8768-kob2", []string{"no-sparse"}, func(w bootloadertest.Host, _ *device.Device) {
			head := "\x3a\xff\x26\xed" + strings.Repeat("\x00", 24)
			if got := w.Say("download:0000001c", head, "flash:cache"); !strings.HasSuffix(got, "FAILunknown chunk type") {
				t.Fatal(got)
			}
		})
	})
}

// TestFetch reads back what was flashed.
func TestFetch(t *testing.T) {
	bubble(t, "fastbootd", nil, func(w bootloadertest.Host, _ *device.Device) {
		got := w.Say("download:00000010", "0123456789abcdef", "flash:cache", "fetch:cache:0x2:5")
		if got != "DATA00000010|OKAY|OKAY|DATA00000005" {
			t.Fatal(got)
		}
		if got, err := w.Receive(); err != nil || got != "23456" {
			t.Errorf("fetched %q (%v)", got, err)
		}
		if got, err := w.Receive(); err != nil || got != "OKAY" {
			t.Errorf("then %q (%v)", got, err)
		}
	})
}

// TestAllVariables reads every variable in one answer.
func TestAllVariables(t *testing.T) {
	for family, want := range map[string][]string{
		"qualcomm":    {"INFOproduct: KOB-L09", "INFOslot-count: 2", "INFOhas-slot:cache: no", "INFOpartition-size:cache: 0x10000"},
		"fastbootd":   {"INFOis-userspace: yes", "INFOis-logical:system_a: yes"},
		"mt8768-kob2": {"INFOmax-download-size: \t0x8000000"},
	} {
		bubble(t, family, nil, func(w bootloadertest.Host, _ *device.Device) {
			lines := strings.Split(w.Say("getvar:all"), "|")
			for _, line := range append(want, "OKAY") {
				if !slices.Contains(lines, line) {
					t.Errorf("%s: no %q in %q", family, line, lines)
				}
			}
		})
	}
}
