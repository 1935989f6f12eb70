// The rules of the bench, one test each, with the real engine and tablets made of memory.

package station_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/virtual"
)

// shop is a station under test.
type shop struct {
	*station.Station
	*bench
	t   *testing.T
	end func()
}

// open runs a station in the bubble until the test ends it.
func open(t *testing.T, images map[string]*flash.WriteImage, change func(*station.Options)) *shop {
	t.Helper()
	b := &bench{in: map[string]*tablet{}, was: map[string]map[string]bool{}, begun: map[string][]string{},
		ended: map[string]flash.JobDone{}, where: map[string]flash.Where{}}
	events := flash.NewEvents("test", func(flash.Event) {})
	var steps []flash.Step
	for _, part := range []string{"boot", "system"} {
		steps = append(steps, images[part].Step())
	}
	o := station.Options{Name: "test", Run: "test", Work: simWork{steps}, Watcher: b,
		Places: []station.Place{b.at("A1"), b.at("A2"), b.at("B1")}}
	if change != nil {
		change(&o)
	}
	eo := flash.EngineOptions{Events: events, Recorder: b}
	if c, ok := o.Work.(counted); ok {
		eo.Identities = c.numbers
	}
	engine := flash.NewEngine(eo)
	o.Engine = engine
	s := station.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	synctest.Wait()
	return &shop{Station: s, bench: b, t: t, end: func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		engine.Close()
		events.Close()
		b.empty()
	}}
}

// put plugs a tablet with a fault into a port.
func (s *shop) put(port, serial, fault string) {
	s.t.Helper()
	family, err := virtual.FamilyByName("kirin710a-ags3")
	if err != nil {
		s.t.Fatal(err)
	}
	c := virtual.Config{Serial: serial, Family: family, MaxDownload: 64 << 10,
		Partitions: map[string]int64{"system": 1 << 20, "boot": 256 << 10}, RebootTime: time.Second}
	if fault != "" {
		f, err := virtual.ParseFault(fault)
		if err != nil {
			s.t.Fatal(err)
		}
		c.Faults = []virtual.Fault{f}
	}
	device, err := virtual.New(c)
	if err != nil {
		s.t.Fatal(err)
	}
	s.plug(s.t, port, &tablet{serial: serial, device: device})
}

// port is what a port shows.
func (s *shop) port(name string) station.Port {
	s.t.Helper()
	for _, h := range s.View().Hubs {
		for _, p := range h.Ports {
			if p.Name == name {
				return p
			}
		}
	}
	s.t.Fatalf("there is no port %s", name)
	return station.Port{}
}

// settle waits until no job is under way.
func (s *shop) settle() {
	for {
		synctest.Wait()
		changed := s.Changed()
		if s.Busy() == 0 {
			return
		}
		<-changed
	}
}

// wants fails unless a port shows a state.
func (s *shop) wants(port string, state station.PortState) station.Port {
	s.t.Helper()
	p := s.port(port)
	if p.State != state {
		s.t.Errorf("%s shows %s (%s), want %s", port, p.State, p.Error, state)
	}
	return p
}

// action returns what the view says about a key, or nothing.
func (s *shop) action(key string) (a station.Action, due bool) {
	for _, a := range s.View().Actions {
		if a.Key == key {
			return a, true
		}
	}
	return a, false
}

func (s *shop) do(o station.Order) {
	s.t.Helper()
	if err := s.Do(context.Background(), o); err != nil {
		s.t.Error(err)
	}
}

// rule runs one test in a bubble.
func rule(t *testing.T, change func(*station.Options), test func(*shop)) {
	t.Helper()
	images := map[string]*flash.WriteImage{}
	for name, im := range simImages(t) {
		images[name] = &flash.WriteImage{Partition: name, Image: im}
	}
	synctest.Test(t, func(t *testing.T) {
		s := open(t, images, change)
		defer s.end()
		test(s)
	})
}

func TestPluggingInIsAllThereIsToDo(t *testing.T) {
	rule(t, nil, func(s *shop) {
		s.wants("A1", station.Empty)
		if a, due := s.action("next"); !due {
			t.Errorf("an empty bench asks for %+v", a)
		}
		s.put("A1", "SN1", "")
		s.settle()
		p := s.wants("A1", station.Flashed)
		if p.Serial != "SN1" || p.Model != "AGS3-L09" || p.Record == "" || p.Bytes == 0 {
			t.Errorf("%+v", p)
		}
		if a, due := s.action("take-out"); !due || !slices.Equal(a.Ports, []string{"A1"}) {
			t.Errorf("%+v", s.View().Actions)
		}
		s.unplug("A1")
		s.wants("A1", station.Flashed) // the last result stays
		s.put("A1", "SN2", "")
		s.settle()
		if p := s.wants("A1", station.Flashed); p.Serial != "SN2" {
			t.Errorf("%+v", p)
		}
		if f := s.View().Today; f.Done != 2 || f.FirstPass != 1 || f.Hour != 2 {
			t.Errorf("%+v", f)
		}
	})
}

