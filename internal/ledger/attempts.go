// This file counts the attempts of each tablet at each station, and finds its last failure.
// The table of attempts follows from intents, results and interrupted entries.

package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zarya-station/zarya/flash"
)

// formOfAttempts is the form of the database that brought the table.
const formOfAttempts = 4

// attemptRow is a row of the table: one job of one tablet.
type attemptRow struct {
	serial, station string
	n               int64
	job, result     string
	seq             int64
}

// countAttempt makes the entry's job one more attempt of its tablet, unless it is one
// already, and says in the body which. A serial that says nothing about which tablet it is
// has rows too (the table knows no families), but no number.
func countAttempt(tx *Tx, b *body) error {
	if b.Serial == "" {
		return nil
	}
	var n int64
	err := tx.QueryRow("SELECT n FROM attempt WHERE station = ? AND job = ? AND serial = ?", tx.Station, b.Job, b.Serial).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		err = tx.QueryRow("SELECT COALESCE(MAX(n), 0) + 1 FROM attempt WHERE serial = ? AND station = ?", b.Serial, tx.Station).Scan(&n)
		if err == nil {
			_, err = tx.Exec("INSERT INTO attempt (serial, station, n, job, result, seq) VALUES (?, ?, ?, ?, '', 0)",
				b.Serial, tx.Station, n, b.Job)
		}
	}
	if err == nil && !flash.Placeholder(b.Serial) {
		b.Attempt = n
	}
	return err
}

// endAttempts notes in the rows of a job how it ended. A job has two if its tablet had
// another serial afterwards.
func endAttempts(tx *Tx, b body) error {
	_, err := tx.Exec("UPDATE attempt SET result = ?, seq = ? WHERE station = ? AND job = ?", b.Result, tx.Seq, tx.Station, b.Job)
	return err
}

// Attempts is how many jobs a tablet had at this station, interrupted ones and one that is
// under way included. A serial that is none of its own has 0.
func (l *Ledger) Attempts(ctx context.Context, serial string) (n int, err error) {
	if l.form < formOfAttempts || serial == "" || flash.Placeholder(serial) {
		return 0, nil
	}
	err = l.db.QueryRowContext(ctx, "SELECT COALESCE(MAX(n), 0) FROM attempt WHERE serial = ? AND station = ?", serial, l.station).Scan(&n)
	return n, err
}

// PastFailure is how a tablet failed before.
type PastFailure struct {
	Record string
	Time   time.Time
	Tablet string // where it was: the port's name, the port, or the address
	Class  flash.Class
	Step   string
	Error  string
}

// LastFailure is how a tablet failed last at this station; ok is false if it did not, or has
// passed since.
func (l *Ledger) LastFailure(ctx context.Context, serial string) (f PastFailure, ok bool, err error) {
	if l.form < formOfAttempts || serial == "" || flash.Placeholder(serial) {
		return f, false, nil
	}
	var seq int64
	var result, ts, text string
	err = l.db.QueryRowContext(ctx, `SELECT a.seq, a.result, e.ts, e.body
		FROM attempt a JOIN entry e ON e.station = a.station AND e.seq = a.seq
		WHERE a.serial = ? AND a.station = ? AND a.result IN (?, ?, ?) ORDER BY a.seq DESC LIMIT 1`,
		serial, l.station, string(flash.Pass), string(flash.Compliant), string(flash.Fail)).Scan(&seq, &result, &ts, &text)
	if errors.Is(err, sql.ErrNoRows) || err == nil && result != string(flash.Fail) {
		return f, false, nil
	}
	if err != nil {
		return f, false, err
	}
	var b body
	f.Record = RecordName(l.station, seq)
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return f, false, fmt.Errorf("entry %s: %w", f.Record, err)
	}
	if f.Time, err = time.Parse(time.RFC3339Nano, ts); err != nil {
		return f, false, fmt.Errorf("entry %s: %w", f.Record, err)
	}
	f.Tablet, f.Class, f.Step, f.Error = b.where().Label(), b.Class, b.Step, b.Error
	return f, true, nil
}

// attemptsOfEntries computes the table from the chains, by serial, station and job.
func (l *Ledger) attemptsOfEntries(ctx context.Context) (map[[3]string]*attemptRow, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT station, seq, kind, json_extract(body, '$.job'),
		COALESCE(json_extract(body, '$.serial'), ''), COALESCE(json_extract(body, '$.result'), '')
		FROM entry WHERE kind IN (?, ?, ?) ORDER BY station, seq`, KindIntent, KindResult, KindInterrupted)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := map[[3]string]*attemptRow{}
	count := map[[2]string]int64{}         // by serial and station
	ofJob := map[[2]string][]*attemptRow{} // by station and job
	for rows.Next() {
		var r attemptRow
		var kind string
		if err := rows.Scan(&r.station, &r.seq, &kind, &r.job, &r.serial, &r.result); err != nil {
			return nil, err
		}
		key, job := [3]string{r.serial, r.station, r.job}, [2]string{r.station, r.job}
		if kind != KindInterrupted && r.serial != "" && all[key] == nil {
			who := [2]string{r.serial, r.station}
			count[who]++
			all[key] = &attemptRow{serial: r.serial, station: r.station, n: count[who], job: r.job}
			ofJob[job] = append(ofJob[job], all[key])
		}
		if kind != KindIntent {
			for _, row := range ofJob[job] {
				row.result, row.seq = r.result, r.seq
			}
		}
	}
	return all, rows.Err()
}

// VerifyAttempts compares the table of attempts with the chain.
func (l *Ledger) VerifyAttempts(ctx context.Context) ([]Difference, error) {
	if l.form < formOfAttempts {
		return nil, nil // there was no table
	}
	should, err := l.attemptsOfEntries(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := l.db.QueryContext(ctx, "SELECT serial, station, n, job, result, seq FROM attempt ORDER BY serial, station, n")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var differences []Difference
	differ := func(r attemptRow, reason string) {
		differences = append(differences, Difference{"attempt", fmt.Sprintf("%d of %q at %s", r.n, r.serial, r.station), reason})
	}
	for rows.Next() {
		var r attemptRow
		if err := rows.Scan(&r.serial, &r.station, &r.n, &r.job, &r.result, &r.seq); err != nil {
			return nil, err
		}
		key := [3]string{r.serial, r.station, r.job}
		switch want := should[key]; {
		case want == nil:
			differ(r, fmt.Sprintf("no entry says that job %s was of this tablet", r.job))
		case *want != r:
			differ(r, fmt.Sprintf("the entries say that job %s is its attempt %d, ended %q by entry %d", r.job, want.n, want.result, want.seq))
		}
		delete(should, key)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for _, want := range should {
		differ(*want, fmt.Sprintf("entries say so of job %s, and it is not there", want.job))
	}
	slices.SortStableFunc(differences, func(a, b Difference) int { return cmp.Compare(a.Row, b.Row) })
	return differences, nil
}
