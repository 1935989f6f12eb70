// This file holds what only one tablet can have: its serial, its machine-id, its host key.
// A result that passed claims them, in its own transaction; a result that claims what
// another tablet has is taken back.

package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/zarya-station/zarya/flash"
)

// identifying are the facts that say which tablet this is. Two records are of two tablets
// if both have one of these and they differ.
var identifying = [3]string{"usb-serial", "wifi-mac", "imei"}

// holder is a tablet as its identifying facts describe it; "" is not reported.
type holder [len(identifying)]string

func newHolder(facts map[string]string) (h holder) {
	for i, fact := range identifying {
		h[i] = facts[fact]
	}
	return h
}

// isAnother reports whether two tablets cannot be one.
func (h holder) isAnother(other holder) bool {
	for i := range h {
		if h[i] != "" && other[i] != "" && h[i] != other[i] {
			return true
		}
	}
	return false
}

// claimRow is a row of the table: a fact, and the tablet of the result that claimed it.
type claimRow struct {
	fact, value, station string
	seq                  int64
	holder               holder
}

func (r claimRow) record() string { return RecordName(r.station, r.seq) }

const selectClaims = "SELECT fact, value, station, seq, serial, wifi_mac, imei FROM claim"

func scanClaims(rows *sql.Rows, err error) ([]claimRow, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []claimRow
	for rows.Next() {
		var r claimRow
		if err := rows.Scan(&r.fact, &r.value, &r.station, &r.seq, &r.holder[0], &r.holder[1], &r.holder[2]); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, errors.Join(rows.Err(), rows.Close())
}

// claimUnique holds the unique facts of a result to those of all other tablets, and keeps
// them.
func claimUnique(tx *Tx, b body) error {
	claimant := newHolder(b.Facts)
	for _, fact := range b.Unique {
		value := b.Facts[fact]
		rows, err := scanClaims(tx.Query(selectClaims+" WHERE fact = ? AND value = ?", fact, value))
		if err != nil {
			return err
		}
		known := false
		for _, r := range rows {
			if r.holder.isAnother(claimant) {
				return &flash.DoubleError{Fact: fact, Value: value, Other: r.record()}
			}
			known = known || r.holder == claimant
		}
		if known {
			continue
		}
		if _, err := tx.Exec("INSERT INTO claim (fact, value, station, seq, serial, wifi_mac, imei) VALUES (?, ?, ?, ?, ?, ?, ?)",
			fact, value, tx.Station, tx.Seq, claimant[0], claimant[1], claimant[2]); err != nil {
			return err
		}
	}
	return nil
}

// claimsOfEntries returns what the results of all stations claim, in the chain's order.
func (l *Ledger) claimsOfEntries(ctx context.Context) ([]claimRow, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT station, seq, body FROM entry
		WHERE kind = ? AND json_extract(body, '$.unique') IS NOT NULL ORDER BY station, seq`, KindResult)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []claimRow
	for rows.Next() {
		var station, text string
		var seq int64
		if err := rows.Scan(&station, &seq, &text); err != nil {
			return nil, err
		}
		var b body
		if err := json.Unmarshal([]byte(text), &b); err != nil {
			return nil, fmt.Errorf("entry %s: %w", RecordName(station, seq), err)
		}
		for _, fact := range b.Unique {
			all = append(all, claimRow{fact, b.Facts[fact], station, seq, newHolder(b.Facts)})
		}
	}
	return all, rows.Err()
}

// Clash is a fact that two tablets have of which only one can have it.
type Clash struct {
	Fact, Value string
	Records     [2]string
}

// Clashes looks through the results of all stations: what one station could not know of
// another when it said PASS.
func (l *Ledger) Clashes(ctx context.Context) ([]Clash, error) {
	claims, err := l.claimsOfEntries(ctx)
	if err != nil {
		return nil, err
	}
	seen := map[[2]string][]claimRow{}
	var clashes []Clash
	for _, now := range claims {
		key := [2]string{now.fact, now.value}
		same := false
		for _, was := range seen[key] {
			if was.holder.isAnother(now.holder) {
				clashes = append(clashes, Clash{now.fact, now.value, [2]string{was.record(), now.record()}})
			} else {
				same = true
			}
		}
		if !same {
			seen[key] = append(seen[key], now)
		}
	}
	return clashes, nil
}

// VerifyClaims compares the table of claims with the results in the chain: each row is what
// its entry says, and each claim of an entry has a row of the same tablet.
func (l *Ledger) VerifyClaims(ctx context.Context) ([]Difference, error) {
	if l.form < 2 {
		return nil, nil // there were no claims
	}
	claims, err := l.claimsOfEntries(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := scanClaims(l.Query(ctx, selectClaims+" ORDER BY fact, value, station, seq"))
	if err != nil {
		return nil, err
	}
	claimed := map[claimRow]bool{}
	for _, c := range claims {
		claimed[c] = true
	}
	var differences []Difference
	held := map[claimRow]bool{} // rows that are right, without their entries
	for _, r := range rows {
		if !claimed[r] {
			differences = append(differences, Difference{"claim", fmt.Sprintf("of %s %q", r.fact, r.value),
				"entry " + r.record() + " does not say so"})
			continue
		}
		r.station, r.seq = "", 0
		held[r] = true
	}
	for _, c := range claims {
		record := c.record()
		c.station, c.seq = "", 0
		if !held[c] {
			held[c] = true // once
			differences = append(differences, Difference{"claim", fmt.Sprintf("of %s %q", c.fact, c.value),
				"entry " + record + " makes it, and it is not there"})
		}
	}
	return differences, nil
}
