// This file makes the steps that end a job: checks, the stamp, and what finish takes away.

package recipe

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/provision"
	"github.com/zarya-station/zarya/profiles"
)

func (r *Recipe) checkStep(v *variant, c profiles.Check) (plannedStep, error) {
	if c.Fact != "" {
		n := note(provision.Fact{Fact: c.Fact, Is: r.value(c.Is), IsNot: r.value(c.IsNot), Min: c.Min, Max: c.Max, Luhn: c.Valid == "luhn",
			Unique: c.Unique == "ledger"}.Step(), "", c.Is)
		var words []string
		if c.Is != nil {
			words = append(words, "is %")
		}
		if c.IsNot != nil {
			words = append(words, "is not "+c.IsNot.String())
			if c.Is == nil {
				n.texts, words = []profiles.Text{*c.IsNot}, []string{"is not %"}
			}
		}
		if c.Min != nil {
			words = append(words, fmt.Sprintf("at least %d", *c.Min))
		}
		if c.Max != nil {
			words = append(words, fmt.Sprintf("at most %d", *c.Max))
		}
		if c.Valid != "" {
			words = append(words, "valid by "+c.Valid)
		}
		if c.Unique != "" {
			words = append(words, "no other tablet's")
		}
		n.words = strings.Join(words, ", ")
		return n, nil
	}
	im := v.image(r.profile, c.Partition)
	sum, err := expanded(im)
	if err != nil {
		return plannedStep{}, problem.New(problem.Invalid, "check another partition, or flash this one from a raw image",
			"checks: %s: %w", c.Partition, err)
	}
	return note(provision.Digest{Partition: c.Partition, Size: im.Size(), SHA256: sum}.Step(), "sha256:"+sum), nil
}

// image is the open image for a partition.
func (v *variant) image(p *profiles.Profile, partition string) *image.Image {
	if v.bundle == nil {
		return v.images.Of(ImageUse{Partition: partition, File: p.Images[partition].File})
	}
	for _, m := range v.bundle.Manifest.Images {
		if m.Partition == partition {
			return v.images[imageKey{file: filepath.Join(v.bundle.Path, m.File)}]
		}
	}
	return nil
}

// expanded is the SHA-256 of what an image leaves on its partition.
func expanded(im *image.Image) (string, error) {
	if im.Sums()[image.DontCare].Bytes > 0 {
		return "", fmt.Errorf("%s leaves parts of the partition as they are (DONT_CARE), so there is no digest to read back", im.Path())
	}
	if im.Plain() {
		return strings.TrimPrefix(im.Digest(), "sha256:"), nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(im, 0, im.Size())); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), nil
}

// stamp names the images in the order in which they are written.
func stamp(steps []flash.Step) string {
	var b strings.Builder
	fmt.Fprintln(&b, "zarya stamp 1")
	for _, s := range steps {
		if w := s.Image; w != nil {
			fmt.Fprintf(&b, "%s %s %s\n", w.Partition, cmp.Or(w.Slot, "current"), w.Image.Digest())
		}
	}
	return b.String()
}

// finishSteps are what cuts the way into the tablet, and what is done just before.
func (r *Recipe) finishSteps(v *variant) {
	var last *provision.Finish // nil: the way in stays open
	login := r.profile.SSH.User
	for _, s := range r.profile.Finish {
		switch {
		case s.Remove != nil:
			for _, r := range []struct {
				list []string
				step func() flash.Step
			}{
				{s.Remove.WiFi, func() flash.Step { return provision.RemoveWiFi(s.Remove.WiFi) }},
				{s.Remove.Keys, func() flash.Step { return provision.RemoveKeys(login, s.Remove.Keys) }},
				{s.Remove.Files, func() flash.Step { return provision.Remove("remove:files", s.Remove.Files) }},
			} {
				if len(r.list) > 0 {
					v.add(note(r.step(), strings.Join(r.list, ", ")))
				}
			}
		case s.LockState != nil:
			v.add(note(flash.LockState{Leave: s.LockState.Leave, Because: s.LockState.Because}.Step(), s.LockState.Because))
		case s.DeveloperMode != nil:
			last = &provision.Finish{Disable: provision.DisableDeveloperMode}
			if len(s.DeveloperMode.Disable) > 0 {
				last.Disable = s.DeveloperMode.Disable
			}
		case s.Power != "":
			if last == nil {
				last = &provision.Finish{}
			}
			last.Power = true
		}
	}
	if last != nil {
		var words []string
		for _, argv := range last.Disable {
			words = append(words, strings.Join(argv, " "))
		}
		v.add(note(last.Step(), strings.Join(words, "; ")))
	}
}
