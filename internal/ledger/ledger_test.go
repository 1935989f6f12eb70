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
	job := flash.Job{ID: id, Target: tablet(place), Scope: flash.ScopeFlash,
		Steps: []flash.Step{flash.Erase{Partition: "a"}.Step(), flash.Erase{Partition: "b"}.Step()}}
	if err := l.Intent(job, job.Target.Where()); err != nil {
		return err
	}
	for _, s := range job.Steps {
		if err := l.Step(job, flash.StepDone{Step: s.Name, Seconds: 0.25, Result: flash.StepOK}); err != nil {
			return err
		}
	}
	_, err := l.Result(job, job.Target.Where(), flash.JobDone{Scope: flash.ScopeFlash, Result: flash.Pass, Verified: "sent", Bytes: 7,
		Seconds: 0.5})
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
	name, err := l.Result(job, job.Target.Where(), flash.JobDone{Result: flash.Fail, Class: flash.ClassCable, Step: "connect",
		Error: "gone \x00 \xff \"\\ é"})
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
		if j := jobs[1]; j.Record != "st-8" || j.Result != "pass" || j.Verified != "sent" || j.Tablet != "tcp:10.0.0.1" || j.Seconds != 0.5 ||
			len(j.Steps) != 2 {
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

// TestFull lets the disk run full under a ledger: the error is typed, and what was
// recorded before stands.
func TestFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := openLedger(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	cmd, lines := child(t, path, "ZARYA_TEST_LIMIT=1")
	said, failed := 0, "" // another's record may still be said after it
	for lines.Scan() {
		if line := lines.Text(); line == "recorded" {
			said++
		} else {
			failed = line
		}
	}
	_ = cmd.Wait()
	if s := cmd.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() && !strings.Contains(failed, "the ledger cannot be written") {
		t.Errorf("it ended with %q, %v", failed, cmd.ProcessState)
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
	if _, err := l.db.ExecContext(t.Context(), "UPDATE entry SET kind = 'result' WHERE seq = 1"); err == nil ||
		!strings.Contains(err.Error(), "never changed") {
		t.Errorf("an entry was changed: %v", err)
	}
	if _, err := l.db.ExecContext(t.Context(), "DELETE FROM entry WHERE seq = 1"); err == nil ||
		!strings.Contains(err.Error(), "never removed") {
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
