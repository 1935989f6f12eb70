//go:build unix

package openfiles

import (
	"os"
	"testing"

	"github.com/zarya-station/zarya/internal/hosttest"
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
	var few int64
	var probe error
	hosttest.WithoutFiles(t, func() { few, probe = Limit(), Probe() })
	if few != 3 || !Exhausted(probe) {
		t.Errorf("with a limit of 3: %d, %v", few, probe)
	}
	if err := Probe(); err != nil || Exhausted(os.ErrNotExist) {
		t.Errorf("with the old limit: %v", err)
	}
}
