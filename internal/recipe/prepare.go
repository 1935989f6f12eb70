// This file makes of a profile, and of the bundles that it flashes, what the engine runs:
// verified images, steps, and what a tablet must be.

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/provision"
	"github.com/zarya-station/zarya/profiles"
)

// profileFolder is where a user's profiles are.
func profileFolder() string {
	config := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(config) {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		config = filepath.Join(home, ".config")
	}
	return filepath.Join(config, "zarya", "profiles")
}

// profileFolders is the search path for names of profiles.
func profileFolders() []string { return []string{profileFolder(), "/etc/zarya/profiles"} }

// namedProfile finds a profile by its name: in the search path, then among those that
// come with the program.
func namedProfile(name string) (file string, text []byte, ok bool) {
	if strings.ContainsRune(name, filepath.Separator) {
		return "", nil, false
	}
	for _, dir := range profileFolders() {
		file := filepath.Join(dir, name+".yaml")
		if text, err := os.ReadFile(file); err == nil { //nolint:gosec // the user's own profiles
			return file, text, true
		}
	}
	text, ok = profiles.Builtin(name)
	return name + ".yaml (built in)", text, ok
}

// loadProfile reads the profile that --profile names: a file, or a name.
func loadProfile(name string) (*profiles.Profile, error) {
	if name == "" {
		return nil, problem.New(problem.Usage, "zarya profile new writes one to begin with", "name a profile with --profile")
	}
	settings := profiles.Settings{Base: namedProfile}
	p, err := profiles.Load(name, settings)
	if errors.Is(err, fs.ErrNotExist) {
		file, text, ok := namedProfile(name)
		if !ok {
			return nil, problem.New(problem.Invalid, "zarya profile list shows what there is", "there is no profile %s", name)
		}
		p, err = profiles.Parse(file, text, settings)
	}
	return p, invalidProfile(err)
}

func invalidProfile(err error) error {
	if err != nil {
		err = problem.New(problem.Invalid, "mend the profile; nothing was done", "%w", err)
	}
	return err
}

func fileThere(path string) bool { _, err := os.Stat(path); return err == nil }

// prepared is a profile with its images read and its steps made.
type prepared struct {
	profile *profiles.Profile
	scope   flash.Scope
	all     []*variant // what is done to which models; the first that fits counts
	system  flash.System
	hooks   flash.Hooks
	words   string // for the operator, where the tablet lets nobody in by itself
}

// variant is what is done to some models: those that a bundle is for.
type variant struct {
	choice  profiles.BundleChoice // of the profile; empty fits all
	bundle  *bundle.Bundle        // nil: the profile's own images
	signer  string                // whom the trust folder names for it; "" is nobody
	images  images
	steps   []flash.Step
	notes   map[int]noted // what a plan shows of each, by its place in steps
	require flash.Requirements
}

func (p *prepared) close() {
	for _, v := range p.all {
		v.images.close()
	}
}

// name is the bundle's name and version.
func (v *variant) name() string {
	if v.bundle == nil {
		return ""
	}
	return v.bundle.Manifest.Name + " " + v.bundle.Manifest.Version
}

// fits reports whether the variant is for a model.
func (v *variant) fits(model string) bool {
	return slices.ContainsFunc(v.require.Products, func(m string) bool { return strings.EqualFold(m, model) })
}

// prepare reads what --profile and --bundle name and, for scopes that write them, the
// images. All that is wrong is said before any tablet is touched.
func (a *app) prepare(o jobOptions, scope flash.Scope) (*prepared, error) {
	out := &prepared{scope: scope}
	signed, err := a.source(o, out)
	if err != nil {
		return nil, err
	}
	p := out.profile
	if err := out.fits(); err != nil {
		return nil, err
	}
	for _, part := range p.Partitions {
		if err := checkPartition("partitions in the profile", part, "", o.allow); err != nil {
			return nil, err
		}
	}
	if err := out.access(); err != nil {
		return nil, err
	}
	if out.hooks, err = a.stationHooks(p, signed); err != nil {
		return nil, err
	}
	if scope != flash.ScopeFlash { // where no secret can stand
		if err := a.loadSecrets(p); err != nil {
			return nil, err
		}
	}
	if p.SSH != nil && scope != flash.ScopeFlash {
		if out.system, err = system(p); err != nil {
			return nil, err
		}
	}
	for _, v := range out.all {
		if err := a.variantSteps(out, v, o.allow); err != nil {
			out.close()
			return nil, err
		}
	}
	return out, nil
}