func TestAFailedTabletIsGreetedInAnyPort(t *testing.T) {
	rule(t, nil, func(s *shop) {
		s.put("A1", "SN1", "fail@flash:system*1")
		s.settle()
		p := s.wants("A1", station.Failed)
		if p.Reason == "" || p.Error == "" || p.Step != "flash:system" {
			t.Errorf("%+v", p)
		}
		tab := s.in["A1"]
		s.unplug("A1")
		s.plug(t, "B1", tab)
		s.until("B1 is greeted, or done", func() bool { return s.port("B1").Before != nil || s.Busy() == 0 })
		if b := s.port("B1").Before; b == nil || b.Port != "A1" || b.Step != "flash:system" {
			t.Errorf("greeted with %+v", b)
		}
		s.settle()
		s.wants("B1", station.Flashed)
		if f := s.View().Today; f.FirstPass != 0 || f.LastPass != 1 || f.Done != 1 {
			t.Errorf("%+v", f)
		}
	})
}

func TestThreeFailuresInARowSetThePortAside(t *testing.T) {
	rule(t, nil, func(s *shop) {
		for _, serial := range []string{"SN1", "SN2", "SN3"} {
			s.wants("A1", map[string]station.PortState{"SN1": station.Empty, "SN2": station.Failed, "SN3": station.Failed}[serial])
			s.put("A1", serial, "locked")
			s.settle()
			s.unplug("A1")
			time.Sleep(10 * time.Second) //nolint:forbidigo // the bubble's clock: the port rests after a failure
		}
		s.wants("A1", station.SetAside)
		if _, due := s.action("port-off"); !due {
			t.Errorf("%+v", s.View().Actions)
		}
		s.put("A1", "SN4", "")
		s.settle()
		s.wants("A1", station.SetAside) // and begins nothing
		s.do(station.Order{Do: station.OrderSetAside, Port: "A2"})
		if p := s.wants("A2", station.SetAside); p.Reason != "set-aside" { // nobody failed there
			t.Errorf("%+v", p)
		}
		s.do(station.Order{Do: station.OrderUse, Port: "A1"})
		s.unplug("A1")
		s.put("A1", "SN4", "")
		s.settle()
		s.wants("A1", station.Flashed)
	})
}

func TestOneBadTabletDoesNotSetThePortAside(t *testing.T) {
	rule(t, nil, func(s *shop) {
		s.put("A1", "SN1", "locked")
		for range 5 {
			s.settle()
			tab := s.in["A1"]
			s.unplug("A1")
			time.Sleep(10 * time.Second) //nolint:forbidigo // the bubble's clock: the port rests after a failure
			s.plug(t, "A1", tab)
		}
		s.settle()
		s.wants("A1", station.Failed)
		if n := len(s.ended); n != 3 {
			t.Errorf("a tablet that always fails had %d jobs, want 3 until a supervisor clears it", n)
		}
		s.do(station.Order{Do: station.OrderClear, Port: "A1"})
		tab := s.in["A1"]
		s.unplug("A1")
		s.plug(t, "A1", tab)
		s.settle()
		if n := len(s.ended); n != 4 {
			t.Errorf("after it was cleared: %d jobs", n)
		}
	})
}

func TestUnpluggedStaysRedUntilTheTabletIsBack(t *testing.T) {
	rule(t, nil, func(s *shop) {
		s.put("A1", "SN1", "slow=20000")
		s.until("A1 is flashed in part", func() bool { return s.port("A1").State == station.Flashing && s.port("A1").Percent >= 1 })
		tab := s.in["A1"]
		s.unplug("A1")
		s.waitsFor("A1", station.Away)
		if a, due := s.action("away"); !due || a.Seconds < 1 || a.Seconds > 30 {
			t.Errorf("%+v", s.View().Actions)
		}
		s.settle()
		s.wants("A1", station.Unplugged)
		time.Sleep(10 * time.Second) //nolint:forbidigo // the bubble's clock: the port rests after a failure
		s.put("A1", "SN2", "")
		s.settle()
		s.wants("A1", station.Flashed)
		s.unplug("A1")
		if p := s.wants("A1", station.Unplugged); p.Serial != "SN1" { // another tablet does not clear it
			t.Errorf("%+v", p)
		}
		s.plug(t, "A2", tab)
		s.settle()
		s.wants("A1", station.Flashed) // it was found again
	})
}

