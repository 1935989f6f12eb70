// The form of events in JSON is a contract with scripts (docs/events.md): every type,
// with all of its keys and with none, byte for byte.

package ui

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/goldentest"
	"github.com/zarya-station/zarya/usb"
)

// everyEvent has each type of event, full and empty.
func everyEvent() []flash.Event {
	images := []flash.ImageInfo{{Partition: "boot", File: "<boot> & co.img", Digest: "sha256:00", Size: 7}, {}}
	bodies := []flash.Body{
		flash.Device{Change: "arrived", Mode: usb.Fastboot, Model: "AGS3-L09", Speed: "480", Lock: "locked", Problem: "p", Hint: "h"},
		flash.JobStarted{Scope: flash.ScopeRun, Model: "AGS3-L09", Profile: "census", Bundle: "b 1", Steps: []string{"a", "ü"}, Images: images},
		flash.Planned{Bundle: "b 1", Steps: []string{"a"}, Images: images},
		flash.StepStarted{Step: "flash:boot", Bytes: 9},
		flash.StepDone{Step: "flash:boot", Bytes: 9, Seconds: 0.1234567, Result: flash.StepOK},
		flash.Progress{Step: "flash:boot", Done: 1, Total: 2, WireDone: 3, WireTotal: 4},
		flash.Waiting{For: "admission", Hint: "h"},
		flash.Retry{Step: "flash:boot", Message: "again \x1b[31m\u2028", Class: flash.ClassCable},
		flash.Warning{Message: "m", Class: flash.ClassOperator, Hint: "h"},
		flash.Log{Message: "m \"quoted\"", Class: flash.ClassBug},
		flash.JobDone{Scope: flash.ScopeRun, Model: "m", Result: flash.Pass, Verified: "booted", Class: flash.ClassImage,
			Step: "s", Error: "e", Hint: "h", Retryable: true, Bytes: 1, Seconds: 2.5, Retries: 3, Record: "st-1", Inventory: "i",
			Facts: map[string]string{"b": "2", "a": "1"}, Unique: []string{"a"}},
		Summary{Passed: 1, Compliant: 2, Failed: 3, Interrupted: 4, Skipped: 5, Seconds: 6.5, Retryable: 7, Exit: 8},
		flash.Device{}, flash.JobStarted{}, flash.Planned{}, flash.StepStarted{}, flash.StepDone{}, flash.Progress{},
		flash.Waiting{}, flash.Retry{}, flash.Warning{}, flash.Log{}, flash.JobDone{}, Summary{}, flash.StateChanged{State: flash.StateFlashing},
		flash.StateChanged{},
	}
	var events []flash.Event
	for i, b := range bodies {
		e := flash.Event{Seq: int64(i + 1), Time: time.Date(2026, 3, 4, 5, 6, 7, 80_000_000, time.FixedZone("", 3600)), Body: b}
		if i%2 == 0 {
			e.Run, e.Job, e.Attempt = "r", "r-1", 2
			e.Where = flash.Where{Port: "1-2.3", PortName: "A3", Address: "tcp:h:1", Serial: "<SN>"}
		}
		events = append(events, e)
	}
	return events
}

func TestJSONForm(t *testing.T) {
	var b bytes.Buffer
	sink := NewJSON(&b)
	seen := map[string]int{}
	for _, e := range everyEvent() {
		sink.Event(e)
		seen[fmt.Sprintf("%T", e.Body)]++
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	goldentest.Is(t, "events.jsonl", b.String())
	if len(seen) != 13 {
		t.Errorf("%d types: %v", len(seen), seen)
	}
}
