// This file makes a recipe: it finds the profile and its bundles, holds them to each
// other, and says what a tablet must be.

package recipe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/provision/overssh"
	"github.com/zarya-station/zarya/profiles"
)

// Prepare reads what a request names and, for scopes that write them, the images: every
// byte is verified when it returns. All that is wrong is a problem before any tablet is
// touched. Close the recipe after use.
func (m *Maker) Prepare(ctx context.Context, q Request) (*Recipe, error) {
	r := &Recipe{scope: q.Scope}
	signed, err := m.source(ctx, q, r)
	if err != nil {
		return nil, err
	}
	p := r.profile
	if err := r.checkScope(); err != nil {
		return nil, err
	}
	for _, part := range p.Partitions {
		if err := CheckPartition("partitions in the profile", part, "", q.Allow); err != nil {
			return nil, err
		}
	}
	if err := r.access(); err != nil {
		return nil, err
	}
	if r.hooks, err = m.stationHooks(p, signed); err != nil {
		return nil, err
	}
	if q.Scope != flash.ScopeFlash { // where no secret can stand
		if err := m.LoadSecrets(p); err != nil {
			return nil, err
		}
	}
	if p.SSH != nil && q.Scope != flash.ScopeFlash {
		if r.system, err = system(p); err != nil {
			return nil, err
		}
	}
	for _, v := range r.variants {
		if err := m.variantSteps(ctx, r, v, q.Allow); err != nil {
			r.Close()
			return nil, err
		}
	}
	return r, nil
}

// source finds the profile and what it flashes. signed is true if a trusted signature
// covers the profile.
func (m *Maker) source(ctx context.Context, q Request, out *Recipe) (signed bool, err error) {
	var b *bundle.Bundle
	signer := ""
	if q.Bundle != "" {
		if b, signer, err = m.OpenBundle(ctx, q.Bundle, q.Trust); err != nil {
			return false, err
		}
	}
	switch {
	case b != nil && q.Profile == "":
		if b.Manifest.Profile == "" {
			return false, problem.New(problem.Invalid,
				"name one with --profile, use zarya flash --bundle, or pack one: zarya bundle build --profile P",
				"%s has no profile in it", b.Path)
		}
		out.profile, err = profiles.Load(b.Manifest.Profile, profiles.Settings{Files: b})
		if err != nil {
			return false, invalidProfile(fmt.Errorf("%s: %w", b.Path, err))
		}
		signed = signer != ""
	default:
		if err := m.RefuseUnsigned(q.Trust); err != nil {
			return false, err
		}
		if out.profile, err = m.LoadProfile(q.Profile); err != nil {
			return false, err
		}
	}
	p := out.profile
	if b != nil && len(p.Images) > 0 {
		return false, problem.New(problem.Invalid, "take images out of the profile, or leave --bundle out",
			"the profile %s has images of its own, and cannot flash those of %s", p.Name, b.Path)
	}
	switch {
	case b != nil:
		out.variants = []*variant{{bundle: b, signer: signer}}
	case len(p.Bundles) > 0:
		for _, c := range p.Bundles {
			b, who, err := m.OpenBundle(ctx, c.File, q.Trust)
			if err != nil {
				return false, err
			}
			if !c.Accepts(b.Manifest.Version) {
				return false, problem.New(problem.Invalid, "take the bundle that the profile is for",
					"%s is version %s, and the profile %s wants %s", b.Path, b.Manifest.Version, p.Name, c.Version)
			}
			out.variants = append(out.variants, &variant{choice: c, bundle: b, signer: who})
		}
	default:
		out.variants = []*variant{{}}
	}
	for _, v := range out.variants {
		if err := out.requirements(v); err != nil {
			return false, err
		}
	}
	return signed, nil
}

// checkScope holds the profile to what the scope needs.
func (r *Recipe) checkScope() error {
	need := func(ok bool, format string, args ...any) error {
		if ok {
			return nil
		}
		return problem.New(problem.Invalid, "add it to the profile, or use another verb", format, args...)
	}
	expected := slices.ContainsFunc(r.profile.Checks, func(c profiles.Check) bool {
		return c.Is != nil && (strings.HasPrefix(c.Fact, "os-release.") || strings.HasPrefix(c.Fact, "hw-release."))
	})
	name := r.profile.Name
	var errs []error
	if r.scope != flash.ScopeProvision {
		errs = append(errs, need(len(r.profile.Flash) > 0, "the profile %s has no flash steps", name))
		for _, v := range r.variants {
			images := slices.ContainsFunc(r.profile.Flash, func(s profiles.FlashStep) bool { return len(s.Images) > 0 })
			if images && v.bundle == nil && len(r.profile.Images) == 0 {
				errs = append(errs, problem.New(problem.Invalid, "give --bundle, or put bundles or images into the profile",
					"the profile %s does not say what is flashed", name))
			}
		}
	}
	switch r.scope {
	case flash.ScopeProvision:
		errs = append(errs, need(r.profile.SSH != nil && len(r.profile.Provision)+len(r.profile.Checks)+len(r.profile.Finish) > 0,
			"the profile %s has nothing under provision, checks and finish", name))
	case flash.ScopeRun:
		errs = append(errs, need(expected,
			"the profile %s does not say which build is expected: run needs a check such as {fact: os-release.VERSION_ID, is: …}", name))
	case flash.ScopeFlash:
	}
	return errors.Join(errs...)
}