func TestAForeignTabletIsLeftAlone(t *testing.T) {
	foreign := func(o *station.Options) { o.Work = choosy{o.Work} }
	rule(t, foreign, func(s *shop) {
		s.put("A1", "SN1", "")
		s.settle()
		s.wants("A1", station.Foreign)
		if len(s.ended)+len(s.begun) > 0 {
			t.Errorf("it was recorded: %v", s.begun)
		}
		if f := s.View().Today; f.Done != 0 || f.FirstPass != -1 {
			t.Errorf("it was counted: %+v", f)
		}
		s.unplug("A1")
		s.wants("A1", station.Empty)
	})
}

// choosy has nothing for any tablet.
type choosy struct{ station.Work }

func (c choosy) Job(id string, t flash.Target) flash.Job {
	j := c.Work.Job(id, t)
	j.Plan = func(flash.Key) (flash.Plan, error) {
		return flash.Plan{}, &flash.Failure{Class: flash.ClassProfile, Err: flash.ErrForeign, Message: "not ours", Hint: "put it back"}
	}
	return j
}

func TestAFullDiskBeginsNothing(t *testing.T) {
	full := errors.New("12 MiB left")
	rule(t, func(o *station.Options) { o.Room = func() error { return full } }, func(s *shop) {
		time.Sleep(2 * time.Second) //nolint:forbidigo // the bubble's clock: the disk is asked once a second
		s.put("A1", "SN1", "")
		s.settle()
		v := s.View()
		if len(s.begun) > 0 || len(v.Banners) != 1 || v.Banners[0].Key != "disk-full" || v.Actions[0].Key != "station" {
			t.Errorf("%v %+v %+v", s.begun, v.Banners, v.Actions)
		}
	})
}

func TestAReloadThatIsNotGoodChangesNothing(t *testing.T) {
	var bad error
	change := func(o *station.Options) {
		work := o.Work
		o.Reload = func(context.Context) (station.Work, error) { return work, bad }
	}
	rule(t, change, func(s *shop) {
		bad = errors.New("census.yaml:3: no such step")
		if err := s.Do(t.Context(), station.Order{Do: station.OrderReload}); err == nil {
			t.Error("it was taken")
		}
		if v := s.View(); len(v.Banners) != 1 || v.Banners[0].Key != "reload-failed" || !strings.Contains(v.Banners[0].Words, "census.yaml:3") {
			t.Errorf("%+v", v.Banners)
		}
		s.put("A1", "SN1", "")
		s.settle()
		s.wants("A1", station.Flashed)
		bad = nil
		s.do(station.Order{Do: station.OrderReload})
		if v := s.View(); len(v.Banners) != 1 || v.Banners[0].Key != "new-bundle" {
			t.Errorf("%+v", v.Banners)
		}
	})
}

func TestStoppingLetsRunningJobsEnd(t *testing.T) {
	rule(t, nil, func(s *shop) {
		s.put("A1", "SN1", "slow=20000")
		s.waitsFor("A1", station.Flashing)
		s.do(station.Order{Do: station.OrderStop})
		s.put("A2", "SN2", "")
		s.settle()
		s.wants("A1", station.Flashed)
		if len(s.ended) != 1 {
			t.Errorf("%d jobs", len(s.ended))
		}
	})
}

func TestOrdersThatCannotBeDone(t *testing.T) {
	rule(t, nil, func(s *shop) {
		s.put("A1", "SN1", "slow=20000")
		s.waitsFor("A1", station.Flashing)
		for _, o := range []station.Order{
			{Do: station.OrderClear, Port: "A1"}, {Do: station.OrderClear, Port: "Z9"}, {Do: station.OrderStopPort, Port: "A2"},
			{Do: "dance", Port: "A1"}, {Do: station.OrderReload},
			{Do: station.OrderDisposition, Disposition: "rework"}, {Do: station.OrderDisposition, Disposition: "eat"},
		} {
			if err := s.Do(t.Context(), o); err == nil {
				t.Errorf("%+v was done", o)
			}
		}
		s.do(station.Order{Do: station.OrderStopPort, Port: "A1"})
		s.settle()
		s.wants("A1", station.Interrupted)
		s.do(station.Order{Do: station.OrderOperator, Value: "17\x1b[2J"})
		if v := s.View(); strings.ContainsRune(v.Operator, 0x1b) || !strings.HasPrefix(v.Operator, "17") {
			t.Errorf("%q", v.Operator)
		}
	})
}
