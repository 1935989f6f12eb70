// Package goldentest holds what tests draw and write to files that people have looked at. With
// ZARYA_UPDATE=1 in the environment, the files are written anew, and their difference is read
// before it is committed.
package goldentest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Update is whether files are written anew.
var Update = os.Getenv("ZARYA_UPDATE") != ""

// Is fails the test unless testdata/NAME holds got.
func Is(t testing.TB, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if Update {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (ZARYA_UPDATE=1 writes it anew):\n%s", path, diff)
	}
}
