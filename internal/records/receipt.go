// This file writes receipts of what is recorded.

package records

import (
	"context"
	"errors"

	"github.com/zarya-station/zarya/internal/evidence"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

// Receipts writes the receipts of the jobs with these records, names or serials into a folder,
// and returns the files. One receipt is made of each job; those that run still have none.
func Receipts(ctx context.Context, l *ledger.Ledger, key *evidence.Key, names []string, folder string) (paths []string, err error) {
	for _, name := range names {
		jobs, err := Named(ctx, l, name)
		if err != nil {
			return paths, err
		}
		made := 0
		for _, j := range jobs {
			path, err := receipt(ctx, l, key, j.Record, folder)
			if err != nil {
				return paths, err
			}
			if path != "" {
				made++
				paths = append(paths, path)
			}
		}
		if made == 0 {
			return paths, problem.New(problem.Usage, "zarya ledger list shows what there is",
				"no record, job or serial %q of a job that has ended is in the ledger", name)
		}
	}
	return paths, nil
}

// receipt writes one; "" is that the job runs still.
func receipt(ctx context.Context, l *ledger.Ledger, key *evidence.Key, record, folder string) (string, error) {
	j, at, ok, err := l.Record(ctx, record)
	if !ok || err != nil {
		return "", err
	}
	signed, err := key.Sign(evidence.NewReceipt(j, at))
	if err != nil {
		return "", err
	}
	path, err := signed.Write(folder)
	var told *problem.Error
	if err != nil && !errors.As(err, &told) {
		err = problem.New(problem.Station, "name another folder with --out", "the receipt of %s: %w", record, err)
	}
	return path, err
}
