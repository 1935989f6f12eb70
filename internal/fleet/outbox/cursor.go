// This file remembers beside the ledger what the database said last.

package outbox

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/google/renameio/v2/maybe"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

// cursor is how far the database is. An older one is no harm: the database is asked.
type cursor struct {
	V        int          `json:"v"`
	Kind     string       `json:"kind"`
	Station  string       `json:"station"`
	Database string       `json:"database"` // its id: another one has had nothing
	Seq      int64        `json:"seq"`
	Hash     string       `json:"hash,omitempty"` // of that entry, hexadecimal
	Run      string       `json:"run,omitempty"`  // that was confirmed last: of the machine and of the ledger's file
	Fault    *fleet.Fault `json:"fault,omitempty"`
}

const cursorKind = "outbox"

func cursorPath(ledger string) string { return ledger + ".sent" }

// loadCursor reads the cursor; that of another station, or one that cannot be read, is none.
func loadCursor(ledger, station string) (cursor, error) {
	none := cursor{V: 1, Kind: cursorKind, Station: station}
	f, err := os.Open(cursorPath(ledger))
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	defer func() { _ = f.Close() }()
	text := make([]byte, 4096)
	n, err := f.Read(text)
	if err != nil {
		return none, nil // it is empty: the power failed
	}
	var c cursor
	if json.Unmarshal(text[:n], &c) != nil || c.Kind != cursorKind || c.V != 1 || c.Station != station || c.Seq < 0 {
		return none, nil
	}
	return c, nil
}

// isConfirmed says whether the database has confirmed this very run of the machine and this
// file before, and the chain still has what the database had then. It is so after a restart
// of the process alone; after one of the machine the database must be asked again.
func (c cursor) isConfirmed(ctx context.Context, l *ledger.Ledger, run string) bool {
	if !strings.Contains(run, fileMark) || c.Run != run || c.Fault != nil || c.Seq < 1 {
		return false
	}
	at, err := l.After(ctx, c.Station, c.Seq-1, 1)
	return err == nil && len(at) > 0 && at[0].Seq == c.Seq && hex.EncodeToString(at[0].Hash[:]) == c.Hash
}

// save writes the cursor.
func (c cursor) save(ledger string) error {
	text, err := json.Marshal(c)
	if err == nil {
		err = maybe.WriteFile(cursorPath(ledger), append(text, '\n'), 0o600)
	}
	if err != nil {
		return problem.New(problem.Station, "", "what was sent cannot be kept: %w", fmt.Errorf("%s: %w", cursorPath(ledger), err))
	}
	return nil
}
