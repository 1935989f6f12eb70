// This file records what supervisors decide: the disposition of a failed tablet, where a later
// disposition overrides an earlier, and what else they order at a station.

package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/untrusted"
)

// Disposition is the decision about a failed tablet.
type Disposition string

// The dispositions.
const (
	Rework     Disposition = "rework"
	Scrap      Disposition = "scrap"
	Quarantine Disposition = "quarantine"
)

// Dispositions are all of them.
var Dispositions = []Disposition{Rework, Scrap, Quarantine}

// maxBy is how long the name of who decided may be, and what an order names, in bytes.
const maxBy = 64

// Order is what a supervisor decided at a station, beside dispositions. Its JSON is the body of
// the entry.
type Order struct {
	Order string `json:"order"` // clear, set-aside, use, stop-port, stop, reload, golden, not-golden
	Port  string `json:"port,omitempty"`
	Value string `json:"value,omitempty"` // golden: the unit's name
	By    string `json:"by,omitempty"`    // the badge; "" is not known
}

// Order records what was decided.
func (l *Ledger) Order(o Order) error {
	for _, field := range []*string{&o.Order, &o.Port, &o.Value, &o.By} {
		*field = untrusted.Line(*field, maxBy)
	}
	_, err := l.Append(KindOrder, o, nil)
	return err
}

// dispositionBody is what an entry of the kind disposition says.
type dispositionBody struct {
	Record      string      `json:"record"` // of the job's last entry
	Disposition Disposition `json:"disposition"`
	By          string      `json:"by,omitempty"`
	Serial      string      `json:"serial,omitempty"` // of the tablet
}

// NotFailedError says why a record cannot have a disposition.
type NotFailedError struct{ Record, Reason string }

func (e *NotFailedError) Error() string { return fmt.Sprintf("record %s %s", e.Record, e.Reason) }

// Dispose records the decision about the tablet of a job that did not pass. by is who decided;
// "" is not known. Its error is a *NotFailedError if the record is none of such a job.
func (l *Ledger) Dispose(ctx context.Context, record string, d Disposition, by string) error {
	if !slices.Contains(Dispositions, d) {
		return fmt.Errorf("%q is no disposition", d)
	}
	station, seq, ok := parseRecord(record)
	if !ok {
		return &NotFailedError{record, "is no record's name"}
	}
	var kind, text string
	err := l.db.QueryRowContext(ctx, "SELECT kind, body FROM entry WHERE station = ? AND seq = ?", station, seq).Scan(&kind, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return &NotFailedError{record, "is not in the ledger"}
	}
	if err != nil {
		return err
	}
	var b body
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return fmt.Errorf("entry %s: %w", record, err)
	}
	if kind != KindResult && kind != KindInterrupted || b.Result != string(flash.Fail) && b.Result != string(flash.Interrupted) {
		return &NotFailedError{record, "is of no job that failed"}
	}
	_, err = l.Append(KindDisposition, dispositionBody{record, d, untrusted.Line(by, maxBy), b.Serial}, nil)
	return err
}
