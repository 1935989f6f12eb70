// This file is a plan: what would be done to a tablet, step by step, as data.

package recipe

import (
	"errors"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/usb"
)

// PlanFor is the tablet that a plan is for; what is empty is not known.
type PlanFor struct {
	Target string `json:"target,omitempty"`
	Model  string `json:"model,omitempty"`
	Serial string `json:"serial,omitempty"`
}

// What a plan counts with, until a tablet says better.
const (
	planRate     = 30e6      // bytes a second: a tablet's storage behind a USB 2 wire
	planDownload = 256 << 20 // max-download-size
	planBoot     = 60.0      // seconds, from the restart until the system lets SSH in
	planSetting  = 0.2       // seconds, one setting
)

// PlanStep is one step; Value is what a setting is set to, for this tablet.
type PlanStep struct {
	Step  string `json:"step"`
	Bytes int64  `json:"bytes,omitempty"` // raw
	Wire  int64  `json:"wire,omitempty"`
	Value string `json:"value,omitempty"`
	When  string `json:"when,omitempty"` // its condition
}

// PlanItem is all that would be done to one tablet.
type PlanItem struct {
	PlanFor
	Profile    string            `json:"profile"`
	Bundle     string            `json:"bundle,omitempty"`
	Models     []string          `json:"models"`
	Partitions []string          `json:"partitions,omitempty"` // that are written
	Steps      []PlanStep        `json:"steps"`
	Images     []flash.ImageInfo `json:"images,omitempty"`
	Bytes      int64             `json:"bytes"`
	Wire       int64             `json:"wire"`
	Estimate   float64           `json:"estimate_seconds"`
}

// Plan returns what would be done to a tablet: one item for its model, or one for each
// kind of tablet where the model is not known.
func (r *Recipe) Plan(tablet PlanFor) ([]PlanItem, error) {
	variants := r.variants
	if tablet.Model != "" {
		v := r.variantFor(tablet.Model)
		if v == nil {
			return nil, problem.New(problem.Invalid, "it is for "+strings.Join(r.Models(), ", "),
				"the profile %s is not for %s", r.profile.Name, tablet.Model)
		}
		variants = []*variant{v}
	}
	var items []PlanItem
	for _, v := range variants {
		it, err := r.item(v, tablet)
		if err != nil {
			return nil, err
		}
		items = append(items, it)
	}
	return items, nil
}

// item is the plan of a variant for one tablet. Values that depend on what is not known
// of it are shown as they are written.
func (r *Recipe) item(v *variant, w PlanFor) (PlanItem, error) {
	it := PlanItem{PlanFor: w, Profile: r.profile.Name, Bundle: v.name(), Models: v.require.Products, Images: imageInfos(v.steps)}
	for i, s := range v.steps {
		value, err := r.showStep(v.notes[i], v, w)
		if err != nil {
			return it, err
		}
		step := PlanStep{Step: s.Name, Value: value, When: s.Because}
		switch {
		case s.Needs == usb.Booted:
			it.Estimate += planSetting
		case s.Reboots && i+1 < len(v.steps) && v.steps[i+1].Needs == usb.Booted:
			it.Estimate += planBoot
		}
		if s.Image != nil {
			step.Bytes = s.Bytes()
			if step.Wire, err = wireBytes(s.Image); err != nil {
				return it, problem.New(problem.Invalid, "", "%w", err)
			}
			it.Estimate += float64(step.Bytes) / planRate
		}
		if s.Partition != "" {
			it.Partitions = append(it.Partitions, s.Partition)
		}
		it.Bytes, it.Wire = it.Bytes+step.Bytes, it.Wire+step.Wire
		it.Steps = append(it.Steps, step)
	}
	slices.Sort(it.Partitions)
	it.Partitions = slices.Compact(it.Partitions)
	return it, nil
}

// wireBytes is what an image takes on the wire.
func wireBytes(w *flash.WriteImage) (int64, error) {
	form, err := image.Choose(w.Policy, w.Partition, w.Image, planDownload, false)
	if err != nil {
		return 0, err
	}
	pieces, err := w.Image.Pieces(planDownload, form)
	if err != nil {
		return 0, err
	}
	return pieces.WireBytes(), nil
}

// errUnknown is a value that is not known without the tablet.
var errUnknown = errors.New("not known without the tablet")

// showStep expands what a plan shows of a step. What is not known yet stands as it is written.
func (r *Recipe) showStep(n plannedStep, v *variant, w PlanFor) (string, error) {
	known := map[string]string{"tablet.serial": w.Serial, "tablet.model": w.Model, "tablet.place": w.Target}
	known["bundle.name"], known["bundle.version"], _ = strings.Cut(v.name(), " ")
	words := make([]string, len(n.texts))
	for i, t := range n.texts {
		if r.profile.IsSecret(t) {
			words[i] = "***"
			continue
		}
		text, err := r.profile.Expand(t, func(name string) (string, error) {
			if value := known[name]; value != "" {
				return value, nil
			}
			return "", errUnknown
		})
		switch {
		case errors.Is(err, errUnknown), err != nil && (w.Serial == "" || w.Model == ""): // it depends on what is not said
			text = t.String()
		case err != nil:
			return "", problem.New(problem.Invalid, "fix the profile for this tablet", "%w", err)
		}
		words[i] = text
	}
	if len(words) == 0 {
		return n.words, nil
	}
	return strings.Replace(n.words, "%", strings.Join(words, " "), 1), nil
}
