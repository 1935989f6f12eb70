// This file records the decision about a failed tablet: rework, scrap or quarantine.

package records

import (
	"context"
	"errors"
	"slices"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

// Dispose records the decision about the tablet of a job that failed. by may be "".
func Dispose(ctx context.Context, l *ledger.Ledger, record, disposition, by string) error {
	err := l.Dispose(ctx, record, ledger.Disposition(disposition), by)
	var not *ledger.NotFailedError
	var write *ledger.WriteError
	switch {
	case errors.As(err, &not):
		return problem.New(problem.Usage, "zarya ledger list --result fail shows the records of tablets that failed", "%w", err)
	case errors.As(err, &write):
		return problem.New(problem.Station, "give the ledger's disk room, then do it again", "%w", err)
	}
	return err
}

// CheckDisposition holds a word to [ledger.Dispositions].
func CheckDisposition(word string) error {
	if !slices.Contains(ledger.Dispositions, ledger.Disposition(word)) {
		return problem.New(problem.Usage, "rework, scrap or quarantine", "%q is no disposition", word)
	}
	return nil
}
