package complete

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/target/targettest"
)

func has(t *testing.T, words []string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !slices.Contains(words, w) {
			t.Errorf("no %q in %q", w, words)
		}
	}
}

func TestWhatIsPluggedIn(t *testing.T) {
	s := targettest.NewSysfs(t)
	s.Tablet("1", "SN1", targettest.Fastboot)
	s.Tablet("2", "", targettest.Fastboot)
	b := target.NewBench(target.Options{Sysfs: s.Root, Names: filepath.Join(t.TempDir(), "ports"), LockDir: t.TempDir()})
	defer b.Close()
	if err := b.NamePort(targettest.Controller+"-usb-0:7", "A7"); err != nil {
		t.Fatal(err)
	}
	words := Targets(b)
	has(t, words, "port:A7\tthe port with this name", "usb:1-1\t SN1", "SN1\t", "usb:1-2\t ")
	if !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "tcp:\t") }) || slices.Contains(words, "\t") {
		t.Errorf("%q", words)
	}
	has(t, Ports(b), "A7", "1-1\t SN1")
	if got := Serials(b, []*ledger.JobRecord{{Serial: "SN9"}, {Serial: "SN1"}, {}}); !slices.Equal(got, []string{"SN1", "SN9"}) {
		t.Errorf("%q", got)
	}
	gone := target.NewBench(target.Options{Sysfs: t.TempDir() + "/none", LockDir: t.TempDir()})
	defer gone.Close()
	if words := Ports(gone); len(words) != 0 {
		t.Errorf("without USB: %q", words)
	}
	if words := Targets(gone); len(words) == 0 {
		t.Error("without USB there is no network either")
	}
}

func TestFilesAndProfiles(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"a[1].yaml", "a.bundle", "notes.txt", "shelf/b.yaml"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("zarya: 1\nname: mine\ntablet: {models: [AGS3-L09]}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for typed, want := range map[string]string{"": "a[1].yaml shelf/", "a[": "a[1].yaml", "sh": "shelf/", "n": "", "shelf/": "shelf/b.yaml"} {
		if got := strings.Join(Files(typed, ".yaml"), " "); got != want {
			t.Errorf("%q: %q, not %q", typed, got, want)
		}
	}
	has(t, Profiles(&recipe.Maker{Config: "."}, ""), "a[1].yaml", "shelf/")
}

func TestRecords(t *testing.T) {
	var jobs []*ledger.JobRecord
	for i := range manyRecords + 1 {
		jobs = append(jobs, &ledger.JobRecord{Record: fmt.Sprint("b-", i), Serial: fmt.Sprint("S", i%2), Result: "fail", Class: flash.ClassCable})
	}
	words := Records(Newest(jobs))
	if len(words) != manyRecords+2 || words[0] != "b-50\tFAIL cable S0" || words[1] != "S0\tlast: FAIL cable" || len(Newest(jobs[:1])) != 1 {
		t.Errorf("%q", words[:3])
	}
	if got := Pools([]pool.Identity{{Pool: "b"}, {Pool: "a"}, {Pool: "b"}}); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%q", got)
	}
}
