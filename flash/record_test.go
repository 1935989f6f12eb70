// A record that fails stops the work: nothing is written without its intent, and a job
// whose step was not recorded does not pass.

package flash_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/admission"
	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/usb"
)

var errRecordDisk = errors.New("no space left on device")

// fullRecorder fails from one kind of record on, as a full disk does.
type fullRecorder struct{ from string }

func (r *fullRecorder) reach(what string) error {
	if r.from == what {
		return errRecordDisk
	}
	return nil
}

func (r *fullRecorder) Intent(flash.Job, flash.Where) error  { return r.reach("intent") }
func (r *fullRecorder) Step(flash.Job, flash.StepDone) error { return r.reach("step") }
func (r *fullRecorder) Result(flash.Job, flash.Where, flash.JobDone) (string, error) {
	return "rec", r.reach("result")
}

func TestFailedRecordStopsTheJob(t *testing.T) {
	for from, test := range map[string]struct {
		ran  int // steps of the first of two
		says string
	}{
		"intent": {0, "the intent could not be recorded: no space left on device"},
		"step":   {1, "the step could not be recorded: no space left on device"},
		"result": {2, "no space left on device"},
	} {
		t.Run(from, func(t *testing.T) {
			ran := 0
			step := func() error {
				ran++
				time.Sleep(time.Second) // of the bubble: the other job has been submitted by then
				return nil
			}
			var results []flash.JobDone
			notDurable := false
			inBubble(t, func(_ *testing.T, b *bubble) {
				var jobs []flash.Job
				for _, name := range []string{"t", "u"} {
					b.plug(name, "mt8768-kob2", virtual.Config{})
					jobs = append(jobs, flash.Job{ID: name, Target: b.at(name), Scope: flash.ScopeFlash,
						Steps: []flash.Step{doing(usb.Fastboot, step), doing(usb.Fastboot, step)}})
				}
				one := admission.New(admission.Options{Concurrency: 1})
				results = b.run(flash.EngineOptions{Recorder: &fullRecorder{from}, Admission: one}, jobs...)
				notDurable = !b.engine.Durable()
			})
			if ran != test.ran || !notDurable {
				t.Errorf("%d steps ran, not %d; the record is durable: %v", ran, test.ran, !notDurable)
			}
			said := ""
			for _, d := range results {
				if d.Result == flash.Pass || d.Class != flash.ClassStation {
					t.Errorf("%+v", d)
				}
				said += d.Error + "\n"
			}
			if !strings.Contains(said, test.says) {
				t.Errorf("nothing says %q: %s", test.says, said)
			}
		})
	}
}
