// The examples for CI are run as the runners of GitHub and GitLab run them, and by labgrid.

package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// githubJob is a job of the example.
func githubJob(t *testing.T, name string) []ciStep {
	t.Helper()
	var workflow struct {
		Jobs map[string]struct{ Steps []ciStep }
	}
	readYAML(t, filepath.Join(ciExamples, "github.yml"), &workflow)
	return workflow.Jobs[name].Steps
}

func TestGitHubActionsExample(t *testing.T) {
	t.Parallel()
	t.Run("virtual", func(t *testing.T) {
		r := newCIRunner(t, false)
		r.outputs["github.token"] = "secret"
		if !r.github(githubJob(t, "virtual")) || len(r.uploaded) != 2 {
			t.Fatalf("it failed, or uploaded %v:\n%s", r.uploaded, r.log.String())
		}
		r.has("the log", r.log.String(), "!::error")
		r.has("the summary", r.read(filepath.Join(r.temp, "GITHUB_STEP_SUMMARY")), "### zarya run: 2 passed (exit 0, ", "<td>VT0001</td>")
		r.has("the report", r.read(filepath.Join(r.dir, "zarya-junit.xml")), `tests="2" failures="0" errors="0"`, `classname="zarya.run.virtual"`)
	})
	t.Run("a tablet fails", func(t *testing.T) {
		r := newCIRunner(t, false, "--count 2", "--count 2 --fault-on VT0002=locked")
		r.outputs["github.token"] = "secret"
		if r.github(githubJob(t, "virtual")) || len(r.uploaded) != 2 {
			t.Fatalf("it went well, or uploaded %v:\n%s", r.uploaded, r.log.String())
		}
		r.has("the log", r.log.String(), "\n::error title=tcp%3A127.0.0.1%3A", " FAIL locked::the bootloader is locked")
		r.has("the summary", r.read(filepath.Join(r.temp, "GITHUB_STEP_SUMMARY")), "### zarya run: 1 passed, 1 failed (exit 1, ", "❌ FAIL locked")
		r.has("the report", r.read(filepath.Join(r.dir, "zarya-junit.xml")), `tests="2" failures="1" errors="0"`, `<failure type="locked"`)
		for name, want := range map[string]string{"exit-code": "1", "passed": "1", "failed": "1", "junit": "zarya-junit.xml"} {
			if got := r.outputs["steps.zarya.outputs."+name]; got != want {
				t.Errorf("the output %s is %q, not %q", name, got, want)
			}
		}
	})
	t.Run("inputs are no scripts", func(t *testing.T) {
		r := newCIRunner(t, true)
		evil := "$(touch pwned)`touch pwned`\"; touch pwned; '"
		if r.composite(ciStep{ID: "x", With: map[string]string{"profile": evil, "targets": "tcp:127.0.0.1:5600\n", "args": evil}}) {
			t.Error("it went well")
		}
		if _, err := os.Stat(filepath.Join(r.dir, "pwned")); err == nil || r.outputs["steps.x.outputs.exit-code"] != "2" {
			t.Errorf("exit %s\n%s", r.outputs["steps.x.outputs.exit-code"], r.log.String())
		}
	})
	t.Run("tablet", func(t *testing.T) { // there is no tablet here, which is said
		r := newCIRunner(t, true, "60s", "1s")
		r.tabletProfile()
		if r.github(githubJob(t, "tablet")) || len(r.uploaded) != 2 {
			t.Fatalf("it went well, or uploaded %v:\n%s", r.uploaded, r.log.String())
		}
		r.has("the log", r.log.String(), "::error title=", "exit status 4")
		r.has("the report", r.read(filepath.Join(r.dir, "zarya-junit.xml")), `tests="1" failures="0" errors="1"`)
	})
	t.Run("pytest", func(t *testing.T) {
		r := newCIRunner(t, true)
		if !r.github(githubJob(t, "pytest")) {
			t.Fatal(r.log.String())
		}
		r.has("the report", r.read(filepath.Join(r.dir, "zarya-tests.xml")), `tests="3"`, `failures="0"`, `name="zarya-serial" value="VT0001"`)
	})
	t.Run("pytest without a tablet", func(t *testing.T) {
		r := newCIRunner(t, true, "--zarya-target virtual", "--zarya-target tcp:127.0.0.1:5699 --zarya-wait 1s --zarya-profile tablet.yaml")
		r.tabletProfile()
		if r.github(githubJob(t, "pytest")) {
			t.Error("it went well")
		}
		r.has("the report", r.read(filepath.Join(r.dir, "zarya-tests.xml")), `errors="3"`, `failures="0"`, "zarya run: exit 4", "→ ")
	})
}

