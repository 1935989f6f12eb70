package profiles

import (
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const valuesHead = `zarya: 1
name: values
tablet: {models: [AGS3-L09]}
ssh: {user: defaultuser, password: "{{ secret.login }}", root: devel-su, root-password: "{{ secret.login }}"}
`

// What can be known of a setting without a tablet is said before one is there.
func TestValues(t *testing.T) {
	for _, c := range []struct{ step, want string }{ // want is "" for a valid one
		{`hostname: tab-1`, ""},
		{`hostname: "{{ tablet.serial }}"`, ""},
		{`hostname: under_score`, `8:15: "under_score" is no host name`},
		{`hostname: -x`, "is no host name"},
		{`hostname: ` + strings.Repeat("a", 64), "is no host name"},
		{`timezone: Europe/Moscow`, ""},
		{`timezone: Europe/Moskow`, `there is no time zone "Europe/Moskow"`},
		{`timezone: Local`, "there is no time zone"},
		{`timezone: "{{ vars.zone }}"`, `6:37: vars.zone: there is no time zone "Asia/Nowhere"`},
		{`locale: ru_RU.UTF-8`, ""},
		{`locale: POSIX`, ""},
		{`locale: russian`, `"russian" is no locale`},
		{`wifi: {ssid: CENSUS}`, ""},
		{`wifi: {ssid: Переписной участок 12}`, "has 38 bytes"},
		{`wifi: {ssid: CENSUS, passphrase: only-7x}`, "the passphrase has 7 characters"},
		{`wifi: {ssid: CENSUS, passphrase: eight-ok}`, ""},
		{`wifi: {ssid: CENSUS, passphrase: ` + strings.Repeat("a1", 32) + `}`, ""},
		{`wifi: {ssid: CENSUS, passphrase: пароль-склада}`, "beyond ASCII"},
		{`wifi: {ssid: "{{ tablet.serial }}", passphrase: "{{ secret.psk }}"}`, ""},
		{"hostname: a\n  - hostname: b", "9:5: hostname is there twice; first in line 8"},
		{"hostname: a\n  - hostname: b\n    when: tablet.model == \"X\"", ""},
		{"file: {content: a, to: /etc/a}\n  - enrolment: {content: b, to: /etc/a}", "the file /etc/a is there twice"},
		{"wifi: {ssid: A}\n  - wifi: {ssid: A}", "the network A is there twice"},
		{"dconf: {/a/b: 1}\n  - dconf: {/a/b: 2}", "the dconf key /a/b is there twice"},
	} {
		text := valuesHead + "vars:\n  zone: {by: tablet.model, map: {X: Asia/Nowhere}, default: Europe/Moscow}\nprovision:\n  - " + c.step + "\n"
		if !strings.Contains(c.step, "vars.") {
			text = strings.Replace(text, "Asia/Nowhere", "Asia/Omsk", 1)
		}
		_, err := Parse("p.yaml", []byte(text), Settings{})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s:\n got %v\nwant %s", c.step, err, c.want)
		}
	}
}

// A value that comes from a secret is held to the same when the secrets are known, and the
// error does not show it.
func TestValuesOfSecrets(t *testing.T) {
	text := valuesHead + "provision:\n  - wifi: {ssid: CENSUS, passphrase: \"{{ secret.psk }}\"}\n"
	p, err := Parse("p.yaml", []byte(text), Settings{})
	if err != nil {
		t.Fatal(err)
	}
	err = p.SetSecrets(map[string]string{"login": "x", "psk": "kurz"})
	if err == nil || !strings.Contains(err.Error(), "p.yaml:6:38: the passphrase has 4 characters") || strings.Contains(err.Error(), "kurz") {
		t.Errorf("%v", err)
	}
}

