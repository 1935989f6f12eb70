// The pool of identities runs dry: tablets are flashed and wait, and go on when there are more.

package station_test

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/station"
)

// numbers is a pool.
type numbers struct {
	mu   sync.Mutex
	free int            // guarded by mu
	of   map[string]int // guarded by mu; by serial
	twin bool           // guarded by mu
}

func (n *numbers) Assign(_ context.Context, pool, serial, _ string) (*flash.Identity, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.twin:
		return nil, &flash.PoolError{Pool: pool, Problem: "another has it", Hint: "find out which is which", Twin: true}
	case n.of[serial] == 0 && n.free == 0:
		return nil, &flash.PoolError{Pool: pool, Problem: "none of 4 is free", Hint: "import more", Empty: true}
	case n.of[serial] == 0:
		n.free--
		n.of[serial] = len(n.of) + 1
	}
	return &flash.Identity{Pool: pool, ID: int64(n.of[serial])}, nil
}

func (*numbers) Held(context.Context, string, string) (*flash.Identity, error) { return nil, nil }
func (*numbers) Bind(context.Context, *flash.Identity, string) error           { return nil }
func (*numbers) Burn(context.Context, *flash.Identity, string) error           { return nil }
func (*numbers) Release(string)                                                {}

func (n *numbers) importMore(count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.free += count
}

// counted is a work whose tablets get an identity.
type counted struct {
	station.Work
	*numbers
}

func (c counted) Job(id string, t flash.Target) flash.Job {
	j := c.Work.Job(id, t)
	j.Pool = "census"
	return j
}

// dry opens a shop whose tablets get identities of a pool that has none.
func dry(t *testing.T, test func(*shop, *numbers)) {
	t.Helper()
	n := &numbers{of: map[string]int{}}
	change := func(o *station.Options) {
		o.Work = counted{o.Work, n}
		o.Pools = func(context.Context) ([]station.Pool, error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			return []station.Pool{{Name: "other", Free: 1000}, {Name: "census", Free: n.free}}, nil
		}
	}
	rule(t, change, func(s *shop) { test(s, n) })
}

// until runs on until something is so, for a day at most.
func (s *shop) until(what string, is func() bool) {
	s.t.Helper()
	limit := time.After(24 * time.Hour)
	for {
		changed := s.Changed()
		if is() {
			break
		}
		select {
		case <-changed:
		case <-limit:
			s.t.Fatalf("never: %s: %+v", what, s.View().Hubs)
		}
	}
	synctest.Wait()
}

// waitsFor runs on until a port shows a state.
func (s *shop) waitsFor(port string, state station.PortState) station.Port {
	s.t.Helper()
	s.until(port+" shows "+string(state), func() bool { return s.port(port).State == state })
	return s.port(port)
}

func blank(t *testing.T, partition io.ReaderAt) bool {
	t.Helper()
	first := make([]byte, 4096)
	if _, err := partition.ReadAt(first, 0); err != nil {
		t.Error(err)
	}
	return bytes.Count(first, []byte{0}) == len(first)
}

func TestAnEmptyPoolIsWaitedFor(t *testing.T) {
	dry(t, func(s *shop, n *numbers) {
		if b, shown := s.banner("pool-empty"); !shown || b.Words != "census" {
			t.Errorf("%+v", s.View().Banners)
		}
		s.put("A1", "SN1", "")
		s.put("A2", "SN2", "")
		p := s.waitsFor("A1", station.NoIdentity)
		s.waitsFor("A2", station.NoIdentity)
		if p.Reason != "no-identity" || !p.State.Working() || s.View().Hubs[0].Writing != 0 {
			t.Errorf("%+v %+v", p, s.View().Hubs[0])
		}
		if held, _, err := s.in["A1"].device.Partition("system"); err != nil || blank(t, held) {
			t.Errorf("nothing was flashed before it waited: %v", err)
		}
		if a, due := s.action("no-identity"); !due || !slices.Equal(a.Ports, []string{"A1", "A2"}) {
			t.Errorf("%+v", s.View().Actions)
		}
		time.Sleep(10 * time.Hour) // of the bubble: over night
		if s.Busy() != 2 {
			t.Fatal("they did not wait over night")
		}
		n.importMore(5)
		s.settle()
		s.wants("A1", station.Flashed)
		s.wants("A2", station.Flashed)
		if len(n.of) != 2 || len(s.ended) != 2 || len(s.begun) != 2 {
			t.Errorf("%v, %d jobs: a replug was needed", n.of, len(s.ended))
		}
		for _, d := range s.ended {
			for _, m := range d.Measurements {
				if m.Unit == "ms" && m.Value > 60_000 {
					t.Errorf("waiting for people is measured as %+v", m)
				}
			}
		}
		time.Sleep(5 * time.Second)                  // of the bubble: they are counted
		if b, shown := s.banner("pool-low"); shown { // 3 are left, and an hour used 2
			t.Errorf("%+v", b)
		}
		for i, serial := range []string{"SN3", "SN4"} {
			s.unplug([]string{"A1", "A2"}[i])
			s.put([]string{"A1", "A2"}[i], serial, "")
			s.settle()
		}
		time.Sleep(6 * time.Second) // of the bubble
		if p := s.View().Pools; len(p) == 0 || p[0].Free < 1 || p[0].Lasts <= 0 {
			t.Errorf("%+v", p)
		}
		if b, shown := s.banner("pool-low"); !shown || b.Count != 1 {
			t.Errorf("%+v", s.View().Banners)
		}
		if a, due := s.action("pool-low"); !due || a.Count != 1 {
			t.Errorf("%+v", s.View().Actions)
		}
	})
}

// A tablet that is taken out while it waits does not wait on, and one that is back in time
// does.
func TestWaitingEndsWithTheTablet(t *testing.T) {
	dry(t, func(s *shop, n *numbers) {
		s.put("A1", "SN1", "")
		s.waitsFor("A1", station.NoIdentity)
		tab := s.in["A1"]
		s.unplug("A1")
		s.waitsFor("A1", station.Away)
		s.plug(t, "A1", tab)
		s.waitsFor("A1", station.NoIdentity)
		s.unplug("A1")
		s.settle()
		s.wants("A1", station.Unplugged)
		n.importMore(1)
		time.Sleep(10 * time.Second) // of the bubble: the port rests
		s.plug(t, "A2", tab)
		s.settle()
		s.wants("A2", station.Flashed)
	})
}

// A station that is told to stop does not wait for numbers for days.
func TestStoppingEndsTheWaiting(t *testing.T) {
	dry(t, func(s *shop, _ *numbers) {
		s.put("A1", "SN1", "")
		s.waitsFor("A1", station.NoIdentity)
		s.put("A2", "SN2", "slow=20000")
		s.waitsFor("A2", station.Flashing)
		s.do(station.Order{Do: station.OrderStop})
		s.settle()
		s.wants("A1", station.Interrupted)
		s.wants("A2", station.Interrupted) // it came to the wait afterwards
	})
}

// Two tablets that say they are one are another trouble than an empty pool.
func TestATwinIsNotAnEmptyPool(t *testing.T) {
	dry(t, func(s *shop, n *numbers) {
		n.twin = true
		s.put("A1", "SN1", "")
		s.settle()
		p := s.wants("A1", station.Failed)
		if p.Reason != "identity" || !strings.Contains(p.Error, "another has it; nothing was written") {
			t.Errorf("%q %s", p.Reason, p.Error)
		}
	})
}