// tabletProfile makes tablet.yaml and what it names, for runners that have no tablet.
func (r *ciRunner) tabletProfile() {
	r.t.Helper()
	image := bytes.Repeat([]byte("boot"), 1024)
	writeFile(r.t, filepath.Join(r.dir, "boot.img"), string(image))
	writeFile(r.t, filepath.Join(r.dir, "tablet.yaml"), fmt.Sprintf(`zarya: 1
name: tablet
tablet: {models: [AGS3-L09], lock: unlocked}
images: {boot: {file: boot.img, sha256: %x}}
partitions: [boot]
flash: [images: all, reboot: system]
ssh: {user: defaultuser, password: aurora}
checks: [{fact: os-release.VERSION_ID, is: "5"}]
`, sha256.Sum256(image)))
}

func TestGitLabExample(t *testing.T) {
	t.Parallel()
	type job struct {
		Extends   string
		Script    []string
		Variables map[string]string
		Artifacts struct{ Reports struct{ JUnit string } }
	}
	var jobs map[string]job
	readYAML(t, filepath.Join(ciExamples, "gitlab.yml"), &jobs)
	if steps := githubJob(t, "pytest"); !slices.Equal(jobs["pytest"].Script, []string{steps[1].Run}) {
		t.Errorf("GitLab's pytest is not GitHub's, which is run: %v", jobs["pytest"].Script)
	}
	for name, want := range map[string]string{"virtual": `tests="2" failures="0" errors="0"`, "tablet": `tests="1" failures="0" errors="1"`} {
		t.Run(name, func(t *testing.T) {
			r := newCIRunner(t, true, "--port A3 --wait-for-device 60s", "--port A3 --wait-for-device 1s")
			base := jobs[jobs[name].Extends]
			r.github([]ciStep{{Uses: "actions/checkout"}})
			r.tabletProfile()
			env := map[string]string{"CI_PROJECT_DIR": r.dir}
			for k, v := range base.Variables {
				env[k] = os.Expand(v, func(name string) string { return env[name] })
			}
			ok := r.shell(strings.Join(slices.Concat(base.Script, jobs[name].Script), "\n"), env, "bash", "-eo", "pipefail")
			if ok != (name != "tablet") {
				t.Errorf("it ended well: %t\n%s", ok, r.log.String())
			}
			reports, err := filepath.Glob(filepath.Join(r.dir, base.Artifacts.Reports.JUnit))
			if err != nil || len(reports) != 1 {
				t.Fatalf("reports %v, %v\n%s", reports, err, r.log.String())
			}
			r.has("the report", r.read(reports[0]), want)
			if name == "virtual" {
				r.has("the record", r.read(filepath.Join(r.dir, ".state/zarya/ledger.db")), "SQLite format 3")
			}
		})
	}
}

// TestLabgridExample runs labgrid itself, by the command on its page.
func TestLabgridExample(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/ci.md")
	command := regexp.MustCompile(`(?m)^python3 -m pytest --lg-env .*$`).FindString(string(page))
	if err != nil || command == "" {
		t.Fatal("docs/ci.md has no command for labgrid", err)
	}
	nowhere := "s/virtual/tcp:127.0.0.1:5699/; s/ZaryaDriver: {}/ZaryaDriver: {wait: 1s, profile: tablet.yaml}/"
	for name, edit := range map[string]string{"passes": "", "without a tablet": nowhere} {
		t.Run(name, func(t *testing.T) {
			r := newCIRunner(t, true)
			r.checkout("zarya_pytest.py", "zarya_labgrid.py", "tablet.labgrid.yaml", "test_labgrid.py")
			r.tabletProfile()
			ok := r.shell("sed -i '"+edit+"' tablet.labgrid.yaml\n"+command+" --junitxml zarya-tests.xml", nil, "bash", "-eo", "pipefail")
			wants := []string{`tests="3"`, `errors="0"`, `failures="0"`, `skipped="0"`}
			if edit != "" {
				wants = []string{`tests="3"`, `errors="3"`, "NoTablet: zarya run: exit 4", "→ "}
			}
			if ok != (edit == "") {
				t.Errorf("it ended well: %t", ok)
			}
			r.has("the report", r.read(filepath.Join(r.dir, "zarya-tests.xml")), wants...)
		})
	}
}
