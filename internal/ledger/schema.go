// This file connects to the database, and brings it to the form that this version knows.

package ledger

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"

	"github.com/zarya-station/zarya/internal/flock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// connect opens the database file. Writers wait for the disk at each commit, and take the
// database's only write lock when their transaction begins.
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

// readForm reads which form the database has, and refuses one that a newer version made.
func (l *Ledger) readForm(ctx context.Context) error {
	p, err := l.provider()
	if err != nil {
		return err
	}
	sources := p.ListSources()
	newest := sources[len(sources)-1].Version
	// One statement, so one state of the database: another process may be making it.
	var tables, ours int
	err = l.db.QueryRowContext(ctx, "SELECT COUNT(*), COUNT(CASE name WHEN ? THEN 1 END) FROM sqlite_master",
		goose.DefaultTablename).Scan(&tables, &ours)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", l.path, err)
	case tables == 0:
		return nil // new
	case ours == 0:
		return fmt.Errorf("%s is a database, but no ledger: it has no table %s", l.path, goose.DefaultTablename)
	}
	err = l.db.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version").Scan(&l.form)
	if err != nil {
		return fmt.Errorf("%s: %w", l.path, err)
	}
	if l.form > newest {
		return &NewerError{l.path, l.form, newest}
	}
	return nil
}

// migrate brings the database to the newest form. The caller has lockForm.
func (l *Ledger) migrate(ctx context.Context) error {
	if err := l.readForm(ctx); err != nil {
		return err
	}
	p, err := l.provider()
	if err != nil {
		return err
	}
	sources := p.ListSources()
	if l.form == sources[len(sources)-1].Version {
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return &WriteError{err}
	}
	return l.readForm(ctx)
}

// lockForm makes processes that open the ledger at path for writing take turns until
// release: one makes it, or brings it to the newest form, and the others find it so. SQLite
// itself answers "busy" at once, without waiting, to those who turn a new file to WAL at one
// moment.
func lockForm(path string) (release func(), err error) {
	f, err := os.OpenFile(path+".migrate", os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // beside the file that the user named
	if err != nil {
		return nil, &WriteError{err}
	}
	if err := flock.Wait(f); err != nil {
		_ = f.Close()
		return nil, &WriteError{err}
	}
	return func() { _ = f.Close() }, nil // and with it the lock
}
