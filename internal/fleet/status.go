// This file reads how the stations are.

package fleet

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/zarya-station/zarya/internal/untrusted"
)

// Fault is why nothing of a station is taken any more.
type Fault struct {
	Kind string `json:"kind"` // gap, fork, changed, set-back; moved is never told to the database
	Seq  int64  `json:"seq"`  // the first entry that it is about
	Note string `json:"note,omitempty"`
}

// The kinds of faults.
const (
	Gap     = "gap"      // an entry is missing
	Fork    = "fork"     // the database has another entry of this number: a cloned disk, a restored backup
	Changed = "changed"  // an entry is not what was written
	Moved   = "moved"    // the machine is not the one that joined
	SetBack = "set-back" // the station has fewer entries than it sent: a restored backup
)

// Meaning is the fault in words, and what to do.
func (f Fault) Meaning() (what, todo string) {
	const anew = "find out which machine is the right one; enrol the other under a new name, then: zarya fleet resume NAME"
	switch f.Kind {
	case Gap:
		return "entries are missing in its ledger", "look at the ledger: zarya ledger verify; then enrol it under a new name"
	case Changed:
		return "an entry is not what was written", "keep its disk as evidence; enrol the machine under a new name"
	case Moved:
		return "this is not the machine that joined: a copy of its disk, or its disk in another machine",
			"if the other is off for good: zarya fleet enrol NAME --again, and join here with that token; else enrol this one under a new name"
	case SetBack:
		return "its ledger ends before what it sent: an older copy was put back", anew
	}
	return "two ledgers go by its name: a cloned disk, or an older copy that was put back", anew
}

// Status is one station.
type Status struct {
	Station  string     `json:"station"`
	State    string     `json:"state"` // enrolled, joined, revoked
	Proven   bool       `json:"proven,omitempty"`
	Last     int64      `json:"last"`              // its last entry here
	LastTS   string     `json:"last_ts,omitempty"` // by its clock
	Received *time.Time `json:"received,omitempty"`
	Waiting  int64      `json:"waiting"` // entries that it has and did not send, when it was last heard of
	Seen     *time.Time `json:"seen,omitempty"`
	Fault    *Fault     `json:"fault,omitempty"`
	// Rewound is up to where the station had sent before this database was restored from a
	// backup; 0 is never. It sends what is missing again.
	Rewound   int64      `json:"rewound,omitempty"`
	RewoundAt *time.Time `json:"rewound_at,omitempty"`
}

// Stations are those that the login may see, by name.
func (db *DB) Stations(ctx context.Context) ([]Status, error) {
	rows, err := db.Query(ctx, `SELECT s.name, CASE WHEN s.revoked_at IS NOT NULL THEN 'revoked' WHEN s.joined_at IS NULL THEN 'enrolled'
	    ELSE 'joined' END, s.public_key, s.recipient, s.proof, s.fault, s.fault_seq, s.fault_note,
	  h.seq, h.ts, h.received, greatest(h.told - h.seq, 0), h.seen, h.rewound, h.rewound_at
	  FROM zarya.station s JOIN zarya.head h ON h.station = s.name ORDER BY s.name LIMIT 100000`)
	if err != nil {
		return nil, Problem(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Status, err error) {
		var f Fault
		var key, recipient, proof string
		err = row.Scan(&s.Station, &s.State, &key, &recipient, &proof, &f.Kind, &f.Seq, &f.Note,
			&s.Last, &s.LastTS, &s.Received, &s.Waiting, &s.Seen, &s.Rewound, &s.RewoundAt)
		s.Proven = s.State != "enrolled" && isProven(s.Station, key, recipient, proof)
		s.Station, s.LastTS = untrusted.Line(s.Station, 64), untrusted.Line(s.LastTS, 40)
		if f.Kind != "" {
			s.Fault = &Fault{untrusted.Line(f.Kind, 20), f.Seq, untrusted.Line(f.Note, 300)}
		}
		return s, err
	})
	return list, Problem(err)
}
