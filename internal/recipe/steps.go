// This file opens what a variant flashes and makes the steps in fastboot.

package recipe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/provision"
	"github.com/zarya-station/zarya/profiles"
)

// variantSteps opens what a variant flashes and makes its steps.
func (m *Maker) variantSteps(ctx context.Context, r *Recipe, v *variant, allow []string) error {
	if v.bundle == nil {
		if err := m.verifyImages(ctx, r, v); err != nil {
			return err
		}
	} else if err := m.openBundleImages(ctx, r, v, allow); err != nil {
		return err
	}
	if r.scope != flash.ScopeProvision {
		if err := m.flashPart(r, v); err != nil {
			return err
		}
	}
	if r.scope != flash.ScopeFlash {
		return r.bootedSteps(v)
	}
	return nil
}

// verifyImages reads the images that the scope needs and holds them to the
// profile's digests.
func (m *Maker) verifyImages(ctx context.Context, r *Recipe, v *variant) error {
	var uses []ImageUse
	need := map[string]bool{}
	if r.scope != flash.ScopeProvision {
		for _, s := range r.profile.Flash {
			for _, name := range s.Images {
				need[name] = true
			}
		}
	}
	for _, name := range r.readBack() {
		need[name] = true
	}
	for name := range need {
		if r.profile.Images[name].File == "" {
			return problem.New(problem.Invalid, "name an image for it, or a bundle", "the profile %s has no image for %s", r.profile.Name, name)
		}
		uses = append(uses, ImageUse{Partition: name, File: r.profile.Images[name].File})
	}
	slices.SortFunc(uses, func(a, b ImageUse) int { return strings.Compare(a.File, b.File) })
	var err error
	if v.images, err = m.OpenImages(ctx, uses); err != nil {
		return err
	}
	var wrong []error
	for name, im := range r.profile.Images {
		if read := v.images.Of(ImageUse{Partition: name, File: im.File}); read != nil && read.Digest() != "sha256:"+im.SHA256 {
			wrong = append(wrong, fmt.Errorf("%s: %s has %s, the profile says sha256:%s", name, im.File, read.Digest(), im.SHA256))
		}
	}
	if len(wrong) > 0 {
		slices.SortFunc(wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		return problem.New(problem.Invalid, "take the image that the profile was made for; nothing was written", "%w", errors.Join(wrong...))
	}
	return nil
}

// readBack are the partitions that are compared on the booted tablet.
func (r *Recipe) readBack() (names []string) {
	for _, c := range r.profile.Checks {
		if c.Partition != "" && r.scope != flash.ScopeFlash {
			names = append(names, c.Partition)
		}
	}
	return names
}

// openBundleImages opens those of a bundle's images that the scope needs, every block of
// them checked, and holds the bundle to the profile.
func (m *Maker) openBundleImages(ctx context.Context, r *Recipe, v *variant, allow []string) error {
	v.images = Images{}
	cache := m.Cache()
	have := map[string]bool{}
	for i, im := range v.bundle.Manifest.Images {
		have[im.Partition] = true
		if err := CheckPartition("image in the bundle", im.Partition, im.Slot, allow); err != nil {
			return err
		}
		if !slices.Contains(r.profile.Partitions, im.Partition) && r.writes(im.Partition) {
			return problem.New(problem.Invalid, "add it to partitions in the profile, or take another bundle",
				"%s has an image for %s, which the profile %s does not allow to be written", v.bundle.Path, im.Partition, r.profile.Name)
		}
		if r.scope == flash.ScopeProvision && !slices.Contains(r.readBack(), im.Partition) ||
			!r.writes(im.Partition) && !slices.Contains(r.readBack(), im.Partition) {
			continue
		}
		opened, err := v.bundle.Image(ctx, i, cache)
		if err != nil {
			return problem.New(problem.Invalid, "copy or download the bundle again; nothing was written", "%w", err)
		}
		v.images[imageKey{file: filepath.Join(v.bundle.Path, im.File)}] = opened
	}
	for _, s := range r.profile.Flash {
		for _, name := range append(slices.Clone(s.Images), r.readBack()...) {
			if name != profiles.AllImages && !have[name] {
				return problem.New(problem.Invalid, "take the bundle that was made for the profile",
					"%s has no image for %s, which the profile %s asks for", v.bundle.Path, name, r.profile.Name)
			}
		}
	}
	return nil
}

// writes reports whether the profile writes a partition's image.
func (r *Recipe) writes(partition string) bool {
	return r.scope != flash.ScopeProvision && slices.ContainsFunc(r.profile.Flash, func(s profiles.FlashStep) bool {
		return slices.Contains(s.Images, partition) || slices.Contains(s.Images, profiles.AllImages)
	})
}

// guard gives a step its options.
func (r *Recipe) guard(step flash.Step, o profiles.Options) flash.Step {
	step.Name, step.Limit = cmp.Or(o.Name, step.Name), time.Duration(o.Timeout)
	if o.When != nil {
		step.Because = o.When.String()
		step.When = func(ctx context.Context, s *flash.Session) (bool, error) {
			return r.profile.Holds(o.When, look(ctx, s))
		}
	}
	return step
}

// look is what a job knows by the names of the language.
func look(ctx context.Context, s *flash.Session) profiles.Lookup {
	return func(name string) (string, error) {
		if fact, ok := strings.CutPrefix(name, "fact."); ok {
			return provision.ReadFact(ctx, s, fact)
		}
		return s.Fact(name)
	}
}

// value makes a setting of a template.
func (r *Recipe) value(t *profiles.Text) provision.Value {
	if t == nil {
		return nil
	}
	return func(ctx context.Context, s *flash.Session) (string, error) { return r.profile.Expand(*t, look(ctx, s)) }
}

func (r *Recipe) values(texts []profiles.Text) (all []provision.Value) {
	for i := range texts {
		all = append(all, r.value(&texts[i]))
	}
	return all
}

// flashPart are the steps in fastboot.
func (m *Maker) flashPart(r *Recipe, v *variant) error {
	for _, s := range r.profile.Flash {
		add := func(step flash.Step) { v.add(note(r.guard(step, s.Options), "")) }
		switch {
		case s.Unlock != nil:
			if m.Codes == nil {
				return problem.New(problem.Usage, "leave --ledger none out", "unlocking needs a ledger: a wrong code is never tried twice")
			}
			c, err := m.loadCodes(r.profile, s.Unlock)
			if err != nil {
				return err
			}
			add(flash.Unlock{Codes: c}.Step())
		case s.Relock != "":
			if v.bundle == nil || !v.bundle.Manifest.Relockable || v.signer == "" {
				return problem.New(problem.Invalid, "leave relock out, or take a bundle whose maker says relockable",
					"relock: only a signed bundle that says so allows it, from a key that this station trusts")
			}
			add(flash.Relock{Batch: &flash.Batch{}}.Step())
		case s.Reboot != "":
			add(flash.Reboot{Mode: s.Reboot}.Step())
		}
		for _, part := range s.Erase {
			name, slot, _ := strings.Cut(part, ":")
			add(flash.Erase{Partition: name, Slot: slot}.Step())
		}
		if len(s.Images) > 0 {
			writes, err := r.writeSteps(v, s)
			if err != nil {
				return err
			}
			for _, w := range writes {
				add(w)
			}
		}
	}
	return nil
}

// writeSteps are the images of one step, with the restarts that a bundle needs between
// fastboot and fastbootd.
func (r *Recipe) writeSteps(v *variant, s profiles.FlashStep) (steps []flash.Step, err error) {
	if v.bundle != nil {
		return bundleWrites(v.bundle, v.images, s.Images), nil
	}
	for _, part := range s.Images {
		im := r.profile.Images[part]
		policy, err := image.ParsePolicy(cmp.Or(im.Sparse, "auto"))
		if err != nil {
			return nil, err
		}
		steps = append(steps, flash.WriteImage{Partition: part, Slot: im.Slot, Image: v.images.Of(ImageUse{Partition: part, File: im.File}),
			Policy: policy}.Step())
	}
	return steps, nil
}
