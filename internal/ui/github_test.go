package ui

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/goldentest"
)

// What a tablet says cannot end its annotation and begin a command of its own.
func TestGitHub(t *testing.T) {
	var out bytes.Buffer
	g := NewGitHub(Guard(&out), "")
	at := flash.Where{Address: "tcp:10.0.0.5:5554"}
	g.Event(flash.Event{Where: at, Body: flash.Warning{Message: "size of boot not told"}})
	g.Event(flash.Event{Where: at, Body: flash.JobDone{Scope: flash.ScopeRun, Result: flash.Pass}})
	g.Event(flash.Event{Where: at, Body: flash.JobDone{Scope: flash.ScopeRun, Result: flash.Fail, Class: flash.ClassDevice, Step: "flash:boot",
		Error: "100% no\r\n::set-output name=x::y", Hint: "set it aside"}})
	g.Event(flash.Event{Body: Summary{Exit: 3, Error: &SummaryError{Class: "invalid", Message: "p.yaml:2:5: no", Hint: "mend it",
		File: "p,1.yaml", Line: 2, Column: 5}}})
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	want := `::warning title=tcp%3A10.0.0.5%3A5554::size of boot not told
::error title=tcp%3A10.0.0.5%3A5554%3A FAIL device::flash:boot: 100%25 no  ::set-output name=x::y → set it aside
::error file=p%2C1.yaml,line=2,col=5,title=zarya%3A invalid::p.yaml:2:5: no → mend it
`
	if out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
}

// The summary of the step has what failed first, adds to what stands there, and shows what a
// tablet says as it is.
func TestStepSummary(t *testing.T) {
	file := filepath.Join(t.TempDir(), "summary.md")
	if err := os.WriteFile(file, []byte("what another step wrote\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := NewGitHub(&bytes.Buffer{}, file)
	say := func(job, name, serial string, b flash.Body) {
		g.Event(flash.Event{Job: job, Where: flash.Where{PortName: name, Serial: serial}, Body: b})
	}
	say("1", "A1", "", flash.JobStarted{Scope: flash.ScopeRun})
	say("1", "A1", "VT1", flash.Device{Change: "present", Model: "AGS3-L09"})
	say("1", "A1", "VT1", flash.JobDone{Scope: flash.ScopeRun, Result: flash.Pass, Seconds: 61, Record: "bench-7"})
	say("2", "A2", "<b>|`", flash.JobDone{Scope: flash.ScopeRun, Model: "![x](http://h/x.png)", Result: flash.Fail, Class: flash.ClassLocked,
		Step: "preflight", Error: "locked\n\n# big <script>alert(1)</script>", Hint: "set it aside", Record: "bench-8"})
	say("3", "A3", "VT3", flash.JobDone{Scope: flash.ScopeRun, Result: flash.Fail, Class: flash.ClassCable, Step: "flash:boot", Error: "lost"})
	g.Event(flash.Event{Body: Summary{Passed: 1, Failed: 2, Exit: 1, Seconds: 90}})
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	goldentest.Is(t, "step-summary.md", string(text))

	g = NewGitHub(&bytes.Buffer{}, file)
	for i := range 4000 {
		say("j", fmt.Sprint(i), "", flash.JobDone{Result: flash.Fail, Class: flash.ClassDevice, Error: strings.Repeat("<", 100)})
	}
	if err := os.Truncate(file, 0); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	text, err = os.ReadFile(file)
	if s := string(text); err != nil || len(s) > maxSummary+100 || !strings.Contains(s, "tablets more") ||
		!strings.HasSuffix(s, "</table>\n\n") {
		t.Errorf("%d bytes, %v: …%s", len(text), err, text[max(0, len(text)-100):])
	}

	g = NewGitHub(&bytes.Buffer{}, t.TempDir())
	g.Event(flash.Event{Body: Summary{}})
	if g.Close() == nil {
		t.Error("a folder was written to")
	}
}
