// Bad input of the bench: loose plugs, everything at once, two tablets that say they are one.

package station_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/station"
)

// manyPorts are A1 to A30.
func manyPorts(o *station.Options) {
	b, ok := o.Watcher.(*bench)
	if !ok {
		panic("the rules watch a bench")
	}
	o.Places = nil
	for i := range 30 {
		o.Places = append(o.Places, b.at(fmt.Sprintf("A%d", i+1)))
	}
}

// oneRecordEach fails unless every job that was begun has one result, and returns how many
// there are.
func (s *shop) oneRecordEach() int {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, err := range append(s.recordedOnce(), s.wrong...) {
		s.t.Error(err)
	}
	return len(s.begun)
}

// A tablet that connects and leaves 50 times a minute, for ten minutes, in the middle of a bench
// that works: it is not written all the time, and the others are not held up.
func TestALoosePlug(t *testing.T) {
	rule(t, nil, func(s *shop) {
		s.put("A1", "SN1", "slow=20000")
		tab := s.in["A1"]
		start := time.Now()
		others := 0
		for time.Since(start) < 10*time.Minute {
			time.Sleep(600 * time.Millisecond) // of the bubble
			s.unplug("A1")
			if others < 5 && time.Since(start) > time.Duration(others)*2*time.Minute {
				put := time.Now()
				s.put("A2", fmt.Sprintf("OK%d", others), "")
				s.waitsFor("A2", station.Flashed)
				if took := time.Since(put); took > 10*time.Second {
					t.Errorf("a good tablet beside it took %s", took)
				}
				s.unplug("A2")
				others++
			}
			time.Sleep(600 * time.Millisecond) // of the bubble
			s.plug(t, "A1", tab)
		}
		s.settle()
		jobs := s.oneRecordEach() - others
		if jobs > 10 {
			t.Errorf("the loose plug had %d jobs in ten minutes", jobs)
		}
		s.do(station.Order{Do: station.OrderClear, Port: "A1"})
		s.unplug("A1")
		s.put("A1", "SN9", "")
		s.settle()
		s.wants("A1", station.Flashed)
	})
}

// Thirty tablets within one moment: each is one job, in its own port.
func TestThirtyAtOnce(t *testing.T) {
	rule(t, manyPorts, func(s *shop) {
		for i := range 30 {
			s.put(fmt.Sprintf("A%d", i+1), fmt.Sprintf("SN%02d", i+1), "")
		}
		s.settle()
		for i := range 30 {
			if p := s.wants(fmt.Sprintf("A%d", i+1), station.Flashed); p.Serial != fmt.Sprintf("SN%02d", i+1) {
				t.Errorf("%s has %s", p.Name, p.Serial)
			}
		}
		if n := s.oneRecordEach(); n != 30 {
			t.Errorf("%d jobs", n)
		}
		if v := s.View(); v.Today.Done != 30 || len(v.Actions) != 1 || len(v.Actions[0].Ports) != 30 {
			t.Errorf("%+v %+v", v.Today, v.Actions)
		}
	})
}

// Two tablets with one serial, within a second: each is a job of its own port, one fails without
// touching the other, and each holds what was sent to it.
func TestOneSerialInTwoPorts(t *testing.T) {
	images := map[string][]byte{}
	for name, im := range simImages(t) {
		raw, err := os.ReadFile(im.Path())
		if err != nil {
			t.Fatal(err)
		}
		images[name] = raw
	}
	rule(t, nil, func(s *shop) {
		s.put("A1", "SN1", "")
		s.put("A2", "SN1", "fail@flash:system")
		synctest.Wait()
		s.settle()
		s.wants("A1", station.Flashed)
		if p := s.wants("A2", station.Failed); p.Step != "flash:system" {
			t.Errorf("%+v", p)
		}
		held, _, err := s.in["A1"].device.Partition("system")
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(images["system"]))
		if _, err := held.ReadAt(got, 0); err != nil || !bytes.Equal(got, images["system"]) {
			t.Errorf("A1 holds something else: %v", err)
		}
		ports := map[string]flash.JobResult{}
		for job, d := range s.ended {
			ports[s.where[job].PortName] = d.Result
		}
		if s.oneRecordEach() != 2 || ports["A1"] != flash.Pass || ports["A2"] != flash.Fail {
			t.Errorf("%v", ports)
		}
		if f := s.View().Today; f.Done > 1 {
			t.Errorf("one serial is counted as %d tablets", f.Done)
		}
	})
}
