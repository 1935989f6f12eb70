package pool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/problem"
)

func TestRowsOfATable(t *testing.T) {
	isPin := func(column string) bool { return column == "pin" }
	for name, c := range map[string]struct {
		text, says string
		declared   Declaration
	}{
		"good":            {text: "inventory,user,pin\nC-1,a,11\nC-2,b,22\n", declared: Declaration{Key: "inventory", Secret: []string{"user"}}},
		"no rows":         {text: "inventory\n", says: "has no rows"},
		"a column":        {text: "Inventory No\nC-1\n", says: "cannot be a column"},
		"no such secret":  {text: "inventory\nC-1\n", declared: Declaration{Secret: []string{"pen"}}, says: "there is no column \"pen\""},
		"a secret key":    {text: "inventory,pin\nC-1,11\n", declared: Declaration{Key: "pin"}, says: "pin is secret"},
		"twice the same":  {text: "inventory,pin\nC-1,11\nC-1,22\n", says: "the lines 2 and 3 are the same"},
		"a key two times": {text: "inventory,user\nC-1,a\nC-1,b\n", declared: Declaration{Key: "inventory"}, says: "C-1"},
	} {
		file := filepath.Join(t.TempDir(), "list.csv")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		var rows []Row
		table, err := ReadTable(file)
		if err == nil {
			rows, err = RowsOf(file, table, c.declared, nil, isPin)
		}
		if c.says != "" {
			_, ok := problem.KindOf(err)
			if said := strings.ReplaceAll(err.Error(), file, "FILE"); !ok || !strings.Contains(said, c.says) || strings.Contains(said, "22") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || len(rows) != 2 || len(rows[0].Secrets) != 2 || rows[1].Secrets["pin"] != "22" || rows[1].Columns["inventory"] != "C-2" ||
			len(rows[1].Columns) != 1 {
			t.Errorf("%s: %v, %v", name, rows, err)
		}
	}
}

func TestFindMeansOneIdentity(t *testing.T) {
	rows := []Identity{
		{Pool: "p", ID: 1, Columns: map[string]string{"inventory": "C-1", "lot": "9"}},
		{Pool: "p", ID: 2, Columns: map[string]string{"inventory": "C-2", "lot": "9"}},
	}
	for arg, want := range map[string]int64{"1": 1, "inventory=C-2": 2} {
		if r, err := Find(rows, arg); err != nil || r.ID != want {
			t.Errorf("%s: %d, %v", arg, r.ID, err)
		}
	}
	for arg, says := range map[string]string{"3": "there is no identity", "lot=9": "fits 2", "C-1": "names no identity"} {
		if _, err := Find(rows, arg); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", arg, err)
		}
	}
}
