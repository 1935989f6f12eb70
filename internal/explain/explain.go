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

// classes explains each class of failure. Tablet is what holds without knowing the job.
var classes = map[flash.Class]Explanation{
	flash.ClassCable: {
		Happened: "The connection to the tablet broke, or the tablet was not there: a cable, a port or a hub, or someone unplugged it.",
		Tablet:   "Steps that were done are done. A partition that was being written counts as unknown.",
		Next: []string{"Change the cable and plug the tablet in again; it is flashed from the start of the image.",
			"If the next tablet fails in the same port, do not use that port: the port is the suspect."},
	},
	flash.ClassTimeout: {
		Happened: "The tablet stopped answering within the time that a command may take.",
		Tablet:   "Steps that were done are done. A partition that was being written counts as unknown.",
		Next: []string{"Unplug it, hold the power key for 15 seconds, plug it in again.",
			"If it happens again with another cable, set the tablet aside."},
	},
	flash.ClassDevice: {
		Happened: "The tablet refused a command, or answered something that does not follow the protocol.",
		Tablet:   "What it refused was not done; steps before that are done.",
		Next:     []string{"Read the tablet's own words in the error.", "Set it aside if it says the same again."},
	},
	flash.ClassLocked: {
		Happened: "The bootloader is locked, or does not report that it is unlocked.",
		Tablet:   "Nothing was written. Zarya never gets round a lock.",
		Next: []string{"Set the tablet aside for unlocking with the vendor's code.",
			"If these tablets never report their lock and are known to be unlocked, write lock: allow-unknown in the profile."},
	},
	flash.ClassImage: {
		Happened: "The image is not one for this tablet: too large for the partition, not signed for it, or of a form that it does not take.",
		Tablet:   "The partition that was named keeps what it had, or counts as unknown if it was being written.",
		Next:     []string{"Take the image or the bundle that was made for this model.", "zarya image inspect FILE shows what an image is."},
	},
	flash.ClassProfile: {
		Happened: "The tablet and the profile do not fit: another model, a partition that it does not have, or a setting that is not as the " +
			"profile says.",
		Tablet: "A tablet of another model was left as it is.",
		Next:   []string{"Put a tablet of another model back.", "zarya plan --profile P -s TARGET shows what would be done to this one."},
	},
	flash.ClassBoot: {
		Happened: "The tablet was flashed, and the new system did not come up in time, or it is another build than was expected.",
		Tablet:   "All images were sent with their digests; whether the system works is not known.",
		Next:     []string{"Look at its screen.", "Plug it in again to flash it once more; the second time, set it aside."},
	},
	flash.ClassIdentity: {
		Happened: "The pool has no identity for this tablet, or two tablets claim the same serial or machine-id.",
		Tablet:   "The tablet is not finished and does not count as passed.",
		Next: []string{"zarya identity list shows what the pool has.",
			"With two tablets of one serial: put both side by side and find out which is which."},
	},
	flash.ClassStation: {
		Happened: "This machine is the cause: permissions, a full disk, the ledger, another program that holds the tablet.",
		Tablet:   "Steps that were done are done; nothing was begun after the trouble.",
		Next:     []string{"zarya doctor says what this machine lacks.", "Then the same command again."},
	},
	flash.ClassOperator: {
		Happened: "It was stopped by a person, or waited for one who did not come.",
		Tablet:   "Steps that were done are done. A partition that was being written counts as unknown.",
		Next:     []string{"The same command again; what is done is left as it is where that can be known."},
	},
	flash.ClassBug: {
		Happened: "Zarya itself failed. That should not happen.",
		Tablet:   "Steps that were done are done. A partition that was being written counts as unknown.",
		Next:     []string{"Report it with the output of the same command with --trace FILE.", "Flash the tablet again."},
	},
}

// codes explains the exit codes: docs/events.md.
var codes = map[int]Explanation{
	0: {Happened: "Every tablet passed, or was as it should be already."},
	1: {Happened: "At least one tablet failed by its image, profile, lock, boot, identity or by itself.",
		Next: []string{"zarya ledger list --result fail shows which.", "zarya explain RECORD says what is on that tablet."}},
	2: {Happened: "The command line is wrong, or a question could not be asked without a terminal.", Tablet: "Nothing was touched.",
		Next: []string{"Read the line that begins with →."}},
	3: {Happened: "A profile, a bundle, an image or the ledger is invalid.", Tablet: "Nothing was written.",
		Next: []string{"zarya profile validate P, zarya bundle verify B or zarya ledger verify says all that is wrong."}},
	4: {Happened: "No tablet was there, or waiting for one took too long.", Tablet: "Nothing was written.",
		Next: []string{"zarya devices shows what is plugged in.", "--wait-for-device 60s waits."}},
	5: {Happened: "Another process uses every tablet that was named.", Tablet: "Nothing was written.",
		Next: []string{"Let it finish, or wait with --lock-wait 10m."}},
	6: {Happened: "This machine could not begin: permissions, disk, database. zarya doctor exits so when it found an error.",
		Tablet: "Nothing was written.", Next: []string{"zarya doctor"}},
	7: {Happened: "A pool had no identity left, or an identity is in conflict.",
		Next: []string{"zarya identity list --pool POOL", "zarya identity import --pool POOL FILE.csv"}},
	8: {Happened: "The ledger could not be written, so flashing stopped.",
		Tablet: "What was done since the last entry is in the output only.",
		Next:   []string{"Make room or mend the permissions, then the same command again."}},
	9: {Happened: "Tablets failed, all for reasons of the bench: cable, timeout, station, operator.",
		Next: []string{"zarya retry does the same again for those tablets."}},
	70:  {Happened: classes[flash.ClassBug].Happened, Next: classes[flash.ClassBug].Next},
	129: {Happened: "The terminal went away (SIGHUP); running commands were ended.", Next: []string{"zarya retry"}},
	130: {Happened: "It was stopped with ^C.", Next: []string{"zarya retry"}},
	143: {Happened: "It was stopped by SIGTERM.", Next: []string{"zarya retry"}},
}

// Class explains a class of failure by its name.
func Class(name string) (Explanation, bool) {
	e, ok := classes[flash.Class(strings.ToLower(name))]
	e.Subject = "class " + strings.ToLower(name)
	return e, ok
}

// Classes returns the names of all classes, sorted.
func Classes() (names []string) {
	for c := range classes {
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
	e := classes[f.Class]
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
		e.Happened = "The tablet was as the profile says already; nothing was written."
	case flash.Skipped:
		e.Happened = "The job was never begun."
	case flash.Interrupted:
		e.Happened = "The job was cut off in the middle."
		e.Next = []string{"Flash this tablet again."}
	case flash.Fail:
		class := classes[j.Class]
		e.Happened, e.Next = class.Happened, class.Next
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
	}{{"Written whole: %s.", written}, {"Erased: %s.", erased}, {"Unknown, to be written again: %s.", unknown}} {
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
		"%q is nothing that is known here", subject)
}
