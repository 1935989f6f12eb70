// This file reads jobs that have ended, one after the other: from the ledger, or out of
// entries that lie elsewhere.

package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"
)

// longestJob is how long before its end a job may have begun, for Ended.
const longestJob = 24 * time.Hour

// Span is which jobs that have ended are meant: at or after Since and before Until, by the
// times of their last entries; a zero time is no limit.
type Span struct{ Since, Until time.Time }

// Stamps are the times, as entries have them, from which on and before which the entries of
// the span's jobs are.
func (s Span) Stamps() (from, before string) {
	before = "9999"
	if !s.Since.IsZero() {
		from = s.Since.UTC().Add(-longestJob).Format(timeForm)
	}
	if !s.Until.IsZero() {
		before = s.Until.UTC().Format(timeForm)
	}
	return from, before
}

// JobKinds are the kinds of entries that jobs are made of.
var JobKinds = [...]string{KindIntent, KindStep, KindResult, KindInterrupted}

// Ended returns the jobs of all stations that ended in a span, each station's in the order of
// their ends. It keeps only the jobs under way in memory, and knows no dispositions, which come
// later. While it is read, nothing else can be asked of the same Ledger.
func (l *Ledger) Ended(ctx context.Context, since, until time.Time) iter.Seq2[*JobRecord, error] {
	span := Span{since, until}
	from, before := span.Stamps()
	k := JobKinds
	return span.Ended(l.entriesWhere(ctx, "kind IN (?, ?, ?, ?) AND ts >= ? AND ts < ?", k[0], k[1], k[2], k[3], from, before))
}

// entriesWhere are the entries for which a condition holds, by station and number, without
// their hashes.
func (l *Ledger) entriesWhere(ctx context.Context, where string, args ...any) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		rows, err := l.db.QueryContext(ctx, "SELECT station, seq, ts, kind, body FROM entry WHERE "+ //nolint:gosec // where is of this package
			where+" ORDER BY station, seq", args...)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var e Entry
			if err := rows.Scan(&e.Station, &e.Seq, &e.TS, &e.Kind, &e.Body); err != nil {
				yield(Entry{}, err)
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

// Ended puts the jobs of a span together from entries of [JobKinds], which come one station
// after the other, each station's in their order.
func (s Span) Ended(entries iter.Seq2[Entry, error]) iter.Seq2[*JobRecord, error] {
	since := ""
	if !s.Since.IsZero() {
		since = s.Since.UTC().Format(timeForm)
	}
	return func(yield func(*JobRecord, error) bool) {
		station, open := "", map[string]*JobRecord{} // by job
		for e, err := range entries {
			var b body
			if err == nil {
				if err = json.Unmarshal(e.Body, &b); err != nil {
					err = fmt.Errorf("entry %s: %w", e.Record(), err)
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if e.Station != station {
				station = e.Station
				clear(open)
			}
			j := open[b.Job]
			if j == nil {
				j = &JobRecord{Station: e.Station, Job: b.Job, open: true}
				open[b.Job] = j
			}
			if j.apply(e, b); j.open {
				continue
			}
			delete(open, b.Job)
			if e.TS >= since && !yield(j, nil) {
				return
			}
		}
	}
}

// Dispositions are the decisions about tablets that failed, by the records of their jobs.
func (l *Ledger) Dispositions(ctx context.Context) (map[string]Disposition, error) {
	return DispositionsOf(l.entriesWhere(ctx, "kind = ?", KindDisposition))
}

// DispositionsOf reads them out of entries of [KindDisposition]; a later one overrides an earlier.
func DispositionsOf(entries iter.Seq2[Entry, error]) (map[string]Disposition, error) {
	all := map[string]Disposition{}
	for e, err := range entries {
		var d dispositionBody
		if err == nil {
			err = json.Unmarshal(e.Body, &d)
		}
		if err != nil {
			return nil, fmt.Errorf("entry %s: %w", e.Record(), err)
		}
		all[d.Record] = d.Disposition
	}
	return all, nil
}
