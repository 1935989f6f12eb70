package target

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/internal/adb"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target/targettest"
	"github.com/zarya-station/zarya/usb"
)

// TestResolve names tablets in every way there is, and in those that are refused.
func TestResolve(t *testing.T) {
	s := newSysfs(t)
	s.Put("1-1", "bDeviceClass=09", "maxchild=4", "speed=480", "devnum=2")
	s.Tablet("1.1", "SN1", inFastboot)
	s.Tablet("1.2", "SN2", inSystem)
	s.Tablet("2", "SAME", inNormal)
	s.Tablet("3", "SAME", inADB)
	s.Put("1-4", "speed=480", "devnum=9", "serial=STICK")
	b := s.bench(map[string]string{"1.1": "A1", "1.4": "A4"})
	for _, test := range []struct{ names, want string }{
		{"SN1", "usb:1-1.1"},
		{"serial:SN2", "usb:1-1.2"},
		{"usb:1-1.2", "usb:1-1.2"},
		{"port:1-1.2", "usb:1-1.2"},
		{"port:a1", "usb:1-1.1"},
		{"port:pci-0000:00:14.0-usb-0:1.1", "usb:1-1.1"},
		{"usb:1-1.*", "usb:1-1.1, usb:1-1.2"},
		{"port:1-**", "usb:1-1.1, usb:1-1.2, usb:1-2, usb:1-3"},
		{"usb:1-1.3", "usb:1-1.3"}, // nothing is in it: it can be waited for
		{"port:A4", "usb:1-1.4"},
		{"tcp:10.0.0.5 SN1 udp:h:7", "tcp:10.0.0.5:5554, usb:1-1.1, udp:h:7"},

		{"", "usage: several tablets are plugged in: usb:1-1.1, usb:1-1.2, usb:1-2, usb:1-3"},
		{"NOSUCH", `no-device: no tablet on USB has the serial "NOSUCH"`},
		{"STICK", `no-device: no tablet on USB has the serial "STICK"`},
		{"serial", `no-device: no tablet on USB has the serial "serial"`},
		{"what:SN1", `usage: target "what:SN1": there is no kind of target "what"`},
		{"serial:", `usage: target "serial:" names nothing`},
		{"NOSUCH SN1", "NOSUCH, usb:1-1.1"}, // it fails beside the other
		{"NOSUCH usb:9-1", `no-device: no tablet on USB has the serial "NOSUCH"`},
		{"SAME", `usage: these 2 tablets have the serial "SAME": usb:1-2, usb:1-3`},
		{"usb:A1", `no-device: no tablet is in the port "A1"`}, // a name is of port:
		{"port:A9", `no-device: no tablet is in the port "A9"`},
		{"usb:9-1", `no-device: no tablet is in the port "9-1"`},
		{"SN1 port:A1", "usage: SN1 and port:A1 are the same tablet"},
		{"tcp:10.0.0.5 udp:10.0.0.5:5554", "usage: tcp:10.0.0.5 and udp:10.0.0.5:5554 are the same tablet"},
		{"SN1 tcp:", `usage: target "tcp:" has no valid host`},
	} {
		list, err := b.Resolve(strings.Fields(test.names))
		got := Join(list)
		if err != nil {
			got = outcome(err)
		}
		if got != test.want {
			t.Errorf("%q: %q, not %q", test.names, got, test.want)
		}
	}
	list, err := b.Resolve([]string{"NOSUCH", "SN1"})
	must(t, err)
	const missing = `cable: no tablet on USB has the serial "NOSUCH" → plug it in, or wait for it with --wait-for-device 60s`
	if _, err := list[0].Fastboot(t.Context()); outcome(err) != missing {
		t.Errorf("%q", outcome(err))
	}
	if _, err := list[0].Dial(t.Context(), 0); outcome(err) != missing || list[0].Where().Label() != "NOSUCH" {
		t.Errorf("%q, %+v", outcome(err), list[0].Where())
	}
	list, err = b.Resolve([]string{"port:A1"})
	must(t, err)
	if where := list[0].Where(); where.Port != "1-1.1" || where.PortName != "A1" || where.Label() != "A1" {
		t.Errorf("%+v", where)
	}
}

// TestResolveNothing is the one tablet if no name is given, and never a guess.
func TestResolveNothing(t *testing.T) {
	s := newSysfs(t)
	if _, err := s.bench(nil).Resolve(nil); outcome(err) != "no-device: no target, and no tablet on USB" {
		t.Error(err)
	}
	s.Tablet("2", "SN", inFastboot)
	list, err := s.bench(nil).Resolve(nil)
	if err != nil || Join(list) != "usb:1-2" {
		t.Errorf("%v, %v", list, err)
	}
}

