// This file remembers beside the ledger what the database said last.

package outbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/google/renameio/v2/maybe"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/problem"
)

// cursor is how far the database is. An older one is no harm: the database is asked.
type cursor struct {
	V        int          `json:"v"`
	Kind     string       `json:"kind"`
	Station  string       `json:"station"`
	Database string       `json:"database"` // its id: another one has had nothing
	Seq      int64        `json:"seq"`
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
