// This file is the supply of identities: which one a tablet gets, and when it gets none.

package stock

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"filippo.io/age"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/lease"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/problem"
)

// Usual is how many identities of a pool a station has ahead at most, where nothing else is said.
const Usual = 200

// Options are what a stock is made of.
type Options struct {
	Ledger *ledger.Ledger
	Supply *pool.Supply // of the ledger
	Seal   pool.Seal    // of the ledger's secrets
	Key    age.Identity // that what is leased is sealed for; nil: nothing secret can be leased
	Outbox *outbox.Forwarder
	// Connect opens the database with the station's login.
	Connect func(context.Context) (*fleet.DB, error)
	Ahead   int // how many identities of a pool are here at most; 0 is [Usual]
	// Alone says that identities are given after a start of the machine though the database
	// cannot be asked whether it was set back.
	Alone bool
	// Patience is how long a tablet waits while the database is asked for more; 0: not at all,
	// the job itself waits.
	Patience time.Duration
	Warn     func(format string, args ...any)
}

// timing is how long is waited for what. Tests are less patient.
type timing struct {
	answer time.Duration // for the database, when a tablet waits
	refill time.Duration // for the database, in the background
	look   time.Duration // until the pools are looked at without being told
	again  time.Duration // after a failure
}

var usual = timing{answer: 3 * time.Second, refill: 30 * time.Second, look: 15 * time.Second, again: 5 * time.Second}

// Stock is a flash.Identities.
type Stock struct {
	*pool.Supply

	o     Options
	t     timing
	after int64 // leases of entries before this one are not given: an older ledger was put back

	wake chan struct{}
	line chan *fleet.DB // has the connection while nobody uses the line; nil: there is none

	refilling sync.Mutex // two refills at once would lease twice

	mu      sync.Mutex
	away    time.Time       // guarded by mu: until then the database is not asked for a tablet, since it did not answer
	wanted  map[string]bool // guarded by mu: the pools that are refilled
	empty   map[string]bool // guarded by mu: the fleet has nothing of them
	checked map[string]bool // guarded by mu: it was looked for what was leased and not taken in, since the program began
	err     error           // guarded by mu: why nothing was leased the last time
	round   int             // guarded by mu: the look at the pools that began last, counted from 1
	looked  int             // guarded by mu: the one that ended last
	clashed int64           // guarded by mu: the last clash that was put right
	changed chan struct{}   // guarded by mu: closed when something was leased, or could not be
}

// New makes a stock of the pools. It does not connect. Close it after use.
func New(ctx context.Context, o Options, pools ...string) (*Stock, error) {
	if o.Ahead == 0 {
		o.Ahead = Usual
	}
	s := &Stock{Supply: o.Supply, o: o, t: usual, wake: make(chan struct{}, 1), wanted: map[string]bool{},
		empty: map[string]bool{}, checked: map[string]bool{}, changed: make(chan struct{}), line: make(chan *fleet.DB, 1)}
	s.line <- nil
	err := o.Ledger.QueryRow(ctx, "SELECT COALESCE(MAX(seq), 0) FROM entry WHERE station = ? AND kind = ?",
		o.Ledger.Station(), ledger.KindRollback).Scan(&s.after)
	o.Supply.Leased = func() (from, to int64) { return s.after + 1, o.Outbox.State().Sent }
	s.Want(pools...)
	return s, err
}

// Close gives back what the stock has.
func (s *Stock) Close() { s.disconnect() }

// disconnect ends the connection.
func (s *Stock) disconnect() {
	if db := <-s.line; db != nil {
		db.Close()
	}
	s.line <- nil
}

// Want says which pools are kept filled from now on, too.
func (s *Stock) Want(pools ...string) {
	s.mu.Lock()
	fresh := false
	for _, p := range pools {
		fresh = fresh || !s.wanted[p]
		s.wanted[p] = true
	}
	s.mu.Unlock()
	if fresh {
		s.hurry()
	}
}

// hurry has the pools looked at now.
func (s *Stock) hurry() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Assign gives a tablet the identity that it has, here or at another station, or else a free
// one. Where none can be given now, it is an empty *flash.PoolError.
func (s *Stock) Assign(ctx context.Context, name, serial, job string) (*flash.Identity, error) {
	own, err := pool.IsOwn(ctx, s.o.Ledger, name)
	if err != nil || own {
		if err != nil {
			return nil, err
		}
		return s.Supply.Assign(ctx, name, serial, job)
	}
	s.Want(name)
	patience, cancel := context.WithTimeout(ctx, s.o.Patience)
	defer cancel()
	s.mu.Lock()
	begun := s.round
	s.mu.Unlock()
	for {
		changed, told := s.soon(), s.o.Outbox.Changed()
		hopeless := s.isHopeless(name, begun)
		id, err := s.assign(ctx, name, serial, job)
		var none *flash.PoolError
		if !errors.As(err, &none) || !none.Empty {
			if err == nil {
				s.hurry() // there is one less
			}
			return id, err
		}
		s.hurry()
		if hopeless {
			return nil, err
		}
		select {
		case <-changed:
		case <-told:
		case <-patience.Done():
			return nil, err
		}
	}
}

// isHopeless says that nothing will come soon: nobody answers, or what answers has nothing. begun
// is the look at the pools that had begun last when the tablet came: what was asked before that may
// have another answer now.
func (s *Stock) isHopeless(name string, begun int) bool {
	f := s.o.Outbox.State()
	s.mu.Lock()
	defer s.mu.Unlock()
	kind, _ := problem.KindOf(s.err)
	return f.Err != nil || f.Fault != nil || s.looked > begun && (s.empty[name] || kind == problem.Identity)
}

