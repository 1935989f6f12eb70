// This file appends entries. Callers that come while a transaction is under way share the
// next one, so that sixteen tablets pay for one write to the disk and not for sixteen.

package ledger

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/zarya-station/zarya/internal/canon"
)

// timeForm is how entries have times.
const timeForm = "2006-01-02T15:04:05.000000Z"

// Now is the clock of entries. A test may have one that is wrong.
var Now = time.Now

// ErrNothing takes an entry back: what it was to record is so already.
var ErrNothing = errors.New("nothing to record")

// addition is one entry on its way.
type addition struct {
	kind string
	of   any    // the body, until it is encoded
	body []byte // encoded
	ts   string
	came time.Time
	seq  int64
	also func(*Tx) error // see Append
	err  error
	bug  any // what also panicked with

	lead bool          // its caller commits the next batch; set before wake is closed
	wake chan struct{} // closed when it is committed, or when its caller is to lead
}

// Tx is the transaction of one entry, for changes of the tables beside the chain. It is
// not ended by a context: what was begun is recorded.
type Tx struct {
	Station string // of the entry
	Seq     int64
	TS      string
	tx      *sql.Tx
}

// Exec runs a statement.
func (t *Tx) Exec(query string, args ...any) (sql.Result, error) {
	return t.tx.ExecContext(context.Background(), query, args...)
}

// Query reads rows; they must be closed before the next statement.
func (t *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	return t.tx.QueryContext(context.Background(), query, args...)
}

// QueryRow reads one row.
func (t *Tx) QueryRow(query string, args ...any) *sql.Row {
	return t.tx.QueryRowContext(context.Background(), query, args...)
}

// Append appends an entry and returns its number when it is on the disk.
//
// also, where it is not nil, changes other tables in the entry's transaction, before body
// is encoded. If it fails, its changes and the entry are taken back, and Append returns its
// error as it is; the other entries of the transaction stand. It may run on another
// caller's goroutine; if it panics, Append panics on its own caller's.
func (l *Ledger) Append(kind string, body any, also func(*Tx) error) (int64, error) {
	return l.submit(&addition{kind: kind, of: body, also: also})
}

func (l *Ledger) submit(a *addition) (int64, error) {
	if a.also == nil { // the work is done here, not in the transaction
		var err error
		if a.body, err = canon.Encode(a.of); err != nil {
			return 0, &WriteError{err}
		}
	}
	a.came, a.wake = time.Now(), make(chan struct{})
	a.ts = Now().UTC().Format(timeForm)
	l.mu.Lock()
	if l.lag.Pending++; l.lag.Pending == 1 {
		l.lag.Oldest = a.came
	}
	l.queue = append(l.queue, a)
	a.lead = !l.writing
	l.writing = true
	lead := a.lead
	l.mu.Unlock()
	if !lead {
		<-a.wake
	}
	if a.lead {
		l.commitQueue()
	}
	switch {
	case a.bug != nil:
		panic(a.bug)
	case a.err != nil:
		return 0, a.err
	}
	return a.seq, nil
}

// commitQueue commits what is in the queue, wakes its callers, and hands the lead to the
// first of those that came meanwhile: each caller commits one batch at most.
func (l *Ledger) commitQueue() {
	l.mu.Lock()
	batch := l.queue
	l.queue = nil
	l.mu.Unlock()
	err := errors.New("the transaction was not ended") // unless it is, below
	defer func() {
		for _, a := range batch {
			if err != nil {
				a.err = &WriteError{err}
			}
			if !a.lead { // no one waits for the leader
				close(a.wake)
			}
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.settle(batch, err == nil)
		l.writing = len(l.queue) > 0
		if l.writing {
			l.queue[0].lead = true
			close(l.queue[0].wake)
		}
	}()
	err = l.commit(batch)
}

// commit appends a batch in one transaction. It is not ended by a context: what was
// begun is recorded.
func (l *Ledger) commit(batch []*addition) error {
	tx, err := l.db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // of no effect after Commit
	last := Entry{Station: l.station}
	t := &Tx{Station: l.station, tx: tx}
	var hash []byte
	err = t.QueryRow("SELECT seq, hash FROM entry WHERE station = ? ORDER BY seq DESC LIMIT 1", l.station).Scan(&last.Seq, &hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	copy(last.Hash[:], hash)
	for _, a := range batch {
		a.seq = last.Seq + 1
		t := &Tx{Station: l.station, Seq: a.seq, TS: a.ts, tx: tx}
		if err := a.applyInSavepoint(t); err != nil {
			return err
		}
		if a.err != nil || a.bug != nil { // taken back
			continue
		}
		e := Entry{Station: l.station, Seq: a.seq, TS: a.ts, Kind: a.kind, Body: a.body, Prev: last.Hash}
		e.Hash = e.sum()
		if _, err := t.Exec("INSERT INTO entry (station, seq, ts, kind, body, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
			e.Station, e.Seq, e.TS, e.Kind, string(e.Body), e.Prev[:], e.Hash[:]); err != nil {
			return err
		}
		last = e
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if last.Kind == "" { // nothing was appended
		return nil
	}
	if l.headErr == nil {
		l.headErr = l.saveHead(last)
	}
	l.announce()
	return nil
}

// applyInSavepoint runs also and encodes the body, or takes back what also did.
func (a *addition) applyInSavepoint(t *Tx) error {
	if a.also == nil {
		return nil
	}
	if _, err := t.Exec("SAVEPOINT beside"); err != nil {
		return err
	}
	if a.runAlso(t); a.err != nil || a.bug != nil {
		if _, err := t.Exec("ROLLBACK TO beside"); err != nil {
			return err
		}
	}
	_, err := t.Exec("RELEASE beside")
	return err
}

// runAlso runs also and encodes the body; a panic is kept for the addition's own caller.
func (a *addition) runAlso(t *Tx) {
	defer func() { a.bug = recover() }()
	if a.err = a.also(t); a.err == nil {
		a.body, a.err = canon.Encode(a.of)
	}
}
