// This file says everything that is wrong with a profile, and what it needs besides, before
// any tablet is there.

package recipe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/profiles"
)

// Validation is what was found out about a profile.
type Validation struct {
	Errors []error // nothing can be run until they are mended; *profiles.Error where it has a place
	// Needs is what must be at hand when the profile is run, in a person's words: secrets,
	// a key, permission for protected partitions.
	Needs []string
}

// Validate reads a profile and all that it names, and says everything that is wrong at
// once. Without demandSecrets, secrets that are not at hand are needs, not errors.
func (m *Maker) Validate(ctx context.Context, name string, demandSecrets bool) Validation {
	var v Validation
	p, err := m.LoadProfile(name)
	if err != nil {
		v.Errors = apart(err)
		return v
	}
	for _, part := range p.Partitions {
		if flash.Protected(part) {
			v.Needs = append(v.Needs, "--allow-partition "+part)
		}
	}
	m.validateSecrets(p, demandSecrets, &v)
	m.validateImages(ctx, p, &v)
	validateBundles(p, &v)
	return v
}

// apart returns the single errors of one that joins them, without what was said around it.
func apart(err error) []error {
	var p *problem.Error
	if errors.As(err, &p) {
		err = p.Err
	}
	if inner := errors.Unwrap(err); inner != nil && len(profiles.Errors(inner)) > 0 {
		err = inner
	}
	return profiles.Errors(err)
}

func (m *Maker) validateSecrets(p *profiles.Profile, demand bool, v *Validation) {
	names := p.SecretNames()
	sealed := p.Secrets != nil && p.Secrets.File != "" && len(names) > 0
	if !demand && sealed && !m.Key.Exists() {
		v.Needs = append(v.Needs, "the key that opens "+p.Secrets.File+" ("+m.Key.File+")")
		return
	}
	values, err := m.readSecrets(p)
	if err != nil {
		v.Errors = append(v.Errors, apart(err)...)
		return
	}
	if demand {
		err = p.SetSecrets(values)
	} else {
		for _, name := range names {
			if _, have := values[name]; !have && sealed {
				v.Errors = append(v.Errors, p.ErrorAt("/secrets/file", "%s has no secret %s", p.Secrets.File, name))
			} else if !have {
				need := "the secret " + name
				if variable, ok := strings.CutPrefix(name, profiles.EnvSecret); ok {
					need = "the secret in the environment variable " + variable
				}
				v.Needs = append(v.Needs, need)
			}
		}
		err = p.TrySecrets(values)
	}
	if err != nil {
		v.Errors = append(v.Errors, apart(err)...)
	}
}

func (m *Maker) validateImages(ctx context.Context, p *profiles.Profile, v *Validation) {
	for _, part := range slices.Sorted(maps.Keys(p.Images)) {
		at := "/images/" + part
		use := ImageUse{Partition: part, File: p.Images[part].File}
		opened, err := m.OpenImages(ctx, []ImageUse{use})
		if err != nil {
			v.Errors = append(v.Errors, p.ErrorAt(at+"/file", "%v", errors.Join(apart(err)...)))
			continue
		}
		if got := opened.Of(use).Digest(); got != "sha256:"+p.Images[part].SHA256 {
			v.Errors = append(v.Errors, p.ErrorAt(at+"/sha256", "images.%s: %s has %s, the profile says sha256:%s", part, use.File, got,
				p.Images[part].SHA256))
		}
		opened.Close()
	}
}

// validateBundles opens the bundles that the profile names, without reading their images.
func validateBundles(p *profiles.Profile, v *Validation) {
	for i, c := range p.Bundles {
		at := fmt.Sprintf("/bundles/%d", i)
		b, err := bundle.Open(c.File)
		if err != nil {
			v.Errors = append(v.Errors, p.ErrorAt(at+"/file", "%v", err))
			continue
		}
		if !c.Accepts(b.Manifest.Version) {
			v.Errors = append(v.Errors, p.ErrorAt(at+"/version", "%s is version %s", b.Path, b.Manifest.Version))
		}
		have := map[string]bool{}
		for _, im := range b.Manifest.Images {
			have[im.Partition] = true
			if !slices.Contains(p.Partitions, im.Partition) &&
				slices.ContainsFunc(p.Flash, func(s profiles.FlashStep) bool { return slices.Contains(s.Images, profiles.AllImages) }) {
				v.Errors = append(v.Errors, p.ErrorAt("/partitions",
					"%s has an image for %s, which is not among partitions, the only ones that are ever written", b.Path, im.Partition))
			}
		}
		for j, s := range p.Flash {
			for k, name := range s.Images {
				if name != profiles.AllImages && !have[name] {
					v.Errors = append(v.Errors, p.ErrorAt(fmt.Sprintf("/flash/%d/images/%d", j, k), "%s has no image for %s", b.Path, name))
				}
			}
		}
		for j, check := range p.Checks {
			if check.Partition != "" && !have[check.Partition] {
				v.Errors = append(v.Errors, p.ErrorAt(fmt.Sprintf("/checks/%d/partition", j), "%s has no image for %s", b.Path, check.Partition))
			}
		}
	}
}
