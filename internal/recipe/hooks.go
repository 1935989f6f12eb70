// This file runs the programs by which a station is told of its jobs.

package recipe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/profiles"
)

// hookFiles returns where the station's own hooks are: the user's file, and the machine's. A hook
// of the machine's is called in the place of the user's, so that nobody who works there gets round
// a program that may stop a job.
func (m *Maker) hookFiles() []string {
	return []string{filepath.Join(m.Config, "hooks.yaml"), filepath.Join(m.machineFolder(), "hooks.yaml")}
}

// hooks are what is called; the profile makes the arguments.
type hooks struct {
	profile *profiles.Profile
	by      map[string]profiles.Hook
}

// stationHooks returns the station's, over those of a signed bundle. Work without a profile has an
// empty one.
func (m *Maker) stationHooks(p *profiles.Profile, signed bool) (flash.Hooks, error) {
	h := &hooks{profile: p, by: map[string]profiles.Hook{}}
	if signed {
		for name, hook := range p.Hooks {
			h.by[name] = hook
		}
	} else if len(p.Hooks) > 0 {
		m.Warn("the hooks of the profile %s are not run: it is not from a signed bundle (the station's own are in %s)", p.Name, m.hookFiles()[0])
	}
	for _, file := range m.hookFiles() {
		text, err := os.ReadFile(file) //nolint:gosec // the station's own configuration
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, problem.New(problem.Station, "", "%w", err)
		}
		own, err := profiles.ParseHooks(file, text)
		if err != nil {
			return nil, problem.New(problem.Invalid, "fix the station's hooks", "%w", err)
		}
		for name, hook := range own {
			h.by[name] = hook
		}
	}
	if len(h.by) == 0 {
		return nil, nil
	}
	return h, nil
}

// maxSaid is how much of a hook's words is kept.
const maxSaid = 400

// Call runs the program of a moment: no shell, no secrets, a time limit.
func (h *hooks) Call(ctx context.Context, m flash.Moment, s *flash.Session, done *flash.JobDone) (*flash.Answer, error) {
	hook, ok := h.by[string(m)]
	if !ok {
		return nil, nil
	}
	argv := make([]string, len(hook.Argv))
	for i, t := range hook.Argv {
		v, err := h.profile.Expand(t, func(name string) (string, error) {
			v, err := s.Fact(name)
			if v == "" && err == nil {
				v = "-" // what is not told must not stop a lamp
			}
			return v, err
		})
		if err != nil {
			return nil, err
		}
		argv[i] = v
	}
	limited, cancel := context.WithTimeout(ctx, time.Duration(hook.Timeout))
	defer cancel()
	cmd := exec.CommandContext(limited, argv[0], argv[1:]...) //nolint:gosec // that is what a hook is
	told, err := json.Marshal(tell(m, s, done))
	if err != nil {
		return nil, err
	}
	var said, answer bounded
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = bytes.NewReader(told), &said, &said, hookEnv(m, s, done)
	if hook.Ask {
		cmd.Stdout = &answer
	}
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	if errors.Is(err, syscall.EPIPE) { // it did its work, and did not want to be told
		err = nil
	}
	words := strings.TrimSpace(said.String()[:min(said.Len(), maxSaid)])
	switch {
	case limited.Err() != nil && ctx.Err() == nil:
		return nil, fmt.Errorf("%s did not end within %s", argv[0], time.Duration(hook.Timeout))
	case err != nil && words != "":
		return nil, fmt.Errorf("%s: %w: %s", argv[0], err, words)
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOEXEC):
		return nil, fmt.Errorf("%s: %w", argv[0], fromWindows(argv[0], err))
	case err != nil:
		return nil, fmt.Errorf("%s: %w", argv[0], err)
	case hook.Ask:
		a, err := parseAnswer(answer.Bytes())
		if err != nil {
			return nil, fmt.Errorf("%s does not say whether the job is run: %w", argv[0], err)
		}
		return a, nil
	}
	return nil, nil
}

// fromWindows says what an editor of Windows did to the first line of a script, for which
// the system has only misleading words, and its error if that is nothing.
func fromWindows(script string, err error) error {
	f, oerr := os.Open(script) //nolint:gosec // a hook, which was just tried to run
	if oerr != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	head := make([]byte, 256)
	n, _ := io.ReadFull(f, head) // a short one is short
	line, _, _ := bytes.Cut(head[:n], []byte("\n"))
	switch {
	case bytes.HasPrefix(line, []byte("\ufeff")):
		return fmt.Errorf("%w: it is there, and begins with a byte order mark: save it without one", err)
	case bytes.HasPrefix(line, []byte("#!")) && bytes.HasSuffix(line, []byte("\r")):
		return fmt.Errorf("%w: it is there, and its lines end as those of Windows: save it with those of Unix", err)
	}
	return err
}

// hookEnv is all that a hook has in its environment.
func hookEnv(m flash.Moment, s *flash.Session, done *flash.JobDone) []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "ZARYA_HOOK=" + string(m)}
	job := s.Job()
	for name, v := range map[string]string{
		"JOB": job.ID, "PROFILE": job.Profile, "BUNDLE": job.Bundle,
		"PORT": s.Where().Port, "PORT_NAME": s.Where().PortName, "ADDRESS": s.Where().Address,
		"SERIAL": s.Key().Serial, "MODEL": s.Key().Product,
	} {
		env = append(env, "ZARYA_"+name+"="+v)
	}
	if done != nil {
		env = append(env, "ZARYA_RESULT="+string(done.Result), "ZARYA_CLASS="+string(done.Class), "ZARYA_STEP="+done.Step,
			"ZARYA_RECORD="+done.Record, "ZARYA_INVENTORY="+done.Inventory, "ZARYA_RETRYABLE="+strconv.FormatBool(done.Retryable))
	}
	return env
}
