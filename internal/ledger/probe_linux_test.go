package ledger

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/hosttest"
)

var _ flash.Prober = (*Ledger)(nil)

// TestProbeFullDisk fills a disk of its own until no entry can be made durable, and makes
// room again.
func TestProbeFullDisk(t *testing.T) {
	dir := hosttest.Disk(t, "size=4m")
	l, err := Open(t.Context(), filepath.Join(dir, "ledger.db"), "st")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := l.Probe(); err != nil {
		t.Errorf("an empty disk: %v", err)
	}
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, bytes.Repeat([]byte{1}, 8<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	var write *WriteError
	if err := l.Probe(); !errors.As(err, &write) || !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a full disk: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".probe-*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %q (%v)", left, err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := l.Probe(); err != nil {
		t.Errorf("room was made: %v", err)
	}
	if _, err := l.Append("x", note{1}, nil); err != nil {
		t.Error(err)
	}
}

// TestProbeClosed says that a ledger without a database cannot be written; one in memory
// can.
func TestProbeClosed(t *testing.T) {
	l, err := OpenMemory("st")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Probe(); err != nil {
		t.Error(err)
	}
	if _, err := l.db.ExecContext(context.Background(), "SELECT 1"); err != nil {
		t.Error(err) // the probe's transaction has ended
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var write *WriteError
	if err := l.Probe(); !errors.As(err, &write) {
		t.Errorf("closed: %v", err)
	}
}
