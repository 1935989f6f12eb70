package recipe

import (
	"path/filepath"
	"testing"
)

// Nobody gets round what a station says by naming another folder, or none.
func TestLoadTrust(t *testing.T) {
	station, other, nowhere := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "nowhere")
	for _, c := range []struct {
		dir, station string
		strict, ok   bool
	}{
		{station, station, true, true},
		{other, station, false, false},
		{nowhere, station, false, false},
		{other, nowhere, true, true},
		{nowhere, nowhere, false, true}, // the default, and it is not there
		{nowhere, nowhere + "2", false, false},
	} {
		trust, err := loadTrust(c.dir, c.station)
		if (err == nil) != c.ok || (trust != nil) != c.strict {
			t.Errorf("--trust %s where the station has %s: %v %v", c.dir, c.station, trust, err)
		}
	}
}
