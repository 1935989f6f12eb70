// This file puts another tablet in the place of one that went away in the middle of a job.

package flash_test

import (
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/internal/virtual/memnet"
	"github.com/zarya-station/zarya/usb"
)

// TestExchangedInMidStep: the tablet that comes back after a cable was pulled must be the
// one that left; nothing is written to another, and the job does not go on.
func TestExchangedInMidStep(t *testing.T) {
	im, _, _ := noiseImage(t, 300<<10)
	for _, c := range []struct {
		name, family, serial string
		pass                 bool
		other                string // that is recorded beside the first
	}{
		{"the same one", "mt8768-kob2", "SN-A", true, ""},
		{"another of the same model", "mt8768-kob2", "SN-B", false, "SN-B"},
		{"one without a serial", "mt8768-kob2", "0123456789ABCDEF", false, ""},
		{"another model with the same serial", "qualcomm", "SN-A", false, ""},
	} {
		var done flash.JobDone
		var ended flash.Event
		var second virtual.State
		synctest.Test(t, func(t *testing.T) {
			w := &world{}
			ctx, stop := context.WithCancel(t.Context())
			var serving sync.WaitGroup
			plug := func(serial, family, fault string) *virtual.Tablet {
				f, err := virtual.FamilyByName(family)
				if err != nil {
					t.Fatal(err)
				}
				st := &simTablet{name: "t", fault: fault}
				w.plug(ctx, t, &serving, st, virtual.Config{Serial: serial, Family: f, MaxDownload: 64 << 10,
					Partitions: map[string]int64{"system": 1 << 20}})
				return st.device
			}
			first := plug("SN-A", "mt8768-kob2", "unplug@download:3")
			var next *virtual.Tablet
			serving.Go(func() {
				for first.State().Mode != "unplugged" && ctx.Err() == nil {
					<-time.After(100 * time.Millisecond) // of the bubble
				}
				if ctx.Err() == nil {
					next = plug(c.serial, c.family, "")
				}
			})
			synctest.Wait()
			events := flash.NewEvents("sim", func(e flash.Event) { ended = e })
			done = flash.NewEngine(flash.EngineOptions{Events: events}).Run(ctx, []flash.Job{{
				ID: "0", Target: simTarget{w, "t"}, Scope: flash.ScopeFlash,
				Steps: []flash.Step{flash.WriteImage{Partition: "system", Image: im}.Step()},
			}})[0]
			events.Close()
			stop()
			serving.Wait()
			if next == nil {
				t.Errorf("%s: the first tablet never left", c.name)
				return
			}
			second = next.State()
		})
		if c.pass {
			if done.Result != flash.Pass || done.Retries != 1 || len(second.Flashes) == 0 {
				t.Errorf("%s: %+v; %d flashes", c.name, done, len(second.Flashes))
			}
			continue
		}
		if done.Result != flash.Fail || done.Class != flash.ClassCable || !strings.Contains(done.Error, "another tablet") {
			t.Errorf("%s: %+v", c.name, done)
		}
		if done.OtherSerial != c.other || ended.Serial != "SN-A" {
			t.Errorf("%s: recorded under %q, with %q in its place", c.name, ended.Serial, done.OtherSerial)
		}
		if second.Downloads > 0 || len(second.Flashes) > 0 {
			t.Errorf("%s: %d downloads and %d flashes went to it", c.name, second.Downloads, len(second.Flashes))
		}
	}
}

// bootedTablets is a system that is another tablet each time a session begins.
type bootedTablets struct {
	serials []string // of the sessions, in order; the last one stays
	opened  int
}

func (b *bootedTablets) Port() int { return 22 }

func (b *bootedTablets) Open(_ context.Context, conn net.Conn, _ string) (flash.Booted, error) {
	serial := b.serials[min(b.opened, len(b.serials)-1)]
	b.opened++
	return bootedTablet{conn, serial}, nil
}

type bootedTablet struct {
	net.Conn
	serial string
}

func (bootedTablet) HostKey() string                          { return "SHA256:same" }
func (b bootedTablet) Serial(context.Context) (string, error) { return b.serial, nil }
func (bootedTablet) Model(context.Context) (string, error)    { return "KOB2-W09", nil }
func (bootedTablet) Boot(context.Context) (string, error)     { return "boot", nil }
func (bootedTablet) Bootloader(context.Context) error         { return nil }

// greetingTarget is a place where a server of SSH greets.
type greetingTarget struct{ simTarget }

func (greetingTarget) Dial(context.Context, int) (net.Conn, error) {
	near, far := memnet.Pipe("host", "tablet")
	_, err := far.Write([]byte("SSH-2.0-sim\r\n"))
	return near, err
}

