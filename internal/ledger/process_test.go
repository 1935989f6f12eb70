// Processes that are killed, live beside each other, or find the ledger changed.

package ledger

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/zarya-station/zarya/flash"
)

// TestKilled kills a writing process at twenty moments: after each, the chain holds,
// no job is open, and none passed that was not said to.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	said := 0
	for round := range 20 {
		cmd, lines := child(t, path)
		for n := 0; n <= round*3 && lines.Scan(); n++ {
			said++
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			said++
		}
		_ = cmd.Wait()
		r, err := OpenReader(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if n := results(t, r); n["running"] != 0 {
			t.Errorf("a reader sees jobs of a dead process running: %v", n)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		l, err := Open(t.Context(), path, "st")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Verify(t.Context()); err != nil {
			t.Fatal(err)
		}
		n := results(t, l)
		if n["pass"] < said || n["running"] != 0 || n["pass"]+n["interrupted"] == 0 {
			t.Fatalf("round %d: %v, of %d that were said to pass", round, n, said)
		}
		entries := map[string]int{}
		for e, err := range l.Entries(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			var b body
			if err := json.Unmarshal(e.Body, &b); err != nil {
				t.Fatal(err)
			}
			if e.Kind == KindResult || e.Kind == KindInterrupted {
				if entries[b.Job]++; entries[b.Job] > 1 {
					t.Fatalf("job %s ended twice", b.Job)
				}
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := filepath.Glob(path + ".runs/[0-9a-f]*"); err != nil || len(left) > 0 {
		t.Errorf("lock files of the dead: %v %v", left, err)
	}
}

// TestLiving does not close what another process is still at.
func TestLiving(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	one := openLedger(t, path)
	job := flash.Job{ID: "long", Target: tablet("x")}
	if err := one.Intent(job, job.Target.Where()); err != nil {
		t.Fatal(err)
	}
	two := openLedger(t, path)
	if n := results(t, two); n["running"] != 1 {
		t.Error(n)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if n := results(t, two); n["interrupted"] != 1 {
		t.Error(n)
	}
}

// TestDeadBesideLiving closes the job of a process that is gone, while that of one that
// lives goes on: it gets its own result, and no other.
func TestDeadBesideLiving(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	living, dead := openLedger(t, path), openLedger(t, path)
	jobs := map[string]flash.Job{}
	for id, l := range map[string]*Ledger{"living": living, "dead": dead} {
		jobs[id] = flash.Job{ID: id, Target: tablet(id)}
		if err := l.Intent(jobs[id], jobs[id].Target.Where()); err != nil {
			t.Fatal(err)
		}
	}
	if err := dead.Close(); err != nil { // with a job that has no result
		t.Fatal(err)
	}
	other := openLedger(t, path)
	if n := results(t, other); n["running"] != 1 || n["interrupted"] != 1 {
		t.Error(n)
	}
	if _, err := living.Result(jobs["living"], jobs["living"].Target.Where(), flash.JobDone{Result: flash.Fail}); err != nil {
		t.Fatal(err)
	}
	ends := map[string]int{}
	for e, err := range other.Entries(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == KindInterrupted || e.Kind == KindResult {
			var b body
			if err := json.Unmarshal(e.Body, &b); err != nil {
				t.Fatal(err)
			}
			ends[e.Kind+" "+b.Job]++
		}
	}
	if len(ends) != 2 || ends["interrupted dead"] != 1 || ends["result living"] != 1 {
		t.Errorf("jobs ended as %v", ends)
	}
}

// TestAbandoned closes the jobs of a run without a result, whatever is left of it: its
// lock file, or not even the folder of them.
func TestAbandoned(t *testing.T) {
	for name, lose := range map[string]bool{"its file is left": false, "the folder is gone": true} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ledger.db")
			one := openLedger(t, path)
			for _, id := range []string{"done", "begun"} {
				job := flash.Job{ID: id, Target: tablet("x")}
				if err := one.Intent(job, job.Target.Where()); err != nil {
					t.Fatal(err)
				}
				if id == "done" {
					if _, err := one.Result(job, job.Target.Where(), flash.JobDone{Result: flash.Pass}); err != nil {
						t.Fatal(err)
					}
				}
			}
			never := flash.Job{ID: "refused", Target: tablet("y")} // a result without an intent
			if _, err := one.Result(never, never.Target.Where(), flash.JobDone{Result: flash.Fail}); err != nil {
				t.Fatal(err)
			}
			if err := one.Close(); err != nil {
				t.Fatal(err)
			}
			if lose {
				if err := os.RemoveAll(path + ".runs"); err != nil {
					t.Fatal(err)
				}
			}
			two := openLedger(t, path)
			recorded := 0
			for e, err := range two.Entries(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if e.Kind == KindInterrupted {
					recorded++
				}
			}
			if recorded != 1 {
				t.Errorf("%d jobs were recorded as interrupted, want 1", recorded)
			}
		})
	}
}
