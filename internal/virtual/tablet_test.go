// The tablet as a host sees it, packet by packet, over a network in memory.

package virtual_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/internal/virtual/bootloader/bootloadertest"
	"github.com/zarya-station/zarya/internal/virtual/memnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bubble runs a tablet in memory and hands over a connection to it.
func bubble(t *testing.T, family string, faults []string,
	body func(w bootloadertest.Host, tablet *virtual.Tablet, again func() bootloadertest.Host)) {
	synctest.Test(t, func(t *testing.T) {
		f, err := virtual.FamilyByName(family)
		if err != nil {
			t.Fatal(err)
		}
		c := virtual.Config{Serial: "S1", Family: f, Partitions: map[string]int64{"cache": 64 << 10}, RebootTime: time.Second}
		if c.Faults, err = virtual.ParseFaults(faults...); err != nil {
			t.Fatal(err)
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
		body(bootloadertest.Connect(t, n, "tablet:1"), tablet, func() bootloadertest.Host { return bootloadertest.Connect(t, n, "tablet:1") })
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

// TestComesBack pulls a tablet out for five seconds.
func TestComesBack(t *testing.T) {
	bubble(t, "mt8768-kob2", []string{"unplug=5@50%"}, func(w bootloadertest.Host, _ *virtual.Tablet, again func() bootloadertest.Host) {
		if got := w.Say("download:00000010", strings.Repeat("z", 16)); got != "DATA00000010|gone" {
			t.Fatal(got)
		}
		time.Sleep(6 * time.Second) // of the bubble
		if got := again().Say("getvar:product"); got != "OKAYKOB2-W09" {
			t.Fatal(got)
		}
	})
}

// TestUnplugged pulls a tablet out: who loses the connection finds nobody to connect to again.
func TestUnplugged(t *testing.T) {
	for range 100 { // two things happen in one moment
		synctest.Test(t, func(t *testing.T) {
			f, err := virtual.FamilyByName("qualcomm")
			if err != nil {
				t.Fatal(err)
			}
			tablet, err := virtual.New(virtual.Config{Serial: "S1", Family: f})
			if err != nil {
				t.Fatal(err)
			}
			n := &memnet.Net{}
			ctx, unplug := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- tablet.Serve(ctx, n, "tablet:1") }()
			synctest.Wait()
			conn, err := n.Dial(t.Context(), "tablet:1")
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			unplug()
			_, _ = io.Copy(io.Discard, conn)
			if again, err := n.Dial(t.Context(), "tablet:1"); err == nil {
				_ = again.Close()
				t.Error("it is found again")
			}
			_ = conn.Close()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
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
			w := bootloadertest.Connect(t, n, fmt.Sprintf("t:%d", i))
			go func() {
				w.Say(fmt.Sprintf("download:%08x", size), strings.Repeat("x", size))
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
