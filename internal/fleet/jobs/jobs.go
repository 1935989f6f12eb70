// Package jobs reads the jobs of all stations from the fleet's database, as package ledger
// reads those of one station from its ledger: package report counts either.
//
// Entries are read as the server sends them, one station after the other, all as of one
// moment; in memory are only the jobs that were under way at one station.
package jobs

import (
	"context"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/ledger"
)

// Reader reads what the login of DB may see: a station its own, others all; one that may only
// count, all without what leads to a person.
type Reader struct {
	DB       *fleet.DB
	Stations []string // only theirs; none are all
}

// grace is how far a station's clock may be ahead of the database's: months that were received
// earlier than that before a span are not looked into.
const grace = 32 * 24 * time.Hour

// Ended returns the jobs that ended at or after since and before until, as
// [ledger.Ledger.Ended] does.
func (r Reader) Ended(ctx context.Context, since, until time.Time) iter.Seq2[*ledger.JobRecord, error] {
	span := ledger.Span{Since: since, Until: until}
	from, before := span.Stamps()
	month := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	if !since.IsZero() {
		early := since.UTC().Add(-grace)
		month = time.Date(early.Year(), early.Month(), 1, 0, 0, 0, 0, time.UTC)
	}
	return span.Ended(r.entries(ctx, `kind = ANY($2) AND ts COLLATE "C" >= $3 AND ts COLLATE "C" < $4 AND month >= $5`,
		ledger.JobKinds[:], from, before, month))
}

// Dispositions are what becomes of tablets that failed, by the records of their jobs.
func (r Reader) Dispositions(ctx context.Context) (map[string]ledger.Disposition, error) {
	return ledger.DispositionsOf(r.entries(ctx, "kind = $2", ledger.KindDisposition))
}

// begin lasts as long as it must, and changes nothing.
const begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; " +
	"SET LOCAL idle_in_transaction_session_timeout = 0"

// entries are those for which a condition holds, by station and number, without their hashes.
// $1 is the station.
func (r Reader) entries(ctx context.Context, where string, args ...any) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		ctx, cancel := context.WithCancel(ctx) // what is not wanted any more is not read to its end
		defer cancel()
		tx, err := r.DB.BeginTx(ctx, pgx.TxOptions{BeginQuery: begin})
		if err != nil {
			yield(ledger.Entry{}, fleet.Problem(err))
			return
		}
		defer func() { _ = tx.Rollback(ctx) }()
		var whole bool
		var stations []string
		err = tx.QueryRow(ctx, "SELECT has_table_privilege('zarya.entry', 'SELECT')").Scan(&whole)
		from := names{"zarya.station", "zarya.entry"}
		if !whole {
			from = names{"zarya.counted_station", "zarya.counted_entry"}
		}
		if err == nil {
			stations, err = r.stations(ctx, tx, from)
		}
		for _, station := range stations {
			var more bool
			if more, err = stationEntries(ctx, tx, from, station, where, args, yield); !more {
				break
			}
		}
		if err != nil {
			yield(ledger.Entry{}, fleet.Problem(err))
		}
	}
}

// names are where stations and entries are read.
type names struct{ station, entry string }

// stations are those that are read, in the order that a ledger has them in.
func (r Reader) stations(ctx context.Context, tx pgx.Tx, from names) ([]string, error) {
	rows, err := tx.Query(ctx, "SELECT name FROM "+from.station+` WHERE $1::text[] IS NULL OR name = ANY($1) ORDER BY name COLLATE "C"`,
		r.Stations)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// stationEntries yields those of one station; more is false if no further ones are wanted.
func stationEntries(ctx context.Context, tx pgx.Tx, from names, station, where string, args []any,
	yield func(ledger.Entry, error) bool) (more bool, err error) {
	rows, err := tx.Query(ctx,
		"SELECT seq, ts, kind, body FROM "+from.entry+" WHERE station = $1 AND "+where+" ORDER BY seq", append([]any{station}, args...)...)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	for rows.Next() {
		e := ledger.Entry{Station: station}
		if err := rows.Scan(&e.Seq, &e.TS, &e.Kind, &e.Body); err != nil {
			return false, err
		}
		if !yield(e, nil) {
			return false, nil
		}
	}
	return rows.Err() == nil, rows.Err()
}
