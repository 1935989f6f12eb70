// This file reads one job back without reading the chain.

package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// Record returns the job whose last entry is the record, and where the chain was with that
// entry. ok is false if there is no such entry, or it is of no job. While it is read, nothing
// else can be asked of the same Ledger. It knows no disposition, which comes later.
func (l *Ledger) Record(ctx context.Context, record string) (j *JobRecord, at Head, ok bool, err error) {
	station, seq, ok := parseRecord(record)
	if !ok {
		return nil, at, false, nil
	}
	job, last, err := l.jobOf(ctx, station, seq)
	if job == "" || err != nil {
		return nil, at, false, err
	}
	entries, err := l.entriesOf(ctx, station, seq, job)
	if err != nil {
		return nil, at, false, err
	}
	j = &JobRecord{Station: station, Job: job, open: true}
	for i := len(entries) - 1; i >= 0; i-- {
		var b body
		if err := json.Unmarshal(entries[i].Body, &b); err != nil {
			return nil, at, false, fmt.Errorf("entry %s: %w", entries[i].Record(), err)
		}
		j.apply(entries[i], b)
	}
	return j, Head{Station: station, Seq: seq, Hash: hex.EncodeToString(last)}, true, nil
}

// jobOf returns the job that an entry ended, or "", and the entry's hash.
func (l *Ledger) jobOf(ctx context.Context, station string, seq int64) (job string, hash []byte, err error) {
	var text, kind string
	err = l.db.QueryRowContext(ctx, "SELECT kind, body, hash FROM entry WHERE station = ? AND seq = ?", station, seq).Scan(&kind, &text, &hash)
	if errors.Is(err, sql.ErrNoRows) || err == nil && kind != KindResult && kind != KindInterrupted {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	var b body
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return "", nil, fmt.Errorf("entry %s: %w", RecordName(station, seq), err)
	}
	return b.Job, hash, nil
}

// entriesOf returns a job's entries, the last one first: they stand among those of the jobs
// that ran beside it, so its intent is near.
func (l *Ledger) entriesOf(ctx context.Context, station string, seq int64, job string) (entries []Entry, err error) {
	name, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	of := append([]byte(`"job":`), name...)
	rows, err := l.db.QueryContext(ctx, `SELECT seq, ts, kind, body FROM entry WHERE station = ? AND seq <= ? ORDER BY seq DESC`, station, seq)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		e, text := Entry{Station: station}, ""
		if err := rows.Scan(&e.Seq, &e.TS, &e.Kind, &text); err != nil {
			return nil, err
		}
		switch e.Kind {
		case KindIntent, KindStep, KindResult, KindInterrupted:
		default:
			continue
		}
		if e.Body = []byte(text); !bytes.Contains(e.Body, of) {
			continue
		}
		entries = append(entries, e)
		if e.Kind == KindIntent {
			return entries, nil
		}
	}
	return entries, rows.Err() // one without an intent never began to write
}
