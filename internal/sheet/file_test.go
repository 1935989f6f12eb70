package sheet

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(name, []byte("a\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := ReadFile(name, 4); err != nil || len(s.Rows) != 1 {
		t.Errorf("%+v %v", s, err)
	}
	var e *Error
	if _, err := ReadFile(name, 3); !errors.As(err, &e) || !strings.Contains(err.Error(), "larger than 3 bytes") {
		t.Error(err)
	}
	if _, err := ReadFile(name+"x", 3); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := ReadFile(filepath.Dir(name), 3); err == nil {
		t.Error("a folder is a table")
	}
}
