// This file makes a copy of a ledger while others write it.

package ledger

import (
	"context"
	"os"
)

// CopyTo writes the ledger, as it is at one moment, into a new file, and forces it to the
// disk. A file that is there is fs.ErrExist. Whoever writes the ledger meanwhile goes on.
func (l *Ledger) CopyTo(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the file that the user names
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if _, err := l.db.ExecContext(ctx, "VACUUM INTO ?", path); err != nil { // SQLite takes an empty file
		return err
	}
	return f.Sync()
}

// Live reports whether some process has the ledger at path open for writing.
func Live(path string) (bool, error) {
	runs, err := os.ReadDir(path + ".runs")
	if os.IsNotExist(err) {
		return false, nil
	}
	for _, r := range runs {
		if r.Name()[0] != '.' && holdsLock(path, r.Name()) {
			return true, nil
		}
	}
	return false, err
}
