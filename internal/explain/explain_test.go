package explain

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
)

// Every class that a job can fail with says what happened and what to do.
func TestEveryClassIsExplained(t *testing.T) {
	for _, c := range flash.Classes() {
		e, ok := Class(strings.ToUpper(string(c)))
		if !ok || e.Happened == "" || e.Tablet == "" || len(e.Next) == 0 || e.Subject != "class "+string(c) {
			t.Errorf("%s: %+v", c, e)
		}
	}
	if len(Classes()) != len(flash.Classes()) {
		t.Errorf("%v", Classes())
	}
	// A class of the bench has exit code 9, whose explanation names them all.
	of9, _ := Code("9")
	_, named, _ := strings.Cut(strings.TrimSuffix(of9.Happened, "."), ": ")
	for _, c := range flash.Classes() {
		if slices.Contains(strings.Split(named, ", "), string(c)) != c.Bench() {
			t.Errorf("exit code 9 is explained as %q; class %s, of the bench: %v", of9.Happened, c, c.Bench())
		}
	}
	if _, ok := Class("weather"); ok {
		t.Error("a class that is none")
	}
}

func TestCodes(t *testing.T) {
	for _, code := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "70", "129", "130", "143"} {
		if e, ok := Code(code); !ok || e.Happened == "" {
			t.Errorf("%s: %+v", code, e)
		}
	}
	for _, code := range []string{"10", "-1", "x", ""} {
		if _, ok := Code(code); ok {
			t.Errorf("%q is no exit code", code)
		}
	}
}

func TestMessages(t *testing.T) {
	for words, subject := range map[string]string{
		"FAILCommand not allowed":    "class locked",
		"partition length get error": "class profile",
		"image verification error":   "class image",
	} {
		if e, ok := Message(words); !ok || !strings.Contains(e.Subject, subject) || e.Next[0] == "" {
			t.Errorf("%s: %+v", words, e)
		}
	}
	if _, ok := Message("the moon is full"); ok {
		t.Error("words that nobody says are explained")
	}
}

func TestJobsSayWhatIsOnTheTablet(t *testing.T) {
	step := func(name, result string) ledger.StepRecord { return ledger.StepRecord{Step: name, Result: result} }
	for name, c := range map[string]struct {
		job              ledger.JobRecord
		happened, tablet string
	}{
		"passed": {ledger.JobRecord{Result: "pass", Verified: "booted",
			Steps: []ledger.StepRecord{step("flash:boot", "ok"), step("boot", "ok")}}, "every check held", "Written completely: boot."},
		"compliant": {ledger.JobRecord{Result: "compliant"}, "already", "No partition was written."},
		"locked": {ledger.JobRecord{Result: "fail", Class: flash.ClassLocked, Step: "preflight", Error: "the bootloader is locked"},
			"at preflight: the bootloader is locked", "No partition was written."},
		"cable": {ledger.JobRecord{Result: "fail", Class: flash.ClassCable, Step: "flash:system",
			Steps: []ledger.StepRecord{step("erase:userdata", "ok"), step("flash:boot", "ok"), step("flash:system", "fail")}},
			"connection", "Written completely: boot. Erased: userdata. Unknown, has to be written again: system."},
		"killed": {ledger.JobRecord{Result: "interrupted", Step: "flash:system", Steps: []ledger.StepRecord{step("flash:boot", "ok")}},
			"cut off", "Written completely: boot. Unknown, has to be written again: system."},
		"running": {ledger.JobRecord{Result: "running"}, "no result yet", "No partition was written."},
		"skipped": {ledger.JobRecord{Result: "skipped"}, "never started", "No partition was written."},
	} {
		e := Job(&c.job)
		if !strings.Contains(e.Happened, c.happened) || e.Tablet != c.tablet {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestFindKnowsWhatIsAskedAbout(t *testing.T) {
	jobs := func() ([]*ledger.JobRecord, error) {
		return []*ledger.JobRecord{{Record: "b-1", Job: "r-1", Serial: "S1", Result: "fail", Class: flash.ClassCable},
			{Record: "b-2", Job: "r-2", Serial: "S1", Result: "pass"}}, nil
	}
	for subject, want := range map[string]string{
		"cable": "class cable", "S1": "b-2", "r-1": "b-1", "partition length get error": "class profile",
	} {
		if e, err := Find(subject, jobs); err != nil || !strings.Contains(e.Subject, want) {
			t.Errorf("%s: %q, %v", subject, e.Subject, err)
		}
	}
	if e, err := Find("the moon", jobs); err == nil {
		t.Errorf("the moon is %q", e.Subject)
	}
	broken := errors.New("broken")
	if _, err := Find("S1", func() ([]*ledger.JobRecord, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}
