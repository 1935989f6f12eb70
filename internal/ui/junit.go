// This file writes JUnit XML for CI: one test case a tablet. Its form is what Jenkins' schema
// (junit-10.xsd) takes. Class names have dots where Jenkins groups by package. Jenkins shows
// the message and the text of a failure, GitLab the text alone: so the text says it all.

package ui

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/flash"
)

type junitSink struct {
	w     io.Writer
	suite junitSuite
	names map[string]string   // job → class name
	steps map[string][]string // job → what its steps said
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Stamp    string      `xml:"timestamp,attr,omitempty"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitProblem `xml:"failure"`
	Error   *junitProblem `xml:"error"`
	Skipped *junitProblem `xml:"skipped"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitProblem struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// NewJUnit gathers results and writes the report at Close: what failed by the
// tablet is a failure, what failed by the bench an error.
func NewJUnit(w io.Writer) Sink {
	return &junitSink{w: w, names: map[string]string{}, steps: map[string][]string{}}
}

func (j *junitSink) Event(e flash.Event) {
	switch b := e.Body.(type) {
	case flash.JobStarted:
		j.suite.Name = "zarya " + string(b.Scope)
		if j.suite.Stamp == "" {
			j.suite.Stamp = e.Time.UTC().Format("2006-01-02T15:04:05")
		}
		j.names[e.Job] = "zarya." + string(b.Scope)
		if b.Profile != "" {
			j.names[e.Job] += "." + b.Profile
		}
	case flash.StepDone:
		j.steps[e.Job] = append(j.steps[e.Job], fmt.Sprintf("%s: %s, %.3f s", b.Step, b.Result, b.Seconds))
	case flash.JobDone:
		j.done(e, b)
	case Summary:
		j.suite.Time = fmt.Sprintf("%.3f", b.Seconds)
		if b.Error != nil {
			j.ended(*b.Error)
		}
	}
}

// ended reports a verb that ended before any job did: a report without a case would pass.
func (j *junitSink) ended(e SummaryError) {
	if j.suite.Name == "" {
		j.suite.Name = "zarya"
	}
	j.suite.Tests++
	j.suite.Errors++
	j.suite.Cases = append(j.suite.Cases, junitCase{Class: j.suite.Name, Name: "before any tablet", Time: j.suite.Time,
		Error: newProblem(e.Class, strings.Split(e.Message, "\n"), e.Hint)})
}

func (j *junitSink) done(e flash.Event, b flash.JobDone) {
	name := e.Label()
	if e.Serial != "" {
		name += " " + e.Serial
	}
	c := junitCase{Class: printable(j.names[e.Job]), Name: printable(name), Time: fmt.Sprintf("%.3f", b.Seconds)}
	lines := j.steps[e.Job]
	if b.Record != "" {
		lines = append(lines, "record "+b.Record)
	}
	c.Out = printableLines(append(lines, b.Result.Word(b.Scope)))
	problem := newProblem(string(b.Class), []string{reason(b)}, b.Hint, lines...)
	j.suite.Tests++
	switch {
	case b.Result == flash.Pass || b.Result == flash.Compliant:
	case b.Result == flash.Skipped:
		j.suite.Skipped++
		c.Skipped = problem
	case b.Class.Bench():
		j.suite.Errors++
		c.Error = problem
	default:
		j.suite.Failures++
		c.Failure = problem
	}
	j.suite.Cases = append(j.suite.Cases, c)
}

// newProblem is a failure whose text has the message, what to do about it, and more.
func newProblem(class string, message []string, hint string, more ...string) *junitProblem {
	text := slices.Clone(message)
	if hint != "" {
		text = append(text, "→ "+hint)
	}
	return &junitProblem{Type: class, Message: printable(strings.Join(message, " ")), Text: printableLines(append(text, more...))}
}

func printableLines(lines []string) string {
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

func (j *junitSink) Close() error {
	text, err := xml.MarshalIndent(j.suite, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(j.w, "%s%s\n", xml.Header, text)
	return err
}
