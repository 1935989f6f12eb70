package libusb

import (
	"errors"
	"strings"
	"testing"
)

func TestDepth(t *testing.T) {
	for _, c := range []struct{ budget, tablets, want int }{
		{16 << 20, 1, 4}, {16 << 20, 12, 4}, {16 << 20, 16, 3}, {16 << 20, 30, 1}, {16 << 20, 100, 1}, {1 << 30, 100, 4}, {0, 1, 1},
	} {
		if got := depthFor(c.budget, c.tablets); got != c.want {
			t.Errorf("%d bytes for %d tablets: %d, not %d", c.budget, c.tablets, got, c.want)
		}
	}
}

func TestBudget(t *testing.T) {
	for setting, want := range map[string]int{
		"16\n": 16 << 20, "1": 1 << 20, "0\n": 1 << 30, "": 16 << 20, "-1": 16 << 20, "many": 16 << 20, "99999999999": 16 << 20,
	} {
		if got := budgetOf(setting); got != want {
			t.Errorf("%q: %d, not %d", setting, got, want)
		}
	}
}

// TestErrors: each kind says what it is, where, and the cause unless that says nothing
// more.
func TestErrors(t *testing.T) {
	cause := errors.New("the cause")
	for kind, want := range map[Kind]string{
		Unavailable: "USB cannot be used (the cause)", Permission: "no permission to open N", Busy: "another program has claimed N",
		Gone: "the device left: N (the cause)", NotFastboot: "no fastboot interface at N (the cause)",
		Wedged: "a transfer never came back; given up: N (the cause)",
	} {
		err := error(&Error{Kind: kind, Node: "N", Err: cause})
		if err.Error() != want || !errors.Is(err, cause) {
			t.Errorf("%d: %q, want %q", kind, err, want)
		}
	}
}

func TestNothingThere(t *testing.T) {
	_, err := (&Host{}).Open(t.Context(), 99, 99)
	var e *Error
	if !errors.As(err, &e) || e.Kind != Gone && e.Kind != Unavailable || !Available && !strings.Contains(err.Error(), "without cgo") {
		t.Error(err)
	}
}
