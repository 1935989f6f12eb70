// This file is one contact with the database: its head is compared, then all that waits is
// sent.

package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/flock"
	"github.com/zarya-station/zarya/internal/ledger"
)

// maxBytes is how much goes with one statement at most, beside one entry.
const maxBytes = 4 << 20

// answer is what the database says to what was sent.
type answer struct {
	database string
	fault    fleet.Fault
	seq      int64   // where the chain ends there
	hash     []byte  // nil: nothing is there
	young    float64 // seconds
}

// contact asks and sends, and says in the state how it went. flock.ErrHeld: another
// process does that now.
func (f *Forwarder) contact(ctx context.Context) error {
	lock, err := os.OpenFile(f.o.Ledger+".forward", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // and with it the lock
	if err := flock.Try(lock); err != nil {
		return err
	}
	if Files(f.o.Ledger).IsElsewhere() {
		f.change(func(s *State) { s.Fault, s.Confirmed = &moved, false })
		return nil
	}
	err = f.converse(ctx)
	if saved := f.saveCursor(); err == nil {
		err = saved
	}
	f.count(ctx)
	f.change(func(s *State) { s.Err = err })
	if err != nil && f.db != nil { // it may be another server the next time, or of another form
		f.db.Close() // which takes a while where nothing is answered
		f.db = nil
	}
	return err
}

func (f *Forwarder) converse(ctx context.Context) error {
	if f.db == nil {
		ctx, cancel := context.WithTimeout(ctx, f.t.answer)
		defer cancel()
		db, err := f.o.Connect(ctx)
		if err != nil {
			return err
		}
		f.db = db
	}
	a, err := f.send(ctx, nil)
	for err == nil {
		var stop bool
		if stop, err = f.weigh(ctx, a); stop || err != nil || f.State().Young > 0 {
			return err // nothing is sent by a machine that may be a copy: the chain would be its own
		}
		var batch []ledger.Entry
		if batch, err = f.next(ctx, a.seq); err != nil || len(batch) == 0 {
			return err
		}
		if batch[0].Seq != a.seq+1 {
			return f.report(ctx, fleet.Fault{Kind: fleet.Gap, Seq: a.seq + 1, Note: "it is not in the station's ledger"})
		}
		a, err = f.send(ctx, batch)
	}
	return err
}

// next are the entries after seq that go together.
func (f *Forwarder) next(ctx context.Context, seq int64) ([]ledger.Entry, error) {
	batch, err := f.ledger.After(ctx, f.o.Station, seq, f.o.Batch)
	size := 0
	for i, e := range batch {
		if size += len(e.Body); size > maxBytes && i > 0 {
			return batch[:i], err
		}
	}
	return batch, err
}

// send sends entries; none only asks.
func (f *Forwarder) send(ctx context.Context, batch []ledger.Entry) (a answer, err error) {
	last, err := f.ledger.Last(ctx, f.o.Station)
	if err != nil {
		return a, err
	}
	n := len(batch)
	seqs, hashes, prevs := make([]int64, n), make([][]byte, n), make([][]byte, n)
	stamps, kinds, bodies := make([]string, n), make([]string, n), make([]string, n)
	for i, e := range batch {
		seqs[i], stamps[i], kinds[i], bodies[i], prevs[i], hashes[i] = e.Seq, e.TS, e.Kind, string(e.Body), e.Prev[:], e.Hash[:]
	}
	ctx, cancel := context.WithTimeout(ctx, f.t.answer)
	defer cancel()
	err = f.db.QueryRow(ctx, `SELECT f.id::text, coalesce(a.fault, ''), coalesce(a.fault_seq, 0), coalesce(a.fault_note, ''),
		a.head_seq, a.head_hash, zarya.young_for($8, $9)
		FROM zarya.fleet f, zarya.append($1, $2, $3, $4, $5, $6, $7, $8) a`,
		seqs, stamps, kinds, bodies, prevs, hashes, last, f.o.Boot, f.t.quiet.Seconds()).
		Scan(&a.database, &a.fault.Kind, &a.fault.Seq, &a.fault.Note, &a.seq, &a.hash, &a.young)
	if err != nil {
		return a, fleet.Problem(err)
	}
	if a.seq < 0 || len(a.hash) != sha256.Size {
		return a, fmt.Errorf("the fleet's database answers that the chain ends with %d", a.seq)
	}
	return a, nil
}

// weigh compares an answer with the ledger; stop says that nothing more is to be sent.
func (f *Forwarder) weigh(ctx context.Context, a answer) (stop bool, err error) {
	if a.fault.Kind != "" {
		f.settle(ctx, a, &a.fault, 0)
		return true, nil
	}
	fault, err := f.compare(ctx, a)
	if err != nil {
		return true, err
	}
	if fault != nil {
		return true, f.report(ctx, *fault)
	}
	var rewound int64
	if sent := f.sentTo(a.database); sent > a.seq {
		// The database ends before what it had: it was restored. It gets the rest again.
		ctx, cancel := context.WithTimeout(ctx, f.t.answer)
		defer cancel()
		if _, err := f.db.Exec(ctx, "SELECT zarya.report_rewind($1)", sent); err != nil {
			return true, fleet.Problem(err)
		}
		rewound = sent
	}
	f.settle(ctx, a, nil, rewound)
	return false, nil
}

// compare looks for the database's head in the ledger.
func (f *Forwarder) compare(ctx context.Context, a answer) (*fleet.Fault, error) {
	if a.seq == 0 {
		return nil, nil
	}
	at, err := f.ledger.After(ctx, f.o.Station, a.seq-1, 1)
	if err != nil {
		return nil, err
	}
	switch {
	case len(at) == 0:
		last, err := f.ledger.Last(ctx, f.o.Station)
		note := fmt.Sprintf("the station's ledger ends with %d, the database has %d", last, a.seq)
		return &fleet.Fault{Kind: fleet.SetBack, Seq: last + 1, Note: note}, err
	case at[0].Seq != a.seq:
		return &fleet.Fault{Kind: fleet.Gap, Seq: a.seq, Note: "it is not in the station's ledger any more"}, nil
	case string(at[0].Hash[:]) != string(a.hash):
		return &fleet.Fault{Kind: fleet.Fork, Seq: a.seq, Note: "the station's ledger has another entry"}, nil
	}
	return nil, nil
}

// report tells the database of a fault that it cannot see.
func (f *Forwarder) report(ctx context.Context, fault fleet.Fault) error {
	f.change(func(s *State) { s.Fault = &fault }) // also if the database does not hear it
	f.mu.Lock()
	f.cursor.Fault = &fault
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, f.t.answer)
	defer cancel()
	_, err := f.db.Exec(ctx, "SELECT zarya.report_fault($1, $2, $3)", fault.Kind, fault.Seq, fault.Note)
	return fleet.Problem(err)
}

