// Where a recipe comes from: named profiles, none at all; what validate says of it, and plan.

package recipe

import (
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image/bundle"
)

func TestWorkWithoutAProfile(t *testing.T) {
	k := newKitchen(t)
	boot, _ := k.image("boot.img", "b")
	d, err := k.PrepareImages(t.Context(), DirectRequest{Images: []string{"boot:all=" + boot, "recovery=" + boot}, Erase: []string{"cache"},
		Sparse: "auto", Slot: "a", Product: "X"})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	j := d.Job("x", place{})
	if len(j.Steps) != 3 || len(j.Images) != 2 || j.Images[0].Digest != j.Images[1].Digest ||
		!slices.Equal(j.Require.Products, []string{"X"}) || j.Scope != flash.ScopeFlash {
		t.Errorf("%+v", j)
	}
	for words, q := range map[string]DirectRequest{
		"nothing to do":                        {},
		"--sparse":                             {Images: []string{"boot=" + boot}, Sparse: "sometimes"},
		"no slot":                              {Images: []string{"boot=" + boot}, Slot: "c"},
		"is not PART[:SLOT]=FILE":              {Images: []string{"boot"}},
		"is written twice":                     {Images: []string{"boot=" + boot, "boot=" + boot}},
		"is protected":                         {Images: []string{"xloader=" + boot}},
		"is not a partition's name":            {Erase: []string{"../boot"}},
		"nowhere.img":                          {Images: []string{"boot=" + k.dir + "/nowhere.img"}},
		"--image boot:c=" + boot + ": no slot": {Images: []string{"boot:c=" + boot}},
	} {
		if q.Sparse == "" {
			q.Sparse = "auto"
		}
		if _, err := k.PrepareImages(t.Context(), q); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%+v: %v, want %q", q, err, words)
		}
	}
	b, _, err := k.OpenBundle(t.Context(), k.bundle("plain", "1.0", []string{"AGS3-L09"}, bundle.Options{}), k.Trust)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := k.PrepareBundle(t.Context(), b, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	if whole.Bundle != "plain 1.0" || len(whole.Steps) != 1 || whole.Require.MinBattery != 20 || whole.Infos()[0].Partition != "boot" {
		t.Errorf("%+v", whole)
	}
}

func TestNamedProfilesAreFound(t *testing.T) {
	k := newKitchen(t)
	if _, _, ok := k.NamedProfile("census-tablet"); !ok {
		t.Error("a profile of the program is not found")
	}
	mine := k.write("config/profiles/census-tablet.yaml", head+"tablet: {models: [AGS3-L09]}\n")
	if file, _, ok := k.NamedProfile("census-tablet"); !ok || file != mine {
		t.Errorf("%q %v", file, ok)
	}
	if _, _, ok := k.NamedProfile("../config/profiles/census-tablet"); ok {
		t.Error("a path is no name")
	}
	t.Chdir(k.dir)
	k.write("any-file.yaml", "zarya: 1\nname: kiosk\ntablet: {models: [AGS3-L09]}\n")
	k.write("notes.yml", "not a profile\n")
	k.write("config/profiles/broken.yaml", "zarya: 1\n")
	listed, err := k.ListProfiles()
	if err != nil || len(listed) < 4 || listed[0].Name != "kiosk" || listed[1].Problem == nil {
		t.Errorf("%+v %v", listed, err)
	}
	if p, err := k.LoadProfile("kiosk"); err != nil || p.Name != "kiosk" {
		t.Errorf("what the list shows is not found: %v", err)
	}
}

