// The tablet as a host sees it, packet by packet, over a network in memory.

package virtual_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/internal/virtual/memnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire is a host of a few lines, which knows only the framing.
type wire struct{ net.Conn }

func (w wire) send(p string) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint64(nil, uint64(len(p))), p...))
	return err
}

func (w wire) receive() (string, error) {
	var h [8]byte
	if _, err := io.ReadFull(w, h[:]); err != nil {
		return "", err
	}
	b := make([]byte, binary.BigEndian.Uint64(h[:]))
	_, err := io.ReadFull(w, b)
	return string(b), err
}

// say sends packets and gathers what comes back until OKAY, FAIL, DATA or the end.
func (w wire) say(packets ...string) string {
	var said []string
	for _, p := range packets {
		if err := w.send(p); err != nil {
			return strings.Join(append(said, "gone"), "|")
		}
		for {
			r, err := w.receive()
			if err != nil {
				return strings.Join(append(said, "gone"), "|")
			}
			said = append(said, r)
			if !strings.HasPrefix(r, "INFO") && !strings.HasPrefix(r, "TEXT") {
				break
			}
		}
	}
	return strings.Join(said, "|")
}

func connect(t *testing.T, n *memnet.Net, address string) wire {
	t.Helper()
	conn, err := n.Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, "FB01"); err != nil {
		t.Fatal(err)
	}
	var hello [4]byte
	if _, err := io.ReadFull(conn, hello[:]); err != nil || string(hello[:]) != "FB01" {
		t.Fatalf("%q %v", hello, err)
	}
	return wire{conn}
}

