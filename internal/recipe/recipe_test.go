// What comes of a request: recipes of images and of bundles, and what is refused.

package recipe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/problem"
)

func TestRecipeOfImages(t *testing.T) {
	k := newKitchen(t)
	t.Setenv("ZARYA_SECRET_LOGIN", "pass-of-the-login")
	t.Setenv("ZARYA_SECRET_ROOT", "pass-of-root")
	boot, bootSum := k.image("boot.img", "b")
	system, systemSum := k.image("system.img", "s")
	profile := k.write("demo.yaml",
		head+`tablet: {models: [AGS3-L09, AGS3-W09], product-from: getvar product, battery: {min: 40, unknown: stop}}
partitions: [boot, system, userdata]
images:
  boot: {file: `+boot+`, sha256: `+bootSum+`, slot: all}
  system: {file: `+system+`, sha256: `+systemSum+`, sparse: always}
flash:
  - erase: [userdata]
  - images: [boot, system]
    timeout: 5m
  - reboot: system
boot: {within: 3m}
`+reached+`provision:
  - hostname: "tab-{{ tablet.serial }}"
  - dconf: {/apps/kiosk/level: 3, /apps/kiosk/url: "it's"}
    when: tablet.model matches "*-L09"
checks:
  - {fact: os-release.VERSION_ID, is: "5.1"}
  - {fact: battery, min: 30, max: 100}
  - {fact: imei, valid: luhn, unique: ledger}
  - {partition: system, digest: bundle}
finish:
  - remove: {files: [/tmp/x]}
  - developer-mode: disabled
  - power: "off"
`)
	r := k.prepare(Request{Profile: profile})
	j := r.Job("run-1", place{})
	if j.ID != "run-1" || j.Profile != "demo" || j.Bundle != "" || j.Boot.Minutes() != 3 || j.System == nil || j.Plan != nil {
		t.Errorf("job %+v", j)
	}
	want := flash.Requirements{Products: []string{"AGS3-L09", "AGS3-W09"}, ProductFrom: "getvar:product", MinBattery: 40,
		Lock: flash.SilenceStops, Battery: flash.SilenceStops}
	if diff := cmp.Diff(want, j.Require); diff != "" {
		t.Error(diff)
	}
	if len(j.Images) != 2 || j.Images[0].Digest != "sha256:"+bootSum || j.Images[1].Size != 8192 {
		t.Errorf("images %+v", j.Images)
	}
	items, err := r.Plan(PlanFor{Model: "ags3-l09", Serial: "VT0001"})
	if err != nil || len(items) != 1 {
		t.Fatalf("%+v %v", items, err)
	}
	var got []string
	for _, s := range items[0].Steps {
		got = append(got, strings.TrimSpace(s.Step+" "+s.Value+" "+s.When))
	}
	wantSteps := []string{
		"erase:userdata", "flash:boot", "flash:system", "reboot:system", "hostname tab-VT0001",
		`dconf:/apps/kiosk/level 3 tablet.model matches "*-L09"`, `dconf:/apps/kiosk/url it's tablet.model matches "*-L09"`,
		"check:os-release.VERSION_ID is 5.1", "check:battery at least 30, at most 100", "check:imei valid by luhn, no other tablet's",
		"check:system sha256:" + systemSum, "check:self no other tablet's", "stamp which images are on the tablet", "remove:files /tmp/x",
	}
	if diff := cmp.Diff(wantSteps, got[:len(got)-1]); diff != "" {
		t.Error(diff)
	}
	if it := items[0]; it.Bytes != 16384 || !slices.Equal(it.Partitions, []string{"boot", "system", "userdata"}) || it.Estimate < planBoot {
		t.Errorf("plan %+v", it)
	}
	if _, err := r.Plan(PlanFor{Model: "KOB2-W09"}); err == nil {
		t.Error("a plan for a model that the profile is not for")
	}
	if all, err := r.Plan(PlanFor{}); err != nil || len(all) != 1 || all[0].Steps[4].Value != "tab-{{ tablet.serial }}" {
		t.Errorf("%+v %v", all, err)
	}
	if k.Secrets.Clean("the pass-of-root is") != "the *** is" {
		t.Error("a secret of the environment is not hidden")
	}
	only := k.prepare(Request{Profile: profile, Scope: flash.ScopeFlash}).Job("x", place{})
	if only.System != nil || len(only.Steps) != 4 {
		t.Errorf("flash alone: %d steps, system %v", len(only.Steps), only.System)
	}
}

