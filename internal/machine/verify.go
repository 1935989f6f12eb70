// This file is whether the ledger here is whole, by itself and beside what others kept of it,
// and what is done when it is not.

package machine

import (
	"context"
	"fmt"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/records"
)

// Kept is what others kept of the ledger: the heads in a file or at a witness, or all that a fleet's database
// has; both may be "". Signers is the file of keys that must have signed the heads; "" are those
// that are known.
type Kept struct {
	Heads, Database, Signers string
}

// Verified is a ledger whose chains are unbroken.
type Verified struct {
	records.Verified
	Said  []string // what was compared, also if the ledger is not whole after all
	Alone bool     // nothing that was kept elsewhere was compared
}

// Check holds what was asked for to what goes together.
func (k Kept) Check() error {
	if k.Database != "" && k.Heads != "" {
		return problem.New(problem.Usage, "do one after the other", "--head and --database do not go together")
	}
	return nil
}

// Verify checks the ledger, beside what others kept of it. Its error may be a
// [records.EditedError].
func (m *Machine) Verify(ctx context.Context, with Kept) (v Verified, err error) {
	if err := with.Check(); err != nil {
		return v, err
	}
	verify := func(ctx context.Context, l *ledger.Ledger, heads []ledger.Head, from string) (err error) {
		v.Verified, err = records.Verify(ctx, l, heads, from)
		return err
	}
	if with.Database != "" {
		err = m.Fleet(ctx, with.Database, func(ctx context.Context, db *fleet.DB) error {
			return m.ReadUnchecked(ctx, func(ctx context.Context, l *ledger.Ledger) error {
				by, err := keptByFleet(ctx, db, l, with.Signers)
				if err != nil {
					return err
				}
				v.Said = by.said()
				return verify(ctx, l, by.Heads, outbox.Witness{}.String())
			})
		})
		return v, err
	}
	kept, err := records.ReadHeads(ctx, with.Heads, with.Signers)
	if err != nil {
		return v, err
	}
	v.Alone = with.Heads == ""
	err = m.ReadUnchecked(ctx, func(ctx context.Context, l *ledger.Ledger) error { return verify(ctx, l, kept, with.Heads) })
	return v, err
}

// AcceptLoss records what the ledger has lost, so that work can go on with it.
func (m *Machine) AcceptLoss(ctx context.Context) ([]ledger.Head, error) {
	path, station, err := m.OwnLedger()
	if err != nil {
		return nil, err
	}
	return records.Accept(ctx, path, station)
}

// Backup copies the ledger into a new file while others write it, and says where its chains end.
func (m *Machine) Backup(ctx context.Context, to string) ([]ledger.Head, error) {
	path, err := m.LedgerPath()
	if err != nil {
		return nil, err
	}
	return records.Backup(ctx, path, to)
}

// Restore puts a backup in the place of the ledger, and records what is lost.
func (m *Machine) Restore(ctx context.Context, from string) (records.Restored, error) {
	path, station, err := m.OwnLedger()
	if err != nil {
		return records.Restored{}, err
	}
	return records.Restore(ctx, path, station, from)
}

// byFleet is what a ledger was compared with.
type byFleet struct {
	Heads   []ledger.Head // that stations signed
	Entries int
	Retired []ledger.Head // up to these the database has no entries any more, but for the heads
}

// said is what was compared, and what could not be.
func (b byFleet) said() []string {
	said := []string{fmt.Sprintf("compared with %d entries and %d signed heads of the fleet's database", b.Entries, len(b.Heads))}
	for _, h := range b.Retired {
		said = append(said, fmt.Sprintf("%s: the database has no entries up to %d any more; of these the signed heads alone were compared",
			h.Station, h.Seq))
	}
	return said
}

// keptByFleet compares a ledger with what a fleet's database has of it. The heads that it returns
// are still to be compared. signers is the file of keys that must have signed them; "": those that
// the database has.
func keptByFleet(ctx context.Context, db *fleet.DB, l *ledger.Ledger, signers string) (by byFleet, err error) {
	ends, err := l.Ends(ctx)
	if err != nil {
		return by, err
	}
	var keys []string
	known := false
	for _, end := range ends {
		heads, key, err := outbox.Kept(ctx, db, end.Station)
		if err != nil {
			return by, err
		}
		c, err := outbox.Compare(ctx, db, l, end.Station)
		if err != nil {
			return by, records.Rolled(err)
		}
		if n := c.Retired(); n > 0 {
			by.Retired = append(by.Retired, ledger.Head{Station: end.Station, Seq: n})
		}
		known = known || c.Last > 0
		by.Heads, keys, by.Entries = append(by.Heads, heads...), append(keys, key), by.Entries+c.Entries
	}
	if err := records.CheckKept(by.Heads, signers, keys); err != nil {
		return by, err
	}
	if !known {
		return by, problem.New(problem.Invalid, "zarya ledger sync sends it", "the fleet's database has nothing of this ledger")
	}
	return by, nil
}
