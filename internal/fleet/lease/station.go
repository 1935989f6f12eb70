// This file is the station's side: ranges are leased, opened, bound and given back.

package lease

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/untrusted"
)

// Chain is the station's ledger, as far as the database compares it.
type Chain interface {
	// Last is the number of the last entry; 0 is none.
	Last(ctx context.Context) (int64, error)
	// Hash is that of an entry; of entry 0 it is 32 zeros.
	Hash(ctx context.Context, seq int64) ([]byte, error)
}

// Station leases for one station.
type Station struct {
	DB    *fleet.DB // with the station's login
	Chain Chain
	Boot  string       // of the machine, as the outbox says it
	Key   age.Identity // the station's
	// Known is where the chain ends in the database, as far as that is known: it saves a
	// question. Nil: nothing is known.
	Known func() int64
}

// Range is a range of numbers, First to Last; it is empty if Last is before First.
type Range struct {
	Pool, Request string
	First, Last   int64
}

// Count is how many numbers are in it.
func (r Range) Count() int64 { return r.Last - r.First + 1 }

// Identity is a leased row, opened.
type Identity struct {
	Number           int64
	Columns, Secrets map[string]string
}

// EmptyError says that a pool has nothing to lease.
type EmptyError struct {
	Pool    string
	Missing bool // there is no such pool
}

func (e *EmptyError) Error() string {
	if e.Missing {
		return "the fleet has no pool " + e.Pool
	}
	return "the fleet's pool " + e.Pool + " is empty"
}

// NewRequest makes a request id. It is kept before it is used.
func NewRequest() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	return hex.EncodeToString(id[:])
}

// Lease gets up to n numbers of a pool, fewer where the pool or a range that came back has
// not so many. The same request gets the same range again. A station whose chain is not the
// one that the database knows gets nothing. An empty pool is an *[EmptyError].
func (s *Station) Lease(ctx context.Context, pool, request string, n int) (Range, error) {
	var first, last *int64
	verdict, err := s.show(ctx, func(ends, shown int64, hash []byte) (verdict string, head int64, err error) {
		err = s.DB.QueryRow(ctx, "SELECT verdict, head, first, last FROM zarya.lease($1, $2, $3, $4, $5, $6, $7)",
			pool, request, int64(n), ends, shown, hash, s.Boot).Scan(&verdict, &head, &first, &last)
		return verdict, head, err
	})
	switch {
	case err != nil:
		return Range{}, err
	case verdict != "leased":
		return Range{}, refusal(verdict, pool)
	case first == nil || last == nil || *first < 1 || *last < *first-1 || *last-*first >= maxRange:
		return Range{}, problem.New(problem.Station, "", "the fleet's database leased no range")
	}
	return Range{pool, request, *first, *last}, nil
}

// Check asks whether the station's chain is the one that the database knows, now.
func (s *Station) Check(ctx context.Context) error {
	verdict, err := s.show(ctx, func(ends, shown int64, hash []byte) (verdict string, head int64, err error) {
		err = s.DB.QueryRow(ctx, "SELECT verdict, head FROM zarya.check_chain($1, $2, $3, $4)", ends, shown, hash, s.Boot).Scan(&verdict, &head)
		return verdict, head, err
	})
	if err != nil || verdict == "known" {
		return err
	}
	return refusal(verdict, "")
}

// question asks the database, and shows the station's entry of a number.
type question func(ends, shown int64, hash []byte) (verdict string, head int64, err error)

// show asks with the entry of a number until it is the one that the database wants to see.
func (s *Station) show(ctx context.Context, ask question) (verdict string, err error) {
	var shown int64
	if s.Known != nil {
		shown = s.Known()
	}
	for range 10 { // the outbox may move the head meanwhile
		hash, err := s.Chain.Hash(ctx, shown)
		if err != nil {
			return "", err
		}
		ends, err := s.Chain.Last(ctx)
		if err != nil {
			return "", err
		}
		verdict, head, err := ask(ends, shown, hash)
		if err != nil {
			return "", fleet.Problem(err)
		}
		if verdict != "show" {
			return verdict, nil
		}
		shown = head
	}
	return "", problem.New(problem.Station, "try again", "the fleet's database got entries each time that it was asked")
}

// Leases are the ranges of a pool that the station has, but for those that were written off.
func (s *Station) Leases(ctx context.Context, pool string) ([]Range, error) {
	rows, err := s.DB.Query(ctx, `SELECT pool, replace(request::text, '-', ''), first, last FROM zarya.lease
		WHERE pool = $1 AND burned_at IS NULL AND last >= first ORDER BY first`, pool)
	if err != nil {
		return nil, fleet.Problem(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Range])
	return list, fleet.Problem(err)
}

// Clash is what the database found in the station's entries that does not go together.
type Clash struct {
	ID           int64
	What         string // second, taken, foreign
	Pool         string
	Number       int64
	Serial       string
	Other        int64 // the number that the tablet keeps; 0: none
	Record, Note string
	At           time.Time
}

// Clashes are those of the station after one, the oldest first.
func (s *Station) Clashes(ctx context.Context, after int64) ([]Clash, error) {
	rows, err := s.DB.Query(ctx, `SELECT id, what, pool, number, serial, coalesce(other, 0), record, note, at FROM zarya.clash
		WHERE id > $1 ORDER BY id LIMIT 1000`, after)
	if err != nil {
		return nil, fleet.Problem(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Clash])
	for i := range list {
		c := &list[i]
		c.Pool, c.Serial = untrusted.Line(c.Pool, 100), untrusted.Line(c.Serial, 256)
		c.Record, c.Note = untrusted.Line(c.Record, 100), untrusted.Line(c.Note, 300)
	}
	return list, fleet.Problem(err)
}

