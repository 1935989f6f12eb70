// This file is the recipe itself: what the engine and a plan are made of.

package recipe

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/profiles"
)

// Recipe is a profile with its images verified and its steps made: all that a job needs
// but its tablet. It is not changed after [Maker.Prepare], and jobs share it.
type Recipe struct {
	profile  *profiles.Profile
	scope    flash.Scope
	variants []*variant // what is done to which models; the first that fits counts
	system   flash.System
	hooks    flash.Hooks
	words    string // for the operator, where the tablet lets no one in by itself
}

// Profile returns the profile that the recipe was made of.
func (r *Recipe) Profile() *profiles.Profile { return r.profile }

// variant is what is done to some models: those that a bundle is for.
type variant struct {
	choice  profiles.BundleChoice // of the profile; empty fits all
	bundle  *bundle.Bundle        // nil: the profile's own images
	signer  string                // whom the trust folder names for it; "" is nobody
	images  Images
	steps   []flash.Step
	notes   map[int]plannedStep // what a plan shows of each, by its place in steps
	require flash.Requirements
}

// Title names the profile and its bundles, for a person.
func (r *Recipe) Title() string {
	title := "profile " + r.profile.Name
	for _, v := range r.variants {
		if v.bundle != nil {
			title += ", " + v.name()
		}
	}
	return title
}

// Close closes the images that were opened for the recipe, and its bundles.
func (r *Recipe) Close() {
	for _, v := range r.variants {
		v.images.Close()
		if v.bundle != nil {
			v.bundle.Close()
		}
	}
}

// name is the bundle's name and version.
func (v *variant) name() string {
	if v.bundle == nil {
		return ""
	}
	return v.bundle.Manifest.Name + " " + v.bundle.Manifest.Version
}

// sourceOf says of which exact files the jobs of a variant are made.
func (r *Recipe) sourceOf(v *variant) flash.Source {
	s := bundleSource(v.bundle, v.signer)
	s.Profile = r.profile.Digest()
	return s
}

// bundleSource says which exact bundle it is; trusted is whom the trust folder names for
// its signature, "" is nobody.
func bundleSource(b *bundle.Bundle, trusted string) (s flash.Source) {
	if b == nil {
		return s
	}
	sum := sha256.Sum256(b.Text())
	s.Bundle = "sha256:" + hex.EncodeToString(sum[:])
	if trusted != "" {
		s.Signer = b.Signer()
	}
	return s
}

// fits reports whether the variant is for a model.
func (v *variant) fits(model string) bool {
	return slices.ContainsFunc(v.require.Products, func(m string) bool { return strings.EqualFold(m, model) })
}

// Models returns the models that the recipe is for.
func (r *Recipe) Models() (models []string) {
	for _, v := range r.variants {
		for _, m := range v.require.Products {
			if !slices.Contains(models, m) {
				models = append(models, m)
			}
		}
	}
	return models
}

// variantFor returns the variant for a model, or nil.
func (r *Recipe) variantFor(model string) *variant {
	i := slices.IndexFunc(r.variants, func(v *variant) bool { return v.fits(model) })
	if i < 0 {
		return nil
	}
	return r.variants[i]
}

// Job makes the job of one target.
func (r *Recipe) Job(id string, t flash.Target) flash.Job {
	v := r.variants[0]
	j := flash.Job{ID: id, Target: t, Scope: r.scope, Profile: r.profile.Name, Bundle: v.name(), Source: r.sourceOf(v),
		Require: v.require, Images: imageInfos(v.steps), Steps: v.steps, System: r.system, Boot: time.Duration(r.profile.Boot.Within),
		Hooks: r.hooks}
	if r.scope != flash.ScopeFlash {
		j.Words = r.words
		if r.profile.Identity != nil {
			j.Pool = r.profile.Identity.Pool
		}
	}
	if len(r.variants) > 1 {
		j.Bundle, j.Source, j.Images, j.Steps = "", flash.Source{}, nil, nil
		j.Require.Products = r.Models()
		j.Plan = r.choosePlan
	}
	return j
}

// choosePlan chooses for a tablet that has said what it is. What it must be otherwise is
// preflight's to say.
func (r *Recipe) choosePlan(k flash.Key) (flash.Plan, error) {
	v := r.variantFor(k.Product)
	if v == nil {
		return flash.Plan{}, &flash.Failure{Class: flash.ClassProfile, Err: flash.ErrForeign,
			Hint: "put this tablet back, or use the bundle made for it",
			Message: fmt.Sprintf("the tablet is %q, and the profile %s has a bundle for %s", k.Product, r.profile.Name,
				strings.Join(r.Models(), ", "))}
	}
	return flash.Plan{Bundle: v.name(), Source: r.sourceOf(v), Images: imageInfos(v.steps), Steps: v.steps, Require: v.require}, nil
}
