// This file relocks a batch whose first tablet never shows that it boots: no other one is
// relocked, and nobody waits for ever.

package flash_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/usb"
)

// doing is a step made of a function.
func doing(mode usb.Mode, do func() error) flash.Step {
	return flash.Step{Name: "doing", Needs: mode, Run: func(context.Context, *flash.Session) error { return do() }}
}

func TestRelockBatch(t *testing.T) {
	for name, c := range map[string]struct {
		after func() error
		class flash.Class // of the first
		says  string
	}{
		"a step fails":       {func() error { return errors.New("no") }, flash.ClassBug, "no"},
		"a step panics":      {func() error { panic("at the disco") }, flash.ClassBug, "internal error: at the disco"},
		"it is never booted": {func() error { return nil }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var results []flash.JobDone
			var locked []bool
			var logged strings.Builder
			inBubble(t, func(_ *testing.T, b *bubble) {
				batch := &flash.Batch{}
				var jobs []flash.Job
				for i := range 3 {
					name := strconv.Itoa(i)
					b.plug(name, "mt8768-kob2", virtual.Config{})
					jobs = append(jobs, flash.Job{ID: name, Target: b.at(name), Scope: flash.ScopeFlash,
						Steps: []flash.Step{flash.Relock{Batch: batch}.Step(), doing(usb.Fastboot, c.after)}})
				}
				results = b.run(flash.EngineOptions{}, jobs...)
				for _, e := range b.events {
					if l, ok := e.Body.(flash.Log); ok {
						logged.WriteString(l.Message)
					}
				}
				for _, st := range b.tablets {
					locked = append(locked, st.device.State().Locked)
				}
			})
			first := 0
			for i, r := range results {
				if !locked[i] {
					if r.Result != flash.Fail || r.Class != flash.ClassImage ||
						!strings.Contains(r.Error, "the first tablet that was relocked did not boot") {
						t.Errorf("one that waited: %+v", r)
					}
					continue
				}
				first++
				if r.Class != c.class || !strings.Contains(r.Error, c.says) || (r.Result == flash.Pass) != (c.class == "") {
					t.Errorf("the first: %+v", r)
				}
			}
			if first != 1 {
				t.Errorf("%d were relocked, want 1", first)
			}
			if stack := strings.Contains(logged.String(), "relock_test.go"); stack != (name == "a step panics") {
				t.Errorf("the log has a stack: %v: %s", stack, logged.String())
			}
		})
	}
}
