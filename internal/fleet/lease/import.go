// This file is the supervisor's side: rows are imported and sealed, stations written off.

package lease

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/zarya-station/zarya/internal/canon"
	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/untrusted"
)

// Row is one identity to import.
type Row struct{ Columns, Secrets map[string]string }

// chunk is how many rows go with one statement.
const chunk = 1000

// errNothing ends an import that has nothing new.
var errNothing = errors.New("nothing new")

// Import adds rows to a pool, all or none, and returns how many were new. Rows that are there
// already are left as they are. key is the column that is unique over all pools, "" for the
// one that the pool has declared. Secrets can be opened by every station that has joined, and
// by the supervisors, who can let others open them later ([Grant]).
func Import(ctx context.Context, db *fleet.DB, pool, key string, rows []Row, supervisors ...age.Recipient) (added int64, err error) {
	own, err := age.GenerateX25519Identity()
	if err != nil {
		return 0, err
	}
	plain, sealed := make([]string, len(rows)), make([]string, len(rows))
	secret := false
	for i, r := range rows {
		text, err := canon.Encode(r.Columns)
		if err != nil {
			return 0, err
		}
		plain[i] = string(text)
		if len(r.Secrets) == 0 {
			continue
		}
		secret = true
		if text, err = canon.Encode(r.Secrets); err == nil {
			sealed[i], err = seal(text, own.Recipient())
		}
		if err != nil {
			return 0, err
		}
	}
	escrow := ""
	if secret {
		if len(supervisors) == 0 {
			return 0, problem.New(problem.Usage, "name the age key of a supervisor",
				"nobody could let a new station open the secrets of the pool %s", pool)
		}
		if escrow, err = seal([]byte(own.String()), supervisors...); err != nil {
			return 0, err
		}
	}
	id := NewRequest()
	err = db.Tx(ctx, func(tx pgx.Tx) error {
		added = 0
		if _, err := tx.Exec(ctx, "SELECT zarya.begin_import($1, $2, $3, $4, $5)", pool, id, key, secret, escrow); err != nil {
			return importProblem(err, 0)
		}
		for at := 0; at < len(rows); at += chunk {
			var n int64
			end := min(at+chunk, len(rows))
			if err := tx.QueryRow(ctx, "SELECT zarya.import_rows($1, $2, $3)", id, plain[at:end], sealed[at:end]).Scan(&n); err != nil {
				return importProblem(err, at)
			}
			added += n
		}
		if added == 0 {
			return errNothing
		}
		return nil
	})
	switch {
	case errors.Is(err, errNothing):
		return 0, nil
	case err != nil:
		return 0, err
	case !secret:
		return added, nil
	}
	return added, giveKey(ctx, db, id, own)
}

// KeyError says that two identities would have one key.
type KeyError struct {
	Key, Value string
	Row        int    // which of those that were to be imported, from 0; -1: both are there already
	Pool       string // where the key is
	Number     int64
	Too        int64 // with Row -1, the other one that has it
	TooPool    string
}

func (e *KeyError) Error() string {
	if e.Row < 0 {
		return fmt.Sprintf("%s cannot be a key: %q is number %d of the pool %s, and number %d of %s",
			e.Key, e.Value, e.Number, e.Pool, e.Too, e.TooPool)
	}
	return fmt.Sprintf("row %d: %s %q is number %d of the pool %s", e.Row+1, e.Key, e.Value, e.Number, e.Pool)
}

// importProblem says which row the database refuses; at is the number of the first that it got.
func importProblem(err error, at int) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "23505" || pg.ConstraintName != "identity_key_pkey" {
		return err
	}
	var d struct {
		Key, Value, Pool string
		Number, Row, Too int64
		TooPool          string `json:"too_pool"`
	}
	if json.Unmarshal([]byte(pg.Detail), &d) != nil {
		return err
	}
	k := &KeyError{untrusted.Line(d.Key, 40), untrusted.Line(d.Value, 100), -1, untrusted.Line(d.Pool, 100), d.Number,
		d.Too, untrusted.Line(d.TooPool, 100)}
	if d.Row > 0 {
		k.Row = at + int(d.Row) - 1
	}
	return k
}

