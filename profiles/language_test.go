// Conditions, what extends what, and secrets.

package profiles

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

func TestConditions(t *testing.T) {
	p, err := Parse("p.yaml", []byte("zarya: 1\nname: x\ntablet: {models: [a]}\nidentity: {pool: p, columns: [region, pin]}\n"+
		"vars: {v: {by: tablet.model, map: {AGS3-L09: yes}, default: no}}\n"), Settings{})
	if err != nil {
		t.Fatal(err)
	}
	look := of("tablet.model", "AGS3-L09", "tablet.battery", "55", "bundle.version", "5.10.1", "fact.os-release.VERSION_ID", "5.9",
		"identity.region", "MOW")
	for text, want := range map[string]bool{
		`tablet.model == "AGS3-L09"`:                            true,
		`tablet.model != 'AGS3-L09'`:                            false,
		`tablet.model matches "*-L09"`:                          true,
		`tablet.model matches "ags3-?09"`:                       true,
		`tablet.model matches "*-W*"`:                           false,
		`tablet.model in ["AGS2-W09", "AGS3-L09"]`:              true,
		`tablet.model in ["AGS2-W09"]`:                          false,
		`tablet.battery >= 55 and tablet.battery < 100`:         true,
		`tablet.battery > 9`:                                    true, // as numbers: 55 is more than 9
		`bundle.version > 5.9`:                                  true, // and 5.10 newer than 5.9
		`bundle.version <= "5.10"`:                              false,
		`bundle.version >= fact.os-release.VERSION_ID`:          true,
		`not (tablet.model == "x" or identity.region == "MOW")`: false,
		`!(tablet.model == "x") && identity.region == "MOW"`:    true,
		`tablet.model == "x" || tablet.serial == ""`:            true,
		`tablet.serial == "x" and tablet.model == "y" or true`:  true,
		`vars.v == "yes"`:                                       true,
		`port.name < 3`:                                         false, // what is not told is neither more nor less
		`false`:                                                 false,
		`not false`:                                             true,
	} {
		c, err := parseCondition(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if strings.HasPrefix(text, "port.name <") {
			continue // only a check refuses it; see below
		}
		if _, err := p.checkCondition(c); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got, err := p.Holds(c, look); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		`port.name < 3`:          "neither a number nor a version",
		`identity.pin == "1"`:    "is a secret",
		`tablet.model in "x"`:    "a list stands on its right",
		`tablet.model matches 3`: "a pattern in quotes",
		`tablet.model == ["x"]`:  "looked through with in",
		`fact.colour == "red"`:   "there is no fact",
	} {
		c, err := parseCondition(text)
		if err == nil {
			_, err = p.checkCondition(c)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"", "tablet.model ==", "(true", "true true", `tablet.model == "x`, "[true", "a$b",
		strings.Repeat("not ", 2000) + "true", "tablet.model in [[1]]", "true and"} {
		if _, err := parseCondition(text); err == nil {
			t.Errorf("%q is taken for a condition", text)
		}
	}
	later := errors.New("later")
	c, _ := parseCondition(`tablet.model == "AGS3-L09" or identity.region == "x"`)
	if _, err := p.Holds(c, func(string) (string, error) { return "", later }); !errors.Is(err, later) {
		t.Errorf("what is not known yet is %v", err)
	}
}

func FuzzCondition(f *testing.F) {
	f.Add(`not (tablet.model == "x" or bundle.version >= 5.1) and tablet.battery in [1, 2]`)
	p := &Profile{tree: &tree{}}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCondition(text)
		if err != nil {
			return
		}
		if _, err := p.checkCondition(c); err != nil {
			return
		}
		a, aerr := p.Holds(c, of("tablet.model", "x"))
		again, err := parseCondition(c.String())
		if err != nil {
			t.Fatal(err)
		}
		b, berr := p.Holds(again, of("tablet.model", "x"))
		if a != b || aerr != nil || berr != nil {
			t.Fatalf("%v %v, %v %v", a, aerr, b, berr)
		}
	})
}

// memory is files without a disk.
type memory map[string]string

