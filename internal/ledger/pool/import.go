// This file imports rows into a pool, and knows what pools declare: a column that is
// unique, and columns that are secret.

package pool

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/zarya-station/zarya/internal/canon"
	"github.com/zarya-station/zarya/internal/ledger"
)

// Row is one identity to import.
type Row struct {
	Line             int // of the file that it is from
	Columns, Secrets map[string]string
}

// Declaration is what a pool says of its columns, at its first import and for ever.
type Declaration struct {
	Key    string   // the column that is unique, in this pool and over all pools; "" is none
	Secret []string // the columns that are encrypted besides those whose names say so
}

// KeyError says that two identities have one key.
type KeyError struct {
	Column, Value string
	Line          int    // of the row that was to be imported
	Pool          string // of the identity that has the key
	ID            int64
}

func (e *KeyError) Error() string {
	return fmt.Sprintf("line %d: %s %q is identity %d of the pool %s", e.Line, e.Column, e.Value, e.ID, e.Pool)
}

// DeclarationError says that an import does not go with what a pool declares.
type DeclarationError struct{ Reason string }

func (e *DeclarationError) Error() string { return e.Reason }

// Declared returns what a pool declares.
func Declared(ctx context.Context, l *ledger.Ledger, pool string) (Declaration, error) {
	return declared(l.Query(ctx, selectImports+" AND json_extract(body, '$.pool') = ?", KindImport, pool))
}

const selectImports = "SELECT body FROM entry WHERE kind = ?"

// declared gathers the declarations of the import entries in rows.
func declared(rows *sql.Rows, err error) (d Declaration, _ error) {
	err = eachBody(rows, err, func(b entryBody) {
		if b.Key != "" {
			d.Key = b.Key
		}
		for _, column := range b.Secret {
			if !slices.Contains(d.Secret, column) {
				d.Secret = append(d.Secret, column)
			}
		}
	})
	return d, err
}

// eachBody calls do for the body in each row.
func eachBody(rows *sql.Rows, err error, do func(entryBody)) error {
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		var b entryBody
		if err := json.Unmarshal([]byte(text), &b); err != nil {
			return err
		}
		do(b)
	}
	return errors.Join(rows.Err(), rows.Close())
}

// preparedRow is a row as it is stored.
type preparedRow struct {
	Row
	columns, sealed, digest string
}

// prepareRow encodes and encrypts a row.
func prepareRow(r Row, seal Seal) (preparedRow, error) {
	p := preparedRow{Row: r}
	columns, err := canon.Encode(r.Columns)
	if err != nil {
		return p, err
	}
	// The digest is of what is no secret: with the rest it would be a way to try values.
	sum := sha256.Sum256(columns)
	p.columns, p.digest = string(columns), hex.EncodeToString(sum[:])
	if len(r.Secrets) == 0 {
		return p, nil
	}
	secrets, err := canon.Encode(r.Secrets)
	if err == nil {
		p.sealed, err = seal.Seal(secrets)
	}
	return p, err
}

// Import adds rows to a pool, all or none, and returns how many were new. A row that is
// there already is left as it is, so that a file can be imported again. A row whose key
// another identity has is a *KeyError.
func Import(l *ledger.Ledger, pool string, rows []Row, d Declaration, seal Seal) (added int, err error) {
	prepared := make([]preparedRow, len(rows))
	for i, r := range rows {
		if prepared[i], err = prepareRow(r, seal); err != nil {
			return 0, err
		}
	}
	body := &entryBody{Pool: pool}
	_, err = l.Append(KindImport, body, func(tx *ledger.Tx) error {
		added = 0
		if err := refuseLeased(tx, pool); err != nil {
			return err
		}
		if err := declare(tx, body, d); err != nil {
			return err
		}
		fresh, err := newRows(tx, body, prepared)
		if err != nil {
			return err
		}
		if len(fresh) == 0 && body.Key == "" && body.Secret == nil {
			return ledger.ErrNothing
		}
		added = len(fresh)
		return insertRows(tx, body, fresh)
	})
	if errors.Is(err, ledger.ErrNothing) {
		err = nil
	}
	return added, err
}

// declare puts into the entry what is new of a declaration.
func declare(tx *ledger.Tx, body *entryBody, d Declaration) error {
	was, err := declared(tx.Query(selectImports+" AND json_extract(body, '$.pool') = ?", KindImport, body.Pool))
	if err != nil {
		return err
	}
	body.Key, body.Secret = "", nil
	if d.Key != "" && d.Key != was.Key {
		if was.Key != "" {
			return &DeclarationError{fmt.Sprintf("the key of the pool %s is its column %s", body.Pool, was.Key)}
		}
		body.Key = d.Key
	}
	for _, column := range d.Secret {
		if !slices.Contains(was.Secret, column) {
			body.Secret = append(body.Secret, column)
		}
	}
	return nil
}