// source finds the profile and what it flashes. signed is true if a trusted signature
// covers the profile.
func (a *app) source(o jobOptions, out *prepared) (signed bool, err error) {
	var b *bundle.Bundle
	signer := ""
	if o.bundle != "" {
		if b, signer, err = a.bundle(o.bundle, o.trust); err != nil {
			return false, err
		}
	}
	switch {
	case b != nil && o.profile == "":
		if b.Manifest.Profile == "" {
			return false, problem.New(problem.Invalid, "name one with --profile, use zarya flash --bundle, or pack one: zarya bundle build --profile P", "%s has no profile in it", b.Path)
		}
		out.profile, err = profiles.Load(b.Manifest.Profile, profiles.Settings{Files: b})
		if err != nil {
			return false, invalidProfile(fmt.Errorf("%s: %w", b.Path, err))
		}
		signed = signer != ""
	default:
		if err := unsigned(o.trust); err != nil {
			return false, err
		}
		if out.profile, err = loadProfile(o.profile); err != nil {
			return false, err
		}
	}
	p := out.profile
	if b != nil && len(p.Images) > 0 {
		return false, problem.New(problem.Invalid, "take images out of the profile, or leave --bundle out", "the profile %s has images of its own, and cannot flash those of %s", p.Name, b.Path)
	}
	switch {
	case b != nil:
		out.all = []*variant{{bundle: b, signer: signer}}
	case len(p.Bundles) > 0:
		for _, c := range p.Bundles {
			b, who, err := a.bundle(c.File, o.trust)
			if err != nil {
				return false, err
			}
			if !c.Accepts(b.Manifest.Version) {
				return false, problem.New(problem.Invalid, "take the bundle that the profile is for", "%s is version %s, and the profile %s wants %s", b.Path, b.Manifest.Version, p.Name, c.Version)
			}
			out.all = append(out.all, &variant{choice: c, bundle: b, signer: who})
		}
	default:
		out.all = []*variant{{}}
	}
	for _, v := range out.all {
		if err := out.requirements(v); err != nil {
			return false, err
		}
	}
	return signed, nil
}

// bundle opens a bundle and asks whether it may run here.
func (a *app) bundle(path, trust string) (*bundle.Bundle, string, error) {
	b, err := openBundle(path)
	if err != nil {
		return nil, "", err
	}
	who, err := a.trusted(b, trust)
	if err != nil {
		return nil, "", err
	}
	if !b.Signed() {
		a.warn("%s is not signed: nothing says who made it", b.Path)
	}
	return b, who, nil
}

// fits holds the profile to what the verb needs.
func (p *prepared) fits() error {
	need := func(ok bool, format string, args ...any) error {
		if ok {
			return nil
		}
		return problem.New(problem.Invalid, "add it to the profile, or use another verb", format, args...)
	}
	expected := slices.ContainsFunc(p.profile.Checks, func(c profiles.Check) bool {
		return c.Is != nil && (strings.HasPrefix(c.Fact, "os-release.") || strings.HasPrefix(c.Fact, "hw-release."))
	})
	name := p.profile.Name
	var errs []error
	if p.scope != flash.ScopeProvision {
		errs = append(errs, need(len(p.profile.Flash) > 0, "the profile %s has no flash steps", name))
		for _, v := range p.all {
			if images := slices.ContainsFunc(p.profile.Flash, func(s profiles.FlashStep) bool { return len(s.Images) > 0 }); images && v.bundle == nil && len(p.profile.Images) == 0 {
				errs = append(errs, problem.New(problem.Invalid, "give --bundle, or put bundles or images into the profile", "the profile %s does not say what is flashed", name))
			}
		}
	}
	switch p.scope {
	case flash.ScopeProvision:
		errs = append(errs, need(p.profile.SSH != nil && len(p.profile.Provision)+len(p.profile.Checks)+len(p.profile.Finish) > 0, "the profile %s has nothing under provision, checks and finish", name))
	case flash.ScopeRun:
		errs = append(errs, need(expected, "the profile %s does not say which build is expected: run needs a check such as {fact: os-release.VERSION_ID, is: …}", name))
	case flash.ScopeFlash:
	}
	return errors.Join(errs...)
}

// manualWords are for a bundle that says manual, and a profile that has no words.
const manualWords = "turn developer mode on, on the tablet: Settings, System, Developer tools, remote connection"

// access is whether and how anybody gets into the booted tablet.
func (p *prepared) access() error {
	mode, words := p.profile.Access.Mode, p.profile.Access.Words
	for _, v := range p.all {
		if v.bundle == nil {
			continue
		}
		switch said := v.bundle.Manifest.Access; {
		case said == "none" && p.scope != flash.ScopeFlash && len(p.profile.Provision)+len(p.profile.Checks)+len(p.profile.Finish) > 0:
			return problem.New(problem.Invalid, "use zarya flash, or a bundle that lets SSH in", "%s says access: none: nobody gets into the booted tablet, so nothing can be provisioned", v.bundle.Path)
		case mode == "":
			mode = said
		}
	}
	if mode == "manual" {
		p.words = either(words, manualWords)
	}
	return nil
}

