// Package explain says in plain words what a result means: what happened, what is on the
// tablet now, and what to do next. It needs no network and no tablet.
//
// It answers for a failure's class, for an exit code, for a device's own words, and, most
// exactly, for a job in the ledger, of which it knows the steps that were done.
package explain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

// Explanation is the answer to one question.
type Explanation struct {
	Subject  string   `json:"subject"` // what was asked about
	Happened string   `json:"happened"`
	Tablet   string   `json:"tablet,omitempty"` // what is on it now
	Next     []string `json:"next,omitempty"`   // what to do, the first thing first
}

// codes explains the exit codes: docs/events.md.
var codes = map[int]Explanation{
	0: {Happened: "Every tablet passed, or already was as it should be."},
	1: {Happened: "At least one tablet failed because of its image, profile, lock, boot or identity, or is faulty itself.",
		Next: []string{"zarya ledger list --result fail shows which.", "zarya explain RECORD says what is on that tablet."}},
	2: {Happened: "The command line is wrong, or a question could not be asked without a terminal.", Tablet: "Nothing was touched.",
		Next: []string{"Read the line that begins with →."}},
	3: {Happened: "A profile, a bundle, an image or the ledger is invalid.", Tablet: "Nothing was written.",
		Next: []string{"zarya profile validate P, zarya bundle verify B or zarya ledger verify lists everything that is wrong."}},
	4: {Happened: "No tablet was there, or waiting for one took too long.", Tablet: "Nothing was written.",
		Next: []string{"zarya devices shows what is plugged in.", "--wait-for-device 60s waits."}},
	5: {Happened: "Another process uses every tablet that was named.", Tablet: "Nothing was written.",
		Next: []string{"Let it finish, or wait with --lock-wait 10m."}},
	6: {Happened: "This machine is not ready: permissions, disk, database. zarya doctor exits with 6 when it finds an error.",
		Tablet: "Nothing was written.", Next: []string{"zarya doctor"}},
	7: {Happened: "A pool had no identity left, or an identity is in conflict.",
		Next: []string{"zarya identity list --pool POOL", "zarya identity import --pool POOL FILE.csv"}},
	8: {Happened: "The ledger could not be written, so flashing stopped.",
		Tablet: "What was done since the last entry is in the output only.",
		Next:   []string{"Make room or fix the permissions, then run the same command again."}},
	9: {Happened: "Tablets failed, all because of the bench: cable, timeout, station, operator.",
		Next: []string{"zarya retry repeats the run for those tablets."}},
	70:  class(flash.ClassBug),
	129: {Happened: "The terminal went away (SIGHUP); running commands were ended.", Next: []string{"zarya retry"}},
	130: {Happened: "It was stopped with ^C.", Next: []string{"zarya retry"}},
	143: {Happened: "It was stopped by SIGTERM.", Next: []string{"zarya retry"}},
}

// class explains a class of failures, without a subject; nothing of one that there is not.
func class(c flash.Class) Explanation {
	e, _ := c.Explained()
	return Explanation{Happened: e.Happened, Tablet: e.Tablet, Next: e.Next}
}

// Class explains a class of failures by its name.
func Class(name string) (Explanation, bool) {
	c := flash.Class(strings.ToLower(name))
	e := class(c)
	e.Subject = "class " + string(c)
	return e, e.Happened != ""
}

// Classes returns the names of all classes, sorted.
func Classes() (names []string) {
	for _, c := range flash.Classes() {
		names = append(names, string(c))
	}
	slices.Sort(names)
	return names
}

// Code explains an exit code.
func Code(text string) (Explanation, bool) {
	n, err := strconv.Atoi(text)
	e, ok := codes[n]
	e.Subject = "exit code " + text
	return e, ok && err == nil
}

