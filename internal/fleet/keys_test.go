package fleet_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/problem"
)

// A key is made once, for its owner alone, and is what secrets are sealed for from then on.
func TestAKeyIsMadeOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "zarya", "age.key")
	if _, err := fleet.Identity(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no key: %v", err)
	}
	public, err := fleet.Recipient(file)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	own, err := fleet.Identity(file)
	if again, err2 := fleet.Recipient(file); err != nil || err2 != nil || again != public || own.Recipient().String() != public {
		t.Errorf("%s, then %s: %v, %v", public, again, err, err2)
	}
	// age itself reads it, as a person would to open a secret by hand.
	text, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	if list, err := age.ParseIdentities(text); err != nil || len(list) != 1 {
		t.Errorf("age reads %v, %v", list, err)
	}
}

// A key that others may read, or that is none, is no station's, and is left as it is.
func TestAKeyThatIsNoneIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		text string
		mode fs.FileMode
		want string
	}{
		"open to others": {"AGE-SECRET-KEY-1", 0o640, "others may read"},
		"no key":         {"hello", 0o600, "no key:"},
		"empty":          {"", 0o600, "empty:"},
		"too large":      {strings.Repeat("#\n", 64<<10), 0o600, "too large"},
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := fleet.Recipient(file)
		if kind, ok := problem.KindOf(err); !ok || kind != problem.Station || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != c.text {
			t.Errorf("%s: it was changed: %v", name, err)
		}
	}
}

// A login that this version cannot read says how to get another.
func TestALoginThatIsNone(t *testing.T) {
	files := fleet.Files{Dir: t.TempDir()}
	for _, text := range []string{"", "{}", `{"v":2,"kind":"fleet-login","station":"a","user":"u","password":"p"}`,
		`{"v":1,"kind":"receipt","station":"a","user":"u","password":"p"}`, `{"v":1,"kind":"fleet-login","station":"a","user":"u"}`} {
		if err := os.WriteFile(files.LoginFile(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var told *problem.Error
		if _, _, err := files.Login(); !errors.As(err, &told) || !strings.Contains(told.Hint, "--again") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestTokensAndNames(t *testing.T) {
	secret := strings.Repeat("S", 20)
	for _, good := range []string{"a." + secret, "line.1." + secret, strings.Repeat("x", 50) + "." + secret} {
		if token, err := fleet.ParseToken(good); err != nil || token.String() != good {
			t.Errorf("%s: %v, %v", good, token, err)
		}
	}
	long := strings.Repeat("x", 51)
	for _, bad := range []string{"", secret, "." + secret, "a.short", "a/b." + secret, "a b." + secret, long + "." + secret} {
		if token, err := fleet.ParseToken(bad); err == nil {
			t.Errorf("%q is the token of %q", bad, token.Station)
		}
	}
	for name, good := range map[string]bool{"line.1": true, "a/b": false, "": false, "цех": false, "a b": false} {
		if err := fleet.CheckName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Secrets are sealed for stations that are of the fleet, and for keys that they vouch for.
func TestForWhomSecretsAreSealed(t *testing.T) {
	s := fleettest.Start(t)
	anna := fleettest.Open(t, s.URL(fleettest.Supervisor), fleet.Login{})
	for _, name := range []string{"a", "b", "c"} {
		s.Enrol(t, name, "age1"+name)
	}
	s.Enrol(t, "keyless", "")
	if _, _, err := anna.Enrol(t.Context(), "invited", 24, false); err != nil {
		t.Fatal(err)
	}
	if err := anna.Revoke(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	s.Exec("UPDATE zarya.station SET recipient = 'age1thief' WHERE name = 'c'")
	all, err := anna.Recipients(t.Context())
	if want := map[string]string{"a": "age1a"}; err != nil || !maps.Equal(all, want) {
		t.Errorf("%v, %v, want %v", all, err, want)
	}
}

// What a fault means and what to do about it, for each that there is.
func TestFaultsAreExplained(t *testing.T) {
	seen := map[string]string{}
	for _, kind := range []string{fleet.Gap, fleet.Fork, fleet.Changed, fleet.SetBack} {
		what, todo := fleet.Fault{Kind: kind}.Meaning()
		if todo == "" || seen[what] != "" {
			t.Errorf("%s means %q, as %s does; to do: %q", kind, what, seen[what], todo)
		}
		seen[what] = kind
	}
}
