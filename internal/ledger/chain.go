// This file reads the chain and checks it.

package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/internal/canon"
)

// Entry is one line of the ledger.
type Entry struct {
	Station string
	Seq     int64  // 1, 2, 3 … for one station
	TS      string // RFC 3339, UTC, microseconds
	Kind    string
	Body    []byte // canonical JSON
	Prev    [sha256.Size]byte
	Hash    [sha256.Size]byte
}

// Record returns the entry's name, such as bench-12.
func (e Entry) Record() string { return RecordName(e.Station, e.Seq) }

// RecordName returns the name of a station's entry, such as bench-12.
func RecordName(station string, seq int64) string { return fmt.Sprintf("%s-%d", station, seq) }

// parseRecord takes the name of an entry apart.
func parseRecord(name string) (station string, seq int64, ok bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 1 {
		return "", 0, false
	}
	station = name[:i]
	seq, err := strconv.ParseInt(name[i+1:], 10, 64)
	return station, seq, err == nil && RecordName(station, seq) == name
}

// Entries returns all entries by station and number. While it is read, nothing else can be
// asked of the same Ledger.
func (l *Ledger) Entries(ctx context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		rows, err := l.db.QueryContext(ctx, "SELECT station, seq, ts, kind, body, prev, hash FROM entry ORDER BY station, seq")
		if err != nil {
			yield(Entry{}, err)
			return
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			e, err := scanEntry(rows)
			if err != nil {
				yield(e, err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Entry{}, err)
		}
	}
}

// After returns a station's entries with larger numbers than seq, in order, limit at most.
func (l *Ledger) After(ctx context.Context, station string, seq int64, limit int) ([]Entry, error) {
	rows, err := l.db.QueryContext(ctx, "SELECT station, seq, ts, kind, body, prev, hash FROM entry"+
		" WHERE station = ? AND seq > ? ORDER BY seq LIMIT ?", station, seq, limit)
	if err != nil {
		return nil, l.wrapBusy(err)
	}
	defer func() { _ = rows.Close() }()
	var list []Entry
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, l.wrapBusy(rows.Err())
}

// Last is the number of a station's last entry; 0 is none.
func (l *Ledger) Last(ctx context.Context, station string) (seq int64, err error) {
	err = l.db.QueryRowContext(ctx, "SELECT COALESCE(MAX(seq), 0) FROM entry WHERE station = ?", station).Scan(&seq)
	return seq, l.wrapBusy(err)
}

// Ends are where the chains end, by station, without following them.
func (l *Ledger) Ends(ctx context.Context) (heads []Head, err error) {
	rows, err := l.db.QueryContext(ctx, "SELECT station, MAX(seq), hash FROM entry GROUP BY station ORDER BY station")
	if err != nil {
		return nil, l.wrapBusy(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var h Head
		var hash []byte
		if err := rows.Scan(&h.Station, &h.Seq, &hash); err != nil {
			return nil, err
		}
		h.Hash = hex.EncodeToString(hash)
		heads = append(heads, h)
	}
	return heads, l.wrapBusy(rows.Err())
}

func scanEntry(rows *sql.Rows) (e Entry, err error) {
	var text string
	var prev, hash []byte
	err = rows.Scan(&e.Station, &e.Seq, &e.TS, &e.Kind, &text, &prev, &hash)
	e.Body = []byte(text)
	copy(e.Prev[:], prev)
	copy(e.Hash[:], hash)
	return e, err
}

// BrokenError names the first entry that is not as it was written.
type BrokenError struct {
	Station string
	Seq     int64
	Reason  string
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("entry %s: %s", RecordName(e.Station, e.Seq), e.Reason)
}

// Verify follows every station's chain from its beginning and returns where each ends. A
// break is a *BrokenError.
func (l *Ledger) Verify(ctx context.Context) ([]Head, error) {
	var heads []Head
	var last Entry
	for e, err := range l.Entries(ctx) {
		if err != nil {
			return heads, err
		}
		if e.Station != last.Station || len(heads) == 0 {
			last = Entry{Station: e.Station}
			heads = append(heads, Head{Station: e.Station})
		}
		reason := ""
		switch {
		case e.Seq != last.Seq+1:
			reason = fmt.Sprintf("follows entry %d: what lies between is missing", last.Seq)
		case e.Prev != last.Hash:
			reason = "does not follow the entry before it"
		case e.Hash != e.sum():
			reason = "is not what was written"
		case !canon.Is(e.Body):
			reason = "is not in the canonical form"
		}
		if reason != "" {
			return heads, &BrokenError{e.Station, e.Seq, reason}
		}
		last = e
		heads[len(heads)-1] = Head{Station: e.Station, Seq: e.Seq, Hash: hex.EncodeToString(e.Hash[:])}
	}
	return heads, nil
}

// Difference is a row of a table beside the chain that is not what the entries say.
type Difference struct {
	Table  string
	Row    string // what names it
	Reason string
}

func (d Difference) String() string { return d.Table + " " + d.Row + ": " + d.Reason }
