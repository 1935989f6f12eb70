package pool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

func TestOrders(t *testing.T) {
	l, err := ledger.OpenMemory("bench")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	load := func(text string, d Declaration) (int, int, error) {
		file := filepath.Join(t.TempDir(), "list.csv")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		table, err := ReadTable(file)
		if err != nil {
			t.Fatal(err)
		}
		return ImportTable(t.Context(), l, "census", file, table, d, func(string) bool { return false }, nil)
	}
	if rows, added, err := load("inventory,user\nC-1,a\nC-2,b\n", Declaration{Key: "inventory"}); rows != 2 || added != 2 || err != nil {
		t.Fatalf("%d, %d, %v", rows, added, err)
	}
	// What is there already is left as it is, and the key is remembered.
	if rows, added, err := load("inventory,user\nC-2,b\nC-3,c\n", Declaration{}); rows != 2 || added != 1 || err != nil {
		t.Errorf("%d, %d, %v", rows, added, err)
	}
	for text, d := range map[string]Declaration{"inventory,user\nC-1,z\n": {}, "inventory,user\nC-9,z\n": {Key: "user"}} {
		if _, _, err := load(text, d); err == nil || !isProblem(err) {
			t.Errorf("%q, %+v: %v", text, d, err)
		}
	}
	chosen, err := Choose(t.Context(), l, "census", []string{"inventory=C-3", "1"})
	if err != nil || len(chosen) != 2 || chosen[0].Columns["inventory"] != "C-3" || chosen[1].ID != 1 {
		t.Errorf("%+v, %v", chosen, err)
	}
	if _, err := Choose(t.Context(), l, "census", []string{"7"}); err == nil {
		t.Error("an identity that is not there was chosen")
	}
	if err := Burn(l, "census", 1, "lost"); err != nil {
		t.Fatal(err)
	}
	err = Trouble(Return(l, "census", 1, "found"))
	if kind, _ := problem.KindOf(err); err == nil || kind != problem.Identity {
		t.Errorf("one that was burned came back: %v", err)
	}
	if CheckName("census-2.a") != nil || CheckName("-a") == nil || CheckName(strings.Repeat("a", 65)) == nil {
		t.Error("the form of names is another one")
	}
}

func isProblem(err error) bool { _, ok := problem.KindOf(err); return ok }