// newRows returns the rows that the pool has not. A key that any pool has declared is
// unique over all pools that have such a column.
func newRows(tx *ledger.Tx, body *entryBody, rows []preparedRow) ([]preparedRow, error) {
	owners := map[string]map[string]Identity{} // key column → value → who has it
	if body.Key != "" {
		owners[body.Key] = map[string]Identity{}
	}
	imports, err := tx.Query(selectImports, KindImport)
	if err := eachBody(imports, err, func(b entryBody) {
		if b.Key != "" {
			owners[b.Key] = map[string]Identity{}
		}
	}); err != nil {
		return nil, err
	}
	present, err := readOwners(tx, body, owners)
	if err != nil {
		return nil, err
	}
	var fresh []preparedRow
	for _, r := range rows {
		if present[r.digest] {
			continue
		}
		present[r.digest] = true
		for column, byValue := range owners {
			value := r.Columns[column]
			if has, taken := byValue[value]; taken && value != "" {
				return nil, &KeyError{column, value, r.Line, has.Pool, has.ID}
			}
		}
		fresh = append(fresh, r)
	}
	return fresh, nil
}

// readOwners fills in who has which key, and returns the digests of the pool's own rows.
func readOwners(tx *ledger.Tx, body *entryBody, owners map[string]map[string]Identity) (present map[string]bool, err error) {
	rows, err := tx.Query("SELECT pool, id, columns, digest FROM identity ORDER BY pool, id")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	present = map[string]bool{}
	for rows.Next() {
		var i Identity
		var columns, digest string
		if err := rows.Scan(&i.Pool, &i.ID, &columns, &digest); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(columns), &i.Columns); err != nil {
			return nil, fmt.Errorf("identity %s-%d: %w", i.Pool, i.ID, err)
		}
		if i.Pool == body.Pool {
			present[digest] = true
		}
		for column, byValue := range owners {
			value := i.Columns[column]
			if value == "" {
				continue
			}
			if has, taken := byValue[value]; taken && column == body.Key {
				return nil, &DeclarationError{fmt.Sprintf("%s cannot be a key: the identities %d of %s and %d of %s have the same",
					column, has.ID, has.Pool, i.ID, i.Pool)}
			}
			byValue[value] = i
		}
	}
	return present, errors.Join(rows.Err(), rows.Close())
}

// insertRows adds rows to the pool, and to the entry what proves them.
func insertRows(tx *ledger.Tx, body *entryBody, rows []preparedRow) error {
	var last int64
	if err := tx.QueryRow("SELECT COALESCE(MAX(id), 0) FROM identity WHERE pool = ?", body.Pool).Scan(&last); err != nil {
		return err
	}
	body.Count, body.First = int64(len(rows)), last+1
	if len(rows) == 0 {
		body.First = 0
	}
	var proofs []byte
	for _, r := range rows {
		last++
		salt := newSalt()
		proof := proveIdentity(salt, body.Pool, last, r.columns, r.sealed)
		proofs = append(proofs, proof...)
		if _, err := tx.Exec(`INSERT INTO identity (pool, id, columns, sealed, digest, state, serial, job, ts, note, station, seq, salt, proof)
			VALUES (?, ?, ?, ?, ?, 'free', '', '', ?, '', ?, ?, ?, ?)`,
			body.Pool, last, r.columns, r.sealed, r.digest, tx.TS, tx.Station, tx.Seq, salt, proof); err != nil {
			return err
		}
	}
	body.Rows = ""
	if len(rows) > 0 {
		body.Rows = digestText(proofs)
	}
	return nil
}

// newSalt returns 128 random bits as text.
func newSalt() string {
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // never fails (crypto/rand)
	return hex.EncodeToString(salt[:])
}

// digestText returns ledger.Digest of the fields, as text.
func digestText(fields ...[]byte) string {
	sum := ledger.Digest(fields...)
	return hex.EncodeToString(sum[:])
}

// proveIdentity returns the digest that holds a row to its import. Whoever has the salt can
// compute it; whoever has the entry alone cannot try values.
func proveIdentity(salt, pool string, id int64, columns, sealed string) string {
	return digestText([]byte("zarya identity 1"), []byte(salt), []byte(pool), strconv.AppendInt(nil, id, 10), []byte(columns), []byte(sealed))
}
