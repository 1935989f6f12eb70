package records

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

// is says whether an error is a problem of a kind.
func is(err error, want problem.Kind) bool {
	kind, ok := problem.KindOf(err)
	return ok && kind == want
}

// entries counts the entries of a ledger that is whole.
func entries(t *testing.T, path string) (n int64) {
	t.Helper()
	reading(t, path, func(l *ledger.Ledger) {
		v, err := Verify(t.Context(), l, nil, "")
		if err != nil || len(v.Heads) != 1 {
			t.Fatalf("%s: %+v, %v", path, v, err)
		}
		n = v.Heads[0].Seq
	})
	return n
}

// A ledger is copied while it is written, and nothing that is there is overwritten.
func TestBackup(t *testing.T) {
	path := filled(t)
	writer := must(Open(t.Context(), path, "bench"))
	defer writer.Close()
	at, err := writer.Append("x", struct{}{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	heads, err := Backup(t.Context(), path, to)
	if err != nil || len(heads) != 1 || heads[0].Seq != at {
		t.Fatalf("%+v, %v; the last entry is %d", heads, err, at)
	}
	if _, err := os.Stat(to + ".part"); err == nil {
		t.Error("an unfinished copy was left")
	}
	copied := must(os.ReadFile(to))
	must(writer.Append("x", struct{}{}, nil))
	if _, err := Backup(t.Context(), path, to); !is(err, problem.Usage) || !bytes.Equal(must(os.ReadFile(to)), copied) {
		t.Errorf("over another backup: %v", err)
	}
	other := filepath.Join(t.TempDir(), "other.db")
	if err := os.WriteFile(other+".part", []byte("another's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), path, other); !is(err, problem.Station) || string(must(os.ReadFile(other+".part"))) != "another's" {
		t.Errorf("beside another backup that runs: %v", err)
	}
	if _, err := Backup(t.Context(), path, filepath.Join(other, "no", "folder")); !is(err, problem.Station) {
		t.Errorf("into no folder: %v", err)
	}
	if _, err := Backup(t.Context(), path+"-not", filepath.Join(t.TempDir(), "x")); !is(err, problem.Station) {
		t.Errorf("of no ledger: %v", err)
	}
}

// A copy is read before it is called a backup: a broken ledger has none.
func TestABrokenLedgerIsNotBackedUp(t *testing.T) {
	path := filled(t)
	edit(t, path)
	to := filepath.Join(t.TempDir(), "copy.db")
	if _, err := Backup(t.Context(), path, to); !is(err, problem.Invalid) {
		t.Errorf("%v", err)
	}
	for _, name := range []string{to, to + ".part"} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s was left", name)
		}
	}
}

// edit changes what an entry of a ledger says, in its file.
func edit(t *testing.T, path string) {
	t.Helper()
	text := must(os.ReadFile(path))
	if !bytes.Contains(text, []byte(`"Ann"`)) {
		t.Fatal("the ledger's file does not say who worked")
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte(`"Ann"`), []byte(`"Bob"`)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A backup takes the ledger's place when nobody writes it; what was there is kept, and what the
// backup does not have is said and recorded.
func TestRestore(t *testing.T) {
	path := filled(t)
	backup := filepath.Join(t.TempDir(), "copy.db")
	had := must(Backup(t.Context(), path, backup))[0].Seq
	writer := must(Open(t.Context(), path, "bench"))
	at := must(writer.Append("x", struct{}{}, nil))
	if _, err := Restore(t.Context(), path, "bench", backup); !is(err, problem.InUse) {
		t.Errorf("under a writer: %v", err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if n := entries(t, path); n < at {
		t.Fatalf("a refused restore took entries: %d", n)
	}
	last := entries(t, path)
	done, err := Restore(t.Context(), path, "bench", backup)
	if err != nil || len(done.Lost) != 1 || done.Lost[0].Seq != last || !strings.HasPrefix(done.Kept, path+".before-") {
		t.Fatalf("%+v, %v: the ledger had %d entries, the backup %d", done, err, last, had)
	}
	var kinds []string
	reading(t, path, func(l *ledger.Ledger) {
		for e, err := range l.Entries(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, e.Kind)
		}
	})
	if n := int64(len(kinds)); n <= had || kinds[n-1] != ledger.KindRollback {
		t.Errorf("the ledger has %q, the backup had %d", kinds, had)
	}
	if err := Read(t.Context(), done.Kept, func(ctx context.Context, l *ledger.Ledger) error {
		heads, err := l.Verify(ctx)
		if len(heads) != 1 || heads[0].Seq != last {
			t.Errorf("what was kept has %+v", heads)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if err := must(Open(t.Context(), path, "bench")).Close(); err != nil {
		t.Error(err)
	}
}

// What is no whole ledger takes nothing's place.
func TestABrokenBackupIsNotRestored(t *testing.T) {
	path := filled(t)
	n := entries(t, path)
	edited, garbage := filepath.Join(t.TempDir(), "edited.db"), filepath.Join(t.TempDir(), "garbage.db")
	must(Backup(t.Context(), path, edited))
	edit(t, edited)
	if err := os.WriteFile(garbage, []byte("no ledger"), 0o600); err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]problem.Kind{edited: problem.Invalid, garbage: problem.Station, garbage + "-not": problem.Station} {
		if done, err := Restore(t.Context(), path, "bench", from); !is(err, want) || done.Kept != "" {
			t.Errorf("%s: %+v, %v", from, done, err)
		}
		if now := entries(t, path); now != n {
			t.Errorf("%s: the ledger had %d entries, and has %d", from, n, now)
		}
	}
}

// A machine that has nothing gets a ledger from a backup, with its folder.
func TestRestoreOnANewDisk(t *testing.T) {
	backup := filepath.Join(t.TempDir(), "copy.db")
	had := must(Backup(t.Context(), filled(t), backup))[0].Seq
	path := filepath.Join(t.TempDir(), "zarya", "ledger.db")
	done, err := Restore(t.Context(), path, "bench", backup)
	if err != nil || done.Kept != "" || len(done.Lost) != 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	if n := entries(t, path); n != had+1 { // and the one that closes the job that was cut off
		t.Errorf("%d entries of %d", n, had)
	}
	reading(t, path, func(l *ledger.Ledger) {
		if jobs := must(Named(t.Context(), l, "run-3")); len(jobs) != 1 || jobs[0].Result != "interrupted" {
			t.Errorf("%+v", jobs)
		}
	})
	_, err = Restore(t.Context(), filepath.Join(backup, "ledger.db"), "bench", backup) // below a file
	if said := problem.Advice(err); err == nil || !strings.HasSuffix(said, "nothing was changed") {
		t.Errorf("where no folder can be: %s", said)
	}
}
