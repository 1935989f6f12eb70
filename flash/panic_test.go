// Whatever panics, a job has one result, recorded once and reported once.

package flash_test

import (
	"context"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/usb"
)

// panickingHooks panic at one moment.
type panickingHooks struct{ at flash.Moment }

func (h panickingHooks) Call(_ context.Context, m flash.Moment, _ *flash.Session, _ *flash.JobDone) (*flash.Answer, error) {
	if m == h.at {
		panic("a hook at " + string(m))
	}
	return nil, nil
}

// panickingRecorder counts results, and panics after the first one if it is told to.
type panickingRecorder struct {
	at      string // intent, step, result; "": never
	results int
}

func (r *panickingRecorder) Intent(flash.Job, flash.Where) error  { return r.reach("intent") }
func (r *panickingRecorder) Step(flash.Job, flash.StepDone) error { return r.reach("step") }
func (r *panickingRecorder) Result(flash.Job, flash.Where, flash.JobDone) (string, error) {
	r.results++
	return "rec", r.reach("result")
}

func (r *panickingRecorder) reach(what string) error {
	if r.at == what {
		panic("a recorder at " + what)
	}
	return nil
}

func TestPanicIsOneResult(t *testing.T) {
	nothing := func() error { return nil }
	for name, c := range map[string]struct {
		step   func() error
		hook   flash.Moment
		record string
		result flash.JobResult
		class  flash.Class
		says   string // in the result, or in a warning
	}{
		"step":        {step: func() error { panic("a step") }, result: flash.Fail, class: flash.ClassBug, says: "internal error: a step"},
		"before-hook": {hook: flash.HookBefore, result: flash.Fail, class: flash.ClassBug, says: "internal error: a hook at before"},
		"after-hook":  {hook: flash.HookAfter, result: flash.Pass, says: "hook after: internal error: a hook at after"},
		"failed-hook": {step: func() error { panic("a step") }, hook: flash.HookFailed, result: flash.Fail, class: flash.ClassBug,
			says: "hook failed: internal error: a hook at failed"},
		"intent":          {record: "intent", result: flash.Fail, class: flash.ClassBug, says: "internal error: a recorder at intent"},
		"recorded step":   {record: "step", result: flash.Fail, class: flash.ClassBug, says: "internal error: a recorder at step"},
		"recorded result": {record: "result", result: flash.Fail, class: flash.ClassStation, says: "internal error: a recorder at result"},
		"nothing":         {result: flash.Pass},
	} {
		t.Run(name, func(t *testing.T) {
			if c.step == nil {
				c.step = nothing
			}
			recorder := &panickingRecorder{at: c.record}
			var results []flash.JobDone
			var shown []flash.JobDone
			var said []string
			inBubble(t, func(_ *testing.T, b *bubble) {
				b.plug("t", "mt8768-kob2", virtual.Config{})
				results = b.run(flash.EngineOptions{Recorder: recorder}, flash.Job{
					ID: "1", Target: b.at("t"), Scope: flash.ScopeFlash,
					Steps: []flash.Step{doing(usb.Fastboot, c.step)}, Hooks: panickingHooks{c.hook},
				})
				for _, e := range b.events {
					switch body := e.Body.(type) {
					case flash.JobDone:
						shown = append(shown, body)
						said = append(said, body.Error)
					case flash.Warning:
						said = append(said, body.Message)
					}
				}
			})
			if len(shown) != 1 || recorder.results != 1 {
				t.Fatalf("%d results were shown and %d recorded", len(shown), recorder.results)
			}
			if d := results[0]; d.Result != c.result || d.Class != c.class || shown[0].Result != d.Result {
				t.Errorf("%+v", d)
			}
			if all := strings.Join(said, "\n"); !strings.Contains(all, c.says) {
				t.Errorf("nothing says %q: %s", c.says, all)
			}
		})
	}
}
