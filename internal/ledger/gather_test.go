// The jobs that a person asks for, and how far the ledger is behind.

package ledger

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
)

// names are the jobs' in a list, with their results.
func names(jobs []*JobRecord) string {
	var all []string
	for _, j := range jobs {
		all = append(all, j.Job+"="+j.Result)
	}
	return strings.Join(all, " ")
}

func TestSelected(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.db")
	l := openLedger(t, path)
	do := func(id, serial string, d *flash.JobDone) (record string) {
		t.Helper()
		job := flash.Job{ID: id}
		if err := l.Intent(job, at(serial)); err != nil {
			t.Fatal(err)
		}
		if err := l.Step(job, flash.StepDone{Step: "erase:a", Result: flash.StepOK}); err != nil {
			t.Fatal(err)
		}
		if d == nil {
			return ""
		}
		record, err := l.Result(job, at(serial), *d)
		if err != nil {
			t.Fatal(err)
		}
		return record
	}
	failed := do("j1", "S1", &flash.JobDone{Result: flash.Fail, Class: flash.ClassCable})
	do("j2", "S2", &flash.JobDone{Result: flash.Fail, Class: flash.ClassIdentity, OtherSerial: "S1", Facts: map[string]string{"job": "j4"}})
	do("j3", "S1", nil) // is cut off below
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openLedger(t, path)
	do("j4", "S1", &flash.JobDone{Result: flash.Pass})
	do(`j"5`, "S3", nil)
	if err := l.Dispose(t.Context(), failed, Scrap, "7"); err != nil {
		t.Fatal(err)
	}

	for serial, want := range map[string]string{
		"S1": "j4=pass j3=interrupted j2=fail j1=fail", "S2": "j2=fail", "S3": `j"5=running`, "S4": "", "": "",
	} {
		jobs, err := l.Tablet(t.Context(), serial)
		if got := names(jobs); err != nil || got != want {
			t.Errorf("the tablet %s has %q, %v, not %q", serial, got, err, want)
		}
	}
	jobs, err := l.Recent(t.Context(), time.Now().Add(-time.Hour))
	if got, want := names(jobs), `j"5=running j4=pass j3=interrupted j2=fail j1=fail`; err != nil || got != want {
		t.Errorf("recent are %q, %v", got, err)
	}
	if len(jobs) > 0 && (jobs[len(jobs)-1].Disposition != Scrap || len(jobs[0].Steps) != 0) {
		t.Errorf("the last of them is %+v", jobs[len(jobs)-1])
	}
	if jobs, err := l.Recent(t.Context(), time.Now().Add(time.Hour)); err != nil || len(jobs) != 0 {
		t.Errorf("in an hour there were %q, %v", names(jobs), err)
	}
	for _, name := range []string{"j1", "j4", `j"5`} {
		if j, err := l.Job(t.Context(), name); err != nil || j == nil || j.Job != name || len(j.Steps) != 1 {
			t.Errorf("%s: %+v, %v", name, j, err)
		}
	}
	if j, err := l.Job(t.Context(), "j"); err != nil || j != nil {
		t.Errorf("a part of a name finds %+v, %v", j, err)
	}
	if j, _ := l.Job(t.Context(), "j1"); j.Disposition != Scrap || j.DisposedBy != "7" {
		t.Errorf("j1 becomes %s by %s", j.Disposition, j.DisposedBy)
	}
}

// What is given to the ledger and not on the disk yet is behind, and nothing else.
func TestLag(t *testing.T) {
	l := openLedger(t, filepath.Join(t.TempDir(), "l.db"))
	if lag := l.Lag(); lag != (Lag{}) {
		t.Errorf("a new ledger: %+v", lag)
	}
	begun := time.Now()
	var under Lag
	if _, err := l.Append("x", struct{}{}, func(*Tx) error { under = l.Lag(); return nil }); err != nil {
		t.Fatal(err)
	}
	if under.Pending != 1 || under.Oldest.Before(begun) || !under.Written.IsZero() {
		t.Errorf("while it is written: %+v", under)
	}
	after := l.Lag()
	if after.Pending != 0 || !after.Oldest.IsZero() || after.Written.Before(begun) {
		t.Errorf("afterwards: %+v", after)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append("x", struct{}{}, nil); err == nil {
		t.Fatal("a closed ledger takes entries")
	}
	if lag := l.Lag(); lag.Pending != 0 || lag.Written != after.Written {
		t.Errorf("after a failure: %+v", lag)
	}
}
