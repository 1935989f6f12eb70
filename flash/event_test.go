// The words of events, and the results of jobs that were never begun.

package flash

import (
	"errors"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash/image"
)

func TestLabel(t *testing.T) {
	for want, w := range map[string]Where{
		"A3": {Port: "1-2", PortName: "A3", Address: "tcp:h:1", Serial: "S"}, "1-2": {Port: "1-2", Address: "tcp:h:1", Serial: "S"},
		"tcp:h:1": {Address: "tcp:h:1", Serial: "S"}, "S": {Serial: "S"}, "": {},
	} {
		if got := w.Label(); got != want {
			t.Errorf("%+v: %q, want %q", w, got, want)
		}
	}
}

func TestWord(t *testing.T) {
	for _, c := range []struct {
		result JobResult
		scope  Scope
		want   string
	}{
		{Pass, ScopeRun, "PASS"}, {Pass, ScopeFlash, "FLASHED"}, {Pass, ScopeProvision, "PROVISIONED"},
		{Compliant, ScopeRun, "COMPLIANT"}, {Interrupted, ScopeRun, "INTERRUPTED"}, {Skipped, ScopeRun, "SKIPPED"}, {Fail, ScopeRun, "FAIL"},
	} {
		if got := c.result.Word(c.scope); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.result, c.scope, got, c.want)
		}
	}
}

// TestEventTypes holds the names to what docs/events.md says.
func TestEventTypes(t *testing.T) {
	var names []string
	for _, b := range bodies {
		names = append(names, b.EventType())
	}
	const want = "device job-started planned state step-started step-done progress waiting retry warning log job-done"
	if got := strings.Join(names, " "); got != want {
		t.Error(got)
	}
}

func TestSkipped(t *testing.T) {
	for name, c := range map[string]struct {
		set   func(*Session)
		class Class
		says  string
	}{
		"stopped":          {func(*Session) {}, ClassOperator, "stopped by the operator"},
		"record failed":    {func(s *Session) { s.unrecorded("step", errors.New("disk")) }, ClassStation, "the ledger cannot be written"},
		"an image changed": {func(s *Session) { s.imageChanged(s.job.Steps[0]) }, ClassStation, "an image was changed"},
	} {
		s, reported := session(StateQueued)
		im := &image.Image{}
		s.job.Steps, s.durable, s.stopping = []Step{WriteImage{Partition: "boot", Image: im}.Step()}, s.engine.durable, t.Context()
		c.set(s)
		done := s.skip()
		if done.Result != Skipped || done.Class != c.class || !strings.Contains(done.Error, c.says) || !done.Retryable || done.Hint == "" {
			t.Errorf("%s: %+v", name, done)
		}
		if all := reported(); len(all) != 1 || s.account.state != StateDone {
			t.Errorf("%s: reported %v, then %s", name, all, s.account.state)
		}
	}
}

func TestProtected(t *testing.T) {
	for partition, want := range map[string]bool{"xloader": true, "modemnvm_factory": true, "tee1": true, "lk": true, "lk3": false,
		"abl_a": true, "boot": false, "system": false, "userdata": false, "": false} {
		if Protected(partition) != want {
			t.Errorf("%s: %v", partition, !want)
		}
	}
}

func TestSetFailure(t *testing.T) {
	d := JobDone{Result: Pass, Verified: "booted", Unique: []string{"serial"}, Facts: map[string]string{"serial": "S"}, Bytes: 7}
	d.SetFailure("flash:boot", &Failure{Class: ClassCable, Message: "gone", Hint: "check the cable"})
	if d.Result != Fail || d.Verified != "" || d.Unique != nil || d.Class != ClassCable || d.Step != "flash:boot" || d.Error != "gone" ||
		d.Hint == "" || !d.Retryable {
		t.Errorf("%+v", d)
	}
	if d.Bytes != 7 || d.Facts["serial"] != "S" {
		t.Errorf("what was done is lost: %+v", d)
	}
	double := &DoubleError{Fact: "serial", Value: "S", Other: "st-1"}
	d.SetFailure("", double)
	if d.Class != ClassIdentity || d.Retryable || !strings.Contains(d.Error, `serial is "S", which another tablet has too (record st-1)`) {
		t.Errorf("%+v", d)
	}
}
