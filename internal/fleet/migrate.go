// This file brings a database to this program's form.

package fleet

import (
	"context"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/zarya-station/zarya/internal/fleet/schema"
	"github.com/zarya-station/zarya/internal/problem"
)

// Migrate makes the database at a URL one of a fleet, or brings it to the newest version,
// and returns what it was (0: nothing) and is. The login owns what it makes: it may create
// roles and schemas. Two of them at once take turns.
func Migrate(ctx context.Context, rawURL string, as Login) (from, to int64, err error) {
	c, err := Parse(rawURL, as)
	if err != nil {
		return 0, 0, err
	}
	db := stdlib.OpenDB(*c.ConnConfig)
	defer func() { _ = db.Close() }()
	from, to, err = schema.Up(ctx, db)
	if err != nil && from > schema.Newest() {
		e := &VersionError{from, schema.Newest()}
		return from, from, problem.New(problem.Station, e.hint(), "%w (it has version %d, this one knows %d)", e, from, schema.Newest())
	}
	return from, to, Problem(err)
}
