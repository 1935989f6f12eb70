// This file has the identities that a fleet leased to this station: taken in as a range,
// adopted with a tablet that came from elsewhere, and given back.

package pool

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/zarya-station/zarya/internal/ledger"
)

// Adopted is in the place of a request where the identity came with its tablet.
const Adopted = "adopted"

// LeasedError says that an identity is not this station's alone.
type LeasedError struct {
	Pool string
	ID   int64
}

func (e *LeasedError) Error() string {
	return fmt.Sprintf("identity %d of %s is the fleet's: other stations may know of its tablet", e.ID, e.Pool)
}

// OwnPoolError says that a pool was imported at this station, where a fleet has one of its name.
type OwnPoolError struct{ Pool string }

func (e *OwnPoolError) Error() string {
	return "the pool " + e.Pool + " was imported at this station, and is not the fleet's"
}

// leaseColumn is the column that says whether a row was leased, as far as the ledger has it.
func leaseColumn(l *ledger.Ledger) string {
	if l.Form() < formOfLeases {
		return "''"
	}
	return "lease"
}

// refuseLeased refuses to import into a pool that is the fleet's.
func refuseLeased(tx *ledger.Tx, pool string) error {
	var n int
	if err := tx.QueryRow("SELECT COUNT(*) FROM identity WHERE pool = ? AND lease <> ''", pool).Scan(&n); err != nil || n == 0 {
		return err
	}
	return &DeclarationError{"the pool " + pool + " is the fleet's: import into it there (--database URL), or choose another name"}
}

// TakeIn adds the rows of a lease, whose numbers begin with first, and says how many that
// were. A lease that was taken in already is left as it is. It is in one transaction with its
// entry: after a crash, all rows are there or none.
func TakeIn(l *ledger.Ledger, pool, request string, first int64, rows []Row, seal Seal) (added int, err error) {
	prepared := make([]preparedRow, len(rows))
	for i, r := range rows {
		if prepared[i], err = prepareRow(r, seal); err != nil {
			return 0, err
		}
	}
	body := &entryBody{Pool: pool, Lease: request, First: first, Count: int64(len(rows))}
	_, err = l.Append(KindLease, body, func(tx *ledger.Tx) error {
		var own, taken int
		err := tx.QueryRow("SELECT COUNT(CASE lease WHEN '' THEN 1 END), COUNT(CASE lease WHEN ? THEN 1 END) FROM identity WHERE pool = ?",
			request, pool).Scan(&own, &taken)
		switch {
		case err != nil:
			return err
		case own > 0:
			return &OwnPoolError{pool}
		case taken > 0 || len(rows) == 0:
			return ledger.ErrNothing
		}
		var proofs []byte
		for i, r := range prepared {
			proof, err := putLeased(tx, Identity{Pool: pool, ID: first + int64(i), State: StateFree, Lease: request}, r)
			if err != nil {
				return err
			}
			proofs = append(proofs, proof...)
		}
		body.Rows, added = digestText(proofs), len(rows)
		return nil
	})
	if errors.Is(err, ledger.ErrNothing) {
		return 0, nil
	}
	return added, err
}

// Adopt adds the identity that a tablet has from another station, and assigns it to the
// tablet. What the tablet had here is burned by whoever calls it, before.
func Adopt(l *ledger.Ledger, pool string, number int64, row Row, serial, job string, seal Seal) error {
	prepared, err := prepareRow(row, seal)
	if err != nil {
		return err
	}
	body := &entryBody{Pool: pool, ID: number, First: number, Count: 1, Serial: serial, Job: job, Lease: Adopted}
	_, err = l.Append(KindAdopt, body, func(tx *ledger.Tx) error {
		var own int
		if err := tx.QueryRow("SELECT COUNT(*) FROM identity WHERE pool = ? AND lease = ''", pool).Scan(&own); err != nil {
			return err
		}
		if own > 0 {
			return &OwnPoolError{pool}
		}
		i := Identity{Pool: pool, ID: number, State: StateAssigned, Serial: serial, Job: job, Lease: Adopted}
		proof, err := putLeased(tx, i, prepared)
		body.Rows = digestText([]byte(proof))
		return err
	})
	return err
}

