package settings

import (
	"path/filepath"
	"strings"
	"testing"
)

// The language is known before the command line is understood: what is wrong with it is said in it.
func TestTheLanguageThatWasAskedFor(t *testing.T) {
	user := place(t)
	write(t, filepath.Join(user, "config.yaml"), "lang: ru\n")
	own := write(t, "own.yaml", "lang: de\nyes: true\n")
	broken := write(t, "broken.yaml", "colour: red\n")
	for _, c := range []struct {
		args, variable, config, want string
	}{
		{"", "", "", "ru"},
		{"", "en", "", "en"},
		{"--lang=fr", "en", "", "fr"},
		{"flash --wipe --lang fr boot=x", "", "", "fr"},
		{"flash --lang", "", "", "ru"}, // a mistake, which is said in Russian
		{"--help --lang fr", "", "", "fr"},
		{"-- --lang fr", "", "", "ru"},
		{"station --config " + own, "", "", "de"},
		{"ledger list --config " + own, "", "", "de"}, // another verb reads the station's file too
		{"station", "", own, "de"},
		{"station --config " + broken, "en", own, ""}, // what is wrong with it is said by whoever reads it for good
	} {
		t.Run(c.args+" "+c.variable+" "+c.config, func(t *testing.T) {
			t.Setenv("ZARYA_LANG", c.variable)
			t.Setenv("ZARYA_CONFIG", c.config)
			if got := Language(strings.Fields(c.args)); got != c.want {
				t.Errorf("%q, not %q", got, c.want)
			}
		})
	}
}

// What is kept on this machine has its usual place, and each setting moves its own.
func TestWhereThingsAreKept(t *testing.T) {
	user := place(t)
	home := filepath.Dir(user)
	for _, c := range []struct {
		set                        Settings
		store, key, folder, keeper string
	}{
		{Settings{}, filepath.Join(home, "cache/zarya/bundles"), "/var/lib/zarya/signing_key", "", ""},
		{Settings{"bundle-store": "/b", "signing-key": "/k", "receipts": "/r", "witness": "/w"}, "/b", "/k", "/r", "/w"},
	} {
		store, err := c.set.BundleStore()
		if err != nil || store != c.store {
			t.Errorf("%v: bundles are in %q, %v", c.set, store, err)
		}
		if key := c.set.SigningKey("/var/lib/zarya/ledger.db"); key != c.key {
			t.Errorf("%v: the key is %q", c.set, key)
		}
		if folder, keeper := c.set.Evidence(); folder != c.folder || keeper != c.keeper {
			t.Errorf("%v: receipts are in %q, heads in %q", c.set, folder, keeper)
		}
	}
	// Where nobody is at home, a place must be named; nothing is put into the folder one is in.
	for _, variable := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"} {
		t.Setenv(variable, "")
	}
	if store, err := (Settings{}).BundleStore(); err == nil {
		t.Errorf("without a home bundles are in %q", store)
	}
	if path, err := LedgerPath(""); err == nil {
		t.Errorf("without a home the ledger is %q", path)
	}
	if dir, _, err := (Settings{}).CachePlace(); err == nil {
		t.Errorf("without a home the cache is %q", dir)
	}
	if dir := Folder(); dir != "" {
		t.Errorf("without a home the settings are in %q", dir)
	}
}

func TestHowManyIdentitiesAreLeasedAhead(t *testing.T) {
	place(t)
	for _, c := range []struct {
		ahead, alone string
		want         int
		isAlone, bad bool
	}{
		{"", "", 0, false, false}, {"", "true", 0, true, false}, {"1", "false", 1, false, false}, {"10000", "true", 10000, true, false},
		{"0", "", 0, false, true}, {"10001", "", 0, false, true}, {"many", "", 0, false, true}, {"5", "yes", 0, false, true},
	} {
		ahead, alone, err := (Settings{"fleet-ahead": c.ahead, "fleet-alone": c.alone}).FleetStock()
		if ahead != c.want || alone != c.isAlone || (err != nil) != c.bad {
			t.Errorf("%+v: %d, %v, %v", c, ahead, alone, err)
		}
	}
}