// Each missing secret names its own source.
func TestMissingSecretsNameTheirVariables(t *testing.T) {
	text := valuesHead + "secrets: {env: {psk: BENCH_PSK}}\nprovision:\n  - wifi: {ssid: CENSUS, passphrase: \"{{ secret.psk }}\"}\n"
	p, err := Parse("p.yaml", []byte(text), Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.TrySecrets(nil); err != nil {
		t.Errorf("without demanding them: %v", err)
	}
	err = p.SetSecrets(nil)
	if err == nil || !strings.Contains(err.Error(),
		"secret.login: there is no such secret; put it into secrets.file, or set ZARYA_SECRET_LOGIN") ||
		!strings.Contains(err.Error(), "secret.psk: there is no such secret; set BENCH_PSK") {
		t.Errorf("%v", err)
	}
}

// Text that is no YAML: where it breaks, by which mistake, with a caret under it.
func TestSyntax(t *testing.T) {
	for text, want := range map[string]string{
		"zarya: 1\nname: x\ntablet:\n\tmodels: [A]\n": "p.yaml:4:1: a tab: YAML is indented with spaces only\n    →models: [A]\n    ^",
		"zarya: 1\nname:\u00a0x\ntablet: {models: [A]}\n": "p.yaml:2:6: a no-break space (U+00A0), as word processors put it: " +
			"type a plain space\n    name:\u00a0x\n         ^",
		"zarya: 1\nname: x: y\ntablet: {models: [A]}\n": "p.yaml:2:8: a colon in a value: put the value in quotes\n    name: x: y\n" +
			"           ^",
		"zarya: 1\nname:x\ntablet: {models: [A]}\n":           "p.yaml:2:5: a space is missing after the colon",
		"zarya: 1\ntablet:\n  models: [A]\n lock: unlocked\n": "the indent does not fit the lines above",
		"zarya: 1\nname: \xcf\xe5\n":                          "p.yaml:2:7: the file is not UTF-8",
		"":                                                    "is empty",
	} {
		_, err := Parse("p.yaml", []byte(text), Settings{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

// The environment is read when secrets are given, not when the profile is read.
func TestSecretOfTheEnvironment(t *testing.T) {
	const passwords = `password: "{{ secret.login }}", root: devel-su, root-password: "{{ secret.login }}"`
	text := strings.Replace(valuesHead, passwords, "password: {env: ZARYA_NOT_SET}", 1)
	p, err := Parse("p.yaml", []byte(text), Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if names := p.SecretNames(); len(names) != 1 || names[0] != EnvSecret+"ZARYA_NOT_SET" {
		t.Errorf("%q", names)
	}
	if err := p.SetSecrets(nil); err == nil ||
		!strings.Contains(err.Error(), "p.yaml:4:36: the environment variable ZARYA_NOT_SET is not set") {
		t.Errorf("%v", err)
	}
	p, _ = Parse("p.yaml", []byte(text), Settings{})
	if err := p.SetSecrets(map[string]string{EnvSecret + "ZARYA_NOT_SET": "word"}); err != nil {
		t.Fatal(err)
	}
	if v, err := p.Reveal(p.SSH.Password); v != "word" || err != nil {
		t.Errorf("%q %v", v, err)
	}
}

// What profile show prints is a profile.
func TestShownProfilesCanBeLoaded(t *testing.T) {
	texts := map[string]string{"values": valuesHead +
		"provision:\n  - {hostname: a, when: tablet.model == \"X\", timeout: 5s}\n  - units: {enable: [a.service]}\n" +
		"  - exec: {argv: [/bin/true]}\nfinish:\n  - developer-mode: disabled\n"}
	for _, name := range Builtins() {
		text, _ := Builtin(name)
		texts[name] = string(text)
	}
	show := func(text string) string {
		t.Helper()
		p, err := Parse("p.yaml", []byte(text),
			Settings{Base: func(name string) (string, []byte, bool) { text, ok := Builtin(name); return name, text, ok }})
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		doc, err := p.Resolved()
		if err != nil {
			t.Fatal(err)
		}
		out, err := yaml.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	comments := regexp.MustCompile(` #.*`)
	for name, text := range texts {
		once := show(text)
		if twice := show(once); comments.ReplaceAllString(twice, "") != comments.ReplaceAllString(once, "") {
			t.Errorf("%s:\n%s\n%s", name, once, twice)
		}
	}
}
