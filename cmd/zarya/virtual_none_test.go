// A program without virtual tablets: it has none of their packages, and says so.

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestWithoutVirtualTablets(t *testing.T) {
	t.Parallel()
	goTool := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	if got := goTool("list", "-deps", "."); !strings.Contains(got, "gvisor.dev/gvisor/") || !strings.Contains(got, "/internal/virtual\n") {
		t.Error("what is looked for below is not found in a program that has it")
	}
	for _, dep := range strings.Fields(goTool("list", "-deps", "-tags", "novirtual", ".")) {
		for _, part := range []string{"gvisor.dev/", "/internal/virtual", "go-ext4-filesystem"} {
			if strings.Contains(dep, part) {
				t.Errorf("it has %s", dep)
			}
		}
	}
	program := filepath.Join(t.TempDir(), "zarya")
	goTool("build", "-tags", "novirtual", "-o", program, ".")
	run := func(args ...string) (stdout, stderr string, exit int) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, args...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		var ended *exec.ExitError
		if err != nil && !errors.As(err, &ended) {
			t.Fatal(err)
		}
		return out.String(), errs.String(), cmd.ProcessState.ExitCode()
	}
	for _, line := range []string{"virtual", "virtual --count 2 --listen tcp:127.0.0.1:0", "virtual images dir", "try --count 1"} {
		_, said, exit := run(strings.Fields(line)...)
		if exit != 6 || !strings.Contains(said, "built without virtual tablets (-tags novirtual)") || !strings.Contains(said, "→ install") {
			t.Errorf("zarya %s: exit %d: %s", line, exit, said)
		}
	}
	if out, _, exit := run("version"); exit != 0 || !strings.Contains(out, ", without virtual tablets)") {
		t.Errorf("version: exit %d: %s", exit, out)
	}
	out, _, _ := run("version", "--json")
	var v struct {
		Items []struct {
			Virtual *bool `json:"virtual"`
		} `json:"items"`
	}
	if err := json.Unmarshal([]byte(out), &v); err != nil || len(v.Items) != 1 || v.Items[0].Virtual == nil || *v.Items[0].Virtual {
		t.Errorf("version --json: %v: %s", err, out)
	}
}
