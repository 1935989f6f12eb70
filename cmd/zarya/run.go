// This file is zarya run, zarya provision and zarya plan: what a profile is for.

package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/profiles"
	"github.com/zarya-station/zarya/ui"
)

// jobOptions are the flags of all verbs that run a profile's jobs.
type jobOptions struct {
	targets     []string
	profile     string
	allow       []string
	concurrency int
	dryRun      bool
	trust       string
}

func (a *app) jobFlags(cmd *cobra.Command, o *jobOptions) {
	a.targetFlags(cmd, &o.targets)
	f := cmd.Flags()
	f.StringVar(&o.profile, "profile", "", "the `PROFILE`: a file, or a name in zarya/profiles in XDG_CONFIG_HOME")
	f.StringArrayVar(&o.allow, "allow-partition", nil, "allow writing the protected `PARTITION` (bootloader, identity)")
	f.IntVar(&o.concurrency, "concurrency", 0, "tablets at once (0: all)")
	f.BoolVar(&o.dryRun, "dry-run", false, "print what would be done; write nothing")
	trustFlag(cmd, &o.trust)
	f.StringVar(&a.junit, "junit", "", "write a JUnit report to `FILE`")
}

func newRun(a *app) *cobra.Command {
	var o jobOptions
	cmd := &cobra.Command{
		Use:   "run --profile PROFILE -s TARGET…",
		Short: "Flash, boot, provision, check and record tablets, in parallel",
		Long: `Bring tablets to a profile: flash its images, wait for the system, make its
settings, check and record. A tablet that is as the profile says already is left as
it is (COMPLIANT); one that has the images gets only its settings; one that is booted
with other images is sent to its bootloader first.

PASS means that every byte was sent with its digest, the booted system says it is the
expected build, every setting was read back, every check holds, and the ledger has it
on the disk.`,
		Example: `  zarya run --profile census.yaml -s tcp:10.0.0.5 -s tcp:10.0.0.6
  zarya run --profile census --yes --json --junit report.xml -s tcp:10.0.0.5`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.runProfile(o, flash.ScopeRun) },
	}
	a.jobFlags(cmd, &o)
	return cmd
}

func newProvision(a *app) *cobra.Command {
	var o jobOptions
	cmd := &cobra.Command{
		Use:   "provision --profile PROFILE -s TARGET…",
		Short: "Make a profile's settings on booted tablets, in parallel",
		Long: `Make a profile's settings on tablets that are booted, and do its checks. Each
setting is read, changed only if it differs, and read back.`,
		Example: "  zarya provision --profile census.yaml -s ssh:192.168.2.15\n  zarya provision --profile census.yaml --dry-run -s ssh:192.168.2.15",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.runProfile(o, flash.ScopeProvision) },
	}
	a.jobFlags(cmd, &o)
	return cmd
}

// runProfile is the work of run, provision, and flash --profile.
func (a *app) runProfile(o jobOptions, scope flash.Scope) error {
	if o.concurrency < 0 {
		return fail(exitUsage, "0 is no limit", "--concurrency cannot be negative")
	}
	if a.ledger == "none" && scope != flash.ScopeFlash && !o.dryRun {
		return fail(exitUsage, "name one with --ledger sqlite:PATH, or leave it out", "%s needs a ledger", scope)
	}
	if err := unsigned(o.trust); err != nil {
		return err
	}
	p, err := a.prepare(o.profile, scope, o.allow)
	if err != nil {
		return err
	}
	defer p.close()
	if o.dryRun && len(o.targets) == 0 {
		return a.printPlan(p, []planFor{{}})
	}
	targets, err := a.targets(o.targets)
	if err != nil {
		return err
	}
	if o.dryRun {
		return a.planTargets(p, targets)
	}
	if scope != flash.ScopeProvision {
		if err := a.confirmWipe(targets); err != nil {
			return err
		}
	}
	run := newID()
	return a.runJobs(run, p.jobs(run, targets), &flash.Runner{Concurrency: o.concurrency, Wait: a.wait})
}

