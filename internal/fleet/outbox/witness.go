// This file is the fleet's database as a witness: it keeps heads that a station signed, and a
// ledger is compared with what it has.

package outbox

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/ledger"
)

// keepTimeout is how long the database may take to keep a head.
const keepTimeout = 10 * time.Second

// Witness keeps heads in the fleet's database. It is an evidence.Witness.
type Witness struct {
	Connect func(context.Context) (*fleet.DB, error)
}

func (w Witness) String() string { return "the fleet's database" }

// Keep keeps a head, under the name of the login.
func (w Witness) Keep(ctx context.Context, h ledger.Head) error {
	hash, err := hex.DecodeString(h.Hash)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	db, err := w.Connect(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(ctx, "SELECT zarya.keep_head($1, $2, $3, $4)", h.Seq, hash, h.Time, h.Signature)
	return fleet.Problem(err)
}

// maxKept is how many heads of a station are compared, the newest.
const maxKept = 10_000

// Kept are the heads that a station signed, the newest last, and the key that it joined with,
// as a line of allowed_signers; none of a station that the login does not see.
func Kept(ctx context.Context, db *fleet.DB, station string) (heads []ledger.Head, key string, err error) {
	err = db.QueryRow(ctx, "SELECT coalesce(min(public_key), '') FROM zarya.station WHERE name = $1", station).Scan(&key)
	if err != nil || key == "" {
		return nil, "", fleet.Problem(err)
	}
	rows, err := db.Query(ctx, `SELECT seq, hash, time, signature FROM (SELECT * FROM zarya.signed_head WHERE station = $1
		ORDER BY seq DESC LIMIT $2) newest ORDER BY seq`, station, maxKept)
	if err != nil {
		return nil, "", fleet.Problem(err)
	}
	heads, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (ledger.Head, error) {
		h, hash := ledger.Head{Station: station}, []byte(nil)
		err := row.Scan(&h.Seq, &hash, &h.Time, &h.Signature)
		h.Hash = hex.EncodeToString(hash)
		return h, err
	})
	return heads, station + " " + key, fleet.Problem(err)
}

// compareAtOnce is how many entries are asked for at once.
const compareAtOnce = 5000

// Compared is what of a ledger was held to the database.
type Compared struct {
	Entries     int
	First, Last int64 // the first entry that the database has, and where it says that the chain ends; 0 is none
}

// Retired is up to which entry the database has none any more: their months were taken out.
func (c Compared) Retired() int64 {
	if c.Entries == 0 {
		return c.Last
	}
	return c.First - 1
}

// Compare holds a ledger to all entries of a station that the database has, and to where it says
// that the chain ends. What the ledger has not, or has otherwise, is a *ledger.RolledBackError.
func Compare(ctx context.Context, db *fleet.DB, l *ledger.Ledger, station string) (c Compared, err error) {
	end, err := headHere(ctx, db, station)
	if err != nil || end.Seq == 0 {
		return c, err
	}
	c.Last = end.Seq
	for last := int64(0); ; {
		rows, err := db.Query(ctx, "SELECT seq, hash FROM zarya.entry WHERE station = $1 AND seq > $2 ORDER BY seq LIMIT $3",
			station, last, compareAtOnce)
		if err != nil {
			return c, fleet.Problem(err)
		}
		heads, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (ledger.Head, error) {
			h, hash := ledger.Head{Station: station}, []byte(nil)
			err := row.Scan(&h.Seq, &hash)
			h.Hash = hex.EncodeToString(hash)
			return h, err
		})
		if err != nil {
			return c, fleet.Problem(err)
		}
		if len(heads) == 0 {
			return c, l.CompareHeads(ctx, []ledger.Head{end}, Witness{}.String())
		}
		if c.Entries == 0 { // old months were taken out of it
			c.First, last = heads[0].Seq, heads[0].Seq-1
		}
		for i, h := range heads {
			if want := last + 1 + int64(i); h.Seq != want {
				return c, fmt.Errorf("the fleet's database has no entry %s, and some after it", ledger.RecordName(station, want))
			}
		}
		if err := l.CompareHeads(ctx, heads, Witness{}.String()); err != nil {
			return c, err
		}
		c.Entries, last = c.Entries+len(heads), heads[len(heads)-1].Seq
	}
}

// headHere is where the database says that a station's chain ends, also when it has no entry of
// it any more.
func headHere(ctx context.Context, db *fleet.DB, station string) (ledger.Head, error) {
	h, hash := ledger.Head{Station: station}, []byte(nil)
	err := db.QueryRow(ctx, "SELECT seq, hash FROM zarya.head WHERE station = $1", station).Scan(&h.Seq, &hash)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	h.Hash = hex.EncodeToString(hash)
	return h, fleet.Problem(err)
}
