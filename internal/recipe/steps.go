// This file makes steps of what a profile says.

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/provision"
	"github.com/zarya-station/zarya/profiles"
)

// variantSteps opens what a variant flashes and makes its steps.
func (a *app) variantSteps(p *prepared, v *variant, allow []string) error {
	if v.bundle == nil {
		if err := a.verifyImages(p, v); err != nil {
			return err
		}
	} else if err := a.openBundleImages(p, v, allow); err != nil {
		return err
	}
	if p.scope != flash.ScopeProvision {
		if err := a.flashPart(p, v); err != nil {
			return err
		}
	}
	if p.scope != flash.ScopeFlash {
		return p.bootedSteps(v)
	}
	return nil
}

// verifyImages reads the images that the scope needs and holds them to the
// profile's digests.
func (a *app) verifyImages(p *prepared, v *variant) error {
	var uses []imageUse
	need := map[string]bool{}
	if p.scope != flash.ScopeProvision {
		for _, s := range p.profile.Flash {
			for _, name := range s.Images {
				need[name] = true
			}
		}
	}
	for _, name := range p.readBack() {
		need[name] = true
	}
	for name := range need {
		if p.profile.Images[name].File == "" {
			return problem.New(problem.Invalid, "name an image for it, or a bundle", "the profile %s has no image for %s", p.profile.Name, name)
		}
		uses = append(uses, imageUse{name, p.profile.Images[name].File})
	}
	slices.SortFunc(uses, func(a, b imageUse) int { return strings.Compare(a.file, b.file) })
	var err error
	if v.images, err = a.openImages(uses); err != nil {
		return err
	}
	var wrong []error
	for name, im := range p.profile.Images {
		if read := v.images.of(imageUse{name, im.File}); read != nil && read.Digest() != "sha256:"+im.SHA256 {
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
func (p *prepared) readBack() (names []string) {
	for _, c := range p.profile.Checks {
		if c.Partition != "" && p.scope != flash.ScopeFlash {
			names = append(names, c.Partition)
		}
	}
	return names
}

// openBundleImages opens those of a bundle's images that the scope needs, every block of
// them checked, and holds the bundle to the profile.
func (a *app) openBundleImages(p *prepared, v *variant, allow []string) error {
	ctx, cancel := a.untilSignal()
	defer cancel()
	v.images = images{}
	cache := a.imageCache()
	have := map[string]bool{}
	for i, m := range v.bundle.Manifest.Images {
		have[m.Partition] = true
		if err := checkPartition("image in the bundle", m.Partition, m.Slot, allow); err != nil {
			return err
		}
		if !slices.Contains(p.profile.Partitions, m.Partition) && p.writes(m.Partition) {
			return problem.New(problem.Invalid, "add it to partitions in the profile, or take another bundle", "%s has an image for %s, which the profile %s does not allow to be written", v.bundle.Path, m.Partition, p.profile.Name)
		}
		if p.scope == flash.ScopeProvision && !slices.Contains(p.readBack(), m.Partition) || !p.writes(m.Partition) && !slices.Contains(p.readBack(), m.Partition) {
			continue
		}
		im, err := v.bundle.Image(ctx, i, cache)
		if err != nil {
			return problem.New(problem.Invalid, "copy or download the bundle again; nothing was written", "%w", err)
		}
		v.images[imageKey{file: filepath.Join(v.bundle.Path, m.File)}] = im
	}
	for _, s := range p.profile.Flash {
		for _, name := range append(slices.Clone(s.Images), p.readBack()...) {
			if name != profiles.AllImages && !have[name] {
				return problem.New(problem.Invalid, "take the bundle that was made for the profile", "%s has no image for %s, which the profile %s asks for", v.bundle.Path, name, p.profile.Name)
			}
		}
	}
	return nil
}

// writes reports whether the profile writes a partition's image.
func (p *prepared) writes(partition string) bool {
	return p.scope != flash.ScopeProvision && slices.ContainsFunc(p.profile.Flash, func(s profiles.FlashStep) bool {
		return slices.Contains(s.Images, partition) || slices.Contains(s.Images, profiles.AllImages)
	})
}

// guard gives a step its options.
func (p *prepared) guard(step flash.Step, o profiles.Options) flash.Step {
	if o.Name == "" && o.When == nil && o.Timeout == 0 {
		return step
	}
	g := &flash.Guarded{Step: step, Label: o.Name, Limit: time.Duration(o.Timeout)}
	if o.When != nil {
		g.Because = o.When.String()
		g.When = func(ctx context.Context, s *flash.Session) (bool, error) {
			return p.profile.Holds(o.When, look(ctx, s))
		}
	}
	return g
}

// look is what a job knows by the names of the language.
func look(ctx context.Context, s *flash.Session) profiles.Lookup {
	return func(name string) (string, error) {
		if fact, ok := strings.CutPrefix(name, "fact."); ok {
			c, booted := s.Booted().(*provision.Client)
			if !booted {
				return "", flash.ErrLater
			}
			return c.Fact(ctx, fact)
		}
		return s.Fact(name)
	}
}

// value makes a setting of a template.
func (p *prepared) value(t *profiles.Text) provision.Value {
	if t == nil {
		return nil
	}
	return func(ctx context.Context, s *flash.Session) (string, error) { return p.profile.Expand(*t, look(ctx, s)) }
}

func (p *prepared) values(texts []profiles.Text) (all []provision.Value) {
	for i := range texts {
		all = append(all, p.value(&texts[i]))
	}
	return all
}

// flashPart are the steps in fastboot.
func (a *app) flashPart(p *prepared, v *variant) error {
	for _, s := range p.profile.Flash {
		add := func(step flash.Step) { v.add(note(p.guard(step, s.Options), "")) }
		switch {
		case s.Unlock != nil:
			if a.ledger == "none" {
				return problem.New(problem.Usage, "leave --ledger none out", "unlocking needs a ledger: a wrong code is never tried twice")
			}
			c, err := a.loadCodes(p.profile, s.Unlock)
			if err != nil {
				return err
			}
			add(&flash.Unlock{Codes: c})
		case s.Relock != "":
			if v.bundle == nil || !v.bundle.Manifest.Relockable || v.signer == "" {
				return problem.New(problem.Invalid, "leave relock out, or take a bundle whose maker says relockable", "relock: only a signed bundle that says so allows it, from a key that this station trusts")
			}
			add(&flash.Relock{Batch: &flash.Batch{}})
		case s.Reboot != "":
			add(&flash.Reboot{Mode: s.Reboot})
		}
		for _, part := range s.Erase {
			name, slot, _ := strings.Cut(part, ":")
			add(&flash.Erase{Partition: name, Slot: slot})
		}
		if len(s.Images) > 0 {
			writes, err := p.writeSteps(v, s)
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
func (p *prepared) writeSteps(v *variant, s profiles.FlashStep) (steps []flash.Step, err error) {
	if v.bundle != nil {
		return bundleWrites(v.bundle, v.images, s.Images), nil
	}
	for _, part := range s.Images {
		im := p.profile.Images[part]
		policy, err := image.ParsePolicy(either(im.Sparse, "auto"))
		if err != nil {
			return nil, err
		}
		steps = append(steps, &flash.WriteImage{Partition: part, Slot: im.Slot, Image: v.images.of(imageUse{part, im.File}), Policy: policy})
	}
	return steps, nil
}

// removed reports whether finish removes something.
func (p *prepared) removed(list func(*profiles.Removed) []string, names ...string) bool {
	return slices.ContainsFunc(p.profile.Finish, func(f profiles.FinishStep) bool {
		return f.Remove != nil && slices.ContainsFunc(names, func(n string) bool { return slices.Contains(list(f.Remove), n) })
	})
}

// noted is a step and what a plan shows of it: words, in which % stands for the texts as
// they are for one tablet.
type noted struct {
	step  flash.Step
	words string
	texts []profiles.Text
}

// add appends a step.
func (v *variant) add(n noted) {
	if v.notes == nil {
		v.notes = map[int]noted{}
	}
	v.notes[len(v.steps)] = n
	v.steps = append(v.steps, n.step)
}

// note is a step of which a text is shown; nil is none.
func note(step flash.Step, words string, texts ...*profiles.Text) noted {
	n := noted{step: step, words: words}
	for _, t := range texts {
		if t != nil {
			n.texts = append(n.texts, *t)
		}
	}
	return n
}

// keySteps lets keys in: those that stay, and those that finish removes.
func (p *prepared) keySteps(keys []profiles.Text) (steps []noted) {
	var stay, leave []profiles.Text
	for _, k := range keys {
		text, err := p.profile.Static(k)
		key, comment, _, _, perr := ssh.ParseAuthorizedKey([]byte(text))
		if err == nil && perr == nil && p.removed(func(r *profiles.Removed) []string { return r.Keys }, comment, ssh.FingerprintSHA256(key)) {
			leave = append(leave, k)
		} else {
			stay = append(stay, k)
		}
	}
	login := p.profile.SSH.User
	if len(stay) > 0 {
		steps = append(steps, noted{provision.AuthorizedKeys(login, p.values(stay)), "%", stay})
	}
	if len(leave) > 0 {
		steps = append(steps, noted{&flash.Guarded{Step: provision.AuthorizedKeys(login, p.values(leave)), Temporary: true}, "until finish: %", leave})
	}
	return steps
}

// bootedSteps are the steps on the booted tablet.
func (p *prepared) bootedSteps(v *variant) error {
	for _, s := range p.profile.Provision {
		steps, err := p.provisionStep(s)
		if err != nil {
			return err
		}
		for _, n := range steps {
			n.step = p.guard(n.step, s.Options)
			if s.WiFi != nil && p.removed(func(r *profiles.Removed) []string { return r.WiFi }, s.WiFi.SSID.String()) {
				n.step, n.words = &flash.Guarded{Step: n.step, Temporary: true}, "until finish: "+n.words
			}
			v.add(n)
		}
	}
	for _, c := range p.profile.Checks {
		n, err := p.checkStep(v, c)
		if err != nil {
			return err
		}
		n.step = p.guard(n.step, profiles.Options{When: c.When})
		v.add(n)
	}
	if p.profile.SSH == nil {
		return nil
	}
	if p.scope == flash.ScopeRun || p.profile.Identity != nil {
		v.add(note(provision.Self{}, "no other tablet's"))
	}
	if p.scope == flash.ScopeRun && p.profile.SSH.HasRoot() {
		v.add(note(provision.NewStamp(stamp(v.steps)), "which images are on the tablet"))
	}
	p.finishSteps(v)
	return nil
}

func (p *prepared) provisionStep(s profiles.ProvisionStep) ([]noted, error) {
	one := func(step flash.Step, words string, texts ...*profiles.Text) ([]noted, error) {
		return []noted{note(step, words, texts...)}, nil
	}
	switch {
	case s.Regenerate != nil:
		return one(provision.Regenerate(s.Regenerate), strings.Join(s.Regenerate, ", "))
	case s.Hostname != nil:
		return one(provision.Hostname(p.value(s.Hostname)), "%", s.Hostname)
	case s.Timezone != nil:
		return one(provision.Timezone(p.value(s.Timezone)), "%", s.Timezone)
	case s.Locale != nil:
		return one(provision.Locale(p.value(s.Locale)), "%", s.Locale)
	case s.CA != nil:
		var all []provision.Certificate
		for _, file := range s.CA {
			text, err := p.profile.ReadFile(file, maxSecrets)
			if err != nil {
				return nil, problem.New(problem.Invalid, "", "%w", err)
			}
			all = append(all, provision.Certificate{Name: filepath.Base(file), PEM: text})
		}
		return one(provision.CA(all), strings.Join(s.CA, ", "))
	case s.WiFi != nil:
		w := s.WiFi
		out := &provision.WiFi{SSID: p.value(&w.SSID), Label: w.SSID.String(), Security: w.Security, Passphrase: p.value(w.Passphrase), Hidden: w.Hidden,
			EAP: w.EAP, Phase2: w.Phase2, User: p.value(w.User), Password: p.value(w.Password)}
		if w.CA != "" {
			var err error
			if out.CA, err = p.profile.ReadFile(w.CA, maxSecrets); err != nil {
				return nil, problem.New(problem.Invalid, "", "%w", err)
			}
		}
		words := w.Security
		if w.Security == "ieee8021x" {
			words += ", " + w.EAP + ", user %"
		}
		return one(out.Step(), words, w.User)
	case s.File != nil:
		return p.fileStep("", s.File)
	case s.Enrolment != nil:
		return p.fileStep("enrolment", s.Enrolment)
	case s.Packages != nil:
		return p.packageSteps(s.Packages)
	case s.Dconf != nil:
		var steps []noted
		for _, key := range slices.Sorted(maps.Keys(s.Dconf)) {
			t := s.Dconf[key]
			value := p.value(&t)
			steps = append(steps, note(provision.Dconf(key, func(ctx context.Context, s *flash.Session) (string, error) {
				v, err := value(ctx, s)
				return gvariant(v), err
			}), "%", &t))
		}
		return steps, nil
	case s.DBus != nil:
		d := s.DBus
		step := &provision.Bus{Session: d.Bus == "session", Destination: d.Destination, Path: d.Object, Method: d.Method, Args: p.values(d.Args),
			Is: p.value(d.Is), Root: d.Root, Changes: d.Changes == "always"}
		n := noted{step, d.Destination, d.Args}
		if len(d.Args) > 0 {
			n.words += " %"
		}
		if d.Is != nil {
			n.words += ", must answer " + d.Is.String()
		}
		return []noted{n}, nil
	case s.Units != nil:
		var steps []noted
		for _, group := range []struct {
			state string
			units []string
		}{{"enabled", s.Units.Enable}, {"disabled", s.Units.Disable}, {"masked", s.Units.Mask}} {
			for _, u := range group.units {
				steps = append(steps, note(provision.Unit(u, group.state), group.state))
			}
		}
		return steps, nil
	case s.AuthorizedKeys != nil:
		return p.keySteps(s.AuthorizedKeys), nil
	case s.Wizard != "":
		return one(provision.Wizard(p.profile.SSH.User), s.Wizard)
	case s.Reboot != "":
		return one(&provision.Reboot{Always: s.Reboot == "always"}, s.Reboot)
	}
	e := s.Exec
	return []noted{{&provision.Exec{Argv: p.values(e.Argv), Program: e.Argv[0].String(), Root: e.Root, Timeout: time.Duration(e.Timeout),
		Changes: e.Changes == "always", Creates: e.Creates}, "%", e.Argv}}, nil
}

func (p *prepared) fileStep(name string, f *profiles.File) ([]noted, error) {
	mode, err := strconv.ParseUint(f.Mode, 8, 12)
	if err != nil {
		return nil, err // the schema allows only octal digits
	}
	if name != "" {
		name += ":" + f.To
	}
	step := provision.File(provision.FileOptions{Name: name, To: f.To, Content: p.value(f.Text()), Mode: fs.FileMode(mode), Root: f.Owner == "root"})
	return []noted{note(step, strings.Join([]string{f.Owner, f.Mode, f.From}, " "))}, nil
}

// packageSteps takes the digests of the packages, before anything is written.
func (p *prepared) packageSteps(packages []profiles.Package) (steps []noted, err error) {
	for _, k := range packages {
		open := func() (io.ReadCloser, error) {
			r, _, err := p.profile.Open(k.RPM)
			return r, err
		}
		r, err := open()
		if err != nil {
			return nil, problem.New(problem.Invalid, "", "%w", err)
		}
		sum := sha256.New()
		n, err := io.Copy(sum, r)
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, problem.New(problem.Invalid, "", "%s: %w", k.RPM, err)
		}
		steps = append(steps, note(provision.Install(provision.Package{Name: k.Name, Version: k.Version, SHA256: fmt.Sprintf("%x", sum.Sum(nil)), Size: n, Open: open}), k.Version))
	}
	return steps, nil
}

var plainVariant = regexp.MustCompile(`^(true|false|-?[0-9]+(\.[0-9]+)?)$`)

// gvariant is a value in GVariant's text form.
func gvariant(v string) string {
	if plainVariant.MatchString(v) {
		return v
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
}

func (p *prepared) checkStep(v *variant, c profiles.Check) (noted, error) {
	if c.Fact != "" {
		n := note(&provision.Fact{Fact: c.Fact, Is: p.value(c.Is), IsNot: p.value(c.IsNot), Min: c.Min, Max: c.Max, Luhn: c.Valid == "luhn", Unique: c.Unique == "ledger"}, "", c.Is)
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
	im := v.image(p.profile, c.Partition)
	sum, err := expanded(im)
	if err != nil {
		return noted{}, problem.New(problem.Invalid, "check another partition, or flash this one from a raw image", "checks: %s: %w", c.Partition, err)
	}
	return note(&provision.Digest{Partition: c.Partition, Size: im.Size(), SHA256: sum}, "sha256:"+sum), nil
}

// image is the open image for a partition.
func (v *variant) image(p *profiles.Profile, partition string) *image.Image {
	if v.bundle == nil {
		return v.images.of(imageUse{partition, p.Images[partition].File})
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
		if w, ok := flash.As[*flash.WriteImage](s); ok {
			fmt.Fprintf(&b, "%s %s %s\n", w.Partition, either(w.Slot, "current"), w.Image.Digest())
		}
	}
	return b.String()
}

// finishSteps are what cuts the way into the tablet, and what is done just before.
func (p *prepared) finishSteps(v *variant) {
	var last *provision.Finish
	login := p.profile.SSH.User
	for _, s := range p.profile.Finish {
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
			v.add(note(&flash.LockState{Leave: s.LockState.Leave, Because: s.LockState.Because}, s.LockState.Because))
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
		v.add(note(last, strings.Join(words, "; ")))
	}
}