// TestExchangedWhileBooted: a step on the booted tablet is not done again on another one.
func TestExchangedWhileBooted(t *testing.T) {
	for _, c := range []struct {
		serials []string
		pass    bool
	}{
		{[]string{"SN-A"}, true},
		{[]string{"SN-A", "SN-B"}, false},
	} {
		system := &bootedTablets{serials: c.serials}
		var touched []string
		step := flash.Step{Name: "setting", Needs: usb.Booted, Traits: flash.Traits{Restartable: true},
			Run: func(_ context.Context, s *flash.Session) error {
				touched = append(touched, s.Booted().(bootedTablet).serial)
				if len(touched) == 1 {
					return &flash.Failure{Class: flash.ClassCable, Message: "the connection broke"}
				}
				return nil
			}}
		var done flash.JobDone
		synctest.Test(t, func(t *testing.T) {
			events := flash.NewEvents("sim", func(flash.Event) {})
			done = flash.NewEngine(flash.EngineOptions{Events: events}).Run(t.Context(), []flash.Job{{
				ID: "0", Scope: flash.ScopeProvision, System: system,
				Target: greetingTarget{simTarget{&world{}, "t"}}, Steps: []flash.Step{step},
			}})[0]
			events.Close()
		})
		if c.pass {
			if done.Class != "" || len(touched) != 2 {
				t.Errorf("%q: %+v after %q", c.serials, done, touched)
			}
			continue
		}
		if done.Class != flash.ClassCable || !strings.Contains(done.Error, "another tablet") || slices.Contains(touched, "SN-B") {
			t.Errorf("%q: %+v; touched %q", c.serials, done, touched)
		}
	}
}

// TestWaitingForTheFirstTime: that a tablet is not there yet is told once, if it is waited
// for.
func TestWaitingForTheFirstTime(t *testing.T) {
	for wait, want := range map[time.Duration][]float64{0: nil, 90 * time.Second: {90}} {
		var told []float64
		var done flash.JobDone
		synctest.Test(t, func(t *testing.T) {
			events := flash.NewEvents("sim", func(e flash.Event) {
				if w, ok := e.Body.(flash.Waiting); ok && w.For == "device" && strings.Contains(w.Hint, "plug it in") {
					told = append(told, w.Seconds)
				}
			})
			done = flash.NewEngine(flash.EngineOptions{Events: events, Wait: wait}).Run(t.Context(), []flash.Job{
				{ID: "0", Target: simTarget{&world{}, "t"}, Scope: flash.ScopeFlash},
			})[0]
			events.Close()
		})
		if !slices.Equal(told, want) || done.Result != flash.Fail || done.Step != "connect" {
			t.Errorf("%s: told %v, want %v; %+v", wait, told, want, done)
		}
	}
}

// losing is a transport that takes so many commands, and then is lost.
type losing struct {
	oddTransport
	left int
}

func (l *losing) WritePacket(ctx context.Context, p []byte) error {
	if l.left--; l.left < 0 {
		return &fastboot.WireError{Err: io.EOF}
	}
	return l.oddTransport.WritePacket(ctx, p)
}

// TestLostAgainAtOnce: a plug that is loose gives a connection that is lost before the tablet
// has said who it is. It is waited for all the same, and no longer than any other.
func TestLostAgainAtOnce(t *testing.T) {
	for _, c := range []struct {
		loose int // connections
		pass  bool
	}{{1, true}, {20, true}, {100, false}} {
		synctest.Test(t, func(t *testing.T) {
			opened := 0
			target := hostileTarget{func(context.Context) (fastboot.Transport, error) {
				opened++
				d := &oddDevice{vars: map[string]string{"product": "X", "serialno": "S1"}}
				switch {
				case opened == 1:
					return &losing{oddTransport{d: d}, 10}, nil
				case opened <= 1+c.loose:
					return &losing{oddTransport{d: d}, 0}, nil
				}
				return &losing{oddTransport{d: d}, 1000}, nil
			}}
			events := flash.NewEvents("r", func(flash.Event) {})
			defer events.Close()
			ask := func(ctx context.Context, s *flash.Session) error {
				for range 20 {
					if _, err := s.Fastboot().Serial(ctx); err != nil {
						return err
					}
				}
				return nil
			}
			step := flash.Step{Name: "ask", Needs: usb.Fastboot, Traits: flash.Traits{Restartable: true}, Run: ask}
			start := time.Now()
			done := flash.NewEngine(flash.EngineOptions{Events: events}).Run(t.Context(), []flash.Job{{
				ID: "0", Target: target, Scope: flash.ScopeFlash, Steps: []flash.Step{step}}})[0]
			took := time.Since(start)
			inTime := took > 29*time.Second && took < 31*time.Second
			if (done.Result == flash.Pass) != c.pass || !c.pass && (done.Class != flash.ClassCable || !inTime) {
				t.Errorf("%d loose connections: %s %s after %s", c.loose, done.Result, done.Error, took)
			}
		})
	}
}
