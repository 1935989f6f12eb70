// This file records the labels that were printed of jobs.

package ledger

import "github.com/zarya-station/zarya/internal/untrusted"

// Label is a label that is printed. Its JSON is the body of the entry.
type Label struct {
	Record  string `json:"record"` // of the job's last entry
	Serial  string `json:"serial,omitempty"`
	Result  string `json:"result"` // what stands on it
	Format  string `json:"format"`
	Printer string `json:"printer,omitempty"` // or file
	By      string `json:"by,omitempty"`      // who printed it again; "" is not known
	Copy    int    `json:"copy"`              // 1 is the first
}

// Label records that a label is printed, before it is, and returns which copy of its record's it
// is.
func (l *Ledger) Label(b Label) (copies int, err error) {
	for _, field := range []*string{&b.Printer, &b.By} {
		*field = untrusted.Line(*field, untrusted.Word)
	}
	_, err = l.Append(KindLabel, &b, func(tx *Tx) error {
		err := tx.QueryRow(`SELECT COUNT(*) + 1 FROM entry WHERE kind = ? AND json_extract(body, '$.record') = ?`,
			KindLabel, b.Record).Scan(&b.Copy)
		return err
	})
	return b.Copy, err
}
