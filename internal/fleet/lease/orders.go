// This file is what supervisors order: a table imported; with what can be done where it does
// not work.

package lease

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/sheet"
)

// Recipients reads age keys that secrets can be sealed for, as people type them.
func Recipients(own string, typed []string) (all []age.Recipient, err error) {
	for _, text := range append([]string{own}, typed...) {
		to, err := age.ParseX25519Recipient(text)
		if err != nil {
			return nil, problem.New(problem.Usage, "age1…, as age-keygen -y prints it", "--recipient %q: %w", text, err)
		}
		all = append(all, to)
	}
	return all, nil
}

// ImportTable imports a table of a file into a pool of the fleet. It returns how many rows the
// table has, and how many of them are new. Columns that were secret in the pool once are so
// again.
func ImportTable(ctx context.Context, db *fleet.DB, name, file string, table *sheet.Sheet, declared pool.Declaration,
	secret func(column string) bool, supervisors ...age.Recipient) (rows int, added int64, err error) {
	var key string
	err = db.QueryRow(ctx, "SELECT coalesce(min(name), '') FROM zarya.key_column WHERE pool = $1", name).Scan(&key)
	if err != nil {
		return 0, 0, fleet.Problem(err)
	}
	switch declared.Key {
	case "", key:
		declared.Key = key
	default:
		if key != "" {
			return 0, 0, problem.New(problem.Usage, "choose another --key, or leave it out",
				"--key: the key of the pool %s is its column %s", name, key)
		}
	}
	was, err := sealedColumns(ctx, db, name, table.Columns)
	if err != nil {
		return 0, 0, err
	}
	list, err := pool.RowsOf(file, table, declared, was, secret)
	if err != nil {
		return 0, 0, err
	}
	leased := make([]Row, len(list))
	for i, r := range list {
		leased[i] = Row{Columns: r.Columns, Secrets: r.Secrets}
	}
	added, err = Import(ctx, db, name, declared.Key, leased, supervisors...)
	var taken *KeyError
	switch {
	case errors.As(err, &taken) && taken.Row >= 0 && taken.Row < len(list):
		err = problem.New(problem.Invalid, "give it another "+taken.Key+", or take the line out",
			"%s:%d: %s %q is identity %d of the pool %s already", file, list[taken.Row].Line, taken.Key, taken.Value, taken.Number, taken.Pool)
	case errors.As(err, &taken):
		err = problem.New(problem.Usage, "choose another --key, or leave it out", "--key: %w", err)
	}
	return len(list), added, err
}

// sealedColumns are those of a table that the newest row of a pool has not open.
func sealedColumns(ctx context.Context, db *fleet.DB, name string, columns []string) (sealed []string, err error) {
	var text string
	err = db.QueryRow(ctx, `SELECT i.columns FROM zarya.identity i JOIN zarya.import m ON m.id = i.import
		WHERE i.pool = $1 AND m.secret ORDER BY i.number DESC LIMIT 1`, name).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	var open map[string]string
	if err == nil {
		err = json.Unmarshal([]byte(text), &open)
	}
	for _, c := range columns {
		if _, is := open[c]; !is {
			sealed = append(sealed, c)
		}
	}
	return slices.Clip(sealed), fleet.Problem(err)
}
