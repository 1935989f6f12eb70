// Package schema is the form of a fleet's database: its tables, roles and functions, as
// migrations that the owner runs.
//
// Everything is in the schema zarya. A migration that makes a table enables row-level
// security on it and says in policies which rows a station sees; a station changes nothing
// but through functions that take its name from its login (zarya.current_station). An
// object's owner is the role that migrates.
package schema

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Table has the versions that were applied.
const Table = "zarya.schema_version"

// Newest is the version that this program knows.
func Newest() int64 {
	sources, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil || len(sources) == 0 {
		panic("the migrations are not embedded")
	}
	newest, err := goose.NumericComponent(sources[len(sources)-1])
	if err != nil {
		panic(err)
	}
	return newest
}

// Up brings the database to the newest version and returns what it was and is. It is
// connected to the server itself, not through a pooler: it holds a lock while it works, so
// that two of them take turns.
func Up(ctx context.Context, db *sql.DB) (from, to int64, err error) {
	if _, err := db.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS zarya"); err != nil {
		return 0, 0, err
	}
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return 0, 0, err
	}
	store, err := database.NewStore(database.DialectPostgres, Table)
	if err != nil {
		return 0, 0, err
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return 0, 0, err
	}
	p, err := goose.NewProvider("", db, sub, goose.WithStore(store), goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return 0, 0, err
	}
	if from, err = p.GetDBVersion(ctx); err != nil {
		return 0, 0, err
	}
	if from > Newest() {
		return from, from, fmt.Errorf("the database has version %d, this program knows %d", from, Newest())
	}
	if _, err = p.Up(ctx); err != nil {
		return from, 0, err
	}
	to, err = p.GetDBVersion(ctx)
	return from, to, err
}
