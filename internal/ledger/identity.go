// This file is the supply of identities: pools of rows, each given to one tablet and
// never to another. Every change of a row is an entry of the ledger too, in the same
// transaction.

package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/canon"
)

// The kinds of entries about identities.
const (
	KindImport = "identity-import"
	KindAssign = "identity-assign"
	KindBind   = "identity-bind"
	KindBurn   = "identity-burn"
	KindReturn = "identity-return"
)

// The states of an identity. A free one is given to the next tablet; an assigned one
// belongs to its tablet, whether its job ends well or not; a bound one was read back from
// it; a burned one is never given again.
const (
	StateFree     = "free"
	StateAssigned = "assigned"
	StateBound    = "bound"
	StateBurned   = "burned"
)

// Seal encrypts what is secret of an identity, and opens it again.
type Seal interface {
	Seal(plain []byte) (sealed string, err error)
	Open(sealed string) (plain []byte, err error)
}

// IdentityRow is one identity as the ledger has it.
type IdentityRow struct {
	Pool    string            `json:"pool"`
	ID      int64             `json:"id"`
	State   string            `json:"state"`
	Columns map[string]string `json:"columns"` // those that are no secrets
	Serial  string            `json:"serial,omitempty"`
	Job     string            `json:"job,omitempty"`
	TS      string            `json:"ts"`
	Note    string            `json:"note,omitempty"`
}

// identityBody is an entry about an identity. Columns are not in it: the chain is
// exported, and a row may name a person.
type identityBody struct {
	Pool   string `json:"pool"`
	ID     int64  `json:"id,omitempty"`
	Count  int64  `json:"count,omitempty"` // imported
	Job    string `json:"job,omitempty"`
	Serial string `json:"serial,omitempty"`
	Note   string `json:"note,omitempty"`
}

// NewIdentity is one row to import.
type NewIdentity struct{ Columns, Secrets map[string]string }

// stamp is the time as entries have it.
func stamp() string { return time.Now().UTC().Format(timeForm) }

// Import adds rows to a pool, all or none, and says how many were new. A row that is
// there already is left as it is, so that a file can be imported again.
func (l *Ledger) Import(_ context.Context, pool string, rows []NewIdentity, seal Seal) (added int, err error) {
	type prepared struct{ columns, sealed, digest string }
	ready := make([]prepared, len(rows))
	for i, r := range rows {
		columns, err := canon.Encode(r.Columns)
		if err != nil {
			return 0, err
		}
		secrets, err := canon.Encode(r.Secrets)
		if err != nil {
			return 0, err
		}
		// The digest is of what is no secret: with the rest it would be a way to try values.
		sum := sha256.Sum256(columns)
		ready[i] = prepared{columns: string(columns), digest: hex.EncodeToString(sum[:])}
		if len(r.Secrets) > 0 {
			if ready[i].sealed, err = seal.Seal(secrets); err != nil {
				return 0, err
			}
		}
	}
	body := &identityBody{Pool: pool}
	_, err = l.addWith(KindImport, body, func(tx *sql.Tx) error {
		added = 0
		var last int64
		if err := tx.QueryRow("SELECT COALESCE(MAX(id), 0) FROM identity WHERE pool = ?", pool).Scan(&last); err != nil { //nolint:noctx // see commit
			return err
		}
		for _, r := range ready {
			res, err := tx.Exec("INSERT INTO identity VALUES (?, ?, ?, ?, ?, 'free', '', '', ?, '') ON CONFLICT (pool, digest) DO NOTHING", //nolint:noctx // see commit
				pool, last+1, r.columns, r.sealed, r.digest, stamp())
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil {
				return err
			} else if n > 0 {
				last++
				added++
			}
		}
		body.Count = int64(added)
		return nil
	})
	return added, err
}

// ListIdentities gives the rows of a pool; "" is all pools.
func (l *Ledger) ListIdentities(ctx context.Context, pool string) ([]IdentityRow, error) {
	rows, err := l.db.QueryContext(ctx, "SELECT pool, id, columns, state, serial, job, ts, note FROM identity WHERE ? IN ('', pool) ORDER BY pool, id", pool)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []IdentityRow
	for rows.Next() {
		var r IdentityRow
		var columns string
		if err := rows.Scan(&r.Pool, &r.ID, &columns, &r.State, &r.Serial, &r.Job, &r.TS, &r.Note); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(columns), &r.Columns); err != nil {
			return nil, fmt.Errorf("identity %s-%d: %w", r.Pool, r.ID, err)
		}
		all = append(all, r)
	}
	return all, rows.Err()
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