// sentTo is how far a database is, as far as is remembered.
func (f *Forwarder) sentTo(database string) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cursor.Database != database {
		return 0
	}
	return f.cursor.Seq
}

// settle remembers an answer, and what the database had before it was restored (0: it was not)
// at once: whoever sees Rewound must not see Sent as it was before, and whoever sees that all is
// sent must not see that something waits.
func (f *Forwarder) settle(ctx context.Context, a answer, fault *fleet.Fault, rewound int64) {
	waiting, oldest, err := f.after(ctx, a.seq)
	f.mu.Lock()
	f.cursor.Database, f.cursor.Seq, f.cursor.Fault = a.database, a.seq, fault
	f.cursor.Hash = hex.EncodeToString(a.hash)
	if f.cursor.Run = ""; fault == nil && (f.state.Confirmed || a.young == 0) {
		f.cursor.Run = f.o.Boot
	}
	f.mu.Unlock()
	f.change(func(s *State) {
		s.Sent, s.Fault, s.Contact, s.Err = a.seq, fault, time.Now(), nil
		if err == nil { // else it is counted after the contact
			s.Waiting, s.Oldest = waiting, oldest
		}
		if rewound > 0 {
			s.Rewound = rewound
		}
		s.Young = time.Duration(a.young * float64(time.Second))
		s.Confirmed = fault == nil && (s.Confirmed || a.young == 0)
	})
}

// saveCursor keeps what changed.
func (f *Forwarder) saveCursor() error {
	f.mu.Lock()
	c := f.cursor
	f.mu.Unlock()
	if c == f.saved {
		return nil
	}
	if err := c.save(f.o.Ledger); err != nil {
		return err
	}
	f.saved = c
	return nil
}
