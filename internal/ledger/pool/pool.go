// This file has the pools: rows are imported, listed, given back, burned.

package pool

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/zarya-station/zarya/internal/ledger"
)

// The kinds of entries about identities.
const (
	KindImport = "identity-import"
	KindAssign = "identity-assign"
	KindBind   = "identity-bind"
	KindBurn   = "identity-burn"
	KindReturn = "identity-return"

	// Of identities that a fleet leased to this station.
	KindLease    = "identity-lease"
	KindAdopt    = "identity-adopt"
	KindGiveBack = "identity-give-back"
)

// The states of an identity. A free one is given to the next tablet; an assigned one
// belongs to its tablet, whether its job ends well or not; a bound one was read back from
// it; a burned one is never given again. A returned one was leased, and is the fleet's again.
const (
	StateFree     = "free"
	StateAssigned = "assigned"
	StateBound    = "bound"
	StateBurned   = "burned"
	StateReturned = "returned"
)

// Seal encrypts what is secret of an identity, and opens it again.
type Seal interface {
	Seal(plain []byte) (sealed string, err error)
	Open(sealed string) (plain []byte, err error)
}

// Identity is one identity as the ledger has it.
type Identity struct {
	Pool    string            `json:"pool"`
	ID      int64             `json:"id"`
	State   string            `json:"state"`
	Columns map[string]string `json:"columns"` // those that are no secrets
	Serial  string            `json:"serial,omitempty"`
	Job     string            `json:"job,omitempty"`
	TS      string            `json:"ts"` // of its last change; for people, never for a decision
	Note    string            `json:"note,omitempty"`
	Lease   string            `json:"lease,omitempty"` // the request under which it was leased, or adopted; "": it was imported here
}

// entryBody is an entry about an identity. Columns are not in it: the chain is exported,
// and a row may name a person.
type entryBody struct {
	Pool   string   `json:"pool"`
	ID     int64    `json:"id,omitempty"`
	Job    string   `json:"job,omitempty"`
	Serial string   `json:"serial,omitempty"`
	Note   string   `json:"note,omitempty"`
	Count  int64    `json:"count,omitempty"`  // imported
	First  int64    `json:"first,omitempty"`  // its number; those after it follow
	Rows   string   `json:"rows,omitempty"`   // the digest of their proofs
	Lease  string   `json:"lease,omitempty"`  // the request, of one that was leased; adopted, of one that came with its tablet
	Key    string   `json:"key,omitempty"`    // the column that is unique
	Secret []string `json:"secret,omitempty"` // the columns that are encrypted, whatever their names
}

// List returns the identities of a pool; "" is all pools.
func List(ctx context.Context, l *ledger.Ledger, pool string) ([]Identity, error) {
	if l.Form() < formOfPools {
		return nil, nil
	}
	rows, err := l.Query(ctx, "SELECT pool, id, columns, state, serial, job, ts, note, "+leaseColumn(l)+` FROM identity
		WHERE ? IN ('', pool) ORDER BY pool, id`, pool)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []Identity
	for rows.Next() {
		var i Identity
		var columns string
		if err := rows.Scan(&i.Pool, &i.ID, &columns, &i.State, &i.Serial, &i.Job, &i.TS, &i.Note, &i.Lease); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(columns), &i.Columns); err != nil {
			return nil, fmt.Errorf("identity %s-%d: %w", i.Pool, i.ID, err)
		}
		all = append(all, i)
	}
	return all, rows.Err()
}

// Free is how many identities a pool has left to give. What was leased under another name of
// this station is not counted.
func Free(ctx context.Context, l *ledger.Ledger, pool string) (n int, err error) {
	err = l.QueryRow(ctx, "SELECT COUNT(*) FROM identity WHERE pool = ? AND state = ? AND (lease = '' OR station = ?)",
		pool, StateFree, l.Station()).Scan(&n)
	return n, err
}

// StateError says that an identity is not in the state for what is asked.
type StateError struct {
	Pool  string
	ID    int64
	State string // "" if there is no such identity
}