// move changes one row's state, if it is in one of those given, with an entry.
func (l *Ledger) move(kind, pool string, id int64, from []string, to, job, note string) error {
	body := &identityBody{Pool: pool, ID: id, Job: job, Note: note}
	_, err := l.addWith(kind, body, func(tx *sql.Tx) error {
		var state, serial string
		err := tx.QueryRow("SELECT state, serial FROM identity WHERE pool = ? AND id = ?", pool, id).Scan(&state, &serial) //nolint:noctx // see commit
		if errors.Is(err, sql.ErrNoRows) {
			return &StateError{pool, id, ""}
		}
		if err != nil {
			return err
		}
		for _, f := range from {
			if state == f {
				body.Serial = serial
				if to == StateFree {
					serial = ""
				}
				_, err := tx.Exec("UPDATE identity SET state = ?, serial = ?, job = ?, ts = ?, note = ? WHERE pool = ? AND id = ?", to, serial, job, stamp(), note, pool, id) //nolint:noctx // see commit
				return err
			}
		}
		return &StateError{pool, id, state}
	})
	return err
}

// Return gives back an identity that was assigned and never written to its tablet.
func (l *Ledger) Return(pool string, id int64, note string) error {
	return l.move(KindReturn, pool, id, []string{StateAssigned}, StateFree, "", note)
}

// Burn takes an identity out of use for ever.
func (l *Ledger) Burn(pool string, id int64, note string) error {
	return l.move(KindBurn, pool, id, []string{StateFree, StateAssigned, StateBound}, StateBurned, "", note)
}