// Message explains the words of a bootloader's FAIL; ok is false if no family that is
// known says so.
func Message(words string) (Explanation, bool) {
	fail := &fastboot.RemoteError{Message: strings.TrimPrefix(strings.TrimSpace(words), "FAIL")}
	if fail.Meaning() == fastboot.MeansUnknown {
		return Explanation{}, false
	}
	f := flash.Classify(fail)
	e := class(f.Class)
	e.Subject = strconv.Quote(words) + ", class " + string(f.Class)
	e.Next = append([]string{sentence(f.Hint)}, e.Next...)
	return e, true
}

// Job explains a job of the ledger: its own error, and what its steps left on the tablet.
func Job(j *ledger.JobRecord) Explanation {
	e := Explanation{Subject: "record " + j.Record, Tablet: left(j)}
	switch flash.JobResult(j.Result) {
	case flash.Pass:
		e.Happened = "The tablet passed: " + verifiedWords[j.Verified]
	case flash.Compliant:
		e.Happened = "The tablet already matched the profile; nothing was written."
	case flash.Skipped:
		e.Happened = "The job never started."
	case flash.Interrupted:
		e.Happened = "The job was cut off in the middle."
		e.Next = []string{"Flash this tablet again."}
	case flash.Fail:
		of := class(j.Class)
		e.Happened, e.Next = of.Happened, of.Next
		if j.Error != "" {
			e.Happened = e.Happened + " It said, at " + orDash(j.Step) + ": " + j.Error
		}
	default:
		e.Happened = "The job has no result yet."
	}
	return e
}

// verifiedWords say what was verified, by the word in the record.
var verifiedWords = map[string]string{
	"sent":    "every command was answered OKAY and the bytes sent had the expected digests.",
	"fetched": "the partitions were read back with the expected digests.",
	"booted":  "it booted the expected build, every setting was read back, every check held.",
}

// left says what a job's steps left on the tablet.
func left(j *ledger.JobRecord) string {
	var written, erased, unknown []string
	for _, s := range j.Steps {
		verb, partition, _ := strings.Cut(s.Step, ":")
		switch {
		case verb != "flash" && verb != "erase":
		case s.Result == string(flash.StepFail):
			unknown = append(unknown, partition)
		case verb == "erase":
			erased = append(erased, partition)
		default:
			written = append(written, partition)
		}
	}
	if verb, partition, _ := strings.Cut(j.Step, ":"); (verb == "flash" || verb == "erase") && !slices.Contains(unknown, partition) &&
		j.Result != string(flash.Pass) {
		unknown = append(unknown, partition)
	}
	var parts []string
	for _, p := range []struct {
		what  string
		names []string
	}{{"Written completely: %s.", written}, {"Erased: %s.", erased}, {"Unknown, has to be written again: %s.", unknown}} {
		if len(p.names) > 0 {
			parts = append(parts, fmt.Sprintf(p.what, strings.Join(p.names, ", ")))
		}
	}
	if len(parts) == 0 {
		return "No partition was written."
	}
	return strings.Join(parts, " ")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// sentence makes a sentence of a hint.
func sentence(hint string) string {
	if hint == "" {
		return ""
	}
	return strings.ToUpper(hint[:1]) + hint[1:] + "."
}

// Find explains what a person asked about: a class, a code, a record, a job, a serial whose
// last job counts, or words that a device said. jobs reads those of the ledger.
func Find(subject string, jobs func() ([]*ledger.JobRecord, error)) (Explanation, error) {
	for _, find := range []func(string) (Explanation, bool){Class, Code} {
		if e, ok := find(subject); ok {
			return e, nil
		}
	}
	recorded, err := jobs()
	if err != nil {
		return Explanation{}, err
	}
	for _, j := range slices.Backward(recorded) {
		if j.Record == subject || j.Job == subject || j.Concerns(subject) {
			return Job(j), nil
		}
	}
	if e, ok := Message(subject); ok {
		return e, nil
	}
	return Explanation{}, problem.New(problem.Usage, "a class ("+strings.Join(Classes(), ", ")+
		"), an exit code, a record or serial that zarya ledger list shows, or a device's own words",
		"%q is not known here", subject)
}
