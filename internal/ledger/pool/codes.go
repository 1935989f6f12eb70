// This file remembers unlock codes, each by 32 bits of a digest: enough to know it again.

package pool

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/zarya-station/zarya/internal/ledger"
)

// The kinds of entries about unlock codes.
const (
	KindCodeTried  = "unlock-tried"  // before it goes to its tablet
	KindCodeWorked = "unlock-worked" // it opened it, and is forgotten
)

// codeBody is an entry about an unlock code. It has no mark: an export must not be a way to
// try codes.
type codeBody struct {
	Serial string `json:"serial"`
	Proof  string `json:"proof,omitempty"` // a digest of salt, serial and mark
}

// Codes is the record of unlock codes in a ledger.
type Codes struct{ Ledger *ledger.Ledger }

// codeMark returns by what a code is known again.
func codeMark(serial, code string) string {
	sum := sha256.Sum256([]byte("zarya unlock 1\n" + serial + "\n" + strings.TrimSpace(code)))
	return hex.EncodeToString(sum[:4])
}

func proveMark(salt, serial, mark string) string {
	return digestText([]byte("zarya unlock code 1"), []byte(salt), []byte(serial), []byte(mark))
}

// Tried reports whether a code went to a tablet before.
func (c Codes) Tried(ctx context.Context, serial, code string) (bool, error) {
	var n int
	err := c.Ledger.QueryRow(ctx, "SELECT COUNT(*) FROM tried WHERE serial = ? AND mark = ?", serial, codeMark(serial, code)).Scan(&n)
	return n > 0, err
}

// Trying records, durably, that a code goes to a tablet now.
func (c Codes) Trying(serial, code string) error {
	mark, salt := codeMark(serial, code), newSalt()
	_, err := c.Ledger.Append(KindCodeTried, codeBody{serial, proveMark(salt, serial, mark)}, func(tx *ledger.Tx) error {
		_, err := tx.Exec("INSERT INTO tried (serial, mark, ts, station, seq, salt) VALUES (?, ?, ?, ?, ?, ?)",
			serial, mark, tx.TS, tx.Station, tx.Seq, salt)
		if err != nil {
			return &ledger.WriteError{Err: err}
		}
		return nil
	})
	return err
}

// Worked forgets a code that opened its tablet.
func (c Codes) Worked(serial, code string) error {
	mark := codeMark(serial, code)
	body := &codeBody{Serial: serial}
	_, err := c.Ledger.Append(KindCodeWorked, body, func(tx *ledger.Tx) error {
		var salt string
		err := tx.QueryRow("DELETE FROM tried WHERE serial = ? AND mark = ? RETURNING salt", serial, mark).Scan(&salt)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return ledger.ErrNothing
		case err != nil:
			return &ledger.WriteError{Err: err}
		case salt != "": // else it is from before entries had proofs
			body.Proof = proveMark(salt, serial, mark)
		}
		return nil
	})
	if errors.Is(err, ledger.ErrNothing) {
		return nil
	}
	return err
}
