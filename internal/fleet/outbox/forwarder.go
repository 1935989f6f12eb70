// This file is the forwarder: when it speaks to the database, and how it says that it
// cannot.

package outbox

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/flock"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

// Options are what a forwarder is made of.
type Options struct {
	Ledger  string // its file
	Station string // whose entries are sent
	// Connect opens the database. It is called again after each failure.
	Connect func(context.Context) (*fleet.DB, error)
	// Changed returns a channel that is closed when this process has appended an entry; nil:
	// the ledger is looked at from time to time.
	Changed func() <-chan struct{}
	Batch   int // entries at once; 0 is 250
	// Boot names this machine's run, from its start to its end, and the ledger's file; "" is
	// [RunID]. Where one speaks that was followed by another, there are two machines: a cloned
	// disk.
	Boot string
}

// RunID is the machine's run ([BootID]) with the ledger's file in it: a copy of the file is
// another run, also on the same machine.
func RunID(ledger string) string {
	boot, file := BootID(), fileID(ledger)
	if boot == "" || file == "" {
		return boot
	}
	return boot + fileMark + file
}

// fileMark is in the name of a run that says which file it is about.
const fileMark = "-file-"

// BootID is what the kernel calls this run of the machine; "" where it has no such name.
func BootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// timing is how long the forwarder waits for what. Tests are less patient.
type timing struct {
	answer  time.Duration // for one answer of the database
	gather  time.Duration // after an entry, for others that go with it
	look    time.Duration // until the ledger is looked at without being told
	greet   time.Duration // until the database is asked though there is nothing to send
	quiet   time.Duration // how long a run is young: longer than greet, so that an original has spoken before its copy is believed
	backoff time.Duration // after the first failure; it doubles
	longest time.Duration // a backoff
}

var usual = timing{answer: 20 * time.Second, gather: 200 * time.Millisecond, look: 5 * time.Second, greet: 30 * time.Second,
	quiet: 45 * time.Second, backoff: 500 * time.Millisecond, longest: time.Minute}

// State is how a station stands with the database.
type State struct {
	Sent    int64     // its last entry that the database has
	Waiting int64     // entries that it has not
	Oldest  time.Time // when the first of these was written; zero: none waits
	Contact time.Time // when the database answered last; zero: not since this process began
	Err     error     // why it did not the last time; nil: it did
	Fault   *fleet.Fault
	Rewound int64 // the database was restored from a backup: it had entries up to this one; 0 is not seen
	// Confirmed says that the database knew this chain since this machine began, and that no
	// other one speaks under the station's name.
	Confirmed bool
	Young     time.Duration // until then it is not known whether another machine does, though the database answered
}

// Forwarder sends one station's entries.
type Forwarder struct {
	o      Options
	t      timing
	ledger *ledger.Ledger
	db     *fleet.DB // nil: there is no connection
	saved  cursor    // as it is in the file

	mu      sync.Mutex
	state   State         // guarded by mu
	cursor  cursor        // guarded by mu
	changed chan struct{} // guarded by mu
}

// New makes a forwarder for a ledger that is there. It does not connect. Close it after use.
func New(ctx context.Context, o Options) (*Forwarder, error) {
	if o.Batch == 0 {
		o.Batch = 250
	}
	if o.Boot == "" {
		o.Boot = RunID(o.Ledger)
	}
	f := &Forwarder{o: o, t: usual, changed: make(chan struct{})}
	var err error
	if f.ledger, err = ledger.OpenReader(ctx, o.Ledger); err != nil {
		return nil, err
	}
	if f.cursor, err = loadCursor(o.Ledger, o.Station); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if f.state.Fault = f.cursor.Fault; Files(o.Ledger).IsElsewhere() {
		f.state.Fault = &moved
	}
	f.state.Confirmed = f.cursor.isConfirmed(ctx, f.ledger, o.Boot)
	f.count(ctx)
	return f, nil
}

// Close gives back what the forwarder has.
func (f *Forwarder) Close() error {
	if f.db != nil {
		f.db.Close()
	}
	return f.ledger.Close()
}

// State is how the station stands now.
func (f *Forwarder) State() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// Changed is closed at the next change of the state.
func (f *Forwarder) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// change changes the state.
func (f *Forwarder) change(how func(*State)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how(&f.state)
	close(f.changed)
	f.changed = make(chan struct{})
}

// Confirm waits until the database has answered since this machine began, or until ctx ends,
// and says whether the ledger is the one that it knows: nil, or why that is not so or not
// known. A machine that is new to the database is young for a while: whose copy it may be
// has spoken before it is over.
func (f *Forwarder) Confirm(ctx context.Context) error {
	for {
		changed := f.Changed()
		if s := f.State(); s.Confirmed || s.Fault != nil {
			return f.Confirmed()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return f.Confirmed()
		}
	}
}