// putLeased makes a leased identity what i says. One that was here before and given back is
// the same row still.
func putLeased(tx *ledger.Tx, i Identity, r preparedRow) (proof string, err error) {
	var state, digest string
	err = tx.QueryRow("SELECT state, digest, proof FROM identity WHERE pool = ? AND id = ?", i.Pool, i.ID).Scan(&state, &digest, &proof)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		salt := newSalt()
		proof = proveIdentity(salt, i.Pool, i.ID, r.columns, r.sealed)
		_, err = tx.Exec(`INSERT INTO identity (pool, id, columns, sealed, digest, state, serial, job, ts, note, station, seq, salt, proof, lease)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?)`,
			i.Pool, i.ID, r.columns, r.sealed, r.digest, i.State, i.Serial, i.Job, tx.TS, tx.Station, tx.Seq, salt, proof, i.Lease)
		return proof, err
	case err != nil:
		return "", err
	case state != StateReturned:
		return "", &StateError{i.Pool, i.ID, state}
	case digest != r.digest:
		return "", fmt.Errorf("identity %d of %s is not the row that it was", i.ID, i.Pool)
	}
	_, err = tx.Exec(`UPDATE identity SET state = ?, serial = ?, job = ?, note = '', ts = ?, station = ?, seq = ?, lease = ?
		WHERE pool = ? AND id = ?`,
		i.State, i.Serial, i.Job, tx.TS, tx.Station, tx.Seq, i.Lease, i.Pool, i.ID)
	return proof, err
}

// GiveBack gives the unused end of a lease back: from the first number on after which no
// tablet has one. The fleet has it when the entry has come there. It returns how many that are.
func GiveBack(l *ledger.Ledger, pool, request string) (n int64, err error) {
	body := &entryBody{Pool: pool, Lease: request}
	_, err = l.Append(KindGiveBack, body, func(tx *ledger.Tx) error {
		err := tx.QueryRow(`SELECT COALESCE(MIN(id), 0), COUNT(*) FROM identity WHERE pool = ?1 AND lease = ?2 AND state = 'free' AND station = ?3
			AND id > (SELECT COALESCE(MAX(id), 0) FROM identity WHERE pool = ?1 AND lease = ?2 AND state NOT IN ('free', 'returned'))`,
			pool, request, tx.Station).Scan(&body.First, &body.Count)
		if err != nil {
			return err
		}
		if n = body.Count; n == 0 {
			return ledger.ErrNothing
		}
		_, err = tx.Exec(`UPDATE identity SET state = 'returned', job = '', note = '', ts = ?, station = ?, seq = ?
			WHERE pool = ? AND lease = ? AND state = 'free' AND id >= ?`, tx.TS, tx.Station, tx.Seq, pool, request, body.First)
		return err
	})
	if errors.Is(err, ledger.ErrNothing) {
		return 0, nil
	}
	return n, err
}

// Leases are the requests of a pool that were taken in; "" is all pools.
func Leases(ctx context.Context, l *ledger.Ledger, pool string) (list []Identity, err error) {
	if l.Form() < formOfLeases {
		return nil, nil
	}
	rows, err := l.Query(ctx, `SELECT pool, lease, MIN(id) FROM identity WHERE lease NOT IN ('', ?) AND ? IN ('', pool)
		GROUP BY pool, lease ORDER BY pool, MIN(id)`, Adopted, pool)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var i Identity
		if err := rows.Scan(&i.Pool, &i.Lease, &i.ID); err != nil {
			return nil, err
		}
		list = append(list, i)
	}
	return list, errors.Join(rows.Err(), rows.Close())
}

// leased replays an entry about leased identities.
func (r *replay) leased(e ledger.Entry, b entryBody, station map[rowName]string) {
	state := rowState{record: e.Record(), state: StateFree}
	switch e.Kind {
	case KindAdopt:
		state.state, state.serial, state.job = StateAssigned, b.Serial, b.Job
	case KindGiveBack:
		state.state = StateReturned
	}
	if e.Kind != KindGiveBack {
		r.imports = append(r.imports, imported{e.Record(), b})
	}
	for id := b.First; id < b.First+b.Count; id++ {
		name := rowName{b.Pool, id}
		r.change(name, state, e.Station, station)
		if e.Kind != KindGiveBack {
			r.leases[name] = b.Lease
		}
	}
}

// compare orders names.
func (n rowName) compare(other rowName) int {
	return cmp.Or(cmp.Compare(n.pool, other.pool), cmp.Compare(n.id, other.id))
}

// IsOwn says whether a pool was imported at this station, and is no fleet's.
func IsOwn(ctx context.Context, l *ledger.Ledger, pool string) (is bool, err error) {
	err = l.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM identity WHERE pool = ? AND lease = '')", pool).Scan(&is)
	return is, err
}

// Holder is the number of the identity that a tablet has here; 0 is none.
func Holder(ctx context.Context, l *ledger.Ledger, pool, serial string) (id int64, err error) {
	err = l.QueryRow(ctx, "SELECT COALESCE(MAX(id), 0) FROM identity WHERE pool = ? AND serial = ? AND state IN ('assigned', 'bound')",
		pool, serial).Scan(&id)
	return id, err
}