func newPlan(a *app) *cobra.Command {
	var o jobOptions
	var who planFor
	var scope string
	cmd := &cobra.Command{
		Use:   "plan --profile PROFILE [-s TARGET… | --model MODEL]",
		Short: "Show what run would do, step by step; write nothing",
		Example: `  zarya plan --profile census.yaml
  zarya plan --profile census.yaml --model AGS3-L09 --serial VT0001
  zarya plan --profile census.yaml -s tcp:10.0.0.5 --json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s := flash.Scope(scope)
			if !slices.Contains([]flash.Scope{flash.ScopeRun, flash.ScopeFlash, flash.ScopeProvision}, s) {
				return fail(exitUsage, "known are run, flash, provision", "--scope: no scope %q", scope)
			}
			p, err := a.prepare(o.profile, s, o.allow)
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

// planRate is what the estimate counts with, in bytes a second: a tablet's storage
// behind a USB 2 wire.
const planRate = 30e6

type planStep struct {
	Step  string `json:"step"`
	Bytes int64  `json:"bytes,omitempty"`
	Value string `json:"value,omitempty"` // of a setting, for this tablet
}

type planItem struct {
	planFor
	Profile  string            `json:"profile"`
	Steps    []planStep        `json:"steps"`
	Images   []flash.ImageInfo `json:"images,omitempty"`
	Bytes    int64             `json:"bytes"`
	Estimate float64           `json:"estimate_seconds"` // of the writing, at 30 MB/s
}

func (a *app) printPlan(p *prepared, who []planFor) error {
	items := make([]planItem, 0, len(who))
	for _, w := range who {
		if w.Model != "" && !slices.ContainsFunc(p.profile.Tablet.Models, func(m string) bool { return strings.EqualFold(m, w.Model) }) {
			return fail(exitInvalid, "it is for "+strings.Join(p.profile.Tablet.Models, ", "), "the profile %s is not for %s", p.profile.Name, w.Model)
		}
		it, err := p.plan(w)
		if err != nil {
			return err
		}
		items = append(items, it)
	}
	if a.json {
		return a.document("plan", items)
	}
	for _, it := range items {
		title := "profile " + it.Profile
		for _, s := range []string{it.Target, it.Model, it.Serial} {
			if s != "" {
				title += ", " + s
			}
		}
		fmt.Fprintln(a.stdout, title)
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		for i, s := range it.Steps {
			size := ""
			if s.Bytes > 0 {
				size = ui.BytesText(s.Bytes)
			}
			fmt.Fprintf(w, "%3d\t%s\t%s\n", i+1, s.Step, strings.TrimSpace(size+" "+s.Value))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "writes %s, about %.0f s at %s/s; nothing was written\n", ui.BytesText(it.Bytes), it.Estimate, ui.BytesText(planRate))
	}
	return nil
}

// plan is the profile for one tablet. Values that depend on what is not known of it
// are shown as they are written.
func (p *prepared) plan(w planFor) (planItem, error) {
	it := planItem{planFor: w, Profile: p.profile.Name, Images: imageInfos(p.steps)}
	tablet := profiles.Tablet{Serial: w.Serial, Model: w.Model, Place: w.Target}
	values := map[string]string{}
	for _, s := range p.profile.Provision {
		for name, t := range map[string]*profiles.Text{"hostname": s.Hostname, "timezone": s.Timezone} {
			if t == nil {
				continue
			}
			v, err := p.profile.Expand(*t, tablet)
			if err != nil {
				if w.Serial != "" && w.Model != "" {
					return it, fail(exitInvalid, "mend the profile for this tablet", "%s: %w", name, err)
				}
				v = t.String()
			}
			values[name] = v
		}
	}
	for _, s := range p.steps {
		step := planStep{Step: s.Name(), Value: values[s.Name()]}
		if z, ok := s.(flash.Sized); ok {
			step.Bytes = z.Bytes()
			it.Bytes += step.Bytes
		}
		it.Steps = append(it.Steps, step)
	}
	it.Estimate = float64(it.Bytes) / planRate
	return it, nil
}
