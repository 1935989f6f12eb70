// This file relocks a batch whose first tablet never shows that it boots: no other one is
// relocked, and nobody waits for ever.

package flash_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

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
			synctest.Test(t, func(t *testing.T) {
				w := &world{}
				ctx, stop := context.WithCancel(context.Background())
				var serving sync.WaitGroup
				family, err := virtual.FamilyByName("mt8768-kob2")
				if err != nil {
					t.Fatal(err)
				}
				batch := &flash.Batch{}
				var jobs []flash.Job
				for i := range 3 {
					st := &simTablet{name: strconv.Itoa(i)}
					w.plug(ctx, t, &serving, st, virtual.Config{Serial: "SN" + st.name, Family: family})
					jobs = append(jobs, flash.Job{ID: st.name, Target: simTarget{w, st.name}, Scope: flash.ScopeFlash,
						Steps: []flash.Step{flash.Relock{Batch: batch}.Step(), doing(usb.Fastboot, c.after)}})
				}
				synctest.Wait()
				events := flash.NewEvents("sim", func(e flash.Event) {
					if l, ok := e.Body.(flash.Log); ok {
						logged.WriteString(l.Message)
					}
				})
				results = flash.NewEngine(flash.EngineOptions{Events: events}).Run(ctx, jobs)
				events.Close()
				for _, st := range w.tablets {
					locked = append(locked, st.device.State().Locked)
				}
				stop()
				serving.Wait()
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
