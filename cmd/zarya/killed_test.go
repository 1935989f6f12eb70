// Processes that are killed: what the next one finds.

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/internal/virtual/imageset"
)

// TestKilled kills the program in the middle of a flash; the next run writes the
// same tablets from the start.
func TestKilled(t *testing.T) {
	image := holey(t, 32<<20)
	addresses := farm(t, 2, func(_ int, c *virtual.Config) { c.Rate = 2 << 20 }) // it lasts longer than a kill takes to come
	code, _ := program(t, flashArgs(image, addresses), func(p *os.Process, e map[string]any) {
		switch e["type"] {
		case "progress":
			_ = p.Kill()
		case "summary":
			t.Error("a killed run has no summary")
		}
	})
	if code != 128+9 {
		t.Fatalf("exit %d", code)
	}
	if code, stderr := program(t, flashArgs(image, addresses), func(*os.Process, map[string]any) {}); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
}

// TestKilledRuns kills whole runs at random events, twenty times over the same two
// tablets: the ledger stays whole, and no job is left open or passes that had not
// done everything. A run that is not killed then passes.
func TestKilledRuns(t *testing.T) {
	t.Parallel()
	set, err := imageset.Build(t.Context(), filepath.Join(t.TempDir(), "set"), imageset.Options{Size: 12 << 20, From: "testdata"})
	if err != nil {
		t.Fatal(err)
	}
	addresses := farm(t, 2, nil)
	db := "sqlite:" + filepath.Join(t.TempDir(), "ledger.db")
	// Two profiles whose stamps differ, in turns: there is always something to flash.
	text, err := os.ReadFile(set.Profile)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(set.Dir, "other.yaml")
	text = bytes.Replace(text, []byte("{file: boot.img,"), []byte("{file: boot.img, slot: all,"), 1)
	if err := os.WriteFile(other, text, 0o600); err != nil {
		t.Fatal(err)
	}
	args := func(profile string) []string {
		args := []string{"run", "--yes", "--json", "--profile", profile, "--ledger", db, "--wait-for-device", "10m"}
		for _, a := range addresses {
			args = append(args, "-s", a)
		}
		return args
	}
	// ledger is how each job is recorded, and of which jobs the last step is.
	ledger := func() (results map[string]string, finished map[string]bool) {
		t.Helper()
		if code, stderr := program(t, []string{"ledger", "verify", "--json", "--ledger", db}, func(*os.Process, map[string]any) {}); code != 0 {
			t.Fatalf("verify: exit %d: %s", code, stderr)
		}
		results, finished = map[string]string{}, map[string]bool{}
		code, stderr := program(t, []string{"ledger", "list", "--json", "--ledger", db}, func(_ *os.Process, doc map[string]any) {
			for _, item := range doc["items"].([]any) {
				j := item.(map[string]any)
				job := j["job"].(string)
				results[job] = j["result"].(string)
				steps, _ := j["steps"].([]any)
				for _, s := range steps {
					finished[job] = finished[job] || s.(map[string]any)["step"] == "stamp"
				}
			}
		})
		if code != 0 {
			t.Fatalf("list: exit %d: %s", code, stderr)
		}
		return results, finished
	}
	rnd := rand.New(rand.NewPCG(7, 7))
	kills, interrupted := 20, 0
	for i := range kills {
		after, seen := 1+rnd.IntN(90), 0
		begun, shown := map[string]bool{}, map[string]bool{}
		program(t, args([]string{set.Profile, other}[i%2]), func(p *os.Process, e map[string]any) {
			job, _ := e["job"].(string)
			switch e["type"] {
			case "step-started":
				begun[job] = true
			case "job-done":
				shown[job] = true
			}
			if seen++; seen == after {
				_ = p.Kill()
			}
		})
		results, finished := ledger() // events may come later than what is recorded, and are lost with the process
		for job, r := range results {
			if r == "running" {
				t.Errorf("job %s is left open", job)
			}
		}
		for job := range begun {
			r, ok := results[job]
			if !ok {
				t.Errorf("job %s began, and is not in the ledger", job)
			}
			if r == "interrupted" {
				interrupted++
			}
			if !shown[job] && r != "interrupted" && !finished[job] {
				t.Errorf("job %s was killed in its middle, and is recorded as %s", job, r)
			}
		}
	}
	t.Logf("%d kills, %d jobs interrupted", kills, interrupted)
	if interrupted < kills/2 {
		t.Error("the kills did not meet the jobs")
	}
	code, stderr := program(t, args(set.Profile), func(_ *os.Process, e map[string]any) {
		if e["type"] == "job-done" && e["result"] != "pass" && e["result"] != "compliant" {
			t.Errorf("after the kills: %v", e)
		}
	})
	if code != 0 {
		t.Errorf("after the kills: exit %d: %s", code, stderr)
	}
	ledger()
}

// TestKilledPreparing kills a process while it unpacks an image into the cache: what it
// leaves is never taken for an image, and goes.
func TestKilledPreparing(t *testing.T) {
	t.Parallel()
	raw := make([]byte, 48<<20)
	for i := range raw {
		raw[i] = byte(i * i >> 7)
	}
	path, cache := filepath.Join(t.TempDir(), "system.img.gz"), t.TempDir()
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err == nil {
		_, err = z.Write(raw)
	}
	if err = errors.Join(err, z.Close(), os.WriteFile(path, packed.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	inspect := func(ctx context.Context) *exec.Cmd {
		exe, err := exec.LookPath("zarya")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(ctx, exe, "image", "inspect", "--json", path)
		cmd.Env = append(os.Environ(), "ZARYA_CACHE="+cache)
		return cmd
	}
	parts := func() []string {
		left, err := filepath.Glob(filepath.Join(cache, "part-*"))
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
	killed := 0
	for round := range 10 {
		cmd := inspect(t.Context())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		reached := func() bool {
			for _, p := range parts() {
				if info, err := os.Stat(p); err == nil && info.Size() > int64(round)*4<<20 {
					return true
				}
			}
			return false
		}
		tick := time.NewTicker(time.Millisecond)
		for running := true; running && !reached(); {
			select {
			case err := <-ended:
				ended <- err
				running = false
			case <-tick.C:
			}
		}
		tick.Stop()
		_ = cmd.Process.Kill()
		if err := <-ended; err != nil {
			killed++
		}
		if err := os.RemoveAll(filepath.Join(cache, "files")); err != nil { // begin again
			t.Fatal(err)
		}
	}
	if killed == 0 {
		t.Error("none of 10 was killed in the middle")
	}
	out, err := inspect(t.Context()).Output()
	sum := fmt.Appendf(nil, "sha256:%x", sha256.Sum256(packed.Bytes()))
	if err != nil || !bytes.Contains(out, sum) || !bytes.Contains(out, []byte(`"size":50331648`)) {
		t.Errorf("%s %v", out, err)
	}
	if left := parts(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	entries, err := os.ReadDir(filepath.Join(cache, "data"))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}
