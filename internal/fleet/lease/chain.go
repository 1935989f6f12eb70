// This file shows a ledger's chain to the database.

package lease

import (
	"context"
	"fmt"

	"github.com/zarya-station/zarya/internal/ledger"
)

// LedgerChain is the chain of a station in a ledger.
type LedgerChain struct {
	Ledger  *ledger.Ledger
	Station string
}

// Last is the number of the station's last entry.
func (c LedgerChain) Last(ctx context.Context) (int64, error) { return c.Ledger.Last(ctx, c.Station) }

// Hash is that of the station's entry of a number. Of one that the ledger has not, it is
// that of no entry.
func (c LedgerChain) Hash(ctx context.Context, seq int64) ([]byte, error) {
	none := make([]byte, 32)
	if seq < 1 {
		return none, nil
	}
	at, err := c.Ledger.After(ctx, c.Station, seq-1, 1)
	if err != nil {
		return nil, fmt.Errorf("entry %d of %s: %w", seq, c.Station, err)
	}
	if len(at) == 0 || at[0].Seq != seq {
		return none, nil
	}
	return at[0].Hash[:], nil
}
