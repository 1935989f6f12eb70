// This file is zarya flash: write images to tablets, in parallel.

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/profiles"
)

type flashOptions struct {
	jobOptions
	images  []string
	erase   []string
	reboot  string
	product string
	sparse  string
	slot    string
}

func newFlash(a *app) *cobra.Command {
	var o flashOptions
	cmd := &cobra.Command{
		Use:   "flash {--bundle BUNDLE | --profile PROFILE | --image PART[:SLOT]=FILE… [--erase PART] [--reboot MODE]} -s TARGET…",
		Short: "Write images to tablets, in parallel",
		Long: `Write images to tablets, in parallel.

Each image's digest is computed before anything is written, recorded in the
events, and held to: a file that changes meanwhile fails the job. Everything that
can be checked is checked on every tablet first. A tablet that fails changes
nothing for the others.`,
		Example: `  zarya flash --profile census.yaml -s tcp:10.0.0.5
  zarya flash --image system=system.img --image boot=boot.img -s tcp:10.0.0.5
  zarya flash --image boot:all=boot.img --slot a --reboot system -s udp:10.0.0.5 --yes
  zarya flash --image userdata=userdata.simg --erase cache --json --yes -s tcp:10.0.0.5:5554`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			what, not := "", []string{"image", "erase", "product", "sparse", "slot"}
			switch {
			case o.profile != "":
				what, not = "profile", append(not, "reboot")
			case o.bundle != "":
				what = "bundle"
			default:
				return a.flashImages(o)
			}
			for _, f := range not {
				if cmd.Flags().Changed(f) {
					return problem.New(problem.Usage, "the "+what+" says what is written", "--%s does not go with --%s", f, what)
				}
			}
			if what == "bundle" {
				return a.flashBundle(o)
			}
			return a.runProfile(o.jobOptions, flash.ScopeFlash)
		},
	}
	a.jobFlags(cmd, &o.jobOptions)
	f := cmd.Flags()
	f.StringArrayVar(&o.images, "image", nil, "write `PART[:SLOT]=FILE`, repeatable, in this order")
	f.StringArrayVar(&o.erase, "erase", nil, "erase `PARTITION` before the images are written, repeatable")
	f.StringVar(&o.reboot, "reboot", "", "afterwards reboot to `MODE`: "+strings.Join(fastboot.RebootModes, ", "))
	f.StringVar(&o.product, "product", "", "write only if the tablet says it is `NAME`")
	f.StringVar(&o.sparse, "sparse", "auto", "send as sparse images: auto, always, never")
	f.StringVar(&o.slot, "slot", "", "slot for images without one: "+strings.Join(flash.Slots, ", "))
	return cmd
}

// flashWork is what flash does to each tablet.
type flashWork struct {
	bundle  string // its name and version; "" is none
	require flash.Requirements
	steps   []flash.Step
	images  images
}

// flashImages is flash --image.
func (a *app) flashImages(o flashOptions) error {
	if named := typedTargets(o.targets); len(named) == 0 || slices.ContainsFunc(named, func(t string) bool { return strings.Contains(t, "*") }) {
		return problem.New(problem.Usage, "name targets with -s: only a profile or a bundle may choose", "name every target of --image in full")
	}
	if err := unsigned(o.trust); err != nil {
		return err
	}
	return a.flash(o, func() (w flashWork, err error) {
		w.require = required(o.product)
		w.steps, w.images, err = a.flashSteps(o)
		return w, err
	})
}

// flash writes to the targets what prepare makes ready.
func (a *app) flash(o flashOptions, prepare func() (flashWork, error)) error {
	targets, err := a.targets(o.targets)
	if err != nil {
		return err
	}
	if o.concurrency < 0 {
		return problem.New(problem.Usage, "0 is no limit", "--concurrency cannot be negative")
	}
	if o.reboot != "" && !slices.Contains(fastboot.RebootModes, o.reboot) {
		return problem.New(problem.Usage, "known are "+strings.Join(fastboot.RebootModes, ", "), "--reboot: no mode %q", o.reboot)
	}
	w, err := prepare()
	if err != nil {
		return err
	}
	defer w.images.close()
	if o.reboot != "" {
		w.steps = append(w.steps, &flash.Reboot{Mode: o.reboot})
	}
	if o.dryRun {
		return a.showPlan(targets, w.steps)
	}
	if err := a.confirmWipe(targets); err != nil {
		return err
	}
	var jobs []flash.Job
	run := newID()
	for i, t := range targets {
		jobs = append(jobs, flash.Job{
			ID: fmt.Sprintf("%s-%d", run, i+1), Target: t, Scope: flash.ScopeFlash, Bundle: w.bundle,
			Require: w.require, Steps: w.steps, Images: imageInfos(w.steps),
		})
	}
	return a.runJobs(run, jobs, &flash.Runner{Concurrency: o.concurrency, Wait: a.wait}, nil)
}