// Each bundle of a profile is for its own models; the tablet chooses.
func TestRecipeOfSeveralBundles(t *testing.T) {
	k := newKitchen(t)
	t.Setenv("ZARYA_SECRET_LOGIN", "pass-of-the-login")
	t.Setenv("ZARYA_SECRET_ROOT", "pass-of-root")
	k.bundle("ags2", "5.1.4", []string{"AGS2-L09", "AGS2-W09"}, bundle.Options{})
	k.bundle("kob2", "5.1.5", []string{"KOB2-W09"}, bundle.Options{})
	profile := k.write("two.yaml", head+`tablet: {models: [AGS2-L09, KOB2-W09]}
bundles:
  - {models: ["AGS2-*"], file: ags2.bundle, version: ">=5.1.4"}
  - {models: ["KOB2-*"], file: kob2.bundle}
partitions: [boot]
flash:
  - images: all
  - reboot: system
`+reached+expects)
	r := k.prepare(Request{Profile: profile})
	if got := r.Models(); !slices.Equal(got, []string{"AGS2-L09", "KOB2-W09"}) {
		t.Errorf("models %v", got)
	}
	j := r.Job("run-1", place{})
	if j.Plan == nil || j.Steps != nil || j.Bundle != "" {
		t.Fatalf("job %+v", j)
	}
	plan, err := j.Plan(flash.Key{Product: "kob2-w09"})
	if err != nil || plan.Bundle != "kob2 5.1.5" || plan.Require.MinBattery != 20 || len(plan.Images) != 1 {
		t.Errorf("%+v %v", plan, err)
	}
	_, err = j.Plan(flash.Key{Product: "AGS3-L09"})
	var f *flash.Failure
	if !errors.As(err, &f) || f.Class != flash.ClassProfile {
		t.Errorf("%v", err)
	}
	if len(k.warned) != 2 || !strings.Contains(k.warned[0], "is not signed") {
		t.Errorf("warned %q", k.warned)
	}
}

