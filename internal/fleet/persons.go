// This file takes things out of the database: what leads to a person, and old months.

package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/zarya-station/zarya/internal/problem"
)

// Erase takes what leads to a person out of all entries about a tablet, and returns how many those
// were. Hashes stay, so the chains go on through them. That it was done, and why, is kept.
func (db *DB) Erase(ctx context.Context, serial, why string) (entries int64, err error) {
	if serial == "" || why == "" {
		return 0, problem.New(problem.Usage, "the reason is kept; that of a tablet is erased", "name the tablet, and why")
	}
	err = db.Tx(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "SELECT zarya.erase($1, $2)", serial, why).Scan(&entries)
	})
	return entries, err
}

// Month is a month of entries, by when the database received them.
type Month struct {
	Month string `json:"month"` // YYYY-MM
	Table string `json:"table"` // that has them once they are taken out
	// Earlier says that an earlier run took it out to drop it, and was cut off between the two.
	Earlier bool `json:"earlier,omitempty"`

	begun     bool // somebody began to take it out, and was cut off
	condemned bool // it is marked to be dropped
}

// dropMark is the comment of a table that is to be dropped. It is there before the table is taken
// out: so one that was kept on purpose is told from one that is left of a run that was cut off.
const dropMark = "zarya fleet retire --drop"

// Months are those that the database has entries of, the oldest first.
func (db *DB) Months(ctx context.Context) ([]Month, error) {
	list, err := db.monthTables(ctx)
	return slices.DeleteFunc(list, func(m Month) bool { return m.Earlier }), err
}

// monthTables are the months that the database has entries of, and those that an earlier run was to
// drop, the oldest first.
func (db *DB) monthTables(ctx context.Context) ([]Month, error) {
	rows, err := db.Query(ctx, `SELECT * FROM (
		SELECT c.relname, i.inhrelid IS NULL, coalesce(i.inhdetachpending, false),
			obj_description(c.oid, 'pg_class') IS NOT DISTINCT FROM $1
		FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = 'zarya.entry'::regclass
		WHERE c.relnamespace = 'zarya'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^entry_[0-9]{4}_[0-9]{2}$'
		) t (name, out, begun, condemned)
		WHERE condemned OR NOT out ORDER BY name`, dropMark)
	if err != nil {
		return nil, Problem(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Month, err error) {
		err = row.Scan(&m.Table, &m.Earlier, &m.begun, &m.condemned)
		if err == nil {
			m.Month, m.Table = m.Table[6:10]+"-"+m.Table[11:], "zarya."+m.Table
		}
		return m, err
	})
	return list, Problem(err)
}

// Retire takes the entries of all months up to and with the month last (YYYY-MM) out of the
// database, the oldest first: a chain may lose its beginning, and not its middle. Each month is a
// table that only the owner reads, or, with drop, is gone. Work goes on meanwhile. The month that
// runs stays. What an earlier call was cut off in is done to its end.
func (db *DB) Retire(ctx context.Context, last string, drop bool) ([]Month, error) {
	if _, err := time.Parse("2006-01", last); err != nil {
		return nil, problem.New(problem.Usage, "write it as 2026-01", "%q is no month", last)
	}
	var now string
	if err := db.QueryRow(ctx, "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')").Scan(&now); err != nil {
		return nil, Problem(err)
	}
	if last >= now {
		return nil, problem.New(problem.Usage, "name one before "+now, "%s is not over", last)
	}
	months, err := db.monthTables(ctx)
	if err != nil {
		return nil, err
	}
	months = slices.DeleteFunc(months, func(m Month) bool { return m.Month > last })
	for i, m := range months {
		for _, statement := range m.retire(drop) {
			if _, err := db.Exec(ctx, statement); err != nil {
				return months[:i], Problem(err)
			}
		}
	}
	return months, nil
}

// retire is what takes a month out, or does the rest of it. Each statement stands for itself: a
// partition cannot be detached within a transaction while work goes on.
func (m Month) retire(drop bool) (statements []string) {
	switch {
	case drop && !m.condemned:
		statements = append(statements, "COMMENT ON TABLE "+m.Table+" IS '"+dropMark+"'")
	case !drop && m.condemned: // it is wanted now
		statements = append(statements, "COMMENT ON TABLE "+m.Table+" IS NULL")
	}
	switch {
	case m.Earlier:
	case m.begun:
		statements = append(statements, "ALTER TABLE zarya.entry DETACH PARTITION "+m.Table+" FINALIZE")
	default: // readers and writers are not waited for by others
		statements = append(statements, "ALTER TABLE zarya.entry DETACH PARTITION "+m.Table+" CONCURRENTLY")
	}
	if drop {
		statements = append(statements, "DROP TABLE "+m.Table)
	}
	return statements
}
