// This file is the targets of a verb: which tablets are meant, and questions to all of them
// at once.

package runs

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/console"
	"github.com/zarya-station/zarya/internal/machine"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/target/ask"
)

// Named are the targets that were typed, or else those of the environment.
func Named(typed []string) []string {
	if len(typed) > 0 {
		return typed
	}
	return strings.Fields(strings.ReplaceAll(os.Getenv("ZARYA_TARGET"), ",", " "))
}

// Targets resolves what was typed; ZARYA_TARGET counts if nothing was.
func (f *Front) Targets(typed []string) ([]target.Target, error) {
	if f.Wait < 0 {
		return nil, problem.New(problem.Usage, "write --wait-for-device 60s", "--wait-for-device cannot be negative")
	}
	if os.Getenv("ANDROID_SERIAL") != "" {
		f.Warnf("ANDROID_SERIAL is not read; use -s or ZARYA_TARGET")
	}
	return f.Bench().ResolveWithin(f.Context, Named(typed), f.Wait)
}

// One resolves a name that must mean one tablet.
func (f *Front) One(name string) (target.Target, error) {
	list, err := f.Targets([]string{name})
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, problem.New(problem.Usage, "name one tablet", "%q is %d tablets: %s", name, len(list), target.Join(list))
	}
	return list[0], nil
}

// chosen returns the targets of a run: those that are named, or with --all those of the
// models.
func (f *Front) chosen(o Options, models []string) ([]target.Target, error) {
	if o.All {
		matching, others, err := ask.Matching(f.Context, f.Bench(), models, o.Expect, f.Wait)
		if len(others) > 0 && !f.Quiet {
			f.Warnf("left alone, because the profile is not for them: %s", strings.Join(others, ", "))
		}
		return matching, err
	}
	return f.Targets(o.Targets)
}

// lockTargets takes the targets of all jobs. Those that another process uses are
// replaced by ones that fail; if that is all of them, it is an error.
func (f *Front) lockTargets(jobs []flash.Job) (release func(), err error) {
	targets := make([]flash.Target, len(jobs))
	for i, j := range jobs {
		targets[i] = j.Target
	}
	ours, release, err := f.Bench().LockAll(f.Context, targets, machine.Owner(), f.LockWait)
	for i, t := range ours {
		jobs[i].Target = t
	}
	return release, err
}

// Each asks all targets at once; one target's failure is its own.
func Each[T any](
	f *Front, targets []target.Target, question func(context.Context, ask.Session) (T, error),
) (answers []ask.Answer[T], err error) {
	return Ask(f, func(ctx context.Context, o ask.Options) ([]ask.Answer[T], error) {
		return ask.Each(ctx, o, targets, question), nil
	})
}

// Ask asks with the front end's options, until the first signal.
func Ask[T any](f *Front, do func(context.Context, ask.Options) ([]ask.Answer[T], error)) ([]ask.Answer[T], error) {
	trace, end, err := f.Tracer(f.Secrets.Clean)
	if err != nil {
		return nil, err
	}
	o := ask.Options{Wait: f.Wait, Trace: trace}
	if f.Verbose {
		o.Line = func(target, line string) { fmt.Fprintf(f.Err, "%s: %s\n", target, line) }
	}
	answers, err := do(f.Context, o)
	if terr := end(); terr != nil && err == nil {
		err = problem.New(problem.Station, "give --trace a file on a disk with room", "--trace: %w", terr)
	}
	return answers, err
}

// AskBootloaders asks what was typed a question, while no job speaks to those tablets, and
// prints the answers in lines.
func AskBootloaders[T any](
	f *Front, kind string, typed []string,
	question func(context.Context, ask.Session) (T, error), lines func(T) []string,
) error {
	targets, err := f.Targets(typed)
	if err != nil {
		return err
	}
	answers, err := Ask(f, func(ctx context.Context, o ask.Options) ([]ask.Answer[T], error) {
		return ask.EachLocked(ctx, o, f.Locks(), targets, question)
	})
	if err != nil {
		return err
	}
	return PrintAnswers(f, kind, answers, lines)
}

// PrintAnswers prints what the targets said, with the target's name before each line when
// there are several. Its error is that of the targets that gave no answer.
func PrintAnswers[T any](f *Front, kind string, answers []ask.Answer[T], lines func(T) []string) error {
	err := f.Answer(kind, answers, func(w io.Writer) error {
		for _, r := range answers {
			if r.Value == nil {
				continue
			}
			for _, line := range lines(*r.Value) {
				if len(answers) > 1 {
					line = r.Target + "  " + line
				}
				fmt.Fprintln(w, line)
			}
		}
		return nil
	})
	if err != nil {
		return problem.New(problem.Station, "", "output: %w", err)
	}
	return Conclude(f.Console, answers)
}

// Conclude prints the failures of targets, and returns them as the verb's error.
func Conclude[T any](c *console.Console, answers []ask.Answer[T]) error {
	var results []flash.JobDone
	for _, r := range answers {
		results = append(results, r.Result)
		if r.Error != "" && !c.JSON {
			fmt.Fprintf(c.Err, "zarya: %s: %s\n  → %s\n", r.Target,
				c.Words.Say(strings.TrimPrefix(r.Error, r.Target+": ")), c.Words.Say(r.Hint))
		}
	}
	return ended(results)
}
