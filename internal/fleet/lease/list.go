// This file lists what the database has of identities.

package lease

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/untrusted"
)

// Listed is one identity.
type Listed struct {
	Pool    string            `json:"pool"`
	Number  int64             `json:"id"`
	State   string            `json:"state"` // free, leased, assigned, bound, burned, returned, written-off, abandoned
	Station string            `json:"station,omitempty"`
	Columns map[string]string `json:"columns"` // those that are no secrets
	Serial  string            `json:"serial,omitempty"`
	TS      string            `json:"ts,omitempty"` // of the entry that said it last
	Note    string            `json:"note,omitempty"`
}

// stateOf is the state of the identity i of the pool p, in SQL: what its binding says, else
// what the range says in which it is.
const stateOf = `CASE WHEN b.pool IS NOT NULL THEN b.state WHEN l.burned_at IS NOT NULL THEN 'written-off'
  WHEN l.pool IS NOT NULL THEN 'leased' WHEN i.number >= p.next THEN 'free'
  WHEN EXISTS (SELECT FROM zarya.returned r WHERE r.pool = i.pool AND i.number BETWEEN r.first AND r.last) THEN 'returned'
  ELSE 'abandoned' END`

const fromIdentities = ` FROM zarya.identity i JOIN zarya.pool p ON p.name = i.pool
  LEFT JOIN zarya.binding b ON b.pool = i.pool AND b.number = i.number
  LEFT JOIN zarya.lease l ON l.span @> ((p.id::bigint << 40) + i.number)
  WHERE $1 IN ('', i.pool) AND $2 IN ('', coalesce(b.station, l.station, ''))`

// List calls do for each identity of a pool and of a station, in order; "" is all.
func List(ctx context.Context, db *fleet.DB, pool, station string, do func(Listed) error) error {
	rows, err := db.Query(ctx, "SELECT i.pool, i.number, "+stateOf+`, coalesce(b.station, l.station, ''), i.columns, coalesce(b.serial, ''),
		coalesce(b.ts, ''), coalesce(b.note, '')`+fromIdentities+" ORDER BY i.pool, i.number", pool, station)
	if err != nil {
		return fleet.Problem(err)
	}
	var i Listed
	var columns string
	_, err = pgx.ForEachRow(rows, []any{&i.Pool, &i.Number, &i.State, &i.Station, &columns, &i.Serial, &i.TS, &i.Note}, func() error {
		i.Columns = nil
		if err := json.Unmarshal([]byte(columns), &i.Columns); err != nil {
			return err
		}
		i.Serial, i.TS, i.Note = untrusted.Line(i.Serial, 256), untrusted.Line(i.TS, 40), untrusted.Line(i.Note, 300)
		return do(i)
	})
	return fleet.Problem(err)
}

// Count is how many identities of a pool a station has in a state; Station is "" for those
// that no station has.
type Count struct {
	Pool    string `json:"pool"`
	Station string `json:"station,omitempty"`
	State   string `json:"state"`
	Count   int64  `json:"count"`
}

// Counts counts the identities of a pool and of a station; "" is all.
func Counts(ctx context.Context, db *fleet.DB, pool, station string) ([]Count, error) {
	rows, err := db.Query(ctx, "SELECT x.pool, x.station, x.state, count(*) FROM (SELECT i.pool, "+
		"coalesce(b.station, l.station, '') AS station, "+stateOf+" AS state"+fromIdentities+
		") x GROUP BY 1, 2, 3 ORDER BY 1, 2, 3", pool, station)
	if err != nil {
		return nil, fleet.Problem(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Count])
	return list, fleet.Problem(err)
}

// Sum adds up what is counted of one state in one place.
func Sum(counts []Count) []Count {
	all := []Count{}
	at := map[Count]int{}
	for _, c := range counts {
		n := c.Count
		c.Count = 0
		if _, is := at[c]; !is {
			at[c] = len(all)
			all = append(all, c)
		}
		all[at[c]].Count += n
	}
	return all
}

// Found is a clash, for a supervisor.
type Found struct {
	What    string    `json:"what"`
	Station string    `json:"station"`
	Pool    string    `json:"pool"`
	Number  int64     `json:"id"`
	Serial  string    `json:"serial,omitempty"`
	Other   int64     `json:"other,omitempty"`
	Record  string    `json:"record"`
	Note    string    `json:"note,omitempty"`
	At      time.Time `json:"at"`
}

// Trouble are the newest clashes of a pool and of a station, the oldest first; "" is all.
func Trouble(ctx context.Context, db *fleet.DB, pool, station string) ([]Found, error) {
	rows, err := db.Query(ctx, `SELECT * FROM (SELECT what, station, pool, number, serial, coalesce(other, 0), record, note, at
		FROM zarya.clash WHERE $1 IN ('', pool) AND $2 IN ('', station) ORDER BY id DESC LIMIT 100) newest ORDER BY at, record`, pool, station)
	if err != nil {
		return nil, fleet.Problem(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Found])
	for i := range list {
		list[i].Serial, list[i].Note = untrusted.Line(list[i].Serial, 256), untrusted.Line(list[i].Note, 300)
	}
	return list, fleet.Problem(err)
}
