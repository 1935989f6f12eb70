package runs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

func TestTheNoteIsFoundAgain(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	n := Note{Run: "a1", Scope: flash.ScopeRun, Targets: []string{"usb:1-1"},
		Options: Kept{Profile: "p.yaml", Allow: []string{"boot"}, Lot: "L1"}}
	if err := n.Keep("l.db"); err != nil {
		t.Fatal(err)
	}
	n.Run = "b2"
	if err := n.Keep("l.db"); err != nil {
		t.Fatal(err)
	}
	for asked, run := range map[string]string{"": "b2", "a1": "a1"} {
		got, err := Find("l.db", asked)
		if err != nil {
			t.Fatal(err)
		}
		want := n
		want.Run, want.Folder, want.Started, want.Options.Ledger = run, dir, got.Started, "sqlite:"+filepath.Join(dir, "l.db")
		if d := cmp.Diff(want, got); d != "" || got.Started.IsZero() {
			t.Errorf("%q: %s", asked, d)
		}
	}
	for _, asked := range []string{"c3", "../a1x"} {
		_, err := Find("l.db", asked)
		if kind, _ := problem.KindOf(err); err == nil || kind != problem.Usage {
			t.Errorf("%s: %v", asked, err)
		}
	}
	if err := os.WriteFile("l.db.retry/d4.json", []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Find("l.db", "d4"); err == nil {
		t.Error("half a note was read")
	}
}

func TestOldNotesGo(t *testing.T) {
	t.Chdir(t.TempDir())
	for i := range keptRuns + 3 {
		if err := (Note{Run: fmt.Sprintf("r%03d", i)}).Keep("l.db"); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir("l.db.retry")
	if err != nil || len(left) != keptRuns || left[0].Name() == "r000.json" {
		t.Errorf("%d are left, the first is %v, %v", len(left), left[0], err)
	}
}

func TestAgainIsForReasonsOfTheBench(t *testing.T) {
	n := Note{Run: "r", Targets: []string{"passed", "cable", "locked", "cut", "never"}}
	jobs := []*ledger.JobRecord{
		{Job: "r-1", Result: "pass"}, {Job: "r-2", Result: "fail", Class: flash.ClassCable},
		{Job: "r-3", Result: "fail", Class: flash.ClassLocked}, {Job: "r-4", Result: "interrupted"}, {Job: "s-5", Result: "pass"},
	}
	if got := strings.Join(n.Again(jobs), " "); got != "cable cut never" {
		t.Error(got)
	}
}
