// Package ledger is the durable record of every job: an append-only table of
// entries, each with the hash of the one before. The intent is there before the
// first write, each step as it ends, the result before it is shown; what a killed
// program left open is closed as interrupted when the ledger is opened next.
//
// This file opens the ledger and adds to it.
package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/zarya-station/zarya/internal/canon"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Entry is one line of the ledger.
type Entry struct {
	Station string
	Seq     int64  // 1, 2, 3 … for one station
	TS      string // RFC 3339, UTC, microseconds
	Kind    string // intent, step, result, interrupted
	Body    []byte // canonical JSON
	Prev    [sha256.Size]byte
	Hash    [sha256.Size]byte
}

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

// held names what a busy database is.
func (l *Ledger) held(err error) error {
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
	run     *runLock // nil in memory and for readers

	mu      sync.Mutex
	queue   []*addition // guarded by mu; not yet in a transaction
	writing bool        // guarded by mu
}

// addition is one entry on its way.
type addition struct {
	kind string
	body []byte
	ts   string
	seq  int64
	err  error
	done chan struct{}
	// also is what belongs to the entry in other tables, in its transaction; nil is
	// nothing. Its error takes the entry back, and leaves the others of the batch. The body
	// is encoded after it.
	also func(*sql.Tx) error
	of   any // the body, until it is encoded
}

// timeForm is how entries have times.
const timeForm = "2006-01-02T15:04:05.000000Z"

// errNothing takes an entry back without being an error: there was nothing to do.
var errNothing = errors.New("nothing to do")

// Open opens the ledger at path for a station, making it if it is not there, and
// closes what a killed process left open.
func Open(ctx context.Context, path, station string) (*Ledger, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the path that the user named
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	db, err := connect(path, "")
	if err != nil {
		return nil, err
	}
	l := &Ledger{db: db, path: path, station: station}
	if err := l.migrate(ctx); err != nil {
		return nil, errors.Join(l.held(err), db.Close())
	}
	if l.run, err = newRunLock(path); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := alone(path, func() error { return l.closeAbandoned(ctx) }); err != nil {
		return nil, errors.Join(l.held(err), l.Close())
	}
	return l, nil
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

// OpenReader opens a ledger for reading, beside processes that write it.
func OpenReader(ctx context.Context, path string) (*Ledger, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	db, err := connect(path, "ro")
	if err != nil {
		return nil, err
	}
	l := &Ledger{db: db, path: path}
	if err := l.known(ctx); err != nil {
		return nil, errors.Join(l.held(err), db.Close())
	}
	return l, nil
}

func connect(path, mode string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	q := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "journal_mode(WAL)", "synchronous(FULL)",
	}, "_txlock": {"immediate"}}
	if mode != "" {
		q = url.Values{"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds())}, "mode": {mode}}
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

func (l *Ledger) provider() (*goose.Provider, error) {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, l.db, sub, goose.WithDisableGlobalRegistry(true))
}

// known refuses a form that a newer version made.
func (l *Ledger) known(ctx context.Context) error {
	p, err := l.provider()
	if err != nil {
		return err
	}
	sources := p.ListSources()
	wanted := sources[len(sources)-1].Version
	var has int64
	err = l.db.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version").Scan(&has)
	if err != nil {
		var tables int
		if terr := l.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_master").Scan(&tables); terr != nil {
			return fmt.Errorf("%s: %w", l.path, terr)
		}
		if tables == 0 {
			return nil // new
		}
		return fmt.Errorf("%s is a database, but no ledger: %w", l.path, err)
	}
	if has > wanted {
		return &NewerError{l.path, has, wanted}
	}
	return nil
}

func (l *Ledger) migrate(ctx context.Context) error {
	if err := l.known(ctx); err != nil {
		return err
	}
	p, err := l.provider()
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return &WriteError{err}
	}
	return nil
}

// Close closes the ledger.
func (l *Ledger) Close() error {
	err := l.db.Close()
	if l.run != nil {
		err = errors.Join(err, l.run.release())
	}
	return err
}

// add appends an entry and returns its number when it is on the disk. Callers that
// come while a transaction is under way share the next one.
func (l *Ledger) add(kind string, body any) (int64, error) { return l.addWith(kind, body, nil) }

// addWith is add with what belongs to the entry in other tables. An error of also is
// returned as it is.
func (l *Ledger) addWith(kind string, body any, also func(*sql.Tx) error) (int64, error) {
	return l.submit(&addition{kind: kind, of: body, also: also})
}

func (l *Ledger) submit(a *addition) (int64, error) {
	if a.also == nil { // the work is done here, not in the transaction
		var err error
		if a.body, err = canon.Encode(a.of); err != nil {
			return 0, &WriteError{err}
		}
	}
	a.ts, a.done = stamp(), make(chan struct{})
	l.mu.Lock()
	l.queue = append(l.queue, a)
	lead := !l.writing
	l.writing = true
	for lead && len(l.queue) > 0 {
		batch := l.queue
		l.queue = nil
		l.mu.Unlock()
		err := l.commit(batch)
		for _, a := range batch {
			if err != nil {
				a.err = &WriteError{err}
			}
			close(a.done)
		}
		l.mu.Lock()
	}
	if lead {
		l.writing = false
	}
	l.mu.Unlock()
	<-a.done
	if a.err != nil {
		return 0, a.err
	}
	return a.seq, nil
}

// commit appends a batch in one transaction. It is not ended by a context: what was
// begun is recorded.
func (l *Ledger) commit(batch []*addition) error {
	tx, err := l.db.Begin() //nolint:noctx // see above
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // of no effect after Commit
	last := Entry{Station: l.station}
	var hash []byte
	err = tx.QueryRow("SELECT seq, hash FROM entry WHERE station = ? ORDER BY seq DESC LIMIT 1", l.station).Scan(&last.Seq, &hash) //nolint:noctx // see above
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	copy(last.Hash[:], hash)
	for _, a := range batch {
		a.seq = last.Seq + 1
		if err := a.beside(tx); err != nil {
			return err
		}
		if a.err != nil { // taken back
			continue
		}
		e := Entry{Station: l.station, Seq: last.Seq + 1, TS: a.ts, Kind: a.kind, Body: a.body, Prev: last.Hash}
		e.Hash = e.sum()
		if _, err := tx.Exec("INSERT INTO entry (station, seq, ts, kind, body, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?)", //nolint:noctx // see above
			e.Station, e.Seq, e.TS, e.Kind, string(e.Body), e.Prev[:], e.Hash[:]); err != nil {
			return err
		}
		last = e
	}
	return tx.Commit()
}

// beside does what belongs to the entry, or takes it back.
func (a *addition) beside(tx *sql.Tx) error {
	if a.also == nil {
		return nil
	}
	if _, err := tx.Exec("SAVEPOINT beside"); err != nil { //nolint:noctx // see commit
		return err
	}
	if a.err = a.also(tx); a.err != nil {
		if _, err := tx.Exec("ROLLBACK TO beside"); err != nil { //nolint:noctx // see commit
			return err
		}
	} else {
		a.body, a.err = canon.Encode(a.of)
	}
	_, err := tx.Exec("RELEASE beside") //nolint:noctx // see commit
	return err
}
