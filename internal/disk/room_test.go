package disk

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

func TestFull(t *testing.T) {
	const gb = 1_000_000_000
	for name, test := range map[string]struct {
		room Room
		want bool
	}{
		"a large disk with 200 MB":          {Room{Free: 200_000_000, Size: 500 * gb}, false},
		"a large disk with less":            {Room{Free: 199_999_999, Size: 500 * gb}, true},
		"a small disk with a fiftieth":      {Room{Free: 20_000_000, Size: gb}, false},
		"a small disk with less":            {Room{Free: 19_999_999, Size: gb}, true},
		"no files left":                     {Room{Free: gb, Size: gb, Files: 0, Most: 100_000}, true},
		"a thousand files left":             {Room{Free: gb, Size: gb, Files: 1000, Most: 100_000}, false},
		"fewer":                             {Room{Free: gb, Size: gb, Files: 999, Most: 100_000}, true},
		"a fiftieth of few files left":      {Room{Free: gb, Size: gb, Files: 20, Most: 1000}, false},
		"a disk that does not count files":  {Room{Free: gb, Size: gb}, false},
		"nothing is known":                  {Room{}, false},
		"a disk with more used than it has": {Room{Free: -1, Size: gb}, true},
	} {
		if got := test.room.Full(); got != test.want {
			t.Errorf("%s: full is %v", name, got)
		}
	}
}

func TestGuardCannotAsk(t *testing.T) {
	here, none := t.TempDir(), filepath.Join(t.TempDir(), "none")
	full, err := NewGuard("", none, here).Full()
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), none) || strings.Contains(err.Error(), here) {
		t.Error(err)
	}
	for _, r := range full { // this machine's own disk may be full
		if r.Dir != here {
			t.Errorf("%+v", r)
		}
	}
	if full, err := NewGuard().Full(); full != nil || err != nil {
		t.Errorf("of nothing: %v, %v", full, err)
	}
}
