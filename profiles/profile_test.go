// What the language takes, and what it says about what it does not take.

package profiles

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

// whole uses every part of the language.
const whole = `zarya: 1
name: demo
tablet:
  models: [AGS3-L09, 510]
  lock: unlocked
  battery: {min: 40, unknown: allow}
images:
  system: {file: system.img, sha256: ` + zeros + `}
  boot: {file: boot.img, sha256: "` + zeros + `", slot: all}
partitions: [system, boot, userdata]
vars:
  tz: {by: tablet.serial, map: {VT0001: Asia/Vladivostok, 0012: Europe/Samara}, default: Europe/Moscow}
  version: 5.10
flash:
  - erase: [userdata]
  - images: all
  - reboot: system
boot: {within: 2m}
ssh: {user: defaultuser, password: 1234, root: devel-su, root-password: secret, port: target}
provision:
  - hostname: "tab-{{ tablet.serial }}"
  - timezone: "{{ vars.tz }}"
  - file: {content: "a {{vars.version}}\n", to: /etc/x.conf, owner: root, mode: 0600}
  - exec: {argv: [true, "{{ tablet.model }}"], timeout: 5s, changes: never}
checks:
  - {fact: os-release.VERSION_ID, is: 5.10}
  - {fact: battery, min: 30}
  - {partition: system, digest: image}
`

func TestWhole(t *testing.T) {
	p, err := Parse("dir/demo.yaml", []byte(whole), Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Tablet.Models[1] != "510" || p.Checks[0].Is.String() != "5.10" || reveal(t, p, p.SSH.Password) != "1234" ||
		p.Provision[2].File.Mode != "0600" {
		t.Error("scalars are not as written")
	}
	if d := cmp.Diff(p.Flash[1].Images, names{"system", "boot"}); d != "" {
		t.Error(d)
	}
	if p.Images["boot"].File != "dir/boot.img" || *p.Checks[1].Min != 30 || !p.Provision[3].Exec.Argv[0].isTrue() {
		t.Error("wrong values")
	}
	for serial, want := range map[string]string{"VT0001": "Asia/Vladivostok", "0012": "Europe/Samara", "X": "Europe/Moscow"} {
		got, err := p.Expand(*p.Provision[1].Timezone, of("tablet.serial", serial))
		if err != nil || got != want {
			t.Errorf("%s: %s, %v", serial, got, err)
		}
	}
	if _, err := p.Expand(*p.Provision[0].Hostname, of()); err == nil || !strings.Contains(err.Error(), "does not report") {
		t.Error(err)
	}
	shown, err := json.Marshal(p)
	if err != nil || strings.Contains(string(shown), "1234") || strings.Contains(fmt.Sprintf("%v %+v %#v", p.SSH, *p.SSH, *p.SSH), "1234") {
		t.Errorf("a secret is shown: %s, %v", shown, err)
	}
}

// TestFileFrom reads a file for the tablet, and does not show it.
func TestFileFrom(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte("key=hidden {{ tablet.serial }}"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(whole, `content: "a {{vars.version}}\n"`, "from: conf, template: true", 1)
	p, err := Parse(filepath.Join(dir, "p.yaml"), []byte(text), Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Expand(*p.Provision[2].File.Text(), of("tablet.serial", "S1")); err != nil || got != "key=hidden S1" {
		t.Errorf("%q, %v", got, err)
	}
	if shown, err := json.Marshal(p); err != nil || strings.Contains(string(shown), "hidden") {
		t.Errorf("%s, %v", shown, err)
	}
}

// of looks names up in pairs of name and value.
func of(pairs ...string) Lookup {
	return func(name string) (string, error) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], nil
			}
		}
		return "", nil
	}
}

