// This file puts another tablet in the place of one that went away in the middle of a job.

package flash_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/virtual"
)

// TestExchangedInMidStep: the tablet that comes back after a cable was pulled must be the
// one that left; nothing is written to another, and the job does not go on.
func TestExchangedInMidStep(t *testing.T) {
	im, _, _ := noiseImage(t, 300<<10)
	for _, c := range []struct {
		name, family, serial string
		pass                 bool
	}{
		{"the same one", "mt8768-kob2", "SN-A", true},
		{"another of the same model", "mt8768-kob2", "SN-B", false},
		{"one without a serial", "mt8768-kob2", "0123456789ABCDEF", false},
		{"another model with the same serial", "qualcomm", "SN-A", false},
	} {
		var done flash.JobDone
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
				w.plug(ctx, t, &serving, st, virtual.Config{Serial: serial, Family: f, MaxDownload: 64 << 10, Partitions: map[string]int64{"system": 1 << 20}})
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
			events := flash.NewEvents("sim", func(flash.Event) {})
			done = (&flash.Runner{Events: events}).Run(ctx, []flash.Job{{ID: "0", Target: simTarget{w, "t"}, Scope: flash.ScopeFlash,
				Steps: []flash.Step{flash.WriteImage{Partition: "system", Image: im}.Step()}}})[0]
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
		if second.Downloads > 0 || len(second.Flashes) > 0 {
			t.Errorf("%s: %d downloads and %d flashes went to it", c.name, second.Downloads, len(second.Flashes))
		}
	}
}
