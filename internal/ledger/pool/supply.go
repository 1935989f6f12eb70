// This file gives identities to jobs.

package pool

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
)

// NewSupply returns the identities of a ledger for the engine.
func NewSupply(l *ledger.Ledger, seal Seal) *Supply { return &Supply{ledger: l, seal: seal} }

// Supply gives each tablet its identity; it is a flash.Identities.
type Supply struct {
	// Lock keeps a serial from the other processes of this machine until release is called.
	// With one that another process has it returns who that is, and no release. Nil: no
	// other process gives identities.
	Lock func(serial, job string) (release func(), holder string, err error)
	// Leased is by which entries of this station identities were leased that may be given now:
	// from one number to another. Nil: none may.
	Leased func() (from, to int64)

	ledger *ledger.Ledger
	seal   Seal
	mu     sync.Mutex
	locks  map[string]func() // guarded by mu: the releases, by job
}

// claimSerial keeps a serial for a job, unless another job under way has it, in this process
// or in another.
func (s *Supply) claimSerial(pool, serial, job string) error {
	if serial == "" {
		return nil
	}
	twin := func(holder string) error {
		return &flash.PoolError{Pool: pool,
			Problem: fmt.Sprintf("another tablet with the serial %s has that of this serial (%s, under way)", serial, holder),
			Hint: "two tablets say that they are the same one: put both side by side, find out which is which, " +
				"and run one of them at a time",
			Twin: true}
	}
	if other := s.ledger.Reserve("serial "+pool+" "+serial, job); other != job {
		return twin("job " + other)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Lock == nil || s.locks[job] != nil {
		return nil
	}
	release, holder, err := s.Lock(serial, job)
	switch {
	case err != nil:
		return &flash.PoolError{Pool: pool, Problem: fmt.Sprintf("that of the serial %s cannot be kept from other processes: %v", serial, err),
			Hint: "name a folder that can be written with --lock-dir"}
	case release == nil:
		return twin(holder)
	}
	if s.locks == nil {
		s.locks = map[string]func(){}
	}
	s.locks[job] = release
	return nil
}

// Release lets go of the serial that a job has claimed.
func (s *Supply) Release(job string) {
	s.mu.Lock()
	release := s.locks[job]
	delete(s.locks, job)
	s.mu.Unlock()
	if release != nil {
		release()
	}
	s.ledger.EndReservations(job) // last: who has it next in this process takes the lock, too
}

// Assign gives a tablet the identity that it has, or else the first free one.
func (s *Supply) Assign(_ context.Context, pool, serial, job string) (*flash.Identity, error) {
	if err := s.claimSerial(pool, serial, job); err != nil {
		return nil, err
	}
	id := &flash.Identity{Pool: pool}
	body := &entryBody{Pool: pool, Job: job, Serial: serial}
	var columns, sealed string
	from, to := int64(0), int64(-1)
	if s.Leased != nil {
		from, to = s.Leased()
	}
	_, err := s.ledger.Append(KindAssign, body, func(tx *ledger.Tx) error {
		const row = "SELECT id, columns, sealed, lease FROM identity WHERE pool = ? AND "
		err := sql.ErrNoRows
		if serial != "" {
			err = tx.QueryRow(row+"serial = ? AND state IN ('assigned', 'bound')", pool, serial).
				Scan(&id.ID, &columns, &sealed, &body.Lease)
			if err == nil {
				return ledger.ErrNothing // it has it already
			}
		}
		if errors.Is(err, sql.ErrNoRows) {
			err = tx.QueryRow(row+"state = 'free' AND (lease = '' OR station = ? AND seq BETWEEN ? AND ?) ORDER BY id LIMIT 1",
				pool, tx.Station, from, to).Scan(&id.ID, &columns, &sealed, &body.Lease)
		}
		if errors.Is(err, sql.ErrNoRows) {
			return explainEmpty(tx, pool)
		}
		if err != nil {
			return err
		}
		body.ID = id.ID
		_, err = tx.Exec(`UPDATE identity SET state = 'assigned', serial = ?, job = ?, note = '', ts = ?, station = ?, seq = ?
			WHERE pool = ? AND id = ?`,
			serial, job, tx.TS, tx.Station, tx.Seq, pool, id.ID)
		return err
	})
	if err != nil && !errors.Is(err, ledger.ErrNothing) {
		return nil, err
	}
	return id, s.fillIn(id, columns, sealed)
}

// explainEmpty says why a pool has nothing to give.
func explainEmpty(tx *ledger.Tx, pool string) error {
	var all int
	if err := tx.QueryRow("SELECT COUNT(*) FROM identity WHERE pool = ?", pool).Scan(&all); err != nil {
		return err
	}
	command := "zarya identity import --pool " + pool + " FILE.csv"
	if all == 0 {
		return &flash.PoolError{Pool: pool, Problem: "there is no such pool", Hint: "import it: " + command, Empty: true}
	}
	return &flash.PoolError{Pool: pool, Problem: fmt.Sprintf("none of %d is free", all), Hint: "import more: " + command, Empty: true}
}

// Held returns the identity that a tablet has, or nil.
func (s *Supply) Held(ctx context.Context, pool, serial string) (*flash.Identity, error) {
	if serial == "" {
		return nil, nil
	}
	id := &flash.Identity{Pool: pool}
	var columns, sealed string
	err := s.ledger.QueryRow(ctx, "SELECT id, columns, sealed FROM identity WHERE pool = ? AND serial = ? AND state IN ('assigned', 'bound')",
		pool, serial).Scan(&id.ID, &columns, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return id, s.fillIn(id, columns, sealed)
}

// fillIn gives an identity its columns, the secret ones too.
func (s *Supply) fillIn(id *flash.Identity, columns, sealed string) error {
	if err := json.Unmarshal([]byte(columns), &id.Columns); err != nil {
		return err
	}
	if sealed == "" {
		return nil
	}
	plain, err := s.seal.Open(sealed)
	if err != nil {
		return &flash.PoolError{Pool: id.Pool, Problem: fmt.Sprintf("the secrets of %d cannot be opened: %v", id.ID, err),
			Hint: "use the key with which the pool was imported (ZARYA_AGE_KEY)"}
	}
	secrets := map[string]string{}
	if err := json.Unmarshal(plain, &secrets); err != nil {
		return err
	}
	maps.Copy(id.Columns, secrets)
	id.Secret = slices.Sorted(maps.Keys(secrets))
	return nil
}

// Bind records that the identity was read back from its tablet.
func (s *Supply) Bind(_ context.Context, id *flash.Identity, job string) error {
	err := changeState(s.ledger, id.Pool, id.ID, change{kind: KindBind, from: []string{StateAssigned}, to: StateBound, job: job})
	var state *StateError
	if errors.As(err, &state) && state.State == StateBound {
		return nil
	}
	return err
}

// Burn takes an identity out of use.
func (s *Supply) Burn(_ context.Context, id *flash.Identity, why string) error {
	return changeState(s.ledger, id.Pool, id.ID, change{kind: KindBurn, from: []string{StateAssigned, StateBound}, to: StateBurned, note: why})
}
