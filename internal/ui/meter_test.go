package ui

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/goldentest"
)

// A rate is of the last seconds, and never of bytes that were not sent.
func TestMeter(t *testing.T) {
	start := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	var m meter
	if m.text(at(0)) != "" {
		t.Errorf("%q of nothing", m.text(at(0)))
	}
	m.add(at(0), 0, 1000e6)
	m.add(at(0), 50e6, 1000e6) // at once: no time has passed, so there is no rate
	if m.Rate(at(0)) != 0 {
		t.Errorf("%g bytes a second in no time", m.Rate(at(0)))
	}
	for s := 1.0; s <= 10; s++ {
		m.add(at(s), int64(50e6+s*40e6), 1000e6)
	}
	if got := m.text(at(10)); got != "40 MB/s 0:13" {
		t.Errorf("steady: %q", got)
	}
	for s := 11.0; s <= 14; s++ {
		m.add(at(s), int64(450e6+(s-10)*10e6), 1000e6)
	}
	if got := m.text(at(14)); got != "10 MB/s 0:51" {
		t.Errorf("slower since four seconds: %q", got)
	}
	if got := m.Rate(at(44)); got > 1e6 {
		t.Errorf("half a minute of nothing: %g bytes a second", got)
	}
	m.add(at(45), 0, 1000e6) // begun anew
	m.add(at(46), 20e6, 1000e6)
	if got := m.text(at(46)); got != "20 MB/s 0:49" {
		t.Errorf("after it was begun anew: %q", got)
	}
}

// What a row says of a tablet that is away, silent, or waits for a person.
func TestRowSaysWhatToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScreen(t, 100, 24)
		b := newBoard(s, s.size, Options{})
		say := func(body flash.Body) {
			b.Event(flash.Event{Job: "r-1", Where: flash.Where{PortName: "A3"}, Time: time.Now(), Body: body})
		}
		holds := func(want string) {
			t.Helper()
			time.Sleep(2 * repaintEvery) // of the bubble
			if !strings.Contains(s.String(), want) {
				t.Errorf("no %q in\n%s", want, s)
			}
		}
		say(flash.JobStarted{Scope: flash.ScopeFlash, Steps: []string{"flash:system"}})
		say(flash.StepStarted{Step: "flash:system", Bytes: 1e9})
		say(flash.Progress{Done: 0, Total: 1e9, WireTotal: 1e9})
		time.Sleep(time.Second) // of the bubble
		say(flash.Progress{Done: 4e7, Total: 1e9, WireDone: 4e7, WireTotal: 1e9})
		holds("MB/s 0:2")
		time.Sleep(16 * time.Second) // of the bubble
		holds("no answer for 16 s")
		say(flash.Retry{Step: "flash:system", Class: flash.ClassCable})
		say(flash.Waiting{For: "device", Hint: "plug it back in", Seconds: 30})
		say(flash.Log{Message: "a line of the device's changes nothing"})
		time.Sleep(8 * time.Second) // of the bubble
		holds("plug it back in: 22 s")
		say(flash.Waiting{For: "operator", Hint: "hold volume down"})
		holds("hold volume down")
		say(flash.JobDone{Scope: flash.ScopeFlash, Result: flash.Fail, Class: flash.ClassCable, Step: "flash:system", Error: "it went",
			Hint: "change the cable"})
		holds("FAIL cable: change the cable")
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// At the end a cause is said once, with the tablets that it stopped, before the warnings;
// an erase is something that was written.
func TestTableGroupsByCause(t *testing.T) {
	var out bytes.Buffer
	sink := NewTable(&out, Options{})
	say := func(port string, body flash.Body) {
		sink.Event(flash.Event{Job: port, Where: flash.Where{PortName: port}, Body: body})
	}
	locked := flash.JobDone{Scope: flash.ScopeRun, Result: flash.Fail, Class: flash.ClassLocked, Step: "preflight",
		Error: "the bootloader is locked", Hint: "set it aside"}
	say("A1", flash.Warning{Message: "something"})
	say("A1", locked)
	say("A2", flash.StepDone{Step: "erase:cache", Result: flash.StepOK})
	say("A2", flash.JobDone{Scope: flash.ScopeFlash, Result: flash.Pass})
	say("A3", flash.StepDone{Step: "flash:system", Result: flash.StepFail})
	say("A3", flash.JobDone{Scope: flash.ScopeRun, Result: flash.Fail, Class: flash.ClassCable, Step: "flash:system", Error: "gone",
		Hint: "change the cable"})
	say("A4", locked)
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	goldentest.Is(t, "table-causes.txt", out.String())
}
