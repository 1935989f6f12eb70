package machine

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/records"
	"github.com/zarya-station/zarya/internal/show"
)

// TestLedgerThatLosesEntries: a backup is put in the place of the ledger, which says from then on
// what it has lost; who kept a head sees it all the same.
func TestLedgerThatLosesEntries(t *testing.T) {
	m, dir, _ := here(t, nil)
	if err := m.Write(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	backup, kept := filepath.Join(dir, "backup.db"), filepath.Join(dir, "heads.json")
	heads, err := m.Backup(t.Context(), backup)
	if err != nil || len(heads) != 1 || heads[0].Station != "A" {
		t.Fatalf("the backup ends at %v, %v", heads, err)
	}
	if err := m.Write(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	v, err := m.Verify(t.Context(), Kept{})
	if err != nil || !v.Alone || len(v.Said) > 0 || len(v.Heads) != 1 || v.Heads[0].Seq != heads[0].Seq+1 {
		t.Fatalf("%+v, %v", v, err)
	}
	f, err := os.Create(kept)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(show.Document(f, "heads", v.Heads), f.Close()); err != nil {
		t.Fatal(err)
	}
	if v, err := m.Verify(t.Context(), Kept{Heads: kept}); err != nil || v.Alone {
		t.Errorf("beside its own head: %+v, %v", v, err)
	}
	done, err := m.Restore(t.Context(), backup)
	if err != nil || done.Kept == "" || len(done.Lost) != 1 || done.Lost[0].Seq != heads[0].Seq+1 {
		t.Fatalf("%+v, %v", done, err)
	}
	_, err = m.Verify(t.Context(), Kept{Heads: kept})
	isKind(t, err, problem.Invalid, "rolled back")
	if v, err := m.Verify(t.Context(), Kept{}); err != nil || !v.Alone {
		t.Errorf("%+v, %v", v, err)
	}
	if lost, err := m.AcceptLoss(t.Context()); err != nil || len(lost) > 0 {
		t.Errorf("lost once more: %v, %v", lost, err)
	}
	_, err = m.Verify(t.Context(), Kept{Heads: kept, Database: "postgres://h/d"})
	isKind(t, err, problem.Usage, "do not go together")
}

// TestNothingIsMadeByAmending: more is said only of what is recorded.
func TestNothingIsMadeByAmending(t *testing.T) {
	m, dir, _ := here(t, nil)
	never := func(context.Context, *ledger.Ledger) error { t.Error("a ledger was opened"); return nil }
	isKind(t, m.Amend(t.Context(), never), problem.Station, "there is no ledger")
	if _, err := os.Stat(filepath.Join(dir, "state")); err == nil {
		t.Error("a folder was made")
	}
	jobs, begun, err := m.Select(t.Context(), records.Selection{})
	if jobs != nil || begun || err != nil {
		t.Errorf("%v, begun %v, %v", jobs, begun, err)
	}
	_, _, err = m.Select(t.Context(), records.Selection{Result: "good"})
	isKind(t, err, problem.Usage, "no result")
	m.Settings["fleet-database"] = "postgres://127.0.0.1:1/nowhere"
	if done, err := m.Sync(t.Context()); done != nil || err != nil {
		t.Errorf("sent %+v, %v", done, err)
	}
	if err := m.Write(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	if err := m.Amend(t.Context(), fill); err != nil {
		t.Error(err)
	}
	if jobs, begun, err := m.Select(t.Context(), records.Selection{}); len(jobs) > 0 || !begun || err != nil {
		t.Errorf("%v, begun %v, %v", jobs, begun, err)
	}
	text, err := json.Marshal(Synced{Last: 2, Sent: 1})
	if string(text) != `{"last":2,"sent":1,"waiting":0}` || err != nil {
		t.Errorf("%s, %v", text, err)
	}
}
