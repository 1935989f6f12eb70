package disk

import (
	"path/filepath"
	"testing"
)

func TestRoom(t *testing.T) {
	dir := t.TempDir()
	free, err := Free(dir)
	if err != nil {
		t.Fatal(err)
	}
	size, err := Size(dir)
	if err != nil || free < 0 || size < 1<<20 || free > size {
		t.Errorf("%d of %d bytes are free (%v)", free, size, err)
	}
	for name, ask := range map[string]func(string) (int64, error){"Free": Free, "Size": Size} {
		if _, err := ask(filepath.Join(dir, "none")); err == nil {
			t.Errorf("%s of a folder that is not there is no error", name)
		}
	}
}
