// This file is zarya plan: what would be done, step by step; nothing is written.

package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/usb"
)

func newPlan(a *app) *cobra.Command {
	var o jobOptions
	var who planFor
	var scope string
	cmd := &cobra.Command{
		Use:   "plan {--profile PROFILE | --bundle BUNDLE} [-s TARGET… | --model MODEL]",
		Short: "Show what run would do, step by step; write nothing",
		Example: `  zarya plan --profile census.yaml
  zarya plan --profile census.yaml --model AGS3-L09 --serial VT0001
  zarya plan --profile census.yaml -s tcp:10.0.0.5 --json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s := flash.Scope(scope)
			if !slices.Contains([]flash.Scope{flash.ScopeRun, flash.ScopeFlash, flash.ScopeProvision}, s) {
				return problem.New(problem.Usage, "known are run, flash, provision", "--scope: no scope %q", scope)
			}
			p, err := a.prepare(o, s)
			if err != nil {
				return err
			}
			defer p.close()
			if len(o.targets) > 0 {
				targets, err := a.targets(o.targets)
				if err != nil {
					return err
				}
				return a.planTargets(p, targets)
			}
			return a.printPlan(p, []planFor{who})
		},
	}
	f := cmd.Flags()
	f.StringVar(&who.Serial, "serial", "", "with --model: as for the tablet with `SERIAL`")
	a.targetFlags(cmd, &o.targets)
	f.StringVar(&o.profile, "profile", "", "the `PROFILE`")
	f.StringVar(&o.bundle, "bundle", "", "the `BUNDLE` to flash; without --profile, the profile in it")
	trustFlag(cmd, &o.trust)
	f.StringArrayVar(&o.allow, "allow-partition", nil, "allow writing the protected `PARTITION`")
	f.StringVar(&who.Model, "model", "", "as for a tablet of `MODEL`")
	f.StringVar(&scope, "scope", "run", "the verb that is planned: run, flash, provision")
	return cmd
}

// planFor is the tablet that a plan is for; what is empty is not known.
type planFor struct {
	Target string `json:"target,omitempty"`
	Model  string `json:"model,omitempty"`
	Serial string `json:"serial,omitempty"`
}

// planTargets asks the tablets who they are.
func (a *app) planTargets(p *prepared, targets []target) error {
	answers, err := each(a, targets, lookAt)
	if err != nil {
		return err
	}
	var who []planFor
	for _, r := range answers {
		if r.Value != nil {
			who = append(who, planFor{r.Target, r.Value.Model, r.Value.Serial})
		}
	}
	if len(who) > 0 {
		if err := a.printPlan(p, who); err != nil {
			return err
		}
	}
	return conclude(a, answers)
}

// What a plan counts with, until a tablet says better.
const (
	planRate     = 30e6      // bytes a second: a tablet's storage behind a USB 2 wire
	planDownload = 256 << 20 // max-download-size
	planBoot     = 60.0      // seconds, from the restart until the system lets SSH in
	planSetting  = 0.2       // seconds, one setting
)

// planStep is one step; Value is what a setting is set to, for this tablet.
type planStep struct {
	Step  string `json:"step"`
	Bytes int64  `json:"bytes,omitempty"` // raw
	Wire  int64  `json:"wire,omitempty"`
	Value string `json:"value,omitempty"`
	When  string `json:"when,omitempty"` // its condition
}

// planItem is all that would be done to one tablet.
type planItem struct {
	planFor
	Profile    string            `json:"profile"`
	Bundle     string            `json:"bundle,omitempty"`
	Models     []string          `json:"models"`
	Partitions []string          `json:"partitions,omitempty"` // that are written
	Steps      []planStep        `json:"steps"`
	Images     []flash.ImageInfo `json:"images,omitempty"`
	Bytes      int64             `json:"bytes"`
	Wire       int64             `json:"wire"`
	Estimate   float64           `json:"estimate_seconds"`
}

func (a *app) printPlan(p *prepared, who []planFor) error {
	items := make([]planItem, 0, len(who))
	for _, w := range who {
		all := p.all
		if w.Model != "" {
			v := p.of(w.Model)
			if v == nil {
				return problem.New(problem.Invalid, "it is for "+strings.Join(p.models(), ", "), "the profile %s is not for %s", p.profile.Name, w.Model)
			}
			all = []*variant{v}
		}
		for _, v := range all {
			it, err := p.item(v, w)
			if err != nil {
				return err
			}
			items = append(items, it)
		}
	}
	if a.json {
		return a.document("plan", items)
	}
	for _, it := range items {
		title := "profile " + it.Profile
		for _, s := range []string{it.Target, it.Model, it.Serial, it.Bundle} {
			if s != "" {
				title += ", " + s
			}
		}
		if it.Model == "" {
			title += " (for " + strings.Join(it.Models, ", ") + ")"
		}
		fmt.Fprintln(a.stdout, title)
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		for i, s := range it.Steps {
			words := []string{}
			if s.Bytes > 0 {
				words = append(words, ui.BytesText(s.Bytes))
			}
			if s.Wire > 0 && s.Wire != s.Bytes {
				words = append(words, "("+ui.BytesText(s.Wire)+" on the wire)")
			}
			if s.Value != "" {
				words = append(words, s.Value)
			}
			if s.When != "" {
				words = append(words, "when "+s.When)
			}
			fmt.Fprintf(w, "%3d\t%s\t%s\n", i+1, s.Step, strings.Join(words, " "))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "writes %s, %s on the wire; about %.0f s; nothing was written\n", ui.BytesText(it.Bytes), ui.BytesText(it.Wire), it.Estimate)
	}
	return nil
}

// item is the plan of a variant for one tablet. Values that depend on what is not known
// of it are shown as they are written.
func (p *prepared) item(v *variant, w planFor) (planItem, error) {
	it := planItem{planFor: w, Profile: p.profile.Name, Bundle: v.name(), Models: v.require.Products, Images: imageInfos(v.steps)}
	for i, s := range v.steps {
		value, err := p.show(v.notes[i], v, w)
		if err != nil {
			return it, err
		}
		step := planStep{Step: s.Name(), Value: value, When: condition(s)}
		switch s := s.(type) {
		case *flash.Reboot:
			if s.Mode == "system" && p.scope == flash.ScopeRun {
				it.Estimate += planBoot
			}
		default:
			if s.Needs() == usb.Booted {
				it.Estimate += planSetting
			}
		}
		if write, ok := flash.As[*flash.WriteImage](s); ok {
			step.Bytes = write.Bytes()
			if step.Wire, err = wireBytes(write); err != nil {
				return it, problem.New(problem.Invalid, "", "%w", err)
			}
			it.Partitions = append(it.Partitions, write.Partition)
			it.Estimate += float64(step.Bytes) / planRate
		}
		if erase, ok := flash.As[*flash.Erase](s); ok {
			it.Partitions = append(it.Partitions, erase.Partition)
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

// show expands what a plan shows of a step. What is not known yet stands as it is written.
func (p *prepared) show(n noted, v *variant, w planFor) (string, error) {
	known := map[string]string{"tablet.serial": w.Serial, "tablet.model": w.Model, "tablet.place": w.Target}
	known["bundle.name"], known["bundle.version"], _ = strings.Cut(v.name(), " ")
	words := make([]string, len(n.texts))
	for i, t := range n.texts {
		if p.profile.IsSecret(t) {
			words[i] = "***"
			continue
		}
		text, err := p.profile.Expand(t, func(name string) (string, error) {
			if value := known[name]; value != "" {
				return value, nil
			}
			return "", errUnknown
		})
		switch {
		case errors.Is(err, errUnknown), err != nil && (w.Serial == "" || w.Model == ""): // it depends on what is not said
			text = t.String()
		case err != nil:
			return "", problem.New(problem.Invalid, "mend the profile for this tablet", "%w", err)
		}
		words[i] = text
	}
	if len(words) == 0 {
		return n.words, nil
	}
	return strings.Replace(n.words, "%", strings.Join(words, " "), 1), nil
}

// condition is when a step is done, as it is written; "" is always.
func condition(step flash.Step) string {
	for {
		g, ok := step.(*flash.Guarded)
		if !ok {
			return ""
		}
		if g.Because != "" {
			return g.Because
		}
		step = g.Step
	}
}
