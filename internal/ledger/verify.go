// This file checks the chain.

package ledger

import (
	"context"
	"fmt"

	"github.com/zarya-station/zarya/internal/canon"
)

// BrokenError names the first entry that is not as it was written.
type BrokenError struct {
	Station string
	Seq     int64
	Reason  string
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("entry %s-%d: %s", e.Station, e.Seq, e.Reason)
}

// Head is where a station's chain ends. Kept elsewhere, it shows that later entries
// were cut off, which the chain itself cannot.
type Head struct {
	Station string `json:"station"`
	Seq     int64  `json:"seq"`
	Hash    string `json:"hash"` // hex
}

// Verify follows every station's chain from its beginning. A break is a
// *BrokenError.
func (l *Ledger) Verify(ctx context.Context) ([]Head, error) {
	var heads []Head
	var last Entry
	for e, err := range l.Entries(ctx) {
		if err != nil {
			return heads, err
		}
		if e.Station != last.Station || len(heads) == 0 {
			last = Entry{Station: e.Station}
			heads = append(heads, Head{Station: e.Station})
		}
		reason := ""
		switch {
		case e.Seq != last.Seq+1:
			reason = fmt.Sprintf("follows entry %d: what lies between is missing", last.Seq)
		case e.Prev != last.Hash:
			reason = "does not follow the entry before it"
		case e.Hash != e.sum():
			reason = "is not what was written"
		case !canon.Is(e.Body):
			reason = "is not in the canonical form"
		}
		if reason != "" {
			return heads, &BrokenError{e.Station, e.Seq, reason}
		}
		last = e
		heads[len(heads)-1] = Head{e.Station, e.Seq, fmt.Sprintf("%x", e.Hash)}
	}
	return heads, nil
}