func TestWhatIsRefused(t *testing.T) {
	t.Setenv("ZARYA_SECRET_LOGIN", "pass-of-the-login")
	t.Setenv("ZARYA_SECRET_ROOT", "pass-of-root")
	k := newKitchen(t)
	boot, sum := k.image("boot.img", "b")
	k.bundle("ags2", "5.1.4", []string{"AGS2-L09"}, bundle.Options{})
	images := "images:\n  boot: {file: " + boot + ", sha256: " + sum + "}\n"
	flashes := "partitions: [boot]\nflash:\n  - images: [boot]\n"
	match := "tablet: {models: [AGS3-L09]}\n"
	ofBundle := "bundles: [{file: " + k.dir + "/ags2.bundle}]\npartitions: [boot]\nflash: [{images: all}]\n"
	other := strings.Repeat("0", 64)
	for i, c := range []struct {
		profile string
		bundle  string
		scope   flash.Scope
		kind    problem.Kind
		words   string
	}{
		{profile: "", kind: problem.Usage, words: "name a profile with --profile"},
		{profile: "nowhere", kind: problem.Invalid, words: "there is no profile nowhere"},
		{profile: head + match + images + flashes, kind: problem.Invalid, words: "does not say which build is expected"},
		{profile: head + match + reached + expects, kind: problem.Invalid, words: "has no flash steps"},
		{profile: head + match + images + flashes, scope: flash.ScopeProvision, kind: problem.Invalid, words: "has nothing under provision"},
		{profile: head + match + flashes, scope: flash.ScopeFlash, kind: problem.Invalid, words: "does not say what is flashed"},
		{profile: head + match + strings.Replace(images, sum, other, 1) + flashes, scope: flash.ScopeFlash, kind: problem.Invalid,
			words: "the profile says sha256:" + other},
		{profile: head + match + strings.Replace(images, boot, boot+"x", 1) + flashes, scope: flash.ScopeFlash, kind: problem.Invalid,
			words: "boot.imgx"},
		{profile: head + match + images + strings.ReplaceAll(flashes, "[boot]", "[boot, xloader]"), scope: flash.ScopeFlash,
			kind: problem.Invalid, words: "xloader"},
		{profile: head + match + ofBundle, scope: flash.ScopeFlash, kind: problem.Invalid,
			words: "is for AGS2-L09, and the profile demo for AGS3-L09"},
		{profile: head + "tablet: {models: bundle}\n" + images + flashes, scope: flash.ScopeFlash, kind: problem.Invalid,
			words: "models: bundle needs a bundle"},
		{profile: head + "tablet: {models: [AGS2-L09]}\n" + strings.Replace(ofBundle, "bundle}", `bundle, version: ">=6"}`, 1),
			scope: flash.ScopeFlash, kind: problem.Invalid, words: "is version 5.1.4, and the profile demo wants >=6"},
		{profile: head + "tablet: {models: [AGS2-L09]}\n" + strings.Replace(ofBundle, "partitions: [boot]", "partitions: [system]", 1),
			scope: flash.ScopeFlash, kind: problem.Invalid, words: "which the profile demo does not allow to be written"},
		{profile: head + match + images + flashes, bundle: "ags2.bundle", scope: flash.ScopeFlash, kind: problem.Invalid,
			words: "has images of its own"},
		{bundle: "ags2.bundle", scope: flash.ScopeFlash, kind: problem.Invalid, words: "has no profile in it"},
		{bundle: "boot.img", scope: flash.ScopeFlash, kind: problem.Invalid, words: "boot.img"},
		{profile: head + match + images + "partitions: [boot]\nflash: [{relock: if-bundle-allows}, {images: [boot]}]\n", scope: flash.ScopeFlash,
			kind: problem.Invalid, words: "relock"},
	} {
		q := Request{Profile: c.profile, Scope: c.scope}
		if strings.HasPrefix(c.profile, "zarya:") {
			q.Profile = k.write(fmt.Sprintf("p%d.yaml", i), c.profile)
		}
		if c.bundle != "" {
			q.Bundle = filepath.Join(k.dir, c.bundle)
		}
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			k := *k
			k.T = t
			k.refuses(q, c.kind, c.words)
		})
	}
	nowhere := strings.Replace(reached, "secret.root", "secret.nowhere", 1)
	text := head + match + images + flashes + "  - reboot: system\n" + nowhere + expects
	k.refuses(Request{Profile: k.write("secret.yaml", text)}, problem.Invalid, "nowhere")
	k.Secrets.Clean("") // the secrets of the others are in it
}

