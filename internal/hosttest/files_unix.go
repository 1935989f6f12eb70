// This file takes all files from the process.

//go:build unix

package hosttest

import (
	"testing"

	"golang.org/x/sys/unix"
)

// WithoutFiles calls do while the process may open no further file. No other test may run at
// the same time.
func WithoutFiles(t testing.TB, do func()) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 3 // standard input, output and error
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
	}()
	do()
}
