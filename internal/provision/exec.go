// This file has the step that runs a program of the profile's.

package provision

import (
	"cmp"
	"context"
	"path"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/usb"
)

// Exec runs a program on the tablet, without a shell of its own: each argument
// arrives as it is. Its exit status must be 0.
type Exec struct {
	Argv    []Value
	Program string // for the step's name
	Root    bool
	Timeout time.Duration
	Changes bool   // running it changes the tablet
	Creates string // not run if this path is there; "" for none
}

// Step is exec:PROGRAM.
func (e Exec) Step() flash.Step {
	return flash.Step{Name: "exec:" + path.Base(e.Program), Needs: usb.Booted, Check: e.check, Run: e.run, Already: e.already}
}

// check makes the arguments.
func (e *Exec) check(ctx context.Context, s *flash.Session) ([]flash.Verdict, error) {
	_, err := e.argv(ctx, s)
	return nil, later(err)
}

func (e *Exec) argv(ctx context.Context, s *flash.Session) ([]string, error) {
	argv := make([]string, len(e.Argv))
	for i, v := range e.Argv {
		text, err := v.resolve(ctx, s)
		if err != nil {
			return nil, err
		}
		argv[i] = text
	}
	return argv, nil
}

// already is true for a program that only checks and is content, and for one whose
// result is there.
func (e *Exec) already(ctx context.Context, s *flash.Session) (bool, error) {
	if e.Creates != "" {
		return tabletOf(s).Exists(ctx, e.Creates, e.Root)
	}
	if e.Changes {
		return false, nil
	}
	status, _, err := e.once(ctx, s)
	return status == 0, err
}

func (e *Exec) once(ctx context.Context, s *flash.Session) (int, string, error) {
	argv, err := e.argv(ctx, s)
	if err != nil {
		return 0, "", err
	}
	out, errs, status, err := tabletOf(s).run(ctx, commandExec(argv, e.Root), e.Timeout)
	if errs == "" {
		errs = clean(out)
	}
	return status, errs, err
}

// run runs it.
func (e *Exec) run(ctx context.Context, s *flash.Session) error {
	if e.Creates != "" {
		if there, err := e.already(ctx, s); err != nil || there {
			s.Result(flash.StepAlready)
			return err
		}
	}
	status, said, err := e.once(ctx, s)
	if err != nil {
		return err
	}
	if status == 127 || status == 126 && said != "" {
		return failf(flash.ClassProfile, "correct the program's name in the profile, or take the image that has it",
			"the tablet cannot run %s: %s", e.Program, cmp.Or(said, "there is no such program"))
	}
	if status != 0 {
		if said != "" {
			return failf(flash.ClassDevice, "the program says no more than that", "%s ended with status %d: %s", e.Program, status, said)
		}
		return failf(flash.ClassDevice, "look at the program", "%s ended with status %d", e.Program, status)
	}
	s.Result(flash.StepAlready)
	if e.Changes || e.Creates != "" {
		s.Result(flash.StepChanged)
	}
	return nil
}