func TestSignedWorkOnly(t *testing.T) {
	k := newKitchen(t)
	signer, _ := newSigner(t)
	k.Trust = filepath.Join(k.dir, "trust.d")
	k.write("trust.d/allowed_signers", "release@example "+string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	profile := k.write("packed/demo.yaml", head+`tablet: {models: bundle}
partitions: [boot]
flash:
  - images: all
hooks:
  failed: {argv: [/bin/true, "{{ port.name }}"]}
`)
	o := bundle.Options{}
	if err := k.Pack(profile, "ssh", &o); err != nil {
		t.Fatal(err)
	}
	path := k.bundle("census", "5.1", []string{"AGS3-L09"}, o)
	request := Request{Bundle: path, Scope: flash.ScopeFlash}
	k.refuses(request, problem.Invalid, "not signed")
	k.refuses(Request{Profile: profile, Scope: flash.ScopeFlash}, problem.Invalid, "nothing else is written")
	k.refuses(Request{Bundle: path, Scope: flash.ScopeFlash, Trust: t.TempDir()}, problem.Usage, "who may sign bundles is said by")

	b, err := bundle.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := bundle.Sign(b.Text(), signer)
	if err == nil {
		err = b.Attach(signature)
	}
	if err != nil {
		t.Fatal(err)
	}
	j := k.prepare(request).Job("x", place{})
	if j.Bundle != "census 5.1" || j.Hooks == nil || len(k.warned) > 0 {
		t.Errorf("%+v, warned %q", j, k.warned)
	}
	k.Floor = func(context.Context, string) (string, error) { return "5.2", nil }
	k.refuses(request, problem.Invalid, "5.2")
}

// A station's own hooks count, those of an unsigned profile do not.
func TestHooksOfTheStation(t *testing.T) {
	k := newKitchen(t)
	boot, sum := k.image("boot.img", "b")
	text := head + "tablet: {models: [AGS3-L09]}\nimages:\n  boot: {file: " + boot + ", sha256: " + sum +
		"}\npartitions: [boot]\nflash: [{images: [boot]}]\nhooks:\n  after: {argv: [/bin/false]}\n"
	request := Request{Profile: k.write("demo.yaml", text), Scope: flash.ScopeFlash}
	if j := k.prepare(request).Job("x", place{}); j.Hooks != nil || len(k.warned) != 1 || !strings.Contains(k.warned[0], "are not run") {
		t.Errorf("hooks %v, warned %q", j.Hooks, k.warned)
	}
	k.write("config/hooks.yaml", "failed: {argv: [/bin/echo, red, lamp], timeout: 5s}\n")
	h, ok := k.prepare(request).Job("x", place{}).Hooks.(*hooks)
	if !ok || len(h.by) != 1 || h.by["failed"].Argv == nil {
		t.Errorf("hooks %+v", h)
	}
	// The machine's are called in the place of the user's, so that nobody gets round them; what
	// only the user's file has stays.
	k.Machine = filepath.Join(k.dir, "machine")
	k.write("machine/hooks.yaml", "before: {argv: [/bin/mes], ask: true}\n")
	k.write("config/hooks.yaml", "before: {argv: [/bin/true]}\nfailed: {argv: [/bin/echo]}\n")
	h, ok = k.prepare(request).Job("x", place{}).Hooks.(*hooks)
	if !ok || len(h.by) != 2 || !h.by["before"].Ask {
		t.Errorf("hooks %+v", h)
	}
	k.write("config/hooks.yaml", "failed: {argv: [red]}\n")
	k.refuses(request, problem.Invalid, "hooks.yaml")
}

// Work without a profile has the station's hooks too: images that are typed, and a bundle that
// has no profile in it.
func TestHooksWithoutAProfile(t *testing.T) {
	k := newKitchen(t)
	boot, _ := k.image("boot.img", "b")
	images := DirectRequest{Images: []string{"boot=" + boot}, Sparse: "auto"}
	file := k.bundle("a", "1", []string{"AGS3-L09"}, bundle.Options{})
	direct := func() map[string]func() (*Direct, error) {
		return map[string]func() (*Direct, error){
			"images": func() (*Direct, error) { return k.PrepareImages(t.Context(), images) },
			"bundle": func() (*Direct, error) {
				b, signer, err := k.OpenBundle(t.Context(), file, k.Trust)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(b.Close)
				return k.PrepareBundle(t.Context(), b, signer, nil)
			},
		}
	}
	for name, prepare := range direct() {
		d, err := prepare()
		if err != nil || d.Job("x", place{}).Hooks != nil {
			t.Fatalf("%s: %+v, %v", name, d, err)
		}
		d.Close()
	}
	k.write("config/hooks.yaml", "before: {argv: [/bin/mes], ask: true}\n")
	for name, prepare := range direct() {
		d, err := prepare()
		if err != nil {
			t.Fatal(err)
		}
		if h, ok := d.Job("x", place{}).Hooks.(*hooks); !ok || !h.by["before"].Ask {
			t.Errorf("%s: hooks %+v", name, h)
		}
		d.Close()
	}
	k.write("config/hooks.yaml", "befor: {argv: [/bin/mes]}\n")
	for name, prepare := range direct() {
		_, err := prepare()
		if kind, _ := problem.KindOf(err); kind != problem.Invalid {
			t.Errorf("%s: with hooks that cannot be read: %v", name, err)
		}
	}
}

func TestSecretsAndCodesThatAreSealed(t *testing.T) {
	k := newKitchen(t)
	boot, sum := k.image("boot.img", "b")
	text := head + "tablet: {models: [AGS3-L09]}\nimages:\n  boot: {file: " + boot + ", sha256: " + sum +
		"}\npartitions: [boot]\nsecrets: {file: secrets.age}\n" +
		"flash:\n  - unlock: {codes: codes.age, by: usb-serial}\n    when: tablet.lock == \"locked\"\n  - images: [boot]\n  - reboot: system\n" +
		reached + expects
	request := Request{Profile: k.write("demo.yaml", text)}
	k.write("secrets.age", "not sealed")
	k.write("codes.age", "not sealed")
	k.refuses(request, problem.Station, "there is no key to open secrets with")

	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	key := k.write("age.key", identity.String()+"\n")
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	k.refuses(request, problem.Station, "can be read by others")
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	k.refuses(request, problem.Invalid, "secrets.age")
	seal := func(name, text string) {
		t.Helper()
		sealed, err := k.Key.Seal([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		k.write(name, sealed)
	}
	seal("secrets.age", "- a list\n")
	k.refuses(request, problem.Invalid, "what is in it cannot be read")
	seal("secrets.age", "login: login-of-the-file\nroot: root-of-the-file\n")
	seal("codes.age", "serial,number\nX,1\n")
	k.refuses(request, problem.Invalid, "usb-serial")
	seal("codes.age", "usb-serial,code\nS1,0123456789ABCDEF\nS1,FEDCBA9876543210\n")
	k.refuses(request, problem.Invalid, "S1")
	seal("codes.age", "usb-serial,code\nS1,with a space\n")
	k.refuses(request, problem.Invalid, "that is no code")
	seal("codes.age", "usb-serial;code\r\n;\r\nS1;0123456789ABCDEF\r\nS1;0123456789ABCDEE\r\n")
	k.refuses(request, problem.Invalid, "S1 has one code in line 3 and another in line 4")
	seal("codes.age", "usb-serial,code\nS1\n")
	k.refuses(request, problem.Invalid, "line 2: wrong number of fields")
	seal("codes.age", "\xef\xbb\xbfusb-serial;code\r\nS1;0123456789ABCDEF\r\nS1;0123456789ABCDEF\r\n;\r\nS2;\r\n")
	k.prepare(request)
	if got := k.Secrets.Clean("login-of-the-file 0123456789ABCDEF"); got != "*** ***" {
		t.Errorf("shown: %q", got)
	}
	codes, err := k.loadCodes(k.prepare(request).profile, k.prepare(request).profile.Flash[0].Unlock)
	if err != nil || codes.bySerial["S1"] != "0123456789ABCDEF" || len(codes.bySerial) != 1 {
		t.Errorf("%+v %v", codes, err)
	}
	k.Codes = nil
	k.refuses(request, problem.Usage, "unlocking needs a ledger")
	if plain, err := k.Key.Open("rubbish"); err == nil {
		t.Errorf("opened rubbish: %q", plain)
	}
}

// supply gives one identity.
type supply struct{ flash.Identities }

func (supply) Assign(context.Context, string, string, string) (*flash.Identity, error) {
	return &flash.Identity{Pool: "census", ID: 7, Columns: map[string]string{"hostname": "tab-7", "eap_password": "secret-of-seven",
		"note": "note-of-seven"},
		Secret: []string{"note"}}, nil
}

func (supply) Held(context.Context, string, string) (*flash.Identity, error) { return nil, nil }

func TestIdentitiesAreHidden(t *testing.T) {
	t.Setenv("ZARYA_SECRET_LOGIN", "pass-of-the-login")
	t.Setenv("ZARYA_SECRET_ROOT", "pass-of-root")
	k := newKitchen(t)
	profile := func(columns string) *Recipe {
		text := head + "tablet: {models: [AGS3-L09]}\nidentity: {pool: census, columns: [" + columns + "]}\n" + reached +
			"provision:\n  - hostname: \"{{ identity.hostname }}\"\n"
		return k.prepare(Request{Profile: k.write("demo.yaml", text), Scope: flash.ScopeProvision})
	}
	r := profile("hostname, eap_password")
	if j := r.Job("x", place{}); j.Pool != "census" {
		t.Errorf("pool %q", j.Pool)
	}
	ids := r.HideIdentities(supply{}, k.Secrets)
	if id, err := ids.Assign(t.Context(), "census", "S", "x"); err != nil || id.ID != 7 {
		t.Errorf("%+v %v", id, err)
	}
	if got := k.Secrets.Clean("tab-7 secret-of-seven note-of-seven"); got != "tab-7 *** ***" {
		t.Errorf("shown: %q", got)
	}
	if id, err := ids.Held(t.Context(), "census", "S"); id != nil || err != nil {
		t.Errorf("%+v %v", id, err)
	}
	var lacks *flash.PoolError
	_, err := profile("hostname, region").HideIdentities(supply{}, k.Secrets).Assign(t.Context(), "census", "S", "x")
	if !errors.As(err, &lacks) {
		t.Errorf("%v", err)
	}
}
