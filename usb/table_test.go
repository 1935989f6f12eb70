package usb

import (
	"testing"
	"time"
)

// TestTablets holds each row of the device table to what the engine reads of it: every
// code finds its own row, by full codes only, and its limits make sense.
func TestTablets(t *testing.T) {
	owner := map[string]string{}
	for _, row := range Tablets {
		if row.Name == "" || row.Keys == "" || len(row.Codes) == 0 {
			t.Errorf("%+v: a row has codes, a name and the keys to press", row)
		}
		for _, code := range row.Codes {
			if other, taken := owner[code]; taken {
				t.Errorf("%s is the code of %s and of %s", code, other, row.Name)
			}
			owner[code] = row.Name
			if got, ok := Known(code + "-L09"); !ok || got.Name != row.Name {
				t.Errorf("%s-L09 is %q, want %q", code, got.Name, row.Name)
			}
			for _, not := range []string{code, code + "-", code + "-W09HN", code + "X-L09", "X" + code + "-L09"} {
				if got, ok := Known(not); ok && got.Name == row.Name {
					t.Errorf("%s is taken for %s", not, row.Name)
				}
			}
		}
		if row.Erase != 0 && (row.Erase < time.Minute || row.Erase > time.Hour) {
			t.Errorf("%s may be silent for %s while it erases", row.Name, row.Erase)
		}
		if row.MaxDownload != 0 && (row.MaxDownload < 1<<20 || row.MaxDownload > 0xffffffff) {
			t.Errorf("%s takes %d bytes in one download", row.Name, row.MaxDownload)
		}
	}
}