// TestUnreadable ends with a problem of the station if the names or the bus cannot be read.
func TestUnreadable(t *testing.T) {
	s := newSysfs(t)
	b := s.bench(nil)
	must(t, os.WriteFile(b.names, []byte("A1\n"), 0o644))
	broken := s.bench(nil)
	must(t, os.RemoveAll(s.Root))
	must(t, os.MkdirAll(s.Root+"/bus/usb", 0o755))
	must(t, os.WriteFile(s.Root+"/bus/usb/devices", nil, 0o644))
	for name, try := range map[string]func() error{
		"names":        func() error { _, err := b.Resolve([]string{"tcp:h"}); return err },
		"path by name": func() error { _, err := b.PortPath("A1"); return err },
		"naming":       func() error { return b.NamePort(controller+"-usb-0:1", "A1") },
		"moving":       func() error { return b.MoveName(controller+"-usb-0:1", "A1") },
		"bus":          func() error { _, err := broken.Resolve([]string{"SN1"}); return err },
		"only":         func() error { _, err := broken.Resolve(nil); return err },
		"path by port": func() error { _, err := broken.PortPath("1-1"); return err },
		"watch":        func() error { return broken.Watch(t.Context(), Tablets, nil) },
		"no folder": func() error {
			broken.names = s.Root + "/bus/usb/devices/ports"
			return broken.NamePort(controller+"-usb-0:1", "A1")
		},
		"locks": func() error {
			broken.lockDir = s.Root + "/bus/usb/devices/locks"
			_, err := broken.Lock(t.Context(), Network{"tcp", "h:1"}, "me", 0)
			return err
		},
	} {
		if kind, _ := problem.KindOf(try()); kind != problem.Station {
			t.Errorf("%s: %v", name, kind)
		}
	}
}

// TestResolveWithin waits for a tablet until it is there, and no longer than it may.
func TestResolveWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, bus, events := watched(t, nil)
		resolve := func(patience time.Duration, names ...string) string {
			list, err := b.ResolveWithin(t.Context(), names, patience)
			if err != nil {
				return outcome(err)
			}
			return Join(list)
		}
		start := time.Now()
		if got := resolve(0, "SN1"); got != `no-device: no tablet on USB has the serial "SN1"` || time.Since(start) > 0 {
			t.Errorf("%q after %s", got, time.Since(start))
		}
		if got := resolve(time.Minute, "SN1"); !strings.HasSuffix(got, `has the serial "SN1" (waited 1m0s)`) || time.Since(start) != time.Minute {
			t.Errorf("%q after %s", got, time.Since(start))
		}
		start = time.Now()
		time.AfterFunc(5*time.Second+time.Millisecond, func() {
			one := inPort("1", 5, usb.Fastboot)
			one.Serial = "SN1"
			bus.set(nil, one)
			events <- struct{}{}
		})
		if got := resolve(time.Minute, "SN1", "tcp:h"); got != "usb:1-1, tcp:h:5554" || time.Since(start) != 5*time.Second+time.Millisecond {
			t.Errorf("%q after %s", got, time.Since(start))
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		time.AfterFunc(time.Second, func() { cancel(gone) })
		if list, err := b.ResolveWithin(ctx, []string{"SN2"}, time.Hour); !errors.Is(err, gone) {
			t.Error(list, err)
		}
	})
}

// TestModel asks the descriptors first, then the system or the bootloader.
func TestModel(t *testing.T) {
	b, bus, _ := watched(t, nil)
	b.adb = adb.Server((&targettest.ADBServer{List: "X device usb:1-2 transport_id:7\n"}).Start(t))
	known, android, normal := inPort("1", 5, usb.Normal), inPort("2", 6, usb.ADB), inPort("3", 7, usb.Normal)
	known.Name, android.Kernel = "AGS2-W09", "1-2"
	bus.set(nil, known, android, normal)
	for chain, want := range map[string]string{"1": "AGS2-W09", "2": "AGS3-L09", "3": ""} {
		if got, err := b.At(port(chain), nil).Model(t.Context()); got != want || err != nil {
			t.Errorf("port %s: %q, %v", chain, got, err)
		}
	}
	if got, err := b.At(port("4"), nil).Model(t.Context()); got != "" || err == nil {
		t.Errorf("an empty port: %q", got)
	}
}
