package disk

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/zarya-station/zarya/internal/hosttest"
)

// mounted is a folder on a disk of its own, of 1 MiB (20 KB must be free) and 1,000 files
// (20 must be free).
func mounted(t *testing.T) string {
	t.Helper()
	return hosttest.Disk(t, "size=1m,nr_inodes=1000")
}

// TestGuard fills a disk with bytes, then another with files.
func TestGuard(t *testing.T) {
	ledger, log := mounted(t), mounted(t)
	g := NewGuard(ledger, log)
	is := func(when string, want ...string) {
		t.Helper()
		full, err := g.Full()
		var got []string
		for _, r := range full {
			got = append(got, r.Dir)
		}
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: full are %v (%v), not %v", when, full, err, want)
		}
	}
	write := func(dir string, free int) string {
		t.Helper()
		r, err := Look(dir)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "filler")
		have, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, bytes.Repeat([]byte{1}, len(have)+int(r.Free)-free), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	is("empty")
	write(ledger, 24<<10)
	is("24 KiB are free, and were not less before")
	write(ledger, 16<<10)
	is("16 KiB are free", ledger)
	write(ledger, 24<<10)
	is("24 KiB are free, and were less", ledger)
	file := write(ledger, 40<<10)
	is("half as much again is free")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		r, err := Look(log)
		if err != nil {
			t.Fatal(err)
		}
		if r.Files < 20 {
			break
		}
		if err := os.WriteFile(filepath.Join(log, fmt.Sprint(n)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	is("few files can be made", log)
}
