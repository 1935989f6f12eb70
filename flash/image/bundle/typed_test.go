package bundle

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zarya-station/zarya/internal/problem"
)

func TestParseSources(t *testing.T) {
	got, err := ParseSources([]string{"system=a=b.img", "boot:all=boot.img", "vendor@fastbootd=v.img"})
	want := []Source{{Partition: "system", Path: "a=b.img"}, {Partition: "boot", Slot: "all", Path: "boot.img"},
		{Partition: "vendor", Mode: "fastbootd", Path: "v.img"}}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%s, %v", d, err)
	}
	for _, bad := range []string{"system", "system=", "=a.img", ":all=a.img"} {
		if _, err := ParseSources([]string{bad}); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestReadKey(t *testing.T) {
	w := newWorkshop(t)
	_, public := w.newKey(t, "key")
	key, err := ReadKey(filepath.Join(w.dir, "key"))
	if err != nil || key == nil {
		t.Fatal(err)
	}
	b := w.build(t, "b.bundle", Options{})
	if err := b.SignWith(key); err != nil || !b.Signed() || public == "" {
		t.Errorf("signed %v, %v", b.Signed(), err)
	}
	for _, name := range []string{"boot.img", "nowhere"} {
		_, err := ReadKey(filepath.Join(w.dir, name))
		if kind, _ := problem.KindOf(err); err == nil || kind != problem.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}
