// A runner of CI, as much of it as the examples need: scripts are run by the shell that GitHub's
// and GitLab's runners use, in a clean folder, as a user without privileges. What is not a script
// has a stand-in: the checkout copies the examples, gh "downloads" what was built here, and an
// upload finds its files.

package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"gopkg.in/yaml.v3"
)

// ciStep is a step of a workflow or of a composite action.
type ciStep struct {
	ID, Name, Uses, Run, Shell, If string
	Env, With                      map[string]string
}

// ciRunner is a runner and its workspace.
type ciRunner struct {
	t                   *testing.T
	dir, temp           string // the workspace; what the runner needs beside it
	env                 map[string]string
	edit                *strings.Replacer // of the examples' scripts: addresses that are free here
	log                 bytes.Buffer
	outputs             map[string]string // steps.ID.outputs.NAME, inputs.NAME
	uploaded            []string
	alive, aliveInChild *os.File // a pipe that ends when all that was started has ended
	groups              []int
}

const (
	actionFile = "../../.github/actions/zarya/action.yml"
	ciExamples = "../../packaging/ci"
	nobody     = 65534
)

// newCIRunner makes a clean workspace. With installed, zarya is on the runner.
func newCIRunner(t *testing.T, installed bool, edit ...string) *ciRunner {
	t.Helper()
	base := t.TempDir()
	r := &ciRunner{t: t, dir: filepath.Join(base, "workspace"), temp: filepath.Join(base, "runner"), outputs: map[string]string{}}
	r.edit = strings.NewReplacer(append(edit, "127.0.0.1:56", "127.0.0.1:"+freeHundred(t),
		"virtual images images", "virtual images images --size 16MiB")...)
	bin := filepath.Join(r.temp, "bin")
	for _, d := range []string{r.dir, bin, filepath.Join(r.temp, "program"), filepath.Join(r.temp, "home")} {
		if err := os.MkdirAll(d, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(r.temp, "program", "zarya")
	if os.Link(self, program) != nil { // on another disk
		if err := copyFile(self, program, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	wrapper := "#!/bin/sh\nexec " + program + ` "$@"` + "\n"
	if installed {
		writeFile(t, filepath.Join(bin, "zarya"), wrapper)
	}
	writeFile(t, filepath.Join(r.temp, "zarya"), wrapper)
	writeFile(t, filepath.Join(bin, "gh"), strings.ReplaceAll(`#!/bin/sh
# gh release download --repo R --dir D --pattern P…
set -eu
mkdir "$6"
cd "$6"
tar -czf zarya_0.1.0_linux_amd64_without-usb.tar.gz -C TEMP zarya
sha256sum ./*.tar.gz >SHA256SUMS
`, "TEMP", r.temp))
	r.env = map[string]string{"PATH": bin + ":/usr/bin:/bin:/usr/sbin:/sbin", "HOME": filepath.Join(r.temp, "home"), "LC_ALL": "C.UTF-8",
		"CI": "true", "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_ADDOPTS": "-p no:cacheprovider"}
	if r.alive, r.aliveInChild, err = os.Pipe(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.end)
	r.giveAway(base)
	return r
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// giveAway gives a folder to the user that runs the jobs, if this one has privileges.
func (r *ciRunner) giveAway(folder string) {
	if os.Geteuid() != 0 {
		return
	}
	err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
		if err != nil || filepath.Base(filepath.Dir(path)) == "program" {
			return err // a link to this test's binary stays its owner's
		}
		return os.Chown(path, nobody, nobody)
	})
	if err == nil {
		err = os.Chmod(filepath.Dir(folder), 0o711)
	}
	if err == nil {
		err = os.Chmod(filepath.Join(r.temp, "program", "zarya"), 0o755)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// end ends what the jobs left running, as a runner does, and waits for it.
func (r *ciRunner) end() {
	for _, g := range r.groups {
		_ = syscall.Kill(-g, syscall.SIGKILL) // it may have ended
	}
	_ = r.aliveInChild.Close()
	_, _ = io.Copy(io.Discard, r.alive)
	_ = r.alive.Close()
}

// shell runs a script in the workspace.
func (r *ciRunner) shell(script string, env map[string]string, shell ...string) (ok bool) {
	r.t.Helper()
	file := filepath.Join(r.temp, fmt.Sprintf("step-%d.sh", len(r.groups)))
	writeFile(r.t, file, r.edit.Replace(script))
	cmd := exec.CommandContext(r.t.Context(), shell[0], append(shell[1:], file)...)
	cmd.Dir, cmd.ExtraFiles = r.dir, []*os.File{r.aliveInChild}
	all := maps.Clone(r.env)
	maps.Copy(all, env)
	for k, v := range all {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Stdout, cmd.Stderr = &r.log, &r.log
	err := cmd.Run()
	if cmd.Process != nil {
		r.groups = append(r.groups, cmd.Process.Pid)
	}
	if err != nil {
		fmt.Fprintf(&r.log, "step: %v\n", err)
	}
	return err == nil
}

var ciExpression = regexp.MustCompile(`\$\{\{ *([^ }]+) *\}\}`)

// expand puts what expressions mean in their places.
func (r *ciRunner) expand(text string) string {
	return ciExpression.ReplaceAllStringFunc(text, func(e string) string {
		name := ciExpression.FindStringSubmatch(e)[1]
		value, known := r.outputs[name]
		if !known {
			r.t.Fatalf("%s is not known", name)
		}
		return value
	})
}

// github runs steps and reports whether all went well.
func (r *ciRunner) github(steps []ciStep) (ok bool) {
	r.t.Helper()
	ok = true
	for _, s := range steps {
		if !ok && s.If != "${{ !cancelled() }}" {
			continue
		}
		env := map[string]string{}
		for k, v := range s.Env {
			env[k] = r.expand(v)
		}
		switch action, _, _ := strings.Cut(s.Uses, "@"); action {
		case "":
			ok = r.githubScript(s, env) && ok
		case "actions/checkout":
			r.checkout("zarya_pytest.py", "test_tablet.py")
		case "actions/upload-artifact":
			files, err := filepath.Glob(filepath.Join(r.dir, s.With["path"]))
			if err != nil || len(files) == 0 {
				r.t.Errorf("nothing is at %s (%v)", s.With["path"], err)
			}
			r.uploaded = append(r.uploaded, files...)
		case "zarya-station/zarya/.github/actions/zarya":
			ok = r.composite(s) && ok
		default:
			r.t.Fatalf("no stand-in for %s", s.Uses)
		}
	}
	return ok
}

// checkout copies examples to the workspace.
func (r *ciRunner) checkout(files ...string) {
	r.t.Helper()
	for _, f := range files {
		if err := copyFile(filepath.Join(ciExamples, f), filepath.Join(r.dir, f), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *ciRunner) githubScript(s ciStep, env map[string]string) (ok bool) {
	r.t.Helper()
	files := map[string]string{}
	for _, name := range []string{"GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"} {
		files[name] = filepath.Join(r.temp, name)
		if name != "GITHUB_STEP_SUMMARY" || len(r.groups) == 0 { // the summary is of the whole job
			writeFile(r.t, files[name], "")
			r.giveAway(r.temp)
		}
	}
	maps.Copy(env, files)
	maps.Copy(env, map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": r.dir, "GITHUB_RUN_ID": "77", "RUNNER_TEMP": r.temp})
	shell := []string{"bash", "-e"}
	if s.Shell == "bash" {
		shell = []string{"bash", "--noprofile", "--norc", "-eo", "pipefail"}
	}
	ok = r.shell(s.Run, env, shell...)
	for line := range strings.Lines(r.read(files["GITHUB_PATH"])) {
		r.env["PATH"] = strings.TrimSpace(line) + ":" + r.env["PATH"]
	}
	lines := strings.Split(r.read(files["GITHUB_OUTPUT"]), "\n")
	for i := 0; i < len(lines); i++ {
		if name, end, is := strings.Cut(lines[i], "<<"); is {
			from := i + 1
			for i++; i < len(lines) && lines[i] != end; i++ {
			}
			r.outputs["steps."+s.ID+".outputs."+name] = strings.Join(lines[from:i], "\n")
		} else if name, value, is := strings.Cut(lines[i], "="); is {
			r.outputs["steps."+s.ID+".outputs."+name] = value
		}
	}
	return ok
}

// composite runs this repository's own action.
func (r *ciRunner) composite(s ciStep) (ok bool) {
	r.t.Helper()
	var action struct {
		Inputs  map[string]struct{ Default string }
		Outputs map[string]struct{ Value string }
		Runs    struct {
			Using string
			Steps []ciStep
		}
	}
	readYAML(r.t, actionFile, &action)
	inside := maps.Clone(r.outputs)
	for name, in := range action.Inputs {
		inside["inputs."+name] = in.Default
	}
	for name, value := range s.With {
		if _, known := action.Inputs[name]; !known {
			r.t.Errorf("the action has no input %s", name)
		}
		inside["inputs."+name] = r.edit.Replace(r.expand(value))
	}
	outside := r.outputs
	r.outputs = inside
	ok = r.github(action.Runs.Steps)
	for name, out := range action.Outputs {
		outside["steps."+s.ID+".outputs."+name] = r.expand(out.Value)
	}
	r.outputs = outside
	return ok
}

func (r *ciRunner) read(file string) string {
	r.t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// has holds texts to what must be, and with ! before it must not be, in them.
func (r *ciRunner) has(what, text string, wants ...string) {
	r.t.Helper()
	for _, want := range wants {
		without, not := strings.CutPrefix(want, "!")
		if strings.Contains(text, without) == not {
			r.t.Errorf("%s: %q is %sin it:\n%s\nthe log:\n%s", what, without, map[bool]string{false: "not "}[not], text, r.log.String())
		}
	}
}