func (e *StateError) Error() string {
	if e.State == "" {
		return fmt.Sprintf("there is no identity %d in the pool %s", e.ID, e.Pool)
	}
	return fmt.Sprintf("identity %d of %s is %s", e.ID, e.Pool, e.State)
}

// BegunError says that an identity may be on its tablet.
type BegunError struct {
	Pool   string
	ID     int64
	Serial string
}

func (e *BegunError) Error() string {
	tablet := e.Serial
	if tablet == "" {
		tablet = "without a serial"
	}
	return fmt.Sprintf("identity %d of %s may be on the tablet %s: its job had begun to write", e.ID, e.Pool, tablet)
}

// change is a change of one identity's state.
type change struct {
	kind   string
	from   []string
	to     string
	job    string
	note   string
	refuse func(tx *ledger.Tx, i Identity) error // may refuse it; nil never does
}

// changeState changes one identity's state, if it is in one of those from which it can.
func changeState(l *ledger.Ledger, pool string, id int64, c change) error {
	body := &entryBody{Pool: pool, ID: id, Job: c.job, Note: c.note}
	_, err := l.Append(c.kind, body, func(tx *ledger.Tx) error {
		now := Identity{Pool: pool, ID: id}
		err := tx.QueryRow("SELECT state, serial, job, lease FROM identity WHERE pool = ? AND id = ?", pool, id).
			Scan(&now.State, &now.Serial, &now.Job, &now.Lease)
		if errors.Is(err, sql.ErrNoRows) {
			return &StateError{pool, id, ""}
		}
		if err != nil {
			return err
		}
		if !slices.Contains(c.from, now.State) {
			return &StateError{pool, id, now.State}
		}
		if c.refuse != nil {
			if err := c.refuse(tx, now); err != nil {
				return err
			}
		}
		body.Serial, body.Lease = now.Serial, now.Lease
		if c.to == StateFree {
			now.Serial = ""
		}
		_, err = tx.Exec("UPDATE identity SET state = ?, serial = ?, job = ?, note = ?, ts = ?, station = ?, seq = ? WHERE pool = ? AND id = ?",
			c.to, now.Serial, c.job, c.note, tx.TS, tx.Station, tx.Seq, pool, id)
		return err
	})
	return err
}

// Return gives back an identity that was assigned and never written to its tablet. Where
// its job had begun to write, it is a *BegunError; where a fleet leased it, a *LeasedError.
func Return(l *ledger.Ledger, pool string, id int64, note string) error {
	return changeState(l, pool, id, change{kind: KindReturn, from: []string{StateAssigned}, to: StateFree, note: note, refuse: refuseBegun})
}

// Burn takes an identity out of use for ever.
func Burn(l *ledger.Ledger, pool string, id int64, note string) error {
	return changeState(l, pool, id, change{kind: KindBurn, from: []string{StateFree, StateAssigned, StateBound}, to: StateBurned, note: note})
}

// refuseBegun refuses if a job came as far as writing since the identity was assigned to
// its tablet. Since is by the chain, not by the clock. Entries of another station (this one
// may have had another name) are in no order with the assignment: they count all.
func refuseBegun(tx *ledger.Tx, i Identity) error {
	if i.Lease != "" {
		return &LeasedError{i.Pool, i.ID}
	}
	var begun int
	err := tx.QueryRow(`SELECT COUNT(*) FROM entry AS intent WHERE kind = 'intent'
		AND (json_extract(body, '$.job') = ?1 OR ?2 <> '' AND json_extract(body, '$.serial') = ?2)
		AND seq > COALESCE((SELECT MAX(seq) FROM entry AS assigned WHERE assigned.station = intent.station AND assigned.kind = ?3
			AND json_extract(assigned.body, '$.pool') = ?4 AND json_extract(assigned.body, '$.id') = ?5), 0)`,
		i.Job, i.Serial, KindAssign, i.Pool, i.ID).Scan(&begun)
	if err != nil {
		return err
	}
	if begun > 0 {
		return &BegunError{i.Pool, i.ID, i.Serial}
	}
	return nil
}