// Begun reports whether a job came as far as writing since the identity was assigned to
// its tablet, so that its values may be there.
func (l *Ledger) Begun(ctx context.Context, r IdentityRow) (bool, error) {
	var n int
	err := l.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM entry WHERE kind = ? AND
		(json_extract(body, '$.job') = ? OR ? <> '' AND json_extract(body, '$.serial') = ? AND ts >= ?)`, KindIntent, r.Job, r.Serial, r.Serial, r.TS).Scan(&n)
	return n > 0, err
}

// Identities is the supply for jobs.
func (l *Ledger) Identities(seal Seal) flash.Identities { return &supply{l, seal} }

type supply struct {
	l    *Ledger
	seal Seal
}

// Assign gives a tablet its identity, or the first free one.
func (s *supply) Assign(_ context.Context, pool, serial, job string) (*flash.Identity, error) {
	id := &flash.Identity{Pool: pool}
	body := &identityBody{Pool: pool, Job: job, Serial: serial}
	var columns, sealed string
	_, err := s.l.addWith(KindAssign, body, func(tx *sql.Tx) error {
		const row = "SELECT id, columns, sealed FROM identity WHERE pool = ? AND "
		err := sql.ErrNoRows
		if serial != "" {
			err = tx.QueryRow(row+"serial = ? AND state IN ('assigned', 'bound')", pool, serial).Scan(&id.ID, &columns, &sealed) //nolint:noctx // see commit
			if err == nil {
				body.ID = id.ID
				return errNothing // it has it already
			}
		}
		if errors.Is(err, sql.ErrNoRows) {
			err = tx.QueryRow(row+"state = 'free' ORDER BY id LIMIT 1", pool).Scan(&id.ID, &columns, &sealed) //nolint:noctx // see commit
		}
		if errors.Is(err, sql.ErrNoRows) {
			var all int
			if err := tx.QueryRow("SELECT COUNT(*) FROM identity WHERE pool = ?", pool).Scan(&all); err != nil { //nolint:noctx // see commit
				return err
			}
			if all == 0 {
				return &flash.PoolError{Pool: pool, Problem: "there is no such pool", Hint: "import it: zarya identity import --pool " + pool + " FILE.csv"}
			}
			return &flash.PoolError{Pool: pool, Problem: fmt.Sprintf("none of %d is free", all), Hint: "import more: zarya identity import --pool " + pool + " FILE.csv"}
		}
		if err != nil {
			return err
		}
		body.ID = id.ID
		_, err = tx.Exec("UPDATE identity SET state = 'assigned', serial = ?, job = ?, ts = ?, note = '' WHERE pool = ? AND id = ?", serial, job, stamp(), pool, id.ID) //nolint:noctx // see commit
		return err
	})
	if err != nil && !errors.Is(err, errNothing) {
		return nil, err
	}
	return id, s.open(id, columns, sealed)
}

// Held is what a tablet has.
func (s *supply) Held(ctx context.Context, pool, serial string) (*flash.Identity, error) {
	if serial == "" {
		return nil, nil
	}
	id := &flash.Identity{Pool: pool}
	var columns, sealed string
	err := s.l.db.QueryRowContext(ctx, "SELECT id, columns, sealed FROM identity WHERE pool = ? AND serial = ? AND state IN ('assigned', 'bound')", pool, serial).Scan(&id.ID, &columns, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return id, s.open(id, columns, sealed)
}

// open fills in a row's columns, the secret ones too.
func (s *supply) open(id *flash.Identity, columns, sealed string) error {
	if err := json.Unmarshal([]byte(columns), &id.Columns); err != nil {
		return err
	}
	if sealed == "" {
		return nil
	}
	plain, err := s.seal.Open(sealed)
	if err != nil {
		return &flash.PoolError{Pool: id.Pool, Problem: fmt.Sprintf("the secrets of %d cannot be opened: %v", id.ID, err), Hint: "use the key with which the pool was imported (ZARYA_AGE_KEY)"}
	}
	secrets := map[string]string{}
	if err := json.Unmarshal(plain, &secrets); err != nil {
		return err
	}
	for k, v := range secrets {
		id.Columns[k] = v
	}
	return nil
}

// Bind says that the tablet has it.
func (s *supply) Bind(_ context.Context, id *flash.Identity, job string) error {
	err := s.l.move(KindBind, id.Pool, id.ID, []string{StateAssigned}, StateBound, job, "")
	var state *StateError
	if errors.As(err, &state) && state.State == StateBound {
		return nil
	}
	return err
}

// Burn takes it out of use.
func (s *supply) Burn(_ context.Context, id *flash.Identity, why string) error {
	return s.l.move(KindBurn, id.Pool, id.ID, []string{StateAssigned, StateBound}, StateBurned, "", why)
}

// mark is by what a code is known again.
func mark(serial, code string) string {
	sum := sha256.Sum256([]byte("zarya unlock 1\n" + serial + "\n" + strings.TrimSpace(code)))
	return hex.EncodeToString(sum[:4])
}

// Tried reports whether a code went to a tablet before.
func (l *Ledger) Tried(ctx context.Context, serial, code string) (bool, error) {
	var n int
	err := l.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM tried WHERE serial = ? AND mark = ?", serial, mark(serial, code)).Scan(&n)
	return n > 0, err
}

// Trying records, durably, that a code goes to a tablet now.
func (l *Ledger) Trying(serial, code string) error {
	_, err := l.db.Exec("INSERT INTO tried VALUES (?, ?, ?)", serial, mark(serial, code), stamp()) //nolint:noctx // what was begun is recorded
	if err != nil {
		return &WriteError{err}
	}
	return nil
}

// Worked forgets a code that opened its tablet.
func (l *Ledger) Worked(serial, code string) error {
	if _, err := l.db.Exec("DELETE FROM tried WHERE serial = ? AND mark = ?", serial, mark(serial, code)); err != nil { //nolint:noctx // see Trying
		return &WriteError{err}
	}
	return nil
}

// claim holds what only one tablet can have to all other tablets, and keeps it.
func (l *Ledger) claim(tx *sql.Tx, a *addition, facts map[string]string, unique []string) error {
	serial, mac, imei := facts["usb-serial"], facts["wifi-mac"], facts["imei"]
	for _, fact := range unique {
		value := facts[fact]
		rows, err := tx.Query("SELECT station, seq, serial, wifi_mac, imei FROM claim WHERE fact = ? AND value = ?", fact, value) //nolint:noctx // see commit
		if err != nil {
			return err
		}
		known := false
		var clash error
		for rows.Next() {
			var station, s, m, i string
			var seq int64
			if err := rows.Scan(&station, &seq, &s, &m, &i); err != nil {
				_ = rows.Close()
				return err
			}
			known = known || s == serial && m == mac && i == imei
			if another(s, serial) || another(m, mac) || another(i, imei) {
				clash = &flash.DoubleError{Fact: fact, Value: value, Other: fmt.Sprintf("%s-%d", station, seq)}
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		if clash != nil {
			return clash
		}
		if known {
			continue
		}
		if _, err := tx.Exec("INSERT INTO claim VALUES (?, ?, ?, ?, ?, ?, ?)", fact, value, l.station, a.seq, serial, mac, imei); err != nil { //nolint:noctx // see commit
			return err
		}
	}
	return nil
}

// another reports whether two tablets cannot be one: both tell the fact, and tell
// different things.
func another(a, b string) bool { return a != "" && b != "" && a != b }

// Clash is a fact that two tablets have of which only one can have it.
type Clash struct {
	Fact, Value string
	Records     [2]string
}

// Clashes looks through the results of all stations: what one station could not know of
// another when it said PASS.
func (l *Ledger) Clashes(ctx context.Context) ([]Clash, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT station, seq, body FROM entry WHERE kind = ? AND json_extract(body, '$.unique') IS NOT NULL ORDER BY station, seq`, KindResult)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	type holder struct {
		record string
		facts  map[string]string
	}
	held := map[[2]string][]holder{}
	var clashes []Clash
	for rows.Next() {
		var station, text string
		var seq int64
		if err := rows.Scan(&station, &seq, &text); err != nil {
			return nil, err
		}
		var b body
		if err := json.Unmarshal([]byte(text), &b); err != nil {
			return nil, err
		}
		now := holder{fmt.Sprintf("%s-%d", station, seq), b.Facts}
		for _, fact := range b.Unique {
			key := [2]string{fact, b.Facts[fact]}
			same := false
			for _, h := range held[key] {
				differs := false
				for _, f := range []string{"usb-serial", "wifi-mac", "imei"} {
					differs = differs || another(h.facts[f], b.Facts[f])
				}
				if differs {
					clashes = append(clashes, Clash{fact, key[1], [2]string{h.record, now.record}})
				}
				same = same || !differs
			}
			if !same {
				held[key] = append(held[key], now)
			}
		}
	}
	return clashes, rows.Err()
}