func reveal(t *testing.T, p *Profile, s Secret) string {
	t.Helper()
	v, err := p.Reveal(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (t Text) isTrue() bool { return t.String() == "true" }

// TestWrong changes one thing in the whole profile.
func TestWrong(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"lock: unlocked", "locked: no",
			`demo.yaml:5:3: unknown key "locked"; did you mean lock?; known are battery, lock, models, product-from`},
		{"zarya: 1", "zarya: 2", `demo.yaml:1:8: zarya: 2 is not one of: 1`},
		{"name: demo", "name:", `demo.yaml:2:6: name has no value`},
		{"name: demo\n", "", `demo.yaml:1:1: the profile is missing name`},
		{"[AGS3-L09, 510]", "AGS3", `demo.yaml:4:11: tablet.models: "AGS3" is not right: full model codes`},
		{"[AGS3-L09, 510]", "[]", "tablet.models is empty"},
		{"[AGS3-L09, 510]", "['AGS*']", `tablet.models 1: "AGS*" is not right`},
		{"min: 40", "min: 140", `"140" is not right: percent`},
		{"sha256: " + zeros, "sha256: 12", `images.system.sha256: "12" is not right: of the file, 64 hexadecimal digits`},
		{"partitions: [system, boot, userdata]", "partitions: [system, boot]", "demo.yaml:15:13: userdata is not among partitions"},
		{"partitions: [system, boot, userdata]", "partitions: [boot, userdata]", "demo.yaml:8:11: system is not among partitions"},
		{"images: all", "images: [vendor]", `demo.yaml:16:14: there is no image "vendor"`},
		{"  - reboot: system\n", "", "flash must end with reboot: system"},
		{"  - reboot: system", "  - reboot: now", "flash 3: reboot: now is not one of: system"},
		{"  - erase: [userdata]", "  - {erase: [userdata], reboot: system}",
			"flash 1: a step has one of unlock, erase, images, relock, reboot, and besides it name, when, timeout; it has erase, reboot"},
		{"{{ tablet.serial }}", "{{ tablet.colour }}",
			`demo.yaml:21:15: tab-{{ tablet.colour }}: there is no name "tablet.colour"; did you mean tablet.lock?; known are bundle.name`},
		{"{{ tablet.serial }}", "{{ tablet.serial", "demo.yaml:21:15: provision 1: hostname: \"tab-{{ tablet.serial\": {{ without }}"},
		{"{{ tablet.serial }}", "{{ upper tablet.serial }}", "between the braces stands one name"},
		{"{{ vars.tz }}", "{{ vars.zone }}", "there is no such var"},
		{"{{ vars.tz }}", "{{ vars.rz }}", "did you mean tz?"},
		{"\"{{ vars.tz }}\"", "{{ vars.tz }}", `demo.yaml:22:16: a template must be in quotes: "{{ vars.tz }}"`},
		{"[AGS3-L09, 510]", "[*-L09]", `demo.yaml:4:12: a pattern must be in quotes: "*-L09"`},
		{"{{ tablet.serial }}", "{{ identity.hostname }}", "the profile has no identity"},
		{"timezone: \"{{ vars.tz }}\"", "timezone: \"{{ secret.zone }}\"", "a secret would be shown"},
		{"\"{{ tablet.model }}\"]", "\"{{ secret.pin }}\"]", "would stand on a command line"},
		{"password: 1234", "password: \"{{ tablet.serial }}\"",
			"it is known only once the tablet is connected; here it is needed before any tablet is there"},
		{"  - erase: [userdata]", "  - {erase: [userdata], when: fact.battery > 3}",
			"demo.yaml:15:31: fact.battery > 3: it is known only once the tablet has booted"},
		{"  - erase: [userdata]", "  - {erase: [userdata], when: tablet.lock}", "compare it with something"},
		{"  - erase: [userdata]", "  - {erase: [userdata], when: tablet.lock == locked}", `text in quotes: "locked"`},
		{"  - erase: [userdata]", "  - {erase: [userdata], when: tablet.model > 3}", "neither a number nor a version"},
		{"  - erase: [userdata]", "  - {erase: [userdata], when: tablet.modell == 'x'}", "did you mean tablet.model?"},
		{"  - erase: [userdata]", "  - {erase: [userdata], timeout: x}", `flash 1: timeout: "x" is not right: a time`},
		{"  - reboot: system", "  - {reboot: system, when: tablet.lock == 'x'}", "a reboot has no condition"},
		{"  - timezone:", "  - wifi: {ssid: A, user: u, password: p}\n  - timezone:", "needs ca"},
		{"  - timezone:", "  - wifi: {ssid: A, security: psk}\n  - timezone:", "needs a passphrase"},
		{"  - timezone:", "  - packages: [{rpm: profile.go, name: a, version: 1}]\n  - timezone:", "profile.go is no RPM"},
		{"checks:", "finish:\n  - power: off\n  - remove: {files: [/x]}\nchecks:", "power: off is the last of all"},
		{"checks:", "finish:\n  - developer-mode: enabled\nchecks:", "finish 1: developer-mode"},
		{"checks:", "hooks: {failed: {argv: [lamp]}}\nchecks:", "named by its absolute path"},
		{"checks:", "access: {mode: none}\nchecks:", "nobody gets into the booted tablet"},
		{"checks:", "access: {mode: manual}\nchecks:", "manual needs words"},
		{"checks:", "bundles: [{file: x.bundle}]\nchecks:", "images and bundles: give one of them"},
		{"checks:", "extends: not-there\nchecks:", "demo.yaml:25:10: extends: there is no profile"},
		{"version: 5.10", `version: "{{ vars.tz }}"`, "a var cannot use another var"},
		{"root: devel-su", "root: none", "hostname needs root: give ssh.root"},
		{"port: target", "port: 70000", "ssh.port: a port is a number"},
		{"password: 1234, ", "", "ssh needs a password or a key"},
		{"content: \"a {{vars.version}}\\n\"", "from: not-there", "demo.yaml:23:18: not-there: there is no such file"},
		{"owner: root", "owner: nobody", "owner is root, or the login of ssh"},
		{"{fact: battery, min: 30}", "{fact: battery}", "needs is, is-not, min, max, valid or unique"},
		{"{fact: battery, min: 30}", "{fact: colour, is: red}", "checks 2: fact"},
		{"{partition: system, digest: image}", "{partition: vendor, digest: image}", `there is no image "vendor"`},
		{"{partition: system, digest: image}", "{partition: system, digest: image, min: 3}", "write {fact: NAME"},
		{"within: 2m", "within: soon", `boot.within: "soon" is not right`},
		{"zarya: 1\n", "zarya: 1\nname: twice\n", `demo.yaml:3:1: "name" is there twice; first in line 2`},
		{"name: demo", "name: &a demo", "anchors and aliases"},
		{"name: demo", "name: !!binary AAAA", "the tag !!binary"},
		{"name: demo", "name: [demo", "demo.yaml:"},
		{"  - {fact: battery, min: 30}", "  - {fact: battery, min: 30}\n---\nzarya: 1", "a second document"},
	} {
		text := strings.Replace(whole, c.from, c.to, 1)
		if text == whole {
			t.Errorf("%q is not there", c.from)
		}
		_, err := Parse("demo.yaml", []byte(text), Settings{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q → %q:\n got %v\nwant %s", c.from, c.to, err, c.want)
		}
	}
}

func TestAllAtOnce(t *testing.T) {
	_, err := Parse("p.yaml", []byte("zarya: 1\nname: x\nsise: 3\ntablet:\n  models: [a]\n  lock: maybe\nprovision: [{hostnam: x}]\n"),
		Settings{})
	if n := len(Errors(err)); n != 3 {
		t.Errorf("%d errors: %v", n, err)
	}
	for _, e := range Errors(err) {
		var at *Error
		if !errors.As(e, &at) || at.Line == 0 {
			t.Errorf("%v has no place", e)
		}
	}
}

func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "", "list": "[1]", "word": "hello", "big": strings.Repeat("#", maxProfile+1),
		"deep": "a: " + strings.Repeat("[", 100) + strings.Repeat("]", 100), "nul": "\x00\x00", "latin": "name: \xff"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if p, err := Load(path, Settings{}); err == nil || p != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Load(filepath.Join(dir, "absent"), Settings{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// FuzzParse looks for text that breaks the reader, or that it reads in two ways.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("a: &x [*x]"))
	f.Add([]byte("? {a: b}\n: c"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse("p.yaml", text, Settings{})
		if (p == nil) == (err == nil) {
			t.Fatal("neither a profile nor an error, or both")
		}
		if err != nil {
			return
		}
		again, err := Parse("p.yaml", text, Settings{})
		if err != nil {
			t.Fatal(err)
		}
		a, aerr := json.Marshal(p)
		b, berr := json.Marshal(again)
		if aerr != nil || berr != nil || string(a) != string(b) {
			t.Fatalf("%s\n%s\n%v %v", a, b, aerr, berr)
		}
	})
}