// giveKey seals an import's key for the stations.
func giveKey(ctx context.Context, db *fleet.DB, id string, own *age.X25519Identity) error {
	stations, err := db.Recipients(ctx)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(stations)) {
		to, err := age.ParseX25519Recipient(stations[name])
		if err != nil {
			continue // it has none that can be sealed for: it leases nothing with secrets
		}
		text, err := seal([]byte(own.String()), to)
		if err != nil {
			return err
		}
		if _, err := db.Exec(ctx, "SELECT zarya.grant_import($1, $2, $3)", id, name, text); err != nil {
			return fleet.Problem(err)
		}
	}
	return nil
}

// Grant lets all stations that have joined open the secrets of a pool, also of rows that
// were imported before they came. It needs a supervisor's private key.
func Grant(ctx context.Context, db *fleet.DB, pool string, supervisor age.Identity) error {
	rows, err := db.Query(ctx, "SELECT id::text, escrow FROM zarya.import WHERE pool = $1 AND secret ORDER BY first", pool)
	if err != nil {
		return fleet.Problem(err)
	}
	type sealedKey struct{ id, escrow string }
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k sealedKey, err error) {
		err = row.Scan(&k.id, &k.escrow)
		return k, err
	})
	if err != nil {
		return fleet.Problem(err)
	}
	for _, k := range all {
		own, err := openKey(k.escrow, supervisor)
		if err != nil {
			return problem.New(problem.Station, "use the supervisor's key with which it was imported",
				"the key of an import of the pool %s cannot be opened: %w", pool, err)
		}
		if err := giveKey(ctx, db, k.id, own); err != nil {
			return err
		}
	}
	return nil
}

// Burn writes off what a station had, and revokes it. It returns how many identities no
// tablet is known to have.
func Burn(ctx context.Context, db *fleet.DB, station string) (lost int64, err error) {
	err = db.QueryRow(ctx, "SELECT zarya.burn_station($1)", station).Scan(&lost)
	return lost, fleet.Problem(err)
}

// maxSealed is how large a sealed text may be.
const maxSealed = 1 << 20

func seal(plain []byte, to ...age.Recipient) (string, error) {
	var b strings.Builder
	a := armor.NewWriter(&b)
	w, err := age.Encrypt(a, to...)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(plain); err != nil {
		return "", err
	}
	if err := errors.Join(w.Close(), a.Close()); err != nil {
		return "", err
	}
	return b.String(), nil
}

func unseal(sealed string, by age.Identity) ([]byte, error) {
	if len(sealed) > maxSealed {
		return nil, fmt.Errorf("a sealed text of %d bytes is too large", len(sealed))
	}
	r, err := age.Decrypt(armor.NewReader(strings.NewReader(sealed)), by)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = io.Copy(&b, r)
	return b.Bytes(), err
}

// openKey opens the key of an import.
func openKey(sealed string, by age.Identity) (*age.X25519Identity, error) {
	text, err := unseal(sealed, by)
	if err != nil {
		return nil, err
	}
	return age.ParseX25519Identity(string(text))
}

// Settle lets a pool be leased again after the database was restored from a backup: every
// station that had something of it has told so.
func Settle(ctx context.Context, db *fleet.DB, pool string) error {
	_, err := db.Exec(ctx, "SELECT zarya.settle($1)", pool)
	return fleet.Problem(err)
}

// Abandon takes what a pool has not leased out of use, and returns how much that was. It is
// for a database that was restored from a backup, which has forgotten what it leased since.
func Abandon(ctx context.Context, db *fleet.DB, pool string) (lost int64, err error) {
	err = db.QueryRow(ctx, "SELECT zarya.abandon($1)", pool).Scan(&lost)
	return lost, fleet.Problem(err)
}
