// This file is what a supervisor says after the database was restored from a backup.

package fleet

import "context"

// Restored stops the leasing of identities from all pools, until each is settled: the database
// was restored from a backup, and has forgotten what it leased since. It returns how many
// pools there are.
func (db *DB) Restored(ctx context.Context) (pools int64, err error) {
	err = db.QueryRow(ctx, "SELECT zarya.restored()").Scan(&pools)
	return pools, Problem(err)
}
