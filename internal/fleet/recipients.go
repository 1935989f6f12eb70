// This file reads for whom secrets may be sealed.

package fleet

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Recipients are the age keys of the stations, by name: of those that have joined and were
// not revoked, and only where the station's own signature is under its key.
func (db *DB) Recipients(ctx context.Context) (map[string]string, error) {
	rows, err := db.Query(ctx, `SELECT name, public_key, recipient, proof FROM zarya.station
		WHERE joined_at IS NOT NULL AND revoked_at IS NULL AND recipient <> '' ORDER BY name LIMIT 100000`)
	if err != nil {
		return nil, Problem(err)
	}
	all := map[string]string{}
	var name, key, recipient, proof string
	_, err = pgx.ForEachRow(rows, []any{&name, &key, &recipient, &proof}, func() error {
		if isProven(name, key, recipient, proof) {
			all[name] = recipient
		}
		return nil
	})
	return all, Problem(err)
}
