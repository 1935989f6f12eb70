package target

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExpandNames(t *testing.T) {
	got, err := ExpandNames([]string{"A1..A3", "B", "C9..10"})
	if d := cmp.Diff([]string{"A1", "A2", "A3", "B", "C9", "C10"}, got); d != "" || err != nil {
		t.Error(d, err)
	}
	for _, bad := range [][]string{{"A3..A1"}, {"A1..A"}, {"A..B"}, {"A1..A999"}, {"1"}, {"A1", "A1"}, {"A1..B2"}} {
		if got, err := ExpandNames(bad); err == nil {
			t.Errorf("%v: %v", bad, got)
		}
	}
}