// bubble runs a tablet in memory and hands over a connection to it.
func bubble(t *testing.T, family string, faults []string, body func(w wire, tablet *virtual.Tablet, again func() wire)) {
	synctest.Test(t, func(t *testing.T) {
		f, err := virtual.FamilyByName(family)
		if err != nil {
			t.Fatal(err)
		}
		c := virtual.Config{Serial: "S1", Family: f, Partitions: map[string]int64{"cache": 64 << 10}, RebootTime: time.Second}
		for _, spec := range faults {
			fault, err := virtual.ParseFault(spec)
			if err != nil {
				t.Fatal(err)
			}
			c.Faults = append(c.Faults, fault)
		}
		tablet, err := virtual.New(c)
		if err != nil {
			t.Fatal(err)
		}
		n := &memnet.Net{}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- tablet.Serve(ctx, n, "tablet:1") }()
		synctest.Wait()
		body(connect(t, n, "tablet:1"), tablet, func() wire { return connect(t, n, "tablet:1") })
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
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
		// The lock and what it stops.
		{"mt8768-kob2", "flashing lock,erase:cache,getvar:unlocked", "OKAY|FAILdownload for partition is not allowed: Flashing is not allowed in Lock State|OKAYno"},
		{"kirin659-ags2", "download:00000010," + block + ",flash:nothing", "DATA00000010|OKAY|FAILpartition length get error"},
		{"mt8768-kob2", "download:00000010," + block + ",flash:cache", "DATA00000010|OKAY|OKAY"},
	} {
		t.Run(test.family+"/"+test.say, func(t *testing.T) {
			bubble(t, test.family, nil, func(w wire, _ *virtual.Tablet, _ func() wire) {
				if got := w.say(strings.Split(test.say, ",")...); got != test.want {
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
			bubble(t, "mt8768-kob2", []string{test.fault}, func(w wire, _ *virtual.Tablet, _ func() wire) {
				if got := w.say(strings.Split(test.say, ",")...); got != test.want {
					t.Errorf("%s, not %s", got, test.want)
				}
			})
		})
	}
	t.Run("garbage", func(t *testing.T) {
		bubble(t, "mt8768-kob2", []string{"garbage"}, func(w wire, _ *virtual.Tablet, _ func() wire) {
			got := w.say(strings.Split(flash, ",")...)
			if !strings.Contains(got, "\x1b") || len(got) < 256 {
				t.Errorf("%q is not hostile", got)
			}
		})
	})
	t.Run("flood", func(t *testing.T) {
		bubble(t, "mt8768-kob2", []string{"flood"}, func(w wire, _ *virtual.Tablet, _ func() wire) {
			w.say("download:00000010", block)
			if err := w.send("flash:cache"); err != nil {
				t.Fatal(err)
			}
			for i := range 5000 {
				if r, err := w.receive(); err != nil || !strings.HasPrefix(r, "INFO") {
					t.Fatalf("line %d: %q %v", i, r, err)
				}
			}
		})
	})
	t.Run("corrupt", func(t *testing.T) {
		bubble(t, "mt8768-kob2", []string{"corrupt"}, func(w wire, tablet *virtual.Tablet, _ func() wire) {
			if got := w.say(strings.Split(flash, ",")...); got != "DATA00000010|OKAY|OKAY" {
				t.Fatal(got)
			}
			r, _, err := tablet.Partition("cache")
			b := make([]byte, 16)
			if err == nil {
				_, err = r.ReadAt(b, 0)
			}
			if err != nil || string(b) == block || b[8]^'z' != 0x10 {
				t.Fatalf("%q %v", b, err)
			}
		})
	})
	t.Run("unplug=5 comes back", func(t *testing.T) {
		bubble(t, "mt8768-kob2", []string{"unplug=5@50%"}, func(w wire, _ *virtual.Tablet, again func() wire) {
			if got := w.say("download:00000010", block); got != "DATA00000010|gone" {
				t.Fatal(got)
			}
			time.Sleep(6 * time.Second) // of the bubble
			if got := again().say("getvar:product"); got != "OKAYKOB2-W09" {
				t.Fatal(got)
			}
		})
	})
	t.Run("no-sparse", func(t *testing.T) {
		bubble(t, "mt8768-kob2", []string{"no-sparse"}, func(w wire, _ *virtual.Tablet, _ func() wire) {
			head := "\x3a\xff\x26\xed" + strings.Repeat("\x00", 24)
			if got := w.say("download:0000001c", head, "flash:cache"); !strings.HasSuffix(got, "FAILunknown chunk type") {
				t.Fatal(got)
			}
		})
	})
}

// TestRate holds the wire and the bus to their limits, in the bubble's time.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, err := virtual.FamilyByName("mt8768-kob2")
		if err != nil {
			t.Fatal(err)
		}
		const size = 1 << 20
		n, bus := &memnet.Net{}, virtual.NewBus(2*size)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 4)
		for i := range 4 {
			tablet, err := virtual.New(virtual.Config{Serial: fmt.Sprint(i), Family: f, Rate: size, Bus: bus})
			if err != nil {
				t.Fatal(err)
			}
			go func() { done <- tablet.Serve(ctx, n, fmt.Sprintf("t:%d", i)) }()
		}
		synctest.Wait()
		start := time.Now()
		took := make(chan time.Duration, 4)
		for i := range 4 {
			w := connect(t, n, fmt.Sprintf("t:%d", i))
			go func() {
				w.say(fmt.Sprintf("download:%08x", size), strings.Repeat("x", size))
				took <- time.Since(start)
			}()
		}
		var last time.Duration
		for range 4 {
			last = max(last, <-took)
		}
		// Four MiB over a bus of two a second; a single wire would take one second.
		if last < 1500*time.Millisecond || last > 2500*time.Millisecond {
			t.Errorf("four tablets on the bus took %v", last)
		}
		cancel()
		for range 4 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestNewRefuses(t *testing.T) {
	f, err := virtual.FamilyByName("qualcomm")
	if err != nil {
		t.Fatal(err)
	}
	for _, serial := range []string{"", ".", "..", "a/b", "a\x00"} {
		if _, err := virtual.New(virtual.Config{Serial: serial, Family: f}); err == nil {
			t.Errorf("%q was taken for a serial", serial)
		}
	}
	if _, err := virtual.FamilyByName("nokia"); err == nil || !strings.Contains(err.Error(), "kirin659-ags2") {
		t.Errorf("an unknown family: %v", err)
	}
}