// soon is closed when something was leased, or could not be.
func (s *Stock) soon() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *Stock) assign(ctx context.Context, name, serial, job string) (*flash.Identity, error) {
	if err := s.trusted(); err != nil {
		return nil, lacking(name, err)
	}
	if err := s.ask(ctx, name, serial, job); err != nil {
		return nil, err
	}
	id, err := s.Supply.Assign(ctx, name, serial, job)
	var none *flash.PoolError
	if errors.As(err, &none) && none.Empty {
		return nil, s.explain(ctx, name)
	}
	return id, err
}

// trusted says whether identities may be given now: nil, or why not.
func (s *Stock) trusted() error {
	err := s.o.Outbox.Confirmed()
	if f := s.o.Outbox.State(); err != nil && s.o.Alone && f.Err != nil && f.Fault == nil && f.Young == 0 {
		return nil
	}
	return err
}

// lacking is an error of a pool that is as good as empty: there may be an identity later.
func lacking(name string, err error) error {
	e := &flash.PoolError{Pool: name, Problem: err.Error(), Empty: true}
	var p *problem.Error
	if errors.As(err, &p) {
		e.Hint = p.Hint
	}
	return e
}

// explain says why nothing of a pool is here.
func (s *Stock) explain(ctx context.Context, name string) error {
	s.mu.Lock()
	empty, why := s.empty[name], s.err
	s.mu.Unlock()
	if free, err := pool.Free(ctx, s.o.Ledger, name); err == nil && free > 0 {
		why, empty = errors.New("its lease is not known to the fleet's database yet"), false
	}
	e := &flash.PoolError{Pool: name, Empty: true, Hint: "zarya identity import --pool " + name + " FILE.csv, by a supervisor of the fleet",
		Problem: "none is left here nor in the fleet's database"}
	switch {
	case empty:
	case why != nil:
		e.Problem, e.Hint = fmt.Sprintf("none is left here, and none was leased: %v", why), "they come when the fleet's database gives some"
		var p *problem.Error
		if errors.As(why, &p) && p.Hint != "" {
			e.Hint = p.Hint
		}
	default:
		e.Problem, e.Hint = "none is left here; some are being leased", "wait a moment"
	}
	return e
}

// ask asks the database, if it can be reached, whether the chain is still the one that it
// knows, and whether the tablet has an identity; then that one becomes this station's.
func (s *Stock) ask(ctx context.Context, name, serial, job string) error {
	if s.isAway() { // nobody waits for it
		return nil
	}
	held, err := s.held(ctx, name, serial)
	var sealed *lease.SealedError
	switch kind, _ := problem.KindOf(err); {
	case errors.As(err, &sealed):
		return &flash.PoolError{Pool: name, Problem: fmt.Sprintf("what the tablet has from another station cannot be read: %v", err),
			Hint: "a supervisor lets this station open it: zarya identity grant --pool " + name}
	case err == nil && held != nil:
		return s.adopt(ctx, name, serial, job, *held)
	case err == nil:
		return nil
	case kind == problem.Identity || fleet.IsRefused(err):
		return lacking(name, err)
	}
	s.mu.Lock()
	s.away = time.Now().Add(s.t.look)
	s.mu.Unlock()
	return nil // the line is down: the outbox says so
}

// held is what the database says that a tablet has; nil is nothing. Only this has to be in time: what
// the ledger takes is not the line's matter.
func (s *Stock) held(ctx context.Context, name, serial string) (*lease.Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, s.t.answer)
	defer cancel()
	st, err := s.station(ctx)
	if err == nil {
		err = st.Check(ctx)
	}
	if err != nil || serial == "" { // without one no other station can know it again
		return nil, err
	}
	return st.Held(ctx, name, serial)
}

// isAway says that the database does not answer.
func (s *Stock) isAway() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.o.Outbox.State().Err != nil || time.Now().Before(s.away)
}

// adopt makes the identity that a tablet has this station's too.
func (s *Stock) adopt(ctx context.Context, name, serial, job string, held lease.Identity) error {
	here, err := pool.Holder(ctx, s.o.Ledger, name, serial)
	if err != nil || here == held.Number {
		return err
	}
	if here != 0 {
		if err := pool.Burn(s.o.Ledger, name, here, fmt.Sprintf("the tablet has number %d from another station", held.Number)); err != nil {
			return err
		}
	}
	err = pool.Adopt(s.o.Ledger, name, held.Number, pool.Row{Columns: held.Columns, Secrets: held.Secrets}, serial, job, s.o.Seal)
	var state *pool.StateError
	if errors.As(err, &state) {
		return &flash.PoolError{Pool: name, Problem: fmt.Sprintf("the fleet's database says that the tablet has number %d, which is %s here",
			held.Number, state.State), Hint: "zarya identity list --pool " + name + ", here and with --database"}
	}
	return err
}

// station is the station at the database, connected.
func (s *Stock) station(ctx context.Context) (*lease.Station, error) {
	var db *fleet.DB
	select {
	case db = <-s.line:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { s.line <- db }()
	if db == nil {
		fresh, err := s.o.Connect(ctx)
		if err != nil {
			return nil, err
		}
		db = fresh
	}
	name := s.o.Ledger.Station()
	return &lease.Station{DB: db, Chain: lease.LedgerChain{Ledger: s.o.Ledger, Station: name},
		Boot: outbox.RunID(s.o.Ledger.Path()), Key: s.o.Key, Known: func() int64 { return s.o.Outbox.State().Sent }}, nil
}