// manualWords are for a bundle that says manual, and a profile that has no words.
const manualWords = "turn developer mode on, on the tablet: Settings, System, Developer tools, remote connection"

// access is whether and how anybody gets into the booted tablet.
func (r *Recipe) access() error {
	mode, words := r.profile.Access.Mode, r.profile.Access.Words
	for _, v := range r.variants {
		if v.bundle == nil {
			continue
		}
		switch said := v.bundle.Manifest.Access; {
		case said == "none" && r.scope != flash.ScopeFlash && len(r.profile.Provision)+len(r.profile.Checks)+len(r.profile.Finish) > 0:
			return problem.New(problem.Invalid, "use zarya flash, or a bundle that lets SSH in",
				"%s says access: none: nobody gets into the booted tablet, so nothing can be provisioned", v.bundle.Path)
		case mode == "":
			mode = said
		}
	}
	if mode == "manual" {
		r.words = cmp.Or(words, manualWords)
	}
	return nil
}

// system is how the profile reaches booted tablets.
func system(p *profiles.Profile) (flash.System, error) {
	s := p.SSH
	out := &overssh.Login{User: s.User, Root: s.Root, TCPPort: s.PortNumber(), Fingerprint: s.HostKey, Legacy: s.Legacy}
	var err error
	if out.Password, err = p.Reveal(s.Password); err == nil {
		out.RootPassword, err = p.Reveal(s.RootPassword)
	}
	if err != nil {
		return nil, problem.New(problem.Invalid, "fix the profile", "ssh: %w", err)
	}
	if s.Key == nil {
		return out, nil
	}
	key, err := p.Static(*s.Key)
	if err != nil {
		return nil, problem.New(problem.Invalid, "fix the profile", "ssh.key: %w", err)
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

// requirements makes of a variant what the profile and the bundle ask of a tablet.
func (r *Recipe) requirements(v *variant) error {
	t := r.profile.Tablet
	need := flash.Requirements{Products: t.Models, MinBattery: t.Battery.Min, Lock: flash.SilenceStops}
	if t.ProductFrom != "" {
		need.ProductFrom = strings.Replace(t.ProductFrom, "getvar ", "getvar:", 1)
	}
	if t.Lock == "allow-unknown" {
		need.Lock = flash.SilenceWarns
	}
	need.Battery = map[string]flash.Silence{
		"allow": flash.SilencePasses, "warn": flash.SilenceWarns, "stop": flash.SilenceStops,
	}[t.Battery.Unknown]
	if slices.Contains(t.Models, profiles.OfBundle) {
		if v.bundle == nil {
			return problem.New(problem.Invalid, "give --bundle, or write the model codes into the profile",
				"the profile %s is for the models of a bundle, and there is none", r.profile.Name)
		}
		need.Products = nil
	}
	if v.bundle != nil {
		m := v.bundle.Manifest
		theirs := slices.Concat(m.Models, m.Products)
		if need.Products == nil {
			need.Products = theirs
		} else {
			need.Products = slices.DeleteFunc(slices.Clone(need.Products), func(model string) bool {
				return !slices.ContainsFunc(theirs, func(m string) bool { return strings.EqualFold(m, model) })
			})
		}
		need.Products = slices.DeleteFunc(slices.Clone(need.Products), func(model string) bool { return !v.choice.Fits(model) })
		if len(need.Products) == 0 {
			return problem.New(problem.Invalid, "take the bundle that was made for the profile's models", "%s is for %s, and the profile %s for %s",
				v.bundle.Path, strings.Join(theirs, ", "), r.profile.Name, strings.Join(t.Models, ", "))
		}
		need.MinBattery, need.ProductFrom = max(need.MinBattery, m.MinBattery), cmp.Or(need.ProductFrom, m.ProductFrom)
	}
	v.require = need
	return nil
}
