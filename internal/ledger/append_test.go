// How callers share transactions: nobody commits for others without end, and a panic stays
// its own caller's.

package ledger

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"
)

// note is the body of an entry of these tests.
type note struct {
	N int `json:"n"`
}

// TestLeaderCommitsOneBatch lets a caller wait, inside of its transaction, for the return
// of the one that committed before it: who led must not lead that one's batch, too.
func TestLeaderCommitsOneBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := OpenMemory("st")
		if err != nil {
			t.Fatal(err)
		}
		leads, queued, returned := make(chan bool), make(chan bool), make(chan bool)
		var wg sync.WaitGroup
		wg.Go(func() {
			defer close(returned)
			if _, err := l.Append("x", note{1}, func(*Tx) error {
				close(leads)
				<-queued
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
		<-leads
		var second error
		wg.Go(func() {
			_, second = l.Append("x", note{2}, func(*Tx) error {
				select {
				case <-returned:
					return nil
				case <-time.After(time.Hour): // of the bubble
					return errors.New("the first caller still commits for others")
				}
			})
		})
		synctest.Wait() // the second is in the queue
		close(queued)
		wg.Wait()
		if second != nil {
			t.Error(second)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestPanicIsItsCallers lets one of three callers panic in a transaction that another one
// commits: it panics on its own goroutine, the others are recorded, and the ledger works on.
func TestPanicIsItsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := OpenMemory("st")
		if err != nil {
			t.Fatal(err)
		}
		leads, queued := make(chan bool), make(chan bool)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := l.Append("x", note{1}, func(*Tx) error { close(leads); <-queued; return nil }); err != nil {
				t.Error(err)
			}
		})
		<-leads
		var bug any
		wg.Go(func() {
			defer func() { bug = recover() }()
			_, err := l.Append("x", note{2}, func(tx *Tx) error {
				if _, err := tx.Exec("INSERT INTO tried (serial, mark, ts) VALUES ('S', 'm', '')"); err != nil {
					t.Error(err)
				}
				panic("a bug of the second")
			})
			t.Errorf("it returned, %v", err)
		})
		synctest.Wait()
		wg.Go(func() {
			if _, err := l.Append("x", note{3}, nil); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		close(queued)
		wg.Wait()
		if bug != "a bug of the second" {
			t.Errorf("the second caller met %v", bug)
		}
		if seq, err := l.Append("x", note{4}, nil); err != nil || seq != 3 {
			t.Errorf("entry %d, %v", seq, err)
		}
		var rows int
		if err := l.QueryRow(t.Context(), "SELECT COUNT(*) FROM tried").Scan(&rows); err != nil || rows != 0 {
			t.Errorf("%d rows of what panicked are there, %v", rows, err)
		}
		if _, err := l.Verify(t.Context()); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestPanicOfTheLeader is the same where there is no other: the ledger must not stay busy.
func TestPanicOfTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := OpenMemory("st")
		if err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() { _ = recover() }()
			_, _ = l.Append("x", note{1}, func(*Tx) error { panic("a bug") })
			t.Error("it did not panic")
		}()
		// The test is dead-locked here, and fails, if the ledger stays busy.
		if seq, err := l.Append("x", note{2}, nil); err != nil || seq != 1 {
			t.Errorf("entry %d, %v", seq, err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestTakenBack leaves nothing of an entry whose own part failed, and all of the others.
func TestTakenBack(t *testing.T) {
	l, err := OpenMemory("st")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	refused := errors.New("refused")
	insert := func(tx *Tx, serial string) error {
		_, err := tx.Exec("INSERT INTO tried (serial, mark, ts) VALUES (?, 'm', '')", serial)
		return err
	}
	if _, err := l.Append("x", note{1}, func(tx *Tx) error { return errors.Join(insert(tx, "A"), refused) }); !errors.Is(err, refused) {
		t.Error(err)
	}
	if _, err := l.Append("x", map[string]float64{"n": 0.5}, nil); err == nil {
		t.Error("a fraction was recorded")
	}
	if _, err := l.Append("x", map[string]float64{"n": 0.5}, func(tx *Tx) error { return insert(tx, "B") }); err == nil {
		t.Error("a fraction was recorded")
	}
	if seq, err := l.Append("x", note{2}, func(tx *Tx) error { return insert(tx, "C") }); err != nil || seq != 1 {
		t.Errorf("entry %d, %v", seq, err)
	}
	var serials string
	if err := l.QueryRow(t.Context(), "SELECT group_concat(serial) FROM tried").Scan(&serials); err != nil || serials != "C" {
		t.Errorf("rows of %s, %v", serials, err)
	}
}

// TestCommitFails tells every caller of a batch that nothing was recorded.
func TestCommitFails(t *testing.T) {
	l := openLedger(t, filepath.Join(t.TempDir(), "ledger.db"))
	if _, err := l.db.ExecContext(t.Context(), "PRAGMA query_only = 1"); err != nil { // as a disk that became read-only
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			var w *WriteError
			if _, err := l.Append("x", note{i}, func(*Tx) error { return nil }); !errors.As(err, &w) || errors.Unwrap(err) == nil {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
}

// TestDurable asks the database how it commits: in a write-ahead log, each commit forced
// to the disk.
func TestDurable(t *testing.T) {
	l := openLedger(t, filepath.Join(t.TempDir(), "ledger.db"))
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "busy_timeout": "10000"} {
		var got string
		if err := l.QueryRow(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, not %s (%v)", pragma, got, want, err)
		}
	}
}

// TestHeld waits for another process no longer than it says.
func TestHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := openLedger(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	l := &Ledger{path: path}
	var err error
	if l.db, err = connect(path, ""); err != nil {
		t.Fatal(err)
	}
	defer l.db.Close()
	if _, err := l.db.ExecContext(t.Context(), "PRAGMA busy_timeout = 1"); err != nil {
		t.Fatal(err)
	}
	other, err := connect(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	_, err = l.db.ExecContext(context.Background(), "BEGIN IMMEDIATE")
	var held *HeldError
	if err = l.wrapBusy(err); !errors.As(err, &held) || held.Path != path || errors.Unwrap(held) == nil {
		t.Errorf("%v", err)
	}
	if err := l.wrapBusy(fmt.Errorf("x: %w", context.Canceled)); errors.As(err, &held) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// A new ledger that several processes open at one moment is made once.
func TestManyOpenANewLedger(t *testing.T) {
	for range 10 {
		path := filepath.Join(t.TempDir(), "ledger.db")
		var g errgroup.Group
		for range 8 {
			g.Go(func() error {
				l, err := Open(t.Context(), path, "bench")
				if err != nil {
					return err
				}
				return l.Close()
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}