// system is how the profile reaches booted tablets.
func system(p *profiles.Profile) (flash.System, error) {
	s := p.SSH
	out := &provision.SSH{User: s.User, Root: s.Root, TCPPort: s.PortNumber(), Fingerprint: s.HostKey}
	var err error
	if out.Password, err = p.Reveal(s.Password); err == nil {
		out.RootPassword, err = p.Reveal(s.RootPassword)
	}
	if err != nil {
		return nil, problem.New(problem.Invalid, "mend the profile", "ssh: %w", err)
	}
	if s.Key == nil {
		return out, nil
	}
	key, err := p.Static(*s.Key)
	if err != nil {
		return nil, problem.New(problem.Invalid, "mend the profile", "ssh.key: %w", err)
	}
	name, text := "the secret", []byte(strings.TrimSpace(key)+"\n")
	if !strings.HasPrefix(key, "-----BEGIN") {
		name = key
		if text, err = p.ReadFile(key, maxSecrets); err != nil {
			return nil, problem.New(problem.Invalid, "name a file with a private key", "ssh.key: %w", err)
		}
	}
	if out.Signer, err = ssh.ParsePrivateKey(text); err != nil {
		return nil, problem.New(problem.Invalid, "give a private key that has no passphrase", "ssh.key: %s: %w", name, err)
	}
	return out, nil
}

// requirements are what the profile and the bundle ask of a tablet.
func (p *prepared) requirements(v *variant) error {
	t := p.profile.Tablet
	r := flash.Requirements{Products: t.Models, MinBattery: t.Battery.Min, Lock: flash.SilenceStops}
	if t.ProductFrom != "" {
		r.ProductFrom = strings.Replace(t.ProductFrom, "getvar ", "getvar:", 1)
	}
	if t.Lock == "allow-unknown" {
		r.Lock = flash.SilenceWarns
	}
	r.Battery = map[string]flash.Silence{"allow": flash.SilencePasses, "warn": flash.SilenceWarns, "stop": flash.SilenceStops}[t.Battery.Unknown]
	if slices.Contains(t.Models, profiles.OfBundle) {
		if v.bundle == nil {
			return problem.New(problem.Invalid, "give --bundle, or write the model codes into the profile", "the profile %s is for the models of a bundle, and there is none", p.profile.Name)
		}
		r.Products = nil
	}
	if v.bundle != nil {
		m := v.bundle.Manifest
		theirs := slices.Concat(m.Models, m.Products)
		if r.Products == nil {
			r.Products = theirs
		} else {
			r.Products = slices.DeleteFunc(slices.Clone(r.Products), func(model string) bool {
				return !slices.ContainsFunc(theirs, func(m string) bool { return strings.EqualFold(m, model) })
			})
		}
		r.Products = slices.DeleteFunc(slices.Clone(r.Products), func(model string) bool { return !v.choice.Fits(model) })
		if len(r.Products) == 0 {
			return problem.New(problem.Invalid, "take the bundle that was made for the profile's models", "%s is for %s, and the profile %s for %s",
				v.bundle.Path, strings.Join(theirs, ", "), p.profile.Name, strings.Join(t.Models, ", "))
		}
		r.MinBattery, r.ProductFrom = max(r.MinBattery, m.MinBattery), either(r.ProductFrom, m.ProductFrom)
	}
	v.require = r
	return nil
}

// models are all that the profile is for.
func (p *prepared) models() (models []string) {
	for _, v := range p.all {
		for _, m := range v.require.Products {
			if !slices.Contains(models, m) {
				models = append(models, m)
			}
		}
	}
	return models
}

// of is the variant for a model; nil if there is none.
func (p *prepared) of(model string) *variant {
	i := slices.IndexFunc(p.all, func(v *variant) bool { return v.fits(model) })
	if i < 0 {
		return nil
	}
	return p.all[i]
}

// jobs makes one job a target.
func (p *prepared) jobs(run string, targets []target) []flash.Job {
	var jobs []flash.Job
	for i, t := range targets {
		v := p.all[0]
		j := flash.Job{ID: fmt.Sprintf("%s-%d", run, i+1), Target: t, Scope: p.scope, Profile: p.profile.Name, Bundle: v.name(), Require: v.require,
			Images: imageInfos(v.steps), Steps: v.steps, System: p.system, Boot: time.Duration(p.profile.Boot.Within), Hooks: p.hooks}
		if p.scope != flash.ScopeFlash {
			j.Words = p.words
			if p.profile.Identity != nil {
				j.Pool = p.profile.Identity.Pool
			}
		}
		if len(p.all) > 1 {
			j.Bundle, j.Images, j.Steps = "", nil, nil
			j.Require.Products = p.models()
			j.Plan = p.plan
		}
		jobs = append(jobs, j)
	}
	return jobs
}

// plan chooses for a tablet that has told what it is. What it must be otherwise is
// preflight's to say.
func (p *prepared) plan(k flash.Key) (flash.Plan, error) {
	v := p.of(k.Product)
	if v == nil {
		return flash.Plan{}, &flash.Failure{Class: flash.ClassProfile, Hint: "put this tablet back, or take what is made for it",
			Message: fmt.Sprintf("the tablet is %q, and the profile %s has a bundle for %s", k.Product, p.profile.Name, strings.Join(p.models(), ", "))}
	}
	return flash.Plan{Bundle: v.name(), Images: imageInfos(v.steps), Steps: v.steps, Require: v.require}, nil
}
