// The head file: what shows that entries were lost at the end.

package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// recordJobs opens the ledger, records jobs and closes it.
func recordJobs(t *testing.T, path string, names ...string) {
	t.Helper()
	l := openLedger(t, path)
	for _, name := range names {
		if err := record(l, name, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRolledBack(t *testing.T) {
	for name, test := range map[string]struct {
		harm func(t *testing.T, path, older string)
		want string // in the error; "" is none
	}{
		"nothing happens": {func(*testing.T, string, string) {}, ""},
		"an older file":   {func(t *testing.T, path, older string) { copyFile(t, older, path) }, "ends with st-4, and entry st-12 was recorded"},
		"the end is cut off": {func(t *testing.T, path, _ string) {
			execSQL(t, path, "DROP TRIGGER entry_delete", "DELETE FROM entry WHERE seq > 7")
		}, "ends with st-7, and entry st-12"},
		"the file is removed": {func(t *testing.T, path, _ string) { removeFile(t, path) }, "has no entry of st, and entry st-12"},
		"another ledger": {func(t *testing.T, path, _ string) {
			other := filepath.Join(t.TempDir(), "o.db")
			recordJobs(t, other, "x", "y", "z", "u")
			copyFile(t, other, path)
		}, "its entry st-12 is another one"},
		"the head is removed": {func(t *testing.T, path, _ string) { removeFile(t, headPath(path)) }, ""},
		"the head is empty":   {func(t *testing.T, path, _ string) { writeFile(t, headPath(path), "") }, ""},
		"the head is garbage": {func(t *testing.T, path, _ string) { writeFile(t, headPath(path), "x\n") }, ".head: invalid character"},
		"an older head":       {func(t *testing.T, path, older string) { copyFile(t, older+".head", headPath(path)) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, older := filepath.Join(dir, "ledger.db"), filepath.Join(dir, "older.db")
			recordJobs(t, path, "a")
			copyFile(t, path, older)
			copyFile(t, headPath(path), older+".head")
			recordJobs(t, path, "b", "c")
			test.harm(t, path, older)
			l, err := Open(t.Context(), path, "st")
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if err := l.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v, not %s", err, test.want)
			}
			// A reader can look, and is told.
			r, err := OpenReader(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.CheckHead(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("a reader: %v", err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			// Once it is accepted, work goes on, and the ledger says what it lost.
			garbage := strings.Contains(test.want, ".head")
			lost, err := AcceptRollback(t.Context(), path, "st")
			if err != nil || !garbage && (len(lost) != 1 || lost[0].Seq != 12) {
				t.Fatalf("%v %v", lost, err)
			}
			if lost, err := AcceptRollback(t.Context(), path, "st"); err != nil || lost != nil {
				t.Errorf("a second time: %v %v", lost, err)
			}
			recordJobs(t, path, "d")
			l = openLedger(t, path)
			found := 0
			for e, err := range l.Entries(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if e.Kind == KindRollback && (garbage || strings.Contains(string(e.Body), lost[0].Hash)) {
					found++
				}
			}
			if found != 1 {
				t.Errorf("%d entries say what was lost", found)
			}
		})
	}
}

func removeFile(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// execSQL changes a ledger behind its back.
func execSQL(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := connect(path, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestBrokenIsNotAccepted: a chain that was edited stays refused.
func TestBrokenIsNotAccepted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	recordJobs(t, path, "a")
	execSQL(t, path, "DROP TRIGGER entry_update", "UPDATE entry SET ts = '' WHERE seq = 2")
	var broken *BrokenError
	if _, err := AcceptRollback(t.Context(), path, "st"); !errors.As(err, &broken) {
		t.Error(err)
	}
	if _, err := AcceptRollback(t.Context(), filepath.Join(path, "x"), "st"); err == nil {
		t.Error("a ledger in a file was opened")
	}
}

// TestHeadsOfStations keeps the heads of all stations that wrote the file.
func TestHeadsOfStations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	for _, station := range []string{"b", "a"} {
		l, err := Open(t.Context(), path, station)
		if err == nil {
			err = errors.Join(record(l, station, station), l.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(headPath(path))
	if err != nil {
		t.Fatal(err)
	}
	var doc headDocument
	if err := json.Unmarshal(text, &doc); err != nil || len(doc.Items) != 2 || doc.Items[0].Station != "a" || doc.Items[1].Seq != 4 {
		t.Errorf("%s %v", text, err)
	}
	execSQL(t, path, "DROP TRIGGER entry_delete", "DELETE FROM entry WHERE station = 'b' AND seq = 4")
	var rolled *RolledBackError
	if _, err := Open(t.Context(), path, "a"); !errors.As(err, &rolled) || rolled.Head.Station != "b" || rolled.Last != 3 {
		t.Errorf("%v", err)
	}
	if lost, err := AcceptRollback(t.Context(), path, "a"); err != nil || len(lost) != 1 {
		t.Errorf("%v %v", lost, err)
	}
	if err := openLedger(t, path).Close(); err != nil {
		t.Error(err)
	}
}

// TestHeadCannotBeWritten fails no job, and is said at the end.
func TestHeadCannotBeWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := Open(t.Context(), path, "st")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(headPath(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := record(l, "a", "a"); err != nil {
		t.Error(err)
	}
	var e *fs.PathError
	if err := l.Close(); !errors.As(err, &e) {
		t.Errorf("closed with %v", err)
	}
	if _, err := Open(t.Context(), path, "st"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder is a head file: %v", err)
	}
}

func TestReadHeads(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	one := fmt.Sprintf(`{"v":1,"kind":"heads","items":[{"station":"a","seq":1,"hash":"%s"},{"station":"b","seq":2,"hash":"%s"}]}`, hash, hash)
	for text, want := range map[string]int{"": 0, one: 2, one + "\n" + one + "\n": 4, `{"v":1,"kind":"heads","items":[]}`: 0} {
		if heads, err := ReadHeads(strings.NewReader(text)); err != nil || len(heads) != want {
			t.Errorf("%s: %v %v", text, heads, err)
		}
	}
	for _, text := range []string{"x", `{"kind":"jobs"}`, one[:40], `{"kind":"heads","items":[{"station":"a","seq":0,"hash":"` + hash + `"}]}`,
		`{"kind":"heads","items":[{"station":"a","seq":1,"hash":"0a"}]}`, `{"kind":"heads","items":[{"station":"a","seq":1,"hash":"x` +
			hash[1:] + `"}]}`} {
		if heads, err := ReadHeads(strings.NewReader(text)); err == nil {
			t.Errorf("%s: %v", text, heads)
		}
	}
}

func FuzzReadHeads(f *testing.F) {
	f.Add(`{"v":1,"kind":"heads","items":[{"station":"a","seq":1,"hash":"` + strings.Repeat("0a", 32) + `"}]}`)
	f.Add("{}\n{}")
	f.Fuzz(func(t *testing.T, text string) {
		heads, err := ReadHeads(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, h := range heads {
			if h.Seq < 1 || len(h.Hash) != 64 {
				t.Errorf("%+v", h)
			}
		}
	})
}

// BenchmarkSaveHead is what the head file adds to each commit; BenchmarkRecord has it in.
func BenchmarkSaveHead(b *testing.B) {
	l, err := Open(b.Context(), filepath.Join(b.TempDir(), "ledger.db"), "st")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for b.Loop() {
		if err := l.saveHead(Entry{Seq: 1}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCommit is one entry alone: a transaction on the disk.
func BenchmarkCommit(b *testing.B) {
	l, err := Open(b.Context(), filepath.Join(b.TempDir(), "ledger.db"), "st")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for b.Loop() {
		if _, err := l.Append("x", note{1}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
