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
