package outputs

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/console"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/internal/words"
)

// beside is a sink that was put beside the outputs.
type beside struct{ events, closed int }

func (b *beside) Event(flash.Event) { b.events++ }

func (b *beside) Close() error { b.closed++; return nil }

func TestEveryOutputHearsOfAJob(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GITHUB_ACTIONS", "true")
	t.Setenv("GITHUB_STEP_SUMMARY", filepath.Join(dir, "summary.md"))
	for _, json := range []bool{false, true} {
		var out, errs bytes.Buffer
		c := &console.Console{In: strings.NewReader(""), Out: &out, Err: &errs, Words: words.For("en"), JSON: json}
		label := &beside{}
		o := Outputs{Events: filepath.Join(dir, "events"), JUnit: filepath.Join(dir, "junit.xml"), Beside: []ui.Sink{label}}
		sink, err := o.All(c)
		if err != nil {
			t.Fatal(err)
		}
		if !o.Summarized || o.Beside != nil {
			t.Errorf("summarized %v, still beside: %v", o.Summarized, o.Beside)
		}
		done := flash.JobDone{Result: flash.Fail, Class: flash.ClassCable, Step: "connect", Error: "no answer"}
		sink.Event(flash.Event{Job: "r-1", Where: flash.Where{Address: "tcp:a"}, Body: done})
		sink.Event(flash.Event{Body: ui.Summary{Exit: 9, Failed: 1}})
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		if label.events != 2 || label.closed != 1 {
			t.Errorf("what is beside heard %d events and was closed %d times", label.events, label.closed)
		}
		for file, want := range map[string]string{"events": `"type":"job-done"`, "junit.xml": "<testsuite", "summary.md": "tcp:a"} {
			if text, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !strings.Contains(string(text), want) {
				t.Errorf("%s: %v: %s", file, err, text)
			}
		}
		if !strings.Contains(errs.String(), "::error") {
			t.Errorf("no annotation: %s", &errs)
		}
		if got := strings.HasPrefix(out.String(), "{"); got != json {
			t.Errorf("json %v: %s", json, &out)
		}
	}
}

func TestWhereNobodyElseReads(t *testing.T) {
	t.Setenv("GITHUB_ACTIONS", "")
	c := &console.Console{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}, Words: words.For("en")}
	o := Outputs{}
	if sinks, err := o.Files(c); err != nil || len(sinks) != 0 || UnderActions() {
		t.Errorf("%d sinks, %v", len(sinks), err)
	}
	for _, o := range []Outputs{{Events: "/proc/nowhere/x"}, {JUnit: "/proc/nowhere/x"}} {
		_, err := o.All(c)
		if kind, _ := problem.KindOf(err); err == nil || kind != problem.Station {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if trace, end, err := o.Tracer(nil); trace != nil || end() != nil || err != nil {
		t.Errorf("a trace that nobody asked for: %v, %v", trace, err)
	}
}
