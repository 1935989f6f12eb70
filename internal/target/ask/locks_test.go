// Questions to tablets that other processes may have, and to those that run Android.

package ask

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/adb"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/target/targettest"
	"github.com/zarya-station/zarya/usb"
)

// serial asks for the serial alone.
func serial(ctx context.Context, s Session) (string, error) { return s.Getvar(ctx, "serialno") }

// TestEachLockedLeavesOthersAlone: a tablet that another process has is not touched, the
// others are asked and free again after it, and none to ask at all is an error.
func TestEachLockedLeavesOthersAlone(t *testing.T) {
	locks := t.TempDir()
	bench := target.NewBench(target.Options{LockDir: locks})
	defer bench.Close()
	other := target.NewBench(target.Options{LockDir: locks})
	defer other.Close()
	asked(t, func(ctx context.Context, targets []target.Target) {
		ours := Locks{Bench: bench, Owner: "getvar"}
		if answers, err := EachLocked(ctx, Options{}, ours, nil, serial); answers != nil || err != nil {
			t.Errorf("nobody to ask: %v %v", answers, err)
		}
		release, err := other.Lock(ctx, targets[0], "zarya run, process 1", 0)
		if err != nil {
			t.Fatal(err)
		}
		both := []target.Target{targets[0], targets[2]}
		answers, err := EachLocked(ctx, Options{}, ours, both, serial)
		if err != nil {
			t.Fatal(err)
		}
		if a := answers[0]; a.Value != nil || !strings.Contains(a.Error, "zarya run, process 1") || a.Hint == "" {
			t.Errorf("the one of another process: %+v", a)
		}
		if a := answers[1]; a.Value == nil || *a.Value != "VT0002" {
			t.Errorf("the free one: %+v", a)
		}
		_, err = EachLocked(ctx, Options{}, ours, targets[:1], serial)
		if kind, ok := problem.KindOf(err); !ok || kind != problem.InUse {
			t.Errorf("none is free: %v", err)
		}
		release()
		for range 2 {
			answers, err = EachLocked(ctx, Options{}, ours, both, serial)
			if err != nil || answers[0].Value == nil || *answers[0].Value != "VT0001" {
				t.Errorf("all are free: %+v %v", answers, err)
			}
		}
	})
}

// TestTalkIsHeard: what passes between host and tablet can be followed, by target.
func TestTalkIsHeard(t *testing.T) {
	asked(t, func(ctx context.Context, targets []target.Target) {
		var trace strings.Builder
		var lines []string
		o := Options{Trace: fastboot.NewTracer(&trace), Line: func(target, line string) { lines = append(lines, target+" "+line) }}
		answers := Each(ctx, o, targets[:1], func(ctx context.Context, s Session) (string, error) {
			_, err := s.OEM(ctx, "lock-state info")
			return "asked", err
		})
		if a := answers[0]; a.Value == nil {
			t.Fatalf("%+v", a)
		}
		if !strings.Contains(trace.String(), "oem lock-state info") {
			t.Errorf("not traced: %q", trace.String())
		}
		if len(lines) != 2 || lines[0] != targets[0].String()+" FB LockState: UNLOCKED" {
			t.Errorf("lines %q", lines)
		}
	})
}

// TestRebootAndroid sends tablets in Android to their bootloaders through an adb server,
// gives the others back, and leaves alone what another process has.
func TestRebootAndroid(t *testing.T) {
	sysfs := targettest.NewSysfs(t)
	for chain, mode := range map[string][3]int{"1": targettest.ADB, "2": targettest.Fastboot, "3": targettest.ADB, "4": targettest.ADB} {
		sysfs.Tablet(chain, "SN"+chain, mode)
	}
	server := &targettest.ADBServer{List: "SN1 device usb:1-1 transport_id:7\nSN4 device usb:1-4 transport_id:9\n"}
	dir := t.TempDir()
	bench := target.NewBench(target.Options{Sysfs: sysfs.Root, LockDir: filepath.Join(dir, "locks"), ADB: adb.Server(server.Start(t))})
	defer bench.Close()
	at := func(chain string) target.Target {
		return bench.At(usb.Port{Controller: targettest.Controller, Bus: 1, Chain: chain}, nil)
	}
	network, err := target.ParseNetwork("tcp:127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	release, err := bench.Lock(t.Context(), at("4"), "zarya run, process 1", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	all := []target.Target{at("1"), network, at("2"), at("3"), at("4"), at("5")}
	others, answers := RebootAndroid(t.Context(), Locks{Bench: bench, Owner: "reboot"}, all)
	if !slices.Equal(others, []target.Target{network, at("2"), at("5")}) {
		t.Errorf("given back: %v", others)
	}
	if len(answers) != 3 {
		t.Fatalf("%+v", answers)
	}
	if a := answers[0]; a.Target != "usb:1-1" || a.Value == nil || *a.Value != "rebooting to bootloader" {
		t.Errorf("%+v", a)
	}
	if a := answers[1]; a.Value != nil || a.Class != string(flash.ClassOperator) ||
		!strings.Contains(a.Error, "does not see the tablet in port 1-3") {
		t.Errorf("not seen by the server: %+v", a)
	}
	if a := answers[2]; a.Value != nil || a.Class != string(flash.ClassStation) || !strings.Contains(a.Hint, "--lock-wait") {
		t.Errorf("of another process: %+v", a)
	}
	sent := slices.DeleteFunc(server.Asked(), func(service string) bool { return !strings.HasPrefix(service, "reboot:") })
	if !slices.Equal(sent, []string{"reboot:bootloader"}) {
		t.Errorf("sent to their bootloaders: %v", sent)
	}
}

// breaking is a tablet that greets, and goes at the first question.
func breaking(t *testing.T) target.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "FB01")
			_, _ = io.ReadFull(conn, make([]byte, len("FB01")+8)) // the greeting, the length of a question
			_ = conn.Close()
		}
	})
	n, err := target.ParseNetwork("tcp:" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestBrokenWire: who the tablet is stays unknown, and nothing more is asked of it.
func TestBrokenWire(t *testing.T) {
	gone := []target.Target{breaking(t)}
	if a := Each(t.Context(), Options{}, gone, Look)[0]; a.Value != nil || a.Class != string(flash.ClassCable) {
		t.Errorf("%+v", a)
	}
	a := Each(t.Context(), Options{}, gone, func(ctx context.Context, s Session) ([]fastboot.Var, error) {
		return Getvars(ctx, s, []string{"serialno", "all"})
	})[0]
	if a.Value != nil || a.Class != string(flash.ClassCable) || strings.Contains(a.Error, "; ") {
		t.Errorf("%+v", a)
	}
}
