package target

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/usb"
)

// otherTarget is one of another kind.
type otherTarget struct{ flash.Target }

func (otherTarget) Where() flash.Where { return flash.Where{Port: "7-7", PortName: "Z7"} }

func TestLockName(t *testing.T) {
	b := NewBench(Options{})
	for _, test := range []struct {
		target flash.Target
		want   string
	}{
		{Network{"tcp", "10.0.0.5:5554"}, "net:10.0.0.5:5554"},
		{Network{"udp", "10.0.0.5:5554"}, "net:10.0.0.5:5554"},
		{b.At(port("1.3"), nil), controller + "-usb-0:1.3"},
		{b.At(port("1.3"), usb.Names{controller + "-usb-0:1.3": "A3"}), controller + "-usb-0:1.3"},
		{b.At(usb.Port{Bus: 1, Chain: "2"}, nil), "usb:1-2"},
		{otherTarget{}, "Z7"},
	} {
		if got := LockName(test.target); got != test.want {
			t.Errorf("%v: %q, not %q", test.target, got, test.want)
		}
	}
}

// lockBench is a bench whose locks are its own, in a bubble of time.
func lockBench(t *testing.T) *Bench { return NewBench(Options{LockDir: t.TempDir()}) }

// TestLock waits for another's lock as long as it may, and no longer.
func TestLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, tablet := lockBench(t), Network{"tcp", "h:1"}
		release, err := b.Lock(t.Context(), tablet, "the first", 0)
		must(t, err)
		start := time.Now()
		for _, patience := range []time.Duration{0, 10 * time.Second} {
			_, err = b.Lock(t.Context(), tablet, "the second", patience)
			if other := (*usb.LockedError)(nil); outcome(err) != "in-use: net:h:1 is used by the first" || !errors.As(err, &other) {
				t.Errorf("patience %s: %v", patience, err)
			}
		}
		if d := time.Since(start); d < 10*time.Second || d > 10*time.Second+3*lockEvery {
			t.Errorf("waited %s", d)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start = time.Now()
		if _, err = b.Lock(ctx, tablet, "the second", time.Hour); outcome(err) != "in-use: net:h:1 is used by the first" ||
			time.Since(start) != time.Second {
			t.Errorf("stopped after %s: %v", time.Since(start), err)
		}
		time.AfterFunc(time.Minute, release)
		again, err := b.Lock(t.Context(), tablet, "the second", time.Hour)
		if d := time.Since(start); err != nil || d > 2*time.Minute {
			t.Fatalf("%v after %s", err, d)
		}
		again()
	})
}

// TestLockSerial keeps a serial, whatever is written in it, for the first who asks.
func TestLockSerial(t *testing.T) {
	b := lockBench(t)
	for _, serial := range []string{"VT0001", "../../etc/passwd", strings.Repeat("x", 5000)} {
		release, holder, err := b.LockSerial(serial, "the first")
		if err != nil || holder != "" {
			t.Fatalf("%q, %v", holder, err)
		}
		if again, holder, err := b.LockSerial(serial, "the second"); again != nil || holder != "the first" || err != nil {
			t.Errorf("%.20q twice: %q, %v", serial, holder, err)
		}
		release()
		again, _, err := b.LockSerial(serial, "the second")
		must(t, err)
		again()
	}
	b.lockDir = "/dev/null/locks"
	if _, _, err := b.LockSerial("VT0001", "the first"); err == nil {
		t.Error("locked in a folder that cannot be")
	}
}

// TestLockAll replaces targets that another process uses, and keeps nothing locked that it
// does not give.
func TestLockAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := lockBench(t)
		one, two, three := Network{"tcp", "h:1"}, Network{"tcp", "h:2"}, Network{"tcp", "h:3"}
		lock := func(targets ...flash.Target) ([]flash.Target, func(), error) {
			return b.LockAll(t.Context(), targets, "me", 0)
		}
		ours, release, err := lock(one, two)
		if err != nil || len(ours) != 2 || ours[0] != flash.Target(one) || ours[1] != flash.Target(two) {
			t.Fatal(ours, err)
		}
		more, releaseMore, err := lock(two, three)
		if err != nil || len(more) != 2 || more[1] != flash.Target(three) {
			t.Fatal(more, err)
		}
		if more[0].Where() != two.Where() {
			t.Errorf("it is at %+v", more[0].Where())
		}
		want := "station: net:h:2 is used by me → let it finish, or wait for it with --lock-wait 10m"
		if _, err := more[0].Fastboot(t.Context()); outcome(err) != want {
			t.Errorf("%q", outcome(err))
		}
		if _, err := more[0].Dial(t.Context(), 22); outcome(err) != want {
			t.Errorf("%q", outcome(err))
		}
		if _, _, err := lock(two, one); outcome(err) != "in-use: net:h:1 is used by me" {
			t.Errorf("all are in use: %v", err)
		}
		// The patience is for all together.
		start := time.Now()
		if _, _, err := b.LockAll(t.Context(), []flash.Target{one, two, three}, "me", time.Minute); time.Since(start) > time.Minute+3*lockEvery {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		release()
		releaseMore()
		for _, n := range []Network{one, two, three} {
			r, err := b.Lock(t.Context(), n, "me", 0)
			must(t, err)
			r()
		}
		if none, release, err := lock(); err != nil || len(none) != 0 {
			t.Error(none, err)
		} else {
			release()
		}
		// What fails for another reason gives everything back.
		long := Network{"tcp", fmt.Sprintf("%0300d:1", 0)}
		_, _, err = lock(one, long)
		if kind, _ := problem.KindOf(err); kind != problem.Station {
			t.Errorf("a name that is too long: %v", err)
		}
		r, err := b.Lock(t.Context(), one, "me", 0)
		must(t, err)
		r()
	})
}