// flashSteps checks the words of the command line, then opens the images: what
// is wrong with either is said before any tablet is touched.
func (a *app) flashSteps(o flashOptions) ([]flash.Step, images, error) {
	if len(o.images)+len(o.erase) == 0 {
		return nil, nil, problem.New(problem.Usage, "give at least one --image PART=FILE or --erase PART", "nothing to do")
	}
	policy, err := image.ParsePolicy(o.sparse)
	if err != nil {
		return nil, nil, problem.New(problem.Usage, "known are auto, always, never", "--sparse: %w", err)
	}
	if o.slot != "" && !slices.Contains(flash.Slots, o.slot) {
		return nil, nil, problem.New(problem.Usage, "known are "+strings.Join(flash.Slots, ", "), "--slot: no slot %q", o.slot)
	}
	var steps []flash.Step
	for _, p := range o.erase {
		name, slot, _ := strings.Cut(p, ":")
		if err := checkPartition("--erase "+p, name, slot, o.allow); err != nil {
			return nil, nil, err
		}
		steps = append(steps, &flash.Erase{Partition: name, Slot: either(slot, o.slot)})
	}
	var files []imageUse
	var writes []*flash.WriteImage
	written := map[string]bool{}
	for _, arg := range o.images {
		part, file, ok := strings.Cut(arg, "=")
		name, slot, _ := strings.Cut(part, ":")
		if !ok || file == "" {
			return nil, nil, problem.New(problem.Usage, "write --image system=system.img", "--image %q is not PART[:SLOT]=FILE", arg)
		}
		if err := checkPartition("--image "+arg, name, slot, o.allow); err != nil {
			return nil, nil, err
		}
		if written[part] {
			return nil, nil, problem.New(problem.Usage, "give one image for each partition", "--image: %s is written twice", part)
		}
		written[part] = true
		files = append(files, imageUse{name, file})
		writes = append(writes, &flash.WriteImage{Partition: name, Slot: either(slot, o.slot), Policy: policy})
	}
	opened, err := a.openImages(files)
	if err != nil {
		return nil, nil, err
	}
	for i, w := range writes {
		w.Image = opened.of(files[i])
		steps = append(steps, w)
	}
	return steps, opened, nil
}

// required is what --product asks for.
func required(product string) flash.Requirements {
	if product == "" {
		return flash.Requirements{}
	}
	return flash.Requirements{Products: []string{product}}
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// checkPartition refuses names that cannot be right, and protected ones.
func checkPartition(arg, name, slot string, allowed []string) error {
	if name == "" || len(name) > 36 || strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.", r)
	}) {
		return problem.New(problem.Usage, "a partition's name has up to 36 letters, digits and _ - .", "%s: %q is not a partition's name", arg, name)
	}
	if slot != "" && !slices.Contains(flash.Slots, slot) {
		return problem.New(problem.Usage, "known are "+strings.Join(flash.Slots, ", "), "%s: no slot %q", arg, slot)
	}
	if flash.Protected(name) && !slices.Contains(allowed, name) {
		return problem.New(problem.Usage, "if you are sure, add --allow-partition "+name, "%s: %s is protected: a wrong image there makes the tablet unusable", arg, name)
	}
	return nil
}

// confirmWipe asks once for all targets. Without a terminal only --yes is a yes.
func (a *app) confirmWipe(targets []target) error {
	if a.yes {
		return nil
	}
	if a.noInput || terminal(a.stdin) == nil {
		return problem.New(problem.Usage, "add --yes if these tablets may be wiped", "writing to %s needs a yes, and nobody can be asked", plural(len(targets)))
	}
	for _, t := range targets {
		fmt.Fprintf(a.stderr, "  %s\n", t)
	}
	if a.agreed(fmt.Sprintf("Wipe %s", plural(len(targets)))) {
		return nil
	}
	return problem.New(problem.Usage, "", "nothing was written")
}