// All that is wrong, with its place, and what is needed besides.
func TestValidate(t *testing.T) {
	k := newKitchen(t)
	boot, _ := k.image("boot.img", "b")
	k.bundle("ags2", "5.1.4", []string{"AGS2-L09"}, bundle.Options{})
	good := head + "tablet: {models: [AGS2-L09]}\nbundles: [{file: ags2.bundle}]\npartitions: [boot, xloader]\n" +
		"flash: [{images: all}, {reboot: system}]\n" + reached + expects
	v := k.Validate(t.Context(), k.write("good.yaml", good), false)
	if len(v.Errors) > 0 || !slices.Equal(v.Needs, []string{"--allow-partition xloader", "the secret login", "the secret root"}) {
		t.Errorf("%+v", v)
	}
	if v := k.Validate(t.Context(), k.write("good.yaml", good), true); len(v.Errors) != 2 ||
		!strings.Contains(v.Errors[0].Error(), "ZARYA_SECRET_") {
		t.Errorf("%+v", v)
	}
	sealed := strings.Replace(good, "partitions:", "secrets: {file: s.age}\npartitions:", 1)
	k.write("s.age", "sealed elsewhere")
	if v := k.Validate(t.Context(), k.write("sealed.yaml", sealed), false); len(v.Errors) > 0 ||
		!strings.Contains(strings.Join(v.Needs, " "), "the key that opens") {
		t.Errorf("%+v", v)
	}
	bad := head + "tablet: {models: [AGS2-L09]}\nbundles: [{file: ags2.bundle, version: \">=6\"}, {file: gone.bundle}]\n" +
		"partitions: [system]\nflash: [{images: [system]}, {reboot: system}]\n" + reached + expects + "  - {partition: dtbo, digest: bundle}\n"
	want := []string{"bad.yaml:4:40: ", "bad.yaml:4:55: ", "bad.yaml:6:19: ", "bad.yaml:10:17: "}
	v = k.Validate(t.Context(), k.write("bad.yaml", bad), false)
	for i, w := range want {
		if i >= len(v.Errors) || !strings.Contains(errors.Join(v.Errors...).Error(), w) {
			t.Errorf("no %s in %v", w, errors.Join(v.Errors...))
		}
	}
	wrong := head + "tablet: {models: [X]}\nimages: {boot: {file: " + boot + ", sha256: " + strings.Repeat("0", 64) +
		"}, dtbo: {file: gone.img, sha256: " + strings.Repeat("0", 64) + "}}\npartitions: [boot, dtbo]\nflash: [{images: all}]\n"
	v = k.Validate(t.Context(), k.write("wrong.yaml", wrong), false)
	if len(v.Errors) != 2 || !strings.Contains(v.Errors[0].Error(), "wrong.yaml:4:") || !strings.Contains(v.Errors[1].Error(), "gone.img") {
		t.Errorf("%v", errors.Join(v.Errors...))
	}
	if v := k.Validate(t.Context(), k.write("no.yaml", "zarya: 2\n"), false); len(v.Errors) < 2 {
		t.Errorf("%v", v.Errors)
	}
}

