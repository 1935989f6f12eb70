package problem

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestErrorKeepsItsCauseAndItsKind(t *testing.T) {
	err := New(Station, "free some room", "write %s: %w", "ledger.db", fs.ErrPermission)
	if err.Error() != "write ledger.db: permission denied" || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v", err)
	}
	wrapped := fmt.Errorf("record: %w", err)
	if kind, ok := KindOf(wrapped); kind != Station || !ok {
		t.Errorf("kind %v, %v", kind, ok)
	}
	var e *Error
	if !errors.As(wrapped, &e) || e.Hint != "free some room" {
		t.Errorf("hint %+v", e)
	}
	if _, ok := KindOf(fs.ErrPermission); ok {
		t.Error("a plain error has a kind")
	}
}

func TestAdvice(t *testing.T) {
	for want, err := range map[string]error{
		"no room: free some":         New(Station, "free some", "no room"),
		"ledger: no room: free some": fmt.Errorf("ledger: %w", New(Station, "free some", "no room")),
		"no room":                    New(Station, "", "no room"),
		"file does not exist":        fs.ErrNotExist,
	} {
		if got := Advice(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestKindsHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for k := Internal; k <= Bench; k++ {
		if k.String() == "" || seen[k.String()] {
			t.Errorf("kind %d is called %q", k, k)
		}
		seen[k.String()] = true
	}
}