// agreed asks a question on the terminal, unless --yes has answered it. ^C is a no.
func (a *app) agreed(question string) bool {
	if a.yes {
		return true
	}
	select {
	case <-a.drain: // of the question before
		return false
	default:
	}
	fmt.Fprintf(a.stderr, "%s? [y/N] ", question)
	said := make(chan string, 1)
	go func() { // a terminal gives one line at a time: nothing of the next is read
		line, _ := bufio.NewReader(io.LimitReader(a.stdin, 64)).ReadString('\n')
		said <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case line := <-said:
		return line == "y" || line == "yes"
	case <-a.drain:
		fmt.Fprintln(a.stderr)
		return false
	}
}

// runJobs runs jobs with the chosen outputs and turns their results into the
// program's. profile is that of the jobs, or nil.
func (a *app) runJobs(run string, jobs []flash.Job, r *flash.Runner, profile *profiles.Profile) (err error) {
	// Whoever reads the output may go; the tablets are finished and recorded still.
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Reset(syscall.SIGPIPE)
	if r.Concurrency == 0 { // else the operator has said how many
		shareWires(jobs)
	}
	release, err := a.lockTargets(jobs)
	if err != nil {
		return err
	}
	defer release()
	record, err := a.openLedger()
	if err != nil {
		return err
	}
	if record != nil {
		if a.record = record; !a.unrecorded {
			r.Recorder = record
		}
		if profile != nil && profile.Identity != nil {
			r.Identities = &hiding{record.Identities(&seal{}), profile, a.secrets}
		}
		defer func() {
			if cerr := record.Close(); cerr != nil && err == nil {
				err = ledgerTrouble(a.ledger, cerr)
			}
		}()
	}
	sink, err := a.sinks()
	if err != nil {
		return err
	}
	trace, endTrace, err := a.tracer()
	if err != nil {
		return err
	}
	r.Events = flash.NewEvents(run, sink.Event)
	r.Events.Hide(a.secrets)
	r.Drain, r.Trace, r.Secrets = a.drain, trace, a.secrets
	start := time.Now()
	ended, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		select {
		case <-a.drain:
			r.Events.Emit(flash.Event{Body: flash.Warning{Message: "stopping when the commands under way end; ^C again stops at once", Class: flash.ClassOperator}})
		case <-ended:
		}
	}()
	results := r.Run(a.ctx, jobs)
	close(ended)
	<-told
	sum := flash.Summarize(results)
	sum.Seconds = time.Since(start).Seconds()
	if sum.Exit = a.signalCode(); sum.Exit == 0 {
		sum.Exit = exitOf(results)
		if r.Exhausted() && sum.Exit != exitInternal {
			sum.Exit = exitIdentity
		}
		if r.NotDurable() && sum.Exit != exitInternal {
			sum.Exit = exitNotDurable
		}
	}
	r.Events.Emit(flash.Event{Body: sum})
	r.Events.Close()
	if err := errors.Join(sink.Close(), endTrace()); err != nil && sum.Exit == exitOK {
		return problem.New(problem.Station, "the tablets are as the events say; only the output is incomplete", "output: %w", err)
	}
	if sum.Exit != exitOK {
		return exitStatus(sum.Exit)
	}
	return nil
}

// showPlan is --dry-run: what would be done, without a tablet.
func (a *app) showPlan(targets []target, steps []flash.Step) error {
	type item struct {
		Target string            `json:"target"`
		Steps  []string          `json:"steps"`
		Bytes  int64             `json:"bytes"`
		Images []flash.ImageInfo `json:"images"`
	}
	var items []item
	for _, t := range targets {
		it := item{Target: t.String(), Images: imageInfos(steps)}
		for _, s := range steps {
			it.Steps = append(it.Steps, s.Name())
			if z, ok := s.(flash.Sized); ok {
				it.Bytes += z.Bytes()
			}
		}
		items = append(items, it)
	}
	if a.json {
		return a.document("plan", items)
	}
	for _, s := range steps {
		fmt.Fprintln(a.stdout, s.Name())
	}
	for _, im := range imageInfos(steps) {
		fmt.Fprintf(a.stdout, "%s: %s, %d bytes, %s\n", im.Partition, im.File, im.Size, im.Digest)
	}
	fmt.Fprintf(a.stdout, "on %d tablets; nothing was written\n", len(items))
	return nil
}
