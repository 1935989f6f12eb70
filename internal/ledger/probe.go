// This file asks, after a failure, whether the ledger can be written again.

package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// probeSize is what one job may add to the ledger's log of changes: dozens of entries, and
// the pages of the database that each of them touches.
const probeSize = 256 << 10

// Probe returns why nothing can be recorded now: another process holds the database, or
// there is no room for the entries of one job. It is what a flash.Engine asks before it
// gives a job to a tablet, when a record could not be written; it writes a file beside the
// ledger and takes it away, because only the kernel knows of all limits.
func (l *Ledger) Probe() error {
	tx, err := l.db.BeginTx(context.Background(), nil) // immediate: it waits for others as a commit does
	if err != nil {
		return &WriteError{l.wrapBusy(err)}
	}
	defer func() { _ = tx.Rollback() }() // nothing was changed
	if l.path == "" {
		return nil
	}
	if err := probeRoom(filepath.Dir(l.path)); err != nil {
		return &WriteError{fmt.Errorf("there is no room for the entries of a job: %w", err)}
	}
	return nil
}

// probeRoom makes a file of probeSize durable in a folder, and removes it.
func probeRoom(dir string) error {
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, probeSize))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}