// maxRange is how long a range is at most.
const maxRange = 10000

// refusal says why nothing was leased.
func refusal(verdict, pool string) error {
	switch verdict {
	case "empty":
		return &EmptyError{Pool: pool}
	case "no-pool":
		return &EmptyError{Pool: pool, Missing: true}
	case "no-key":
		return problem.New(problem.Identity, "a supervisor runs zarya identity grant --pool "+pool,
			"this station cannot open the secrets of the pool %s", pool)
	case "restored":
		return problem.New(problem.Identity, "a supervisor says what becomes of the rest: zarya identity settle or abandon",
			"the fleet's database was restored from a backup: it may have leased what the pool %s has left", pool)
	case "fault", fleet.Fork, fleet.SetBack:
		what := "its chain has a fault"
		if verdict != "fault" {
			what, _ = fleet.Fault{Kind: verdict}.Meaning()
		}
		return problem.New(problem.Identity, "zarya fleet status says what to do", "the fleet gives this station no identities: %s", what)
	}
	return problem.New(problem.Identity, "", "the fleet gives this station no identities: %s", untrusted.Line(verdict, 40))
}

// Rows are the identities of a range, with their secrets opened.
func (s *Station) Rows(ctx context.Context, r Range) ([]Identity, error) {
	rows, err := s.read(ctx, "SELECT number, columns, sealed, import::text, import_key FROM zarya.leased_rows($1)", r.Request)
	if err != nil {
		return nil, err
	}
	if int64(len(rows)) != r.Count() {
		return nil, problem.New(problem.Station, "", "the fleet's database has %d rows of a range of %d", len(rows), r.Count())
	}
	for i, row := range rows {
		if row.Number != r.First+int64(i) {
			return nil, problem.New(problem.Station, "",
				"the fleet's database sends number %d in a range from %d to %d", row.Number, r.First, r.Last)
		}
	}
	return rows, nil
}

// Held is the identity that a tablet has, from whichever station; nil is none. The database
// records that it was asked.
func (s *Station) Held(ctx context.Context, pool, serial string) (*Identity, error) {
	rows, err := s.read(ctx, "SELECT number, columns, sealed, import::text, import_key FROM zarya.adopt($1, $2)", pool, serial)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

// SealedError says that the secrets of an identity cannot be opened.
type SealedError struct {
	Number int64
	Err    error
}

func (e *SealedError) Error() string {
	return fmt.Sprintf("the secrets of number %d cannot be opened: %v", e.Number, e.Err)
}

func (e *SealedError) Unwrap() error { return e.Err }

// read reads rows and opens them.
func (s *Station) read(ctx context.Context, query string, args ...any) ([]Identity, error) {
	keys := map[string]*age.X25519Identity{} // by import
	rows, err := s.DB.Query(ctx, query, args...)
	if err != nil {
		return nil, fleet.Problem(err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (i Identity, err error) {
		var columns, sealed, id, key string
		if err := row.Scan(&i.Number, &columns, &sealed, &id, &key); err != nil {
			return i, err
		}
		if err := json.Unmarshal([]byte(columns), &i.Columns); err != nil || sealed == "" {
			return i, err
		}
		if s.Key == nil {
			return i, &SealedError{i.Number, errors.New("this station has no key")}
		}
		if keys[id] == nil {
			if keys[id], err = openKey(key, s.Key); err != nil {
				return i, &SealedError{i.Number, err}
			}
		}
		plain, err := unseal(sealed, keys[id])
		if err != nil {
			return i, &SealedError{i.Number, err}
		}
		return i, json.Unmarshal(plain, &i.Secrets)
	})
	return all, fleet.Problem(err)
}

// Return gives the end of a range back, from a number on, and returns what is left. Nothing
// of it may be given to a tablet any more: the station's ledger says so first. Again is no
// error.
func (s *Station) Return(ctx context.Context, r Range, from int64) (Range, error) {
	err := s.DB.QueryRow(ctx, "SELECT zarya.return_range($1, $2)", r.Request, from).Scan(&r.Last)
	return r, fleet.Problem(err)
}

// Binding is that a tablet has an identity.
type Binding struct {
	Pool   string
	Number int64
	Serial string
	Bound  bool // it was read back from the tablet
	Time   time.Time
}

// ErrTwice says that the database has another tablet for an identity.
var ErrTwice = errors.New("another tablet has the identity")

// Bind records a binding. held says whether the tablet keeps this identity; if not, it is
// burned, and the tablet has the one whose number is other. If it keeps it, other is what was
// burned for it, or 0.
func (s *Station) Bind(ctx context.Context, b Binding) (held bool, other int64, err error) {
	how := map[bool]string{true: "bound", false: "assigned"}[b.Bound]
	var verdict string
	err = s.DB.QueryRow(ctx, "SELECT verdict, coalesce(other, 0) FROM zarya.bind($1, $2, $3, $4, $5)", b.Pool, b.Number, b.Serial, how,
		b.Time.UTC().Format("2006-01-02T15:04:05.000000Z")).Scan(&verdict, &other)
	if isTwice(err) {
		return false, 0, problem.New(problem.Identity, "look at both tablets", "%s %d: %w", b.Pool, b.Number, ErrTwice)
	}
	return verdict == "held", other, fleet.Problem(err)
}

func isTwice(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505"
}

// All are the columns of an identity, the secret ones too.
func (i Identity) All() map[string]string {
	all := maps.Clone(i.Columns)
	maps.Copy(all, i.Secrets)
	return all
}
