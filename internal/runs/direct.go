// This file runs what needs no profile: images that are named one by one, and bundles.

package runs

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/show"
	"github.com/zarya-station/zarya/internal/target"
)

// Images writes images to targets, each of which was named in full. reboot is a mode to which
// the tablets restart afterwards; "" is none.
func (f *Front) Images(o Options, images recipe.DirectRequest, reboot string) error {
	if err := f.check(&o); err != nil {
		return err
	}
	several := func(t string) bool { return strings.Contains(t, "*") }
	if named := Named(o.Targets); len(named) == 0 || slices.ContainsFunc(named, several) {
		return problem.New(problem.Usage, "name targets with -s: only a profile or a bundle may choose", "name every target of --image in full")
	}
	m := f.Maker()
	if err := m.RefuseUnsigned(o.Trust); err != nil {
		return err
	}
	images.Allow = o.Allow
	return f.direct(o, reboot, nil, func(ctx context.Context) (*recipe.Direct, error) { return m.PrepareImages(ctx, images) })
}

// Bundle writes a bundle's images to targets. A profile in the bundle says how.
func (f *Front) Bundle(o Options, reboot string) (err error) {
	if o.Bundle, err = f.Bundles().Pin(f.Context, o.Bundle); err != nil {
		return err
	}
	b, err := f.Bundles().Look(f.Context, o.Bundle)
	if err != nil {
		return err
	}
	if b.Manifest.Profile != "" {
		if reboot != "" {
			return problem.New(problem.Usage, "the profile in the bundle says what is done", "--reboot does not go with %s", b.Path)
		}
		return f.Profile(o, flash.ScopeFlash)
	}
	if err := f.check(&o); err != nil {
		return err
	}
	m := f.Maker()
	b, signer, err := m.OpenBundle(f.Context, o.Bundle, o.Trust)
	if err != nil {
		return err
	}
	defer b.Close()
	return f.direct(o, reboot, slices.Concat(b.Manifest.Models, b.Manifest.Products), func(ctx context.Context) (*recipe.Direct, error) {
		return m.PrepareBundle(ctx, b, signer, o.Allow)
	})
}

// direct writes to the targets what prepare makes ready. models are those of --all.
func (f *Front) direct(o Options, reboot string, models []string, prepare func(context.Context) (*recipe.Direct, error)) error {
	targets, err := f.chosen(o, models)
	if err != nil {
		return err
	}
	if reboot != "" && !slices.Contains(fastboot.RebootModes, reboot) {
		return problem.New(problem.Usage, "choose one of "+strings.Join(fastboot.RebootModes, ", "), "--reboot: no mode %q", reboot)
	}
	d, err := prepare(f.Context)
	if err != nil {
		return err
	}
	defer d.Close()
	if reboot != "" {
		d.Steps = append(d.Steps, flash.Reboot{Mode: reboot}.Step())
	}
	if o.DryRun {
		return f.showDirect(targets, d)
	}
	if err := f.confirmWipe(targets, d.Bundle); err != nil {
		return err
	}
	w := work{run: NewID(), concurrency: o.Concurrency}
	w.jobs = Jobs(w.run, targets, func(id string, t flash.Target) flash.Job {
		j := d.Job(id, t)
		j.Circumstances = o.Under
		return j
	})
	return f.do(w)
}

// showDirect shows what would be done, without a tablet.
func (f *Front) showDirect(targets []target.Target, d *recipe.Direct) error {
	var items []show.Direct
	for _, t := range targets {
		items = append(items, show.OfDirect(t.String(), d))
	}
	return f.Answer("plan", items, func(w io.Writer) error {
		items[0].Text(w, f.Words)
		fmt.Fprintln(w, f.Words.Sayf("on %d tablets; nothing was written", len(items)))
		return nil
	})
}