// Every kind of step that a profile may have, as a plan shows it.
func TestPlanOfEveryStep(t *testing.T) {
	k := newKitchen(t)
	t.Setenv("ZARYA_SECRET_PSK", "wireless-pass")
	signer, private := newSigner(t)
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	k.write("station_key", string(pem.EncodeToMemory(block)))
	k.write("root.pem", "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n")
	k.write("kiosk.conf", "{{ tablet.serial }}\n")
	k.write("app.rpm", "\xed\xab\xee\xdb and the rest")
	public := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	profile := k.write("all.yaml", head+`tablet: {models: [AGS3-L09]}
ssh: {user: defaultuser, key: station_key, root: sudo, port: "2222"}
provision:
  - regenerate: [machine-id, ssh-host-keys]
  - timezone: Europe/Moscow
  - clock: {within: 90s}
  - locale: ru_RU.UTF-8
  - ca: [root.pem]
  - wifi: {ssid: CENSUS, security: ieee8021x, eap: peap, user: "{{ tablet.serial }}", password: "{{ secret.psk }}", ca: root.pem}
  - wifi: {ssid: WAREHOUSE, passphrase: "{{ secret.psk }}"}
  - file: {from: kiosk.conf, to: /etc/kiosk.conf, template: true, owner: root, mode: "0644"}
  - enrolment: {content: "x", to: /etc/mdm.json}
  - link: {to: /etc/kiosk, target: "/srv/{{ tablet.serial }}"}
  - packages: [{rpm: app.rpm, name: ru.census.app, version: "3.2.1"}]
  - dbus: {destination: org.example, object: /org/example, method: org.example.Get, args: ["'a'"], is: "(true,)", changes: never}
  - units: {enable: [a.service], disable: [b.service], mask: [c.service]}
  - authorized-keys: ["`+public+` owner", "`+public+` bench"]
  - wizard: done
  - reboot: if-changed
  - exec: {argv: [/bin/sh, -c, "true"], timeout: 60s, changes: never}
    name: selftest
finish:
  - remove: {wifi: [WAREHOUSE], keys: [bench]}
  - lock-state: {leave: unlocked, because: no vendor key}
  - developer-mode: {disable: [[/usr/bin/off, now]]}
`)
	r := k.prepare(Request{Profile: profile, Scope: flash.ScopeProvision})
	items, err := r.Plan(PlanFor{Model: "AGS3-L09", Serial: "VT0001"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range items[0].Steps {
		got = append(got, strings.TrimSpace(s.Step+" "+s.Value))
	}
	want := []string{
		"regenerate machine-id, ssh-host-keys", "timezone Europe/Moscow", "clock within 1m30s", "locale ru_RU.UTF-8", "ca " + k.dir + "/root.pem",
		"wifi:CENSUS ieee8021x, peap, user VT0001", "wifi:WAREHOUSE until finish: psk", "file:/etc/kiosk.conf root 0644 " + k.dir + "/kiosk.conf",
		"enrolment:/etc/mdm.json root 0600", "link:/etc/kiosk to /srv/VT0001", "package:ru.census.app 3.2.1",
		"dbus:org.example.Get org.example 'a', must answer (true,)",
		"unit:a.service enabled", "unit:b.service disabled", "unit:c.service masked",
		"authorized-keys:defaultuser " + public + " owner", "authorized-keys:defaultuser until finish: " + public + " bench", "wizard done",
		"reboot if-changed", "selftest /bin/sh -c true",
		"remove:wifi WAREHOUSE", "remove:keys bench", "lock-state:unlocked no vendor key", "developer-mode:disabled /usr/bin/off now",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHookIsCalledWithoutAShell(t *testing.T) {
	k := newKitchen(t)
	script := k.write("lamp", "#!/bin/sh\necho \"$# $1 $ZARYA_HOOK $ZARYA_CLASS $ZARYA_PROFILE\" >"+k.dir+"/called\n"+
		"echo lamp is broken >&2\n[ \"$2\" != fail ] || exit 3\n[ \"$2\" != hang ] || exec sleep 60\n")
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	boot, sum := k.image("boot.img", "b")
	request := Request{Scope: flash.ScopeFlash,
		Profile: k.write("demo.yaml", head+"tablet: {models: [AGS3-L09]}\nimages:\n  boot: {file: "+boot+", sha256: "+sum+"}\n"+
			"partitions: [boot]\nflash: [{images: [boot]}]\n")}
	call := func(arg string, timeout string) error {
		k.write("config/hooks.yaml", "failed: {argv: ["+script+", \"{{ port.name }}\", "+arg+"], timeout: "+timeout+"}\n")
		j := k.prepare(request).Job("x", place{})
		_, err := j.Hooks.Call(t.Context(), flash.HookFailed, &flash.Session{}, &flash.JobDone{Class: flash.ClassCable})
		return err
	}
	if err := call("$HOME", "30s"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(k.dir, "called")); err != nil || string(text) != "2 - failed cable \n" {
		t.Errorf("%q %v", text, err)
	}
	if err := call("fail", "30s"); err == nil || !strings.Contains(err.Error(), "lamp is broken") {
		t.Errorf("%v", err)
	}
	if err := call("hang", "50ms"); err == nil || !strings.Contains(err.Error(), "did not end within 50ms") {
		t.Errorf("%v", err)
	}
	j := k.prepare(request).Job("x", place{})
	if _, err := j.Hooks.Call(t.Context(), flash.HookBefore, &flash.Session{}, nil); err != nil {
		t.Errorf("a moment without a hook: %v", err)
	}
}
