// What every simulated job must have shown of its life: states between its start and its
// result, none after it, nothing written before preflight.

package flash_test

import (
	"fmt"

	"github.com/zarya-station/zarya/flash"
)

// checkStates lists what was wrong with the lives of jobs, by their events.
func checkStates(events []flash.Event) (wrong []error) {
	state := map[string]flash.State{}
	checked := map[string]bool{}
	for _, e := range events {
		now := state[e.Job]
		switch b := e.Body.(type) {
		case flash.JobStarted:
			state[e.Job] = flash.StateConnecting
		case flash.StateChanged:
			if now == "" || now == flash.StateDone || now == b.State {
				wrong = append(wrong, fmt.Errorf("job %s: %s after %q", e.Job, b.State, now))
			}
			state[e.Job] = b.State
			checked[e.Job] = checked[e.Job] || b.State == flash.StatePreflight
		case flash.Progress:
			if now != flash.StateFlashing || !checked[e.Job] {
				wrong = append(wrong, fmt.Errorf("job %s: bytes are sent while it is %q, preflight: %v", e.Job, now, checked[e.Job]))
			}
		case flash.JobDone:
			if now == flash.StateDone || now == "" && b.Result != flash.Skipped {
				wrong = append(wrong, fmt.Errorf("job %s: a result while it is %q", e.Job, now))
			}
			state[e.Job] = flash.StateDone
		}
	}
	return wrong
}
