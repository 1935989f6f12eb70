package show

import (
	"errors"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/recipe"
)

func TestProfiles(t *testing.T) {
	var out strings.Builder
	v := OfValidation("p.yaml", recipe.Validation{
		Errors: []error{errors.New("p.yaml:1:1: no name")}, Needs: []string{"ZARYA_SECRET_A"}})
	if v.Valid {
		t.Error("a profile with errors is valid")
	}
	v.Text(&out, nil)
	OfValidation("q.yaml", recipe.Validation{}).Text(&out, nil)
	items, broken := OfProfiles([]recipe.Listed{{Name: "a", File: "a.yaml", Models: []string{"M", "N"}},
		{File: "b.yaml", Problem: errors.New("bad")}})
	for _, it := range items {
		it.Text(&out, nil)
	}
	holds(t, out.String(), "p.yaml:1:1: no name", "  to run it: ZARYA_SECRET_A", "q.yaml: valid",
		"a                    a.yaml                         M, N")
	if len(items) != 1 || len(broken) != 1 || broken[0] != "b.yaml" {
		t.Errorf("%v, %v", items, broken)
	}
}
