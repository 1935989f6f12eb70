// The reference host: AOSP's own fastboot uses the tablets, over TCP and UDP, and
// every written byte is compared.

package virtual_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/heldaddr"
	"github.com/zarya-station/zarya/internal/virtual"
)

const mib = 1 << 20

// tool finds a program, or fails the test: nothing is skipped in silence.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: run make setup", err)
	}
	return path
}

// aosp runs AOSP's fastboot on one address.
type aosp struct {
	t       *testing.T
	address string
}

func (a aosp) try(args ...string) (string, error) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 10*time.Minute) // only against a hang
	defer cancel()
	cmd := exec.CommandContext(ctx, tool(a.t, "fastboot"), append([]string{"-s", a.address}, args...)...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (a aosp) run(args ...string) string {
	a.t.Helper()
	out, err := a.try(args...)
	if err != nil {
		a.t.Fatalf("fastboot %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// serve runs a tablet on a free port of this machine and gives its address as
// fastboot writes it. It came up once more for each value of up.
func serve(t *testing.T, network string, c virtual.Config) (tablet *virtual.Tablet, address string, up <-chan struct{}) {
	t.Helper()
	tablet, err := virtual.New(c)
	if err != nil {
		t.Fatal(err)
	}
	at, err := heldaddr.Hold(network, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	came := make(chan struct{}, 100)
	at.Listening = func() { came <- struct{}{} }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		if network == "tcp" {
			done <- tablet.Serve(ctx, at, at.Addr())
		} else {
			done <- tablet.ServeUDP(ctx, at)
		}
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		_ = at.Close()
	})
	return tablet, network + ":" + at.Addr(), came
}

// noise is n reproducible bytes with holes and constant stretches, as images have.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, 1))
	for at := 0; at < n; {
		part := b[at:min(n, at+1+r.IntN(3*mib))]
		switch r.IntN(4) {
		case 0: // a hole
		case 1:
			for i := range part {
				part[i] = "\xff\x00\xff\x00"[(at+i)&3]
			}
		default:
			for i := range part {
				part[i] = byte(r.Uint32())
			}
		}
		at += len(part)
	}
	return b
}

func junk(n int) []byte { return bytes.Repeat([]byte{0xa5}, n) }

// settled waits until the tablet has done what was sent: with parallel-download-flash
// OKAY comes before the write.
func (a aosp) settled() {
	a.t.Helper()
	a.run("getvar", "product") // answered after the write
}

func equal(t *testing.T, tablet *virtual.Tablet, partition string, want []byte) {
	t.Helper()
	r, _, err := tablet.Partition(partition)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := r.ReadAt(got, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		at := 0
		for got[at] == want[at] {
			at++
		}
		t.Fatalf("%s differs from byte %d of %d: %#x instead of %#x", partition, at, len(want), got[at], want[at])
	}
}

func TestAOSPFastboot(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		for _, family := range []string{"qualcomm", "fastbootd", "mt8768-kob2", "kirin659-ags2"} {
			t.Run(network+"/"+family, func(t *testing.T) {
				t.Parallel()
				testAOSP(t, network, family)
			})
		}
	}
}

func testAOSP(t *testing.T, network, family string) {
	const partSize, dataSize = 20 * mib, 16*mib + 4096
	dir := t.TempDir()
	f, err := virtual.FamilyByName(family)
	if err != nil {
		t.Fatal(err)
	}
	tablet, address, up := serve(t, network, virtual.Config{
		Serial: "VT1", Family: f, Dir: filepath.Join(dir, "state"),
		Partitions: map[string]int64{"system": partSize, "cache": 8 * mib, "userdata": partSize},
		Log:        t.Logf,
	})
	host := aosp{t, address}
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	image := noise(7, dataSize)
	raw, old := write("system.img", image), write("junk.img", junk(partSize))
	simg := filepath.Join(dir, "system.simg")
	if out, err := exec.CommandContext(t.Context(), tool(t, "img2simg"), raw, simg).CombinedOutput(); err != nil {
		t.Fatalf("img2simg: %v\n%s", err, out)
	}

	// Variables. A Kirin refuses them, of which AOSP's fastboot says nothing.
	if all, err := host.try("getvar", "all"); f.Refuses {
		if strings.Contains(all, f.Product) {
			t.Fatalf("getvar all: %v\n%s", err, all)
		}
	} else if err != nil || !strings.Contains(all, "product:"+f.Product) && !strings.Contains(all, "product: "+f.Product) {
		t.Fatalf("getvar all: %v\n%s", err, all)
	}

	// Raw over junk; sparse over junk; cut into pieces of 16 MiB over junk, from both.
	flash := func(args ...string) {
		t.Helper()
		host.run("flash", "system", old)
		host.run(args...)
		if !f.Refuses {
			host.settled()
		}
	}
	for _, how := range [][]string{
		{"flash", "system", raw},
		{"flash", "system", simg},
		{"-S", "16M", "flash", "system", raw},
		{"-S", "16M", "flash", "system", simg},
	} {
		flash(how...)
		equal(t, tablet, "system", image)
	}
	r, size, err := tablet.Partition("system")
	if err != nil {
		t.Fatal(err)
	}
	tail := make([]byte, size-dataSize) // none in fastbootd: the host made the logical partition as small as the image
	if _, err := r.ReadAt(tail, dataSize); err != nil && err != io.EOF || !bytes.Equal(tail, junk(len(tail))) {
		t.Fatalf("what lies behind the image was touched (%v)", err)
	}

	// Erase.
	host.run("flash", "userdata", old)
	host.run("erase", "userdata")
	equal(t, tablet, "userdata", make([]byte, partSize))

	// An unknown partition is a failure in the device's words.
	out, err := host.try("flash", "no_such", raw)
	if err == nil || !strings.Contains(out, "remote: '"+f.NoPartition) {
		t.Fatalf("flash no_such: %v\n%s", err, out)
	}

	// Slots.
	if f.Slots {
		host.run("set_active", "b")
		if out := host.run("getvar", "current-slot"); !strings.Contains(out, "current-slot: b") {
			t.Fatal(out)
		}
		host.run("flash", "system", raw)
		host.settled()
		equal(t, tablet, "system_b", image)
	}

	// It comes back from a restart with what was written.
	<-up
	host.run("reboot-bootloader")
	<-up // AOSP's fastboot waits for ever where a tablet over UDP restarts between its query and its init
	if !f.Refuses {
		host.run("getvar", "product")
	}
	equal(t, tablet, "system", image)
	host.run("reboot")
	if mode := tablet.State().Mode; mode == "fastboot" || mode == "fastbootd" {
		t.Fatalf("after reboot: %s", mode)
	}
	if n := len(tablet.State().Flashes); n == 0 {
		t.Fatal("no flash was counted")
	}
}
