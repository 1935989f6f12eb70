package ui

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/goldentest"
)

// junitForm is Jenkins' schema (xunit-plugin, junit-10.xsd), as far as it says what there may
// be: the attributes of each element, with * those that must be there, and what stands in it.
// GitLab and the actions that show reports at GitHub read the same names.
var junitForm = map[string]struct{ attributes, children string }{
	"": {"", "testsuites testsuite"},
	"testsuites": {"name time tests failures errors",
		"testsuite"},
	"testsuite": {"name* tests* failures* errors* group time skipped timestamp hostname id package file log url",
		"testsuite properties testcase system-out system-err"},
	"testcase": {"name* time classname group", "skipped error failure rerunFailure rerunError flakyFailure flakyError system-out system-err"},
	"failure":  {"type message", ""}, "error": {"type message", ""}, "skipped": {"type message", ""},
	"properties": {"", "property"}, "property": {"name* value*", ""},
	"system-out": {"", ""}, "system-err": {"", ""},
}

// junitTime is the schema's SUREFIRE_TIME; times with thousands apart are not ours.
var junitTime = regexp.MustCompile(`^[0-9]*(\.[0-9]*)?$`)

// checkJUnit holds a report to the schema, and its counts to its cases.
func checkJUnit(t *testing.T, report string) {
	t.Helper()
	var inside []string
	counts := map[string]int{}
	var suite xml.StartElement
	for d := xml.NewDecoder(strings.NewReader(report)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			parent, name := "", e.Name.Local
			if len(inside) > 0 {
				parent = inside[len(inside)-1]
			}
			if !slices.Contains(strings.Fields(junitForm[parent].children), name) {
				t.Errorf("there is a %s in %q", name, parent)
			}
			checkAttributes(t, e)
			if counts[name]++; name == "testsuite" {
				suite = e.Copy()
			}
			inside = append(inside, name)
		case xml.EndElement:
			inside = inside[:len(inside)-1]
		}
	}
	for _, a := range suite.Attr {
		element, counted := map[string]string{"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}[a.Name.Local]
		if counted && a.Value != strconv.Itoa(counts[element]) {
			t.Errorf("%s is %s, and there are %d", a.Name.Local, a.Value, counts[element])
		}
	}
}

func checkAttributes(t *testing.T, e xml.StartElement) {
	t.Helper()
	has := map[string]bool{}
	for _, a := range e.Attr {
		if name := a.Name.Local; !slices.Contains(strings.Fields(strings.ReplaceAll(junitForm[e.Name.Local].attributes, "*", "")), name) {
			t.Errorf("%s has the attribute %s", e.Name.Local, name)
		}
		if has[a.Name.Local] = true; a.Name.Local == "time" && !junitTime.MatchString(a.Value) {
			t.Errorf("%q is no time", a.Value)
		}
	}
	for _, name := range strings.Fields(junitForm[e.Name.Local].attributes) {
		if must, is := strings.CutSuffix(name, "*"); is && !has[must] {
			t.Errorf("%s has no %s", e.Name.Local, must)
		}
	}
}

// TestJUnit holds the report to its picture: a failure by the tablet, an error by the bench,
// and a verb that ended before any tablet.
func TestJUnit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		sink := NewJUnit(&b)
		story(6, sink.Event, func(string) {})
		where := flash.Where{Address: "ssh:10.0.0.9:22"}
		say := func(body flash.Body) { sink.Event(flash.Event{Time: time.Now(), Job: "s", Where: where, Body: body}) }
		say(flash.JobStarted{Scope: flash.ScopeRun, Profile: "kiosk"})
		say(flash.Log{Message: "[[ATTACHMENT|/etc/passwd]]"})
		say(flash.JobDone{Scope: flash.ScopeRun, Result: flash.Skipped, Class: flash.ClassStation, Error: "never begun ]]>", Record: "st-1"})
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		checkJUnit(t, b.String())
		goldentest.Is(t, "junit.xml", b.String())
		// Jenkins and GitLab take a file from the runner where the output of a case asks for it.
		if strings.Contains(b.String(), "ATTACHMENT") {
			t.Error("what a tablet says is in the output of its case")
		}
	})
	var b bytes.Buffer
	sink := NewJUnit(&b)
	sink.Event(flash.Event{Body: Summary{Exit: 3, Error: &SummaryError{Class: "invalid", Hint: "mend it",
		Message: "p.yaml:3: no \x1b such key\np.yaml:4: nor this"}}})
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	checkJUnit(t, b.String())
	goldentest.Is(t, "junit-error.xml", b.String())
	sink = NewJUnit(broken{})
	if err := sink.Close(); !errors.Is(err, errDisk) {
		t.Error(err)
	}
}
