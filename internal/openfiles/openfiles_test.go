//go:build unix

package openfiles

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestProbe takes all files from the process.
func TestProbe(t *testing.T) {
	before := InUse()
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if now := InUse(); now != before+1 {
		t.Errorf("%d files are open, and were %d before one more", now, before)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 3
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	few, probe := Limit(), Probe()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if few != 3 || !Exhausted(probe) {
		t.Errorf("with a limit of 3: %d, %v", few, probe)
	}
	if err := Probe(); err != nil || Exhausted(os.ErrNotExist) {
		t.Errorf("with the old limit: %v", err)
	}
}