// Confirmed is what Confirm says, now.
func (f *Forwarder) Confirmed() error {
	switch s := f.State(); {
	case s.Fault != nil:
		return FaultProblem(f.o.Station, *s.Fault)
	case s.Confirmed:
		return nil
	case s.Young > 0:
		return problem.New(problem.Station, "wait a minute",
			"whether another machine works with a copy of this ledger is not known yet: this one is new to the fleet's database")
	case s.Err != nil:
		return problem.New(problem.Station, "it is asked again as soon as the line is up",
			"whether this ledger is the newest one is not known: the fleet's database did not answer: %w", s.Err)
	}
	return problem.New(problem.Station, "it is asked again as soon as the line is up",
		"whether this ledger is the newest one is not known: the fleet's database has not answered yet")
}

// moved is the fault of a machine that is not the one that joined. It is found here, where a copy
// cannot speak for the original.
var moved = fleet.Fault{Kind: fleet.Moved}

// FaultProblem is a station's fault as an error.
func FaultProblem(station string, f fleet.Fault) error {
	what, todo := f.Meaning()
	if f.Kind == fleet.Moved {
		return problem.New(problem.Invalid, todo, "station %s sends nothing: %s", station, what)
	}
	return problem.New(problem.Invalid, todo, "the fleet's database takes nothing of station %s, from %s on: %s (%s)",
		station, ledger.RecordName(station, f.Seq), what, f.Kind)
}

// Run forwards until ctx ends. It never fails: the state says what is wrong.
func (f *Forwarder) Run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		changed := f.written()
		err := f.contact(ctx)
		wait := f.t.greet
		switch {
		case errors.Is(err, flock.ErrHeld): // somebody syncs by hand
			wait = f.t.backoff
		case err != nil:
			wait = f.pause(failures)
			failures++
		default:
			if failures = 0; f.State().Young > 0 {
				wait = min(wait, f.State().Young)
			}
		}
		f.idle(ctx, changed, wait, err == nil && f.State().Fault == nil && f.State().Young == 0)
	}
}

// written is closed when this process has appended an entry.
func (f *Forwarder) written() <-chan struct{} {
	if f.o.Changed == nil {
		return nil
	}
	return f.o.Changed()
}

// pause is how long is waited after a failure: longer each time, and each station another
// time, so that a server that comes up again is not met by all at once.
func (f *Forwarder) pause(failures int) time.Duration {
	d := f.t.longest
	if failures < 16 {
		d = min(d, f.t.backoff<<failures)
	}
	return d/2 + rand.N(d/2+1) //nolint:gosec // a moment, no secret
}

// idle waits for as long as wait, or, if eager, until there is something to send. It keeps
// counting what waits.
func (f *Forwarder) idle(ctx context.Context, changed <-chan struct{}, wait time.Duration, eager bool) {
	end := time.NewTimer(wait)
	defer end.Stop()
	look := time.NewTicker(f.t.look)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-look.C:
		case <-changed:
			changed = f.written()
			gathered := time.NewTimer(f.t.gather)
			select {
			case <-gathered.C:
			case <-ctx.Done():
				gathered.Stop()
				return
			}
		}
		if f.count(ctx); eager && f.State().Waiting > 0 {
			return
		}
	}
}

// Sync sends all that waits now, and returns how many entries that were. Others who forward
// the same ledger are waited for.
func (f *Forwarder) Sync(ctx context.Context) (sent int64, err error) {
	before := f.State().Sent
	for {
		err = f.contact(ctx)
		wait := f.t.gather
		if young := f.State().Young; err == nil && f.State().Fault == nil && young > 0 {
			wait = young
		} else if !errors.Is(err, flock.ErrHeld) {
			break
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	s := f.State()
	if err == nil && s.Fault != nil {
		err = FaultProblem(f.o.Station, *s.Fault)
	}
	return max(0, s.Sent-before), err
}

// count says in the state what waits.
func (f *Forwarder) count(ctx context.Context) {
	f.mu.Lock()
	sent := f.cursor.Seq
	f.mu.Unlock()
	n, oldest, err := f.after(ctx, sent)
	if err != nil {
		return // the ledger's own trouble is told where it is written
	}
	f.change(func(s *State) { s.Sent, s.Waiting, s.Oldest = sent, n, oldest })
}

// after is how many entries come after one, and when the first of them was written.
func (f *Forwarder) after(ctx context.Context, seq int64) (n int64, oldest time.Time, err error) {
	last, err := f.ledger.Last(ctx, f.o.Station)
	if err != nil || last <= seq {
		return 0, oldest, err
	}
	first, err := f.ledger.After(ctx, f.o.Station, seq, 1)
	if len(first) > 0 {
		oldest, _ = time.Parse(time.RFC3339, first[0].TS) // zero: not known
	}
	return last - seq, oldest, err
}
