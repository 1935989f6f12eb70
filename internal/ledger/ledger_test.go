// The ledger's promises: durable, in order, unchanged, and no job left open.

package ledger

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/canon"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("ZARYA_TEST_LEDGER"); path != "" {
		parent := os.NewFile(1, "parent")
		fmt.Fprintln(parent, "error:", work(parent, path, os.Getenv("ZARYA_TEST_LIMIT") != ""))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// tablet is a target that only has a name.
type tablet string

func (t tablet) Where() flash.Where { return flash.Where{Address: string(t), Serial: "S" + string(t)} }

func (tablet) Fastboot(context.Context) (fastboot.Transport, error) { return nil, io.EOF }

func (tablet) Dial(context.Context, int) (net.Conn, error) { return nil, io.EOF }

// record writes the four entries of one job that passes.
func record(l *Ledger, id, place string) error {
	job := flash.Job{ID: id, Target: tablet(place), Scope: flash.ScopeFlash, Steps: []flash.Step{flash.Erase{Partition: "a"}.Step(), flash.Erase{Partition: "b"}.Step()}}
	if err := l.Intent(job, job.Target.Where()); err != nil {
		return err
	}
	for _, s := range job.Steps {
		if err := l.Step(job, flash.StepDone{Step: s.Name, Seconds: 0.25, Result: flash.StepOK}); err != nil {
			return err
		}
	}
	_, err := l.Result(job, job.Target.Where(), flash.JobDone{Scope: flash.ScopeFlash, Result: flash.Pass, Verified: "sent", Bytes: 7, Seconds: 0.5})
	return err
}

// work is what a child process does: four tablets' jobs without end, or until the
// disk is full.
func work(parent io.Writer, path string, limited bool) error {
	if limited {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 200 << 10, Max: 200 << 10}); err != nil {
			return err
		}
	}
	l, err := Open(context.Background(), path, "st")
	if err != nil {
		return err
	}
	failed := make(chan error)
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				if err := record(l, fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i), fmt.Sprint(w)); err != nil {
					failed <- err
					return
				}
				fmt.Fprintln(parent, "recorded")
			}
		}()
	}
	return <-failed
}

func child(t *testing.T, path string, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(append(os.Environ(), "ZARYA_TEST_LEDGER="+path), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func openLedger(t *testing.T, path string) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), path, "st")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func results(t *testing.T, l *Ledger) map[string]int {
	t.Helper()
	jobs, err := l.Jobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, j := range jobs {
		n[j.Result]++
		if j.Result == "pass" && len(j.Steps) != 2 {
			t.Errorf("job %s passed with %d steps", j.Job, len(j.Steps))
		}
	}
	return n
}

func TestRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "ledger.db")
	l := openLedger(t, path)
	for i := range 3 {
		if err := record(l, fmt.Sprint("job", i), fmt.Sprint("tcp:10.0.0.", i)); err != nil {
			t.Fatal(err)
		}
	}
	job := flash.Job{ID: "failing", Target: tablet("x"), Scope: flash.ScopeFlash}
	name, err := l.Result(job, job.Target.Where(), flash.JobDone{Result: flash.Fail, Class: flash.ClassCable, Step: "connect", Error: "gone \x00 \xff \"\\ é"})
	if err != nil || name != "st-13" {
		t.Fatalf("%s %v", name, err)
	}
	// A reader beside the writer sees the same.
	r, err := OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, l := range []*Ledger{l, r} {
		jobs, err := l.Jobs(t.Context())
		if err != nil || len(jobs) != 4 {
			t.Fatalf("%d jobs, %v", len(jobs), err)
		}
		if j := jobs[1]; j.Record != "st-8" || j.Result != "pass" || j.Verified != "sent" || j.Tablet != "tcp:10.0.0.1" || j.Seconds != 0.5 || len(j.Steps) != 2 {
			t.Errorf("%+v", j)
		}
		heads, err := l.Verify(t.Context())
		if err != nil || len(heads) != 1 || heads[0].Seq != 13 {
			t.Errorf("%v %v", heads, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// TestConcurrent lets sixteen workers and two processes' worth of ledgers add at once.
func TestConcurrent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	ledgers := []*Ledger{openLedger(t, path), openLedger(t, path)}
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 4 {
				if err := record(ledgers[w%2], fmt.Sprintf("%d-%d", w, i), fmt.Sprint(w)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := results(t, ledgers[0]); n["pass"] != 64 || len(n) != 1 {
		t.Error(n)
	}
	if _, err := ledgers[1].Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

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

// TestFull lets the disk run full under a ledger: the error is typed, and what was
// recorded before stands.
func TestFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := openLedger(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	cmd, lines := child(t, path, "ZARYA_TEST_LIMIT=1")
	said, last := 0, ""
	for lines.Scan() {
		if last = lines.Text(); last == "recorded" {
			said++
		}
	}
	_ = cmd.Wait()
	if s := cmd.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() && !strings.Contains(last, "the ledger cannot be written") {
		t.Errorf("it ended with %q, %v", last, cmd.ProcessState)
	}
	l := openLedger(t, path)
	if _, err := l.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if n := results(t, l); n["pass"] < said || said == 0 {
		t.Errorf("%v, of %d", n, said)
	}
}

func TestTampering(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := openLedger(t, path)
	for i := range 3 {
		if err := record(l, fmt.Sprint(i), "x"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.db.ExecContext(t.Context(), "UPDATE entry SET kind = 'result' WHERE seq = 1"); err == nil || !strings.Contains(err.Error(), "never changed") {
		t.Errorf("an entry was changed: %v", err)
	}
	if _, err := l.db.ExecContext(t.Context(), "DELETE FROM entry WHERE seq = 1"); err == nil || !strings.Contains(err.Error(), "never removed") {
		t.Errorf("an entry was removed: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		sql  string
		seq  int64
		want string
	}{
		{"UPDATE entry SET body = replace(body, '250', '251') WHERE seq = 6", 6, "not what was written"},
		{"UPDATE entry SET ts = '2020-01-01T00:00:00.000000Z' WHERE seq = 2", 2, "not what was written"},
		{"UPDATE entry SET kind = 'result' WHERE seq = 1", 1, "not what was written"},
		{"UPDATE entry SET hash = zeroblob(32) WHERE seq = 3", 3, "not what was written"},
		{"UPDATE entry SET prev = zeroblob(32) WHERE seq = 4", 4, "does not follow"},
		{"DELETE FROM entry WHERE seq = 5", 6, "missing"},
		{"DELETE FROM entry WHERE seq = 1", 2, "missing"},
	} {
		copied := filepath.Join(t.TempDir(), "copy.db")
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(copied, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", copied)
		if err != nil {
			t.Fatal(err)
		}
		for _, stmt := range []string{"DROP TRIGGER entry_update", "DROP TRIGGER entry_delete", test.sql} {
			if _, err := db.ExecContext(t.Context(), stmt); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := OpenReader(t.Context(), copied)
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Verify(t.Context())
		var broken *BrokenError
		if !errors.As(err, &broken) || broken.Seq != test.seq || !strings.Contains(broken.Reason, test.want) {
			t.Errorf("%s: %v", test.sql, err)
		}
		_ = r.Close()
	}
}

func TestRefuses(t *testing.T) {
	dir := t.TempDir()
	newer := filepath.Join(dir, "newer.db")
	l := openLedger(t, newer)
	if _, err := l.db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var form *NewerError
	if _, err := Open(t.Context(), newer, "st"); !errors.As(err, &form) || form.Has != 99 {
		t.Errorf("a newer ledger: %v", err)
	}
	if _, err := OpenReader(t.Context(), newer); !errors.As(err, &form) {
		t.Errorf("a newer ledger: %v", err)
	}
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, bytes.Repeat([]byte("no database"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, dir, filepath.Join(text, "under a file")} {
		if l, err := Open(t.Context(), path, "st"); err == nil {
			_ = l.Close()
			t.Errorf("%s was opened", path)
		}
	}
	if _, err := OpenReader(t.Context(), filepath.Join(dir, "none.db")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := OpenMemory("st")
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				if err := record(l, fmt.Sprint(w), fmt.Sprint(w)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := results(t, l); n["pass"] != 16 {
			t.Error(n)
		}
		if _, err := l.Verify(t.Context()); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestVectors holds the encoding and the hash to what is published.
func TestVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Input                 json.RawMessage
		Station, TS, Kind     string
		Seq                   int64
		Prev, Canonical, Hash string
	}
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) < 4 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for i, v := range vectors {
		got, err := canon.Encode(v.Input)
		if err != nil || string(got) != v.Canonical {
			t.Errorf("vector %d: %s, not %s (%v)", i, got, v.Canonical, err)
		}
		e := Entry{Station: v.Station, Seq: v.Seq, TS: v.TS, Kind: v.Kind, Body: []byte(v.Canonical)}
		prev, err := hex.DecodeString(v.Prev)
		if err != nil {
			t.Fatal(err)
		}
		copy(e.Prev[:], prev)
		if sum := fmt.Sprintf("%x", e.sum()); sum != v.Hash {
			t.Errorf("vector %d: hash %s, not %s", i, sum, v.Hash)
		}
	}
}

// BenchmarkRecord is one job's four entries, each on the disk before the next, at
// sixteen tablets at once.
func BenchmarkRecord(b *testing.B) {
	l, err := Open(context.Background(), filepath.Join(b.TempDir(), "ledger.db"), "st")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	b.SetParallelism(8) // times GOMAXPROCS
	var n atomic.Int64
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := record(l, fmt.Sprint(n.Add(1)), "x"); err != nil {
				b.Error(err)
			}
		}
	})
}

// TestClashes holds two stations to each other: what neither could know when it said PASS.
func TestClashes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.db")
	pass := func(station, job, serial, mac, id string) error {
		l, err := Open(t.Context(), path, station)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}()
		if _, err := l.db.ExecContext(t.Context(), "DELETE FROM claim"); err != nil { // as if this station were alone
			t.Fatal(err)
		}
		_, err = l.Result(flash.Job{ID: job}, flash.Where{Serial: serial}, flash.JobDone{Result: flash.Pass,
			Facts: map[string]string{"usb-serial": serial, "wifi-mac": mac, "machine-id": id}, Unique: []string{"machine-id", "usb-serial"}})
		return err
	}
	for _, r := range [][5]string{{"a", "1", "S1", "m1", "x"}, {"b", "2", "S2", "m2", "x"}, {"b", "3", "S1", "m1", "x"}, {"b", "4", "S3", "m3", "y"}, {"a", "5", "S3", "m4", "z"}} {
		if err := pass(r[0], r[1], r[2], r[3], r[4]); err != nil {
			t.Fatal(err)
		}
	}
	l, err := OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	got, err := l.Clashes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Clash{{"machine-id", "x", [2]string{"a-1", "b-1"}}, {"usb-serial", "S3", [2]string{"a-2", "b-3"}}}
	found := map[Clash]bool{}
	for _, c := range got {
		found[c] = true
	}
	for _, c := range want {
		if !found[c] {
			t.Errorf("%v is not found: %v", c, got)
		}
	}
}

// TestClaims holds one station's tablets to each other, many at once.
func TestClaims(t *testing.T) {
	l, err := OpenMemory("s")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	result := func(job, serial, mac, id string) error {
		_, err := l.Result(flash.Job{ID: job}, flash.Where{}, flash.JobDone{Result: flash.Pass,
			Facts: map[string]string{"usb-serial": serial, "wifi-mac": mac, "machine-id": id}, Unique: []string{"machine-id", "usb-serial", "wifi-mac"}})
		return err
	}
	var wg sync.WaitGroup
	var passed, double atomic.Int32
	for i := range 16 { // all with one machine-id: one of them may have it
		wg.Go(func() {
			var d *flash.DoubleError
			switch err := result(fmt.Sprint(i), fmt.Sprintf("S%d", i), fmt.Sprintf("m%d", i), "same"); {
			case err == nil:
				passed.Add(1)
			case errors.As(err, &d) && d.Fact == "machine-id":
				double.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if passed.Load() != 1 || double.Load() != 15 {
		t.Errorf("%d passed, %d did not", passed.Load(), double.Load())
	}
	if err := result("again", "T", "mt", "own"); err != nil {
		t.Error(err)
	}
	if err := result("again", "T", "mt", "new"); err != nil {
		t.Errorf("the same tablet with a new machine-id: %v", err)
	}
	var d *flash.DoubleError
	if err := result("twin", "T", "other", "third"); !errors.As(err, &d) || d.Fact != "usb-serial" {
		t.Errorf("another tablet with its serial: %v", err)
	}
	if _, err := l.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestOneFactTellsTablets apart: of two records with the same machine-id, each of the
// identifying facts alone shows that they are of two tablets, if both have it.
func TestOneFactTellsTabletsApart(t *testing.T) {
	for _, test := range []struct {
		a, b string // usb-serial, wifi-mac, imei
		two  bool
	}{
		{"S1 - -", "S2 - -", true},
		{"- m1 -", "- m2 -", true},
		{"- - i1", "- - i2", true},
		{"S1 m1 i1", "S2 m1 i1", true},
		{"S1 m1 i1", "S1 m2 i1", true},
		{"S1 m1 i1", "S1 m1 i2", true},
		{"S1 m1 i1", "S1 m1 i1", false},
		{"S1 - -", "- m1 -", false}, // nothing that both have differs
		{"S1 m1 -", "S1 - i1", false},
	} {
		done := func(who string) flash.JobDone {
			d := flash.JobDone{Result: flash.Pass, Facts: map[string]string{"machine-id": "same"}, Unique: []string{"machine-id"}}
			for i, v := range strings.Fields(who) {
				if v != "-" {
					d.Facts[[]string{"usb-serial", "wifi-mac", "imei"}[i]] = v
				}
			}
			return d
		}
		// At one station the second is refused.
		l, err := OpenMemory("s")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Result(flash.Job{ID: "1"}, flash.Where{}, done(test.a)); err != nil {
			t.Fatal(err)
		}
		var double *flash.DoubleError
		if _, err := l.Result(flash.Job{ID: "2"}, flash.Where{}, done(test.b)); errors.As(err, &double) != test.two || err != nil && !test.two {
			t.Errorf("%s and %s: %v", test.a, test.b, err)
		}
		// Of two stations, verifying finds them.
		if _, err := l.db.ExecContext(t.Context(), "DELETE FROM claim"); err != nil {
			t.Fatal(err)
		}
		l.station = "t"
		if _, err := l.Result(flash.Job{ID: "3"}, flash.Where{}, done(test.b)); err != nil {
			t.Fatal(err)
		}
		clashes, err := l.Clashes(t.Context())
		if err != nil || len(clashes) > 0 != test.two {
			t.Errorf("%s and %s: %v, %v", test.a, test.b, clashes, err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestSince goes by the chain: a clock that is set back hides nothing.
func TestSince(t *testing.T) {
	at := func(hour int) string { return fmt.Sprintf("2026-11-26T%02d:00:00.000000Z", hour) }
	jobs := []*JobRecord{{Job: "1", Station: "a", Started: at(8)}, {Job: "2", Station: "a", Ended: at(10)}, {Job: "3", Station: "a", Started: at(2)}, {Job: "4", Station: "b", Started: at(3)}}
	for hour, want := range map[int]string{1: "1234", 8: "123", 9: "23", 11: ""} {
		got := ""
		for _, j := range Since(jobs, time.Date(2026, 11, 26, hour, 0, 0, 0, time.UTC)) {
			got += j.Job
		}
		if got != want {
			t.Errorf("since %d: %s, not %s", hour, got, want)
		}
	}
}

// TestBundles finds which versions of a bundle passed, and no others.
func TestBundles(t *testing.T) {
	l, err := OpenMemory("s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for bundle, result := range map[string]flash.JobResult{"aurora 5.1": flash.Pass, "aurora 5.2": flash.Fail, "aurora-x 1": flash.Pass, "": flash.Pass} {
		if _, err := l.Result(flash.Job{ID: bundle, Bundle: bundle}, flash.Where{}, flash.JobDone{Result: result}); err != nil {
			t.Fatal(err)
		}
	}
	if versions, err := l.Bundles(t.Context(), "aurora"); err != nil || len(versions) != 1 || versions[0] != "5.1" {
		t.Errorf("%v %v", versions, err)
	}
}

// TestClosed returns errors from a ledger that is closed, of every question.
func TestClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := Open(t.Context(), path, "st")
	if err != nil {
		t.Fatal(err)
	}
	if err := record(l, "a", "a"); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]func() error{
		"entries": func() error { _, err := l.Verify(t.Context()); return err },
		"jobs":    func() error { _, err := l.Jobs(t.Context()); return err },
		"bundles": func() error { _, err := l.Bundles(t.Context(), "x"); return err },
		"clashes": func() error { _, err := l.Clashes(t.Context()); return err },
		"claims":  func() error { _, err := l.VerifyClaims(t.Context()); return err },
		"head":    func() error { return l.CheckHead(t.Context()) },
		"intent":  func() error { return l.Intent(flash.Job{ID: "b"}, flash.Where{}) },
	} {
		if ask() == nil {
			t.Errorf("%s: an answer", name)
		}
	}
}