func (m memory) Open(name string) (io.ReadCloser, int64, error) {
	text, ok := m[name]
	if !ok {
		return nil, 0, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return io.NopCloser(strings.NewReader(text)), int64(len(text)), nil
}

// The digest of a profile is that of its text; one that extends others has another as soon
// as one of them changes.
func TestDigest(t *testing.T) {
	base := "zarya: 1\nname: base\ntablet: {models: [A]}\nssh: {user: u, password: p, root: sudo}\nprovision:\n  - hostname: x\n"
	files := memory{"/base.yaml": base, "/leaf.yaml": "zarya: 1\nname: leaf\nextends: base\n"}
	digest := func(name string) string {
		t.Helper()
		p, err := Load(name, Settings{Files: files})
		if err != nil {
			t.Fatal(err)
		}
		return p.Digest()
	}
	sum := sha256.Sum256([]byte(base))
	if got, want := digest("/base.yaml"), "sha256:"+hex.EncodeToString(sum[:]); got != want {
		t.Errorf("%s, not %s", got, want)
	}
	before := digest("/leaf.yaml")
	if files["/base.yaml"] = base + "\n"; digest("/leaf.yaml") == before {
		t.Error("what it extends changed, and its digest did not")
	}
}

func TestExtends(t *testing.T) {
	files := memory{
		"/top/leaf.yaml": "zarya: 1\nname: leaf\nextends: ../bases/kiosk\ntablet: {models: [B]}\n" +
			"images:\n  vbmeta: {file: v.img, sha256: " + zeros + "}\npartitions: {append: [vbmeta]}\n" +
			"provision:\n  append:\n    - timezone: Europe/Moscow\nchecks: []\n",
		"/bases/kiosk.yaml": "zarya: 1\nname: kiosk\nextends: common\ntablet: {models: [A], battery: {min: 30}}\nimages:\n" +
			"  boot: {file: b.img, sha256: " + zeros + "}\n",
		"/bases/common.yaml": "zarya: 1\nname: common\ntablet: {models: [A], battery: {unknown: allow}}\npartitions: [system, boot]\n" +
			"images:\n  system: {file: s.img, sha256: " + zeros + "}\n" +
			"ssh: {user: u, password: p, root: sudo}\nprovision:\n  - hostname: base\n  - file: {from: f.txt, to: /etc/f}\nchecks:\n" +
			"  - {fact: battery, min: 1}\n",
		"/bases/f.txt": "of the base",
	}
	p, err := Load("/top/leaf.yaml", Settings{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p.Tablet, TabletMatch{Models: Models{"B"}, Lock: "unlocked", Battery: Battery{Min: 30, Unknown: "allow"}}); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(p.order, []string{"system", "boot", "vbmeta"}); d != "" {
		t.Error(d)
	}
	if p.Images["vbmeta"].File != "/top/v.img" || p.Images["boot"].File != "/bases/b.img" {
		t.Errorf("files are not beside their profiles: %+v", p.Images)
	}
	if len(p.Provision) != 3 || p.Provision[0].Hostname.String() != "base" || p.Provision[2].Timezone == nil ||
		p.Provision[1].File.Text().String() != "of the base" || len(p.Checks) != 0 {
		t.Errorf("%+v %+v", p.Provision, p.Checks)
	}
	if d := cmp.Diff(p.Texts(), []string{"/top/leaf.yaml", "/bases/kiosk.yaml", "/bases/common.yaml"}); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(p.Named(), []string{"/bases/f.txt"}); d != "" {
		t.Error(d)
	}
	doc, err := p.Resolved()
	if err != nil {
		t.Fatal(err)
	}
	shown, err := yaml.Marshal(doc)
	for _, want := range []string{"hostname: base # common.yaml:9", "timezone: Europe/Moscow # leaf.yaml:10", "lock: unlocked # left out"} {
		if err != nil || !strings.Contains(string(shown), want) {
			t.Errorf("%s is not shown, %v", want, err)
		}
	}
	for change, want := range map[[3]string]string{
		{"/bases/common.yaml", "zarya: 1", "zarya: 1\nextends: kiosk"}: "extends itself",
		{"/bases/common.yaml", "user: u", "usr: u"}:                    `/bases/common.yaml:7:7: unknown key "usr"; did you mean user?`,
		{"/top/leaf.yaml", "checks: []", "checks: {append: 3}"}:        "/top/leaf.yaml:11:9: checks must be a list",
		{"/top/leaf.yaml", "../bases/kiosk", "nobody"}:                 `there is no profile "nobody"`,
		{"/bases/kiosk.yaml", "name: kiosk", "name: [kiosk"}:           "/bases/kiosk.yaml:",
	} {
		broken := memory{}
		for k, v := range files {
			broken[k] = v
		}
		broken[change[0]] = strings.Replace(broken[change[0]], change[1], change[2], 1)
		if _, err := Load("/top/leaf.yaml", Settings{Files: broken}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", change, err)
		}
	}
}

func TestSecrets(t *testing.T) {
	text := "zarya: 1\nname: x\ntablet: {models: [a]}\nssh: {user: u, key: \"{{ secret.station_key }}\", " +
		"root: devel-su, root-password: \"{{ secret.dev }}\"}\n" +
		"vars: {psk: \"{{ secret.psk }}\"}\nprovision:\n  - wifi: {ssid: W, passphrase: \"{{ vars.psk }}\"}\n" +
		"  - file: {content: \"{{ vars.psk }}\", to: /x}\n"
	p, err := Parse("p.yaml", []byte(text), Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p.SecretNames(), []string{"dev", "psk", "station_key"}); d != "" {
		t.Error(d)
	}
	if !p.IsSecret(*p.Provision[0].WiFi.Passphrase) || p.IsSecret(p.Provision[0].WiFi.SSID) {
		t.Error("what is a secret is not told")
	}
	if err := p.SetSecrets(map[string]string{"dev": "d", "psk": "hidden-psk", "station_key": "k"}); err != nil {
		t.Fatal(err)
	}
	if v, err := p.Expand(*p.Provision[0].WiFi.Passphrase, of()); err != nil || v != "hidden-psk" {
		t.Errorf("%q, %v", v, err)
	}
	if reveal(t, p, p.SSH.RootPassword) != "d" {
		t.Error("not revealed")
	}
	shown, err := json.Marshal(p)
	if err != nil || strings.Contains(string(shown), "hidden") {
		t.Errorf("%s, %v", shown, err)
	}
	if err := p.SetSecrets(map[string]string{"dev": "d", "pskk": "hidden-psk", "station_key": "k"}); err == nil ||
		!strings.Contains(err.Error(), "p.yaml:5:13: secret.psk: there is no such secret; did you mean pskk?") {
		t.Error(err)
	}
}
