// This file opens ledgers and closes them.

package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// NewerError means that a newer version of the program made the ledger.
type NewerError struct {
	Path        string
	Has, Wanted int64 // versions of its form
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s has form %d, this version of zarya knows %d", e.Path, e.Has, e.Wanted)
}

// HeldError says that another process holds the whole database.
type HeldError struct {
	Path string
	Err  error
}

func (e *HeldError) Error() string {
	return e.Path + " is held by another process: it did not let go within " + busyTimeout.String()
}
func (e *HeldError) Unwrap() error { return e.Err }

// wrapBusy returns a *HeldError for the error of a busy database, and others as they are.
func (l *Ledger) wrapBusy(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_BUSY || e.Code()&0xff == sqlite3.SQLITE_LOCKED) {
		return &HeldError{l.path, err}
	}
	return err
}

// WriteError means that an entry could not be made durable.
type WriteError struct{ Err error }

func (e *WriteError) Error() string { return "the ledger cannot be written: " + e.Err.Error() }
func (e *WriteError) Unwrap() error { return e.Err }

// busyTimeout is how long another process may hold the ledger for one commit.
const busyTimeout = 10 * time.Second

// Ledger is an open ledger. Its methods may be called from several goroutines;
// those that add entries return when the entries are on the disk.
type Ledger struct {
	db      *sql.DB
	path    string // "" in memory
	station string
	form    int64    // of the database: the number of its last migration
	run     *runLock // nil in memory and for readers

	reserved reservations

	// Only the caller that commits uses these.
	heads   map[string]Head // as they are in the head file
	headErr error           // the first failure to write it

	mu      sync.Mutex
	queue   []*addition   // guarded by mu; not yet in a transaction
	writing bool          // guarded by mu
	changed chan struct{} // guarded by mu; closed at the next commit, if somebody waits for it
	lag     Lag           // guarded by mu
}

// Open opens the ledger at path for a station, making it if it is not there, and
// closes what a killed process left open. A ledger that has not the head that it had is
// a *RolledBackError.
func Open(ctx context.Context, path, station string) (*Ledger, error) {
	return open(ctx, path, station, true)
}

// open is Open; without checkHead it takes a ledger with whatever head it has.
func open(ctx context.Context, path, station string, checkHead bool) (_ *Ledger, err error) {
	l := &Ledger{path: path, station: station}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil { //nolint:gosec // the path that the user named
		return nil, err
	}
	if l.heads, err = loadHeads(path); err != nil {
		if checkHead {
			return nil, err
		}
		l.heads = map[string]Head{}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the path that the user named
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	if l.db, err = connect(path, ""); err != nil {
		return nil, err
	}
	if err := l.prepare(ctx, checkHead); err != nil {
		return nil, errors.Join(l.wrapBusy(err), l.Close())
	}
	return l, nil
}

// prepare makes an open database a ledger that can be written.
func (l *Ledger) prepare(ctx context.Context, checkHead bool) (err error) {
	release, err := lockForm(l.path)
	if err != nil {
		return err
	}
	err = l.migrate(ctx)
	release()
	if err != nil {
		return err
	}
	if checkHead {
		if err := l.CheckHead(ctx); err != nil {
			return err
		}
	}
	if l.run, err = newRunLock(l.path); err != nil {
		return err
	}
	return withSweepLock(l.path, func() error { return l.closeAbandoned(ctx) })
}

// OpenMemory makes a ledger that is gone when it is closed.
func OpenMemory(station string) (*Ledger, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	l := &Ledger{db: db, station: station}
	if err := l.migrate(context.Background()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return l, nil
}

// OpenReader opens a ledger for reading, beside processes that write it. It does not
// compare the head: see CheckHead.
func OpenReader(ctx context.Context, path string) (*Ledger, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	db, err := connect(path, "ro")
	if err != nil {
		return nil, err
	}
	l := &Ledger{db: db, path: path}
	if err := l.readForm(ctx); err != nil {
		return nil, errors.Join(l.wrapBusy(err), db.Close())
	}
	return l, nil
}

// Path is the file of the ledger; "" in memory.
func (l *Ledger) Path() string { return l.path }

// Station is whose entries are written.
func (l *Ledger) Station() string { return l.station }

// Form returns the number of the database's form. A reader may meet one that is older than
// this program, and must not ask for what that has not.
func (l *Ledger) Form() int64 { return l.form }

// Query reads rows of the tables beside the chain.
func (l *Ledger) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return l.db.QueryContext(ctx, query, args...)
}

// QueryRow reads one row of the tables beside the chain.
func (l *Ledger) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return l.db.QueryRowContext(ctx, query, args...)
}

// Close closes the ledger. It also returns the first failure to write the head file, of
// which no job fails.
func (l *Ledger) Close() error {
	err := l.db.Close()
	if l.run != nil {
		err = errors.Join(err, l.run.release())
	}
	return errors.Join(err, l.headErr)
}
