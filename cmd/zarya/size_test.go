package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The command line stays what it is for: flags, wiring, printing, exit codes. What another front
// end would need too belongs below (docs/architecture.md).
func TestTheCommandLineStaysSmall(t *testing.T) {
	const limit = 3500
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		lines += bytes.Count(text, []byte("\n"))
	}
	if lines >= limit || lines == 0 {
		t.Errorf("%d lines; the limit is %d", lines, limit)
	}
}
