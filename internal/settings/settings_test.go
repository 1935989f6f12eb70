package settings

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/problem"
)

// place makes a machine: a folder to be in, and a user's folder of configuration.
func place(t *testing.T) (user string) {
	t.Helper()
	t.Chdir(t.TempDir())
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	t.Setenv("HOME", config)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(config, "cache"))
	user = filepath.Join(config, "zarya")
	if err := os.Mkdir(user, 0o700); err != nil {
		t.Fatal(err)
	}
	return user
}

func write(t *testing.T, file, text string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTheFirstThatHasAKeyCounts(t *testing.T) {
	user := place(t)
	write(t, "zarya.yaml", "lang: ru\n")
	write(t, filepath.Join(user, "config.yaml"), "lang: en\nlot: P-1\nstation: s1\n")
	t.Setenv("ZARYA_LOT", "P-2")
	s, err := Load("", false)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string][2]string{
		"lang": {"ru", "the setting lang"}, "lot": {"P-2", "ZARYA_LOT"}, "station": {"s1", "the setting station"},
	} {
		if value, source := s.Lookup(key); value != want[0] || source != want[1] {
			t.Errorf("%s: %q from %q, want %q", key, value, source, want)
		}
	}
}

func TestWhatMakesWritingPossibleIsInAStationsOwnFileOnly(t *testing.T) {
	place(t)
	file := write(t, "own.yaml", "yes: true\nprofile: [a.yaml, b.yaml]\nledger: sqlite:x.db\n")
	s, err := Load(file, true)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.Values("profile"), []string{"a.yaml", "b.yaml"}) ||
		!slices.Equal(s.Values("yes"), []string{"true"}) || s.Values("target") != nil {
		t.Errorf("read %v", s)
	}
	// Other verbs find the ledger there, and nothing that agrees to wiping.
	if s, err := Load(file, false); err != nil || len(s) != 1 || s["ledger"] != "sqlite:x.db" {
		t.Errorf("another verb took %v from it, %v", s, err)
	}
	write(t, "zarya.yaml", "yes: true\n")
	if _, err := Load("", true); err == nil {
		t.Error("a project's file said yes")
	}
}

func TestTheFleetHasKeysOfItsOwn(t *testing.T) {
	place(t)
	s, err := Load(write(t, "f.yaml", "fleet: {database: 'postgres://db/zarya', station: line.1}\nlot: P\n"), false)
	if err != nil {
		t.Fatal(err)
	}
	if name, err := s.Station(); err != nil || name != "line.1" || s.Fleet() != "postgres://db/zarya" || s["lot"] != "P" {
		t.Errorf("%s %v %v", name, err, s)
	}
	s["station"] = "bench"
	if _, err := s.Station(); err == nil {
		t.Error("it has two names")
	}
	t.Setenv("ZARYA_FLEET_DATABASE", "postgres://other/zarya")
	if s.Fleet() != "postgres://other/zarya" {
		t.Error(s.Fleet())
	}
	for _, bad := range []string{"fleet: {colour: red}", "fleet: x", "lot: {a: b}", "fleet: {database: [a, b]}"} {
		if _, err := Load(write(t, "bad.yaml", bad), false); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestBadSettings(t *testing.T) {
	place(t)
	for text, want := range map[string]string{
		"colour: red\n": "no setting", "lang: [en, ru]\n": "is a list", "- x\n": "bad.yaml",
	} {
		_, err := Load(write(t, "bad.yaml", text), false)
		if kind, _ := problem.KindOf(err); err == nil || kind != problem.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, of kind %v", text, err, kind)
		}
	}
	if _, err := Load("nowhere.yaml", false); err == nil {
		t.Error("a file that is not there was read")
	}
	if err := os.Mkdir("zarya.yaml", 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Load("", false); err == nil {
		t.Error("a folder was read")
	}
}

func TestPlaces(t *testing.T) {
	user := place(t)
	t.Setenv("XDG_STATE_HOME", "")
	for named, want := range map[string]string{
		"": filepath.Join(filepath.Dir(user), ".local/state/zarya/ledger.db"), "none": "", "sqlite:a.db": "a.db",
	} {
		if path, err := LedgerPath(named); err != nil || path != want {
			t.Errorf("%q: %q, %v", named, path, err)
		}
	}
	for _, named := range []string{"postgres://h/d", "a.db", "sqlite:"} {
		if path, err := LedgerPath(named); err == nil {
			t.Errorf("%q is %q", named, path)
		}
	}
	s := Settings{"station": "bench 3"}
	if name, err := s.Station(); err == nil {
		t.Errorf("the station's name is %q", name)
	}
	s = Settings{"cache-size": "12GiB"}
	if name, err := s.Station(); err != nil || name == "" {
		t.Errorf("the station's name is %q, %v", name, err)
	}
	if s.AgeKey() != filepath.Join(user, "age.key") {
		t.Errorf("the key is %s", s.AgeKey())
	}
	if dir, limit, err := s.CachePlace(); err != nil || limit != 12<<30 || dir != filepath.Join(filepath.Dir(user), "cache/zarya/images") {
		t.Errorf("the cache is %s, %d, %v", dir, limit, err)
	}
	if _, limit, err := (Settings{}).CachePlace(); err != nil || limit < 8<<30 || limit > 64<<30 {
		t.Errorf("the cache takes %d, %v", limit, err)
	}
	if dir, _, err := (Settings{"cache": "none"}).CachePlace(); err != nil || dir != "" {
		t.Errorf("no cache is %q, %v", dir, err)
	}
	if _, _, err := (Settings{"cache-size": "much"}).CachePlace(); err == nil {
		t.Error("much is a size")
	}
}
