// This file is for work without a profile: images that were typed out, and bundles that
// have no profile in them.

package recipe

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/profiles"
)

// Direct is work without a profile.
type Direct struct {
	Bundle  string // its name and version; "" is none
	Source  flash.Source
	Require flash.Requirements
	Steps   []flash.Step
	hooks   flash.Hooks // the station's own
	images  Images
}

// Close closes the images.
func (d *Direct) Close() { d.images.Close() }

// Job makes the work of one target.
func (d *Direct) Job(id string, t flash.Target) flash.Job {
	return flash.Job{ID: id, Target: t, Scope: flash.ScopeFlash, Bundle: d.Bundle, Source: d.Source,
		Require: d.Require, Steps: d.Steps, Images: imageInfos(d.Steps), Hooks: d.hooks}
}

// Infos returns what the work writes, for a person.
func (d *Direct) Infos() []flash.ImageInfo { return imageInfos(d.Steps) }

// DirectRequest is what was typed: images as PART[:SLOT]=FILE in this order, after the
// partitions to erase.
type DirectRequest struct {
	Images, Erase []string
	Sparse        string   // auto, always, never
	Slot          string   // for images without one; "" is the current
	Product       string   // that the tablet must report; "" is not checked
	Allow         []string // protected partitions that may be written
	Raw           bool     // images are taken as they are, whatever they look like
}

// PrepareImages checks what was typed, then opens the images: what is wrong with either
// is a problem before any tablet is touched.
func (m *Maker) PrepareImages(ctx context.Context, q DirectRequest) (*Direct, error) {
	if len(q.Images)+len(q.Erase) == 0 {
		return nil, problem.New(problem.Usage, "give at least one --image PART=FILE or --erase PART", "nothing to do")
	}
	policy, err := image.ParsePolicy(q.Sparse)
	if err != nil {
		return nil, problem.New(problem.Usage, "choose one of auto, always, never", "--sparse: %w", err)
	}
	if q.Slot != "" && !slices.Contains(flash.Slots, q.Slot) {
		return nil, problem.New(problem.Usage, "choose one of "+strings.Join(flash.Slots, ", "), "--slot: no slot %q", q.Slot)
	}
	d := &Direct{}
	if d.hooks, err = m.stationHooks(&profiles.Profile{}, false); err != nil {
		return nil, err
	}
	if q.Product != "" {
		d.Require.Products = []string{q.Product}
	}
	for _, p := range q.Erase {
		name, slot, _ := strings.Cut(p, ":")
		if err := CheckPartition("--erase "+p, name, slot, q.Allow); err != nil {
			return nil, err
		}
		d.Steps = append(d.Steps, flash.Erase{Partition: name, Slot: cmp.Or(slot, q.Slot)}.Step())
	}
	var files []ImageUse
	var writes []flash.WriteImage
	written := map[string]bool{}
	for _, arg := range q.Images {
		part, file, ok := strings.Cut(arg, "=")
		name, slot, _ := strings.Cut(part, ":")
		if !ok || file == "" {
			return nil, problem.New(problem.Usage, "write --image system=system.img", "--image %q is not PART[:SLOT]=FILE", arg)
		}
		if err := CheckPartition("--image "+arg, name, slot, q.Allow); err != nil {
			return nil, err
		}
		if written[part] {
			return nil, problem.New(problem.Usage, "give one image for each partition", "--image: %s is written twice", part)
		}
		written[part] = true
		files = append(files, ImageUse{Partition: name, File: file, Raw: q.Raw})
		writes = append(writes, flash.WriteImage{Partition: name, Slot: cmp.Or(slot, q.Slot), Policy: policy})
	}
	if d.images, err = m.OpenImages(ctx, files); err != nil {
		return nil, err
	}
	for i, w := range writes {
		w.Image = d.images.Of(files[i])
		d.Steps = append(d.Steps, w.Step())
	}
	return d, nil
}

// PrepareBundle opens the images of a bundle that has no profile, every block of them
// checked. signer is what OpenBundle returned with it.
func (m *Maker) PrepareBundle(ctx context.Context, b *bundle.Bundle, signer string, allow []string) (*Direct, error) {
	for _, im := range b.Manifest.Images {
		if err := CheckPartition("image in the bundle", im.Partition, im.Slot, allow); err != nil {
			return nil, err
		}
	}
	about := b.Manifest
	d := &Direct{Bundle: about.Name + " " + about.Version, Source: bundleSource(b, signer), images: Images{}}
	d.Require = flash.Requirements{Products: slices.Concat(about.Models, about.Products), ProductFrom: about.ProductFrom,
		MinBattery: about.MinBattery, Lock: flash.SilenceStops}
	var err error
	if d.hooks, err = m.stationHooks(&profiles.Profile{}, false); err != nil {
		return nil, err
	}
	for i, im := range about.Images {
		opened, err := b.Image(ctx, i, m.Cache())
		if err != nil {
			d.Close()
			return nil, problem.New(problem.Invalid, "copy or download the bundle again; nothing was written", "%w", err)
		}
		d.images[imageKey{file: filepath.Join(b.Path, im.File)}] = opened
	}
	d.Steps = bundleWrites(b, d.images, []string{profiles.AllImages})
	return d, nil
}

// bundleWrites makes steps of a bundle's images, in its order, with the restarts between
// fastboot and fastbootd. only are the partitions to write, or all.
func bundleWrites(b *bundle.Bundle, opened Images, only []string) (steps []flash.Step) {
	mode := "fastboot"
	for _, m := range b.Manifest.Images {
		im := opened[imageKey{file: filepath.Join(b.Path, m.File)}]
		if im == nil || !slices.Contains(only, profiles.AllImages) && !slices.Contains(only, m.Partition) {
			continue
		}
		if m.Mode != mode {
			mode = m.Mode
			steps = append(steps, flash.Reboot{Mode: map[string]string{"fastboot": "bootloader", "fastbootd": "fastboot"}[mode]}.Step())
		}
		steps = append(steps, flash.WriteImage{Partition: m.Partition, Slot: m.Slot, Image: im, Policy: image.Auto,
			Userspace: mode == "fastbootd"}.Step())
	}
	return steps
}

// CheckPartition refuses names that cannot be right, and protected partitions that are
// not allowed by name. arg is where the name was written.
func CheckPartition(arg, name, slot string, allowed []string) error {
	if name == "" || len(name) > 36 || strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.", r)
	}) {
		return problem.New(problem.Usage, "a partition's name has up to 36 letters, digits and _ - .",
			"%s: %q is not a partition's name", arg, name)
	}
	if slot != "" && !slices.Contains(flash.Slots, slot) {
		return problem.New(problem.Usage, "choose one of "+strings.Join(flash.Slots, ", "), "%s: no slot %q", arg, slot)
	}
	if flash.Protected(name) && !slices.Contains(allowed, name) {
		return problem.New(problem.Usage, "if you are sure, add --allow-partition "+name,
			"%s: %s is protected: a wrong image there makes the tablet unusable", arg, name)
	}
	return nil
}
