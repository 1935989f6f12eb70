// This file makes of a profile what the engine runs: verified images, steps, and
// what a tablet must be.

package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/profiles"
	"github.com/zarya-station/zarya/provision"
)

// profileFolder is where a user's profiles are.
func profileFolder() string {
	config := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(config) {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		config = filepath.Join(home, ".config")
	}
	return filepath.Join(config, "zarya", "profiles")
}

// loadProfile reads the profile that --profile names: a file, or a name in the
// user's folder.
func loadProfile(name string) (*profiles.Profile, error) {
	if name == "" {
		return nil, fail(exitUsage, "zarya profile new writes one to begin with", "name a profile with --profile")
	}
	path := name
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && !strings.ContainsRune(name, filepath.Separator) {
		if inFolder := filepath.Join(profileFolder(), name+".yaml"); fileThere(inFolder) {
			path = inFolder
		}
	}
	p, err := profiles.Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fail(exitInvalid, "zarya profile list shows what there is", "there is no profile %s", name)
	}
	if err != nil {
		return nil, fail(exitInvalid, "mend the profile; nothing was done", "%w", err)
	}
	return p, nil
}

func fileThere(path string) bool { _, err := os.Stat(path); return err == nil }

// prepared is a profile with its images read and its steps made.
type prepared struct {
	profile *profiles.Profile
	scope   flash.Scope
	images  images
	steps   []flash.Step
	system  flash.System
}

func (p *prepared) close() { p.images.close() }

// prepare reads a profile and, for scopes that write them, its images. All that is
// wrong is said before any tablet is touched.
func (a *app) prepare(name string, scope flash.Scope, allow []string) (*prepared, error) {
	p, err := loadProfile(name)
	if err != nil {
		return nil, err
	}
	out := &prepared{profile: p, scope: scope}
	if err := out.fits(); err != nil {
		return nil, err
	}
	for _, part := range p.Partitions {
		if err := checkPartition("partitions in the profile", part, "", allow); err != nil {
			return nil, err
		}
	}
	if p.SSH != nil && scope != flash.ScopeFlash {
		if out.system, err = system(p.SSH); err != nil {
			return nil, err
		}
	}
	if err := a.verifyImages(out); err != nil {
		return nil, err
	}
	if scope != flash.ScopeProvision {
		if err := out.flashSteps(); err != nil {
			out.close()
			return nil, err
		}
	}
	if scope != flash.ScopeFlash {
		if err := out.bootedSteps(); err != nil {
			out.close()
			return nil, err
		}
	}
	return out, nil
}

// fits holds the profile to what the verb needs.
func (p *prepared) fits() error {
	need := func(ok bool, format string, args ...any) error {
		if ok {
			return nil
		}
		return fail(exitInvalid, "add it to the profile, or use another verb", format, args...)
	}
	expected := slices.ContainsFunc(p.profile.Checks, func(c profiles.Check) bool {
		return c.Is != nil && (strings.HasPrefix(c.Fact, "os-release.") || strings.HasPrefix(c.Fact, "hw-release."))
	})
	switch p.scope {
	case flash.ScopeFlash:
		return need(len(p.profile.Flash) > 0, "the profile %s has no flash steps", p.profile.Name)
	case flash.ScopeProvision:
		return need(p.profile.SSH != nil && len(p.profile.Provision)+len(p.profile.Checks) > 0, "the profile %s has nothing under provision and checks", p.profile.Name)
	}
	return errors.Join(
		need(len(p.profile.Flash) > 0, "the profile %s has no flash steps", p.profile.Name),
		need(expected, "the profile %s does not say which build is expected: run needs a check such as {fact: os-release.VERSION_ID, is: …}", p.profile.Name))
}

// system is how the profile reaches booted tablets.
func system(s *profiles.SSH) (flash.System, error) {
	out := &provision.SSH{User: s.User, Password: s.Password.Reveal(), Root: s.Root, RootPassword: s.RootPassword.Reveal(),
		TCPPort: s.PortNumber(), Fingerprint: s.HostKey}
	if s.Key != "" {
		text, err := os.ReadFile(s.Key)
		if err != nil {
			return nil, fail(exitInvalid, "name a file with a private key", "ssh.key: %w", err)
		}
		if out.Signer, err = ssh.ParsePrivateKey(text); err != nil {
			return nil, fail(exitInvalid, "name a file with a private key that has no passphrase", "ssh.key: %s: %w", s.Key, err)
		}
	}
	return out, nil
}

// verifyImages reads the images that the scope needs and holds them to the
// profile's digests.
func (a *app) verifyImages(p *prepared) error {
	var uses []imageUse
	need := map[string]bool{}
	if p.scope != flash.ScopeProvision {
		for _, s := range p.profile.Flash {
			for _, name := range s.Images {
				need[name] = true
			}
		}
	}
	for _, c := range p.profile.Checks {
		if c.Partition != "" && p.scope != flash.ScopeFlash {
			need[c.Partition] = true
		}
	}
	for name := range need {
		uses = append(uses, imageUse{name, p.profile.Images[name].File})
	}
	slices.SortFunc(uses, func(a, b imageUse) int { return strings.Compare(a.file, b.file) })
	var err error
	if p.images, err = a.openImages(uses); err != nil {
		return err
	}
	var wrong []error
	for name, im := range p.profile.Images {
		if read := p.images.of(imageUse{name, im.File}); read != nil && read.Digest() != "sha256:"+im.SHA256 {
			wrong = append(wrong, fmt.Errorf("%s: %s has %s, the profile says sha256:%s", name, im.File, read.Digest(), im.SHA256))
		}
	}
	if len(wrong) > 0 {
		p.close()
		slices.SortFunc(wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		return fail(exitInvalid, "take the image that the profile was made for; nothing was written", "%w", errors.Join(wrong...))
	}
	return nil
}

// flashSteps are the steps in fastboot.
func (p *prepared) flashSteps() error {
	for _, s := range p.profile.Flash {
		for _, part := range s.Erase {
			p.steps = append(p.steps, &flash.Erase{Partition: part})
		}
		for _, part := range s.Images {
			im := p.profile.Images[part]
			policy, err := image.ParsePolicy(either(im.Sparse, "auto"))
			if err != nil {
				return err
			}
			p.steps = append(p.steps, &flash.WriteImage{Partition: part, Slot: im.Slot, Image: p.images.of(imageUse{part, im.File}), Policy: policy})
		}
		if s.Reboot != "" {
			p.steps = append(p.steps, &flash.Reboot{Mode: s.Reboot})
		}
	}
	return nil
}

// value makes a setting of a template.
func (p *prepared) value(t *profiles.Text) provision.Value {
	if t == nil {
		return nil
	}
	return func(k flash.Key) (string, error) {
		return p.profile.Expand(*t, profiles.Tablet{Serial: k.Serial, Model: k.Product, Place: k.Place})
	}
}

// bootedSteps are the steps on the booted tablet.
func (p *prepared) bootedSteps() error {
	for _, s := range p.profile.Provision {
		switch {
		case s.Hostname != nil:
			p.steps = append(p.steps, provision.Hostname(p.value(s.Hostname)))
		case s.Timezone != nil:
			p.steps = append(p.steps, provision.Timezone(p.value(s.Timezone)))
		case s.File != nil:
			mode, err := strconv.ParseUint(s.File.Mode, 8, 12)
			if err != nil {
				return err // the schema allows only octal digits
			}
			p.steps = append(p.steps, provision.File(provision.FileOptions{To: s.File.To, Content: p.value(s.File.Text()),
				Mode: fs.FileMode(mode), Root: s.File.Owner == "root"}))
		case s.Exec != nil:
			e := &provision.Exec{Program: s.Exec.Argv[0].String(), Root: s.Exec.Root, Timeout: time.Duration(s.Exec.Timeout),
				Changes: s.Exec.Changes == "always", Creates: s.Exec.Creates}
			for i := range s.Exec.Argv {
				e.Argv = append(e.Argv, p.value(&s.Exec.Argv[i]))
			}
			p.steps = append(p.steps, e)
		}
	}
	for _, c := range p.profile.Checks {
		if c.Fact != "" {
			p.steps = append(p.steps, &provision.Fact{Fact: c.Fact, Is: p.value(c.Is), IsNot: p.value(c.IsNot), Min: c.Min})
			continue
		}
		im := p.images.of(imageUse{c.Partition, p.profile.Images[c.Partition].File})
		sum, err := expanded(im)
		if err != nil {
			return fail(exitInvalid, "check another partition, or flash this one from a raw image", "checks: %s: %w", c.Partition, err)
		}
		p.steps = append(p.steps, &provision.Digest{Partition: c.Partition, Size: im.Size(), SHA256: sum})
	}
	if p.scope == flash.ScopeRun && p.profile.SSH.HasRoot() {
		p.steps = append(p.steps, provision.NewStamp(p.stamp()))
	}
	return nil
}

// expanded is the SHA-256 of what an image leaves on its partition.
func expanded(im *image.Image) (string, error) {
	if im.Sums()[image.DontCare].Bytes > 0 {
		return "", fmt.Errorf("%s leaves parts of the partition as they are (DONT_CARE), so there is no digest to read back", im.Path())
	}
	if im.Format() == image.FormatRaw && im.Packing() == "" {
		return strings.TrimPrefix(im.Digest(), "sha256:"), nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(im, 0, im.Size())); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), nil
}

// stamp names the images in the order in which they are written.
func (p *prepared) stamp() string {
	var b strings.Builder
	fmt.Fprintln(&b, "zarya stamp 1")
	for _, s := range p.steps {
		if w, ok := s.(*flash.WriteImage); ok {
			fmt.Fprintf(&b, "%s %s %s\n", w.Partition, either(w.Slot, "current"), w.Image.Digest())
		}
	}
	return b.String()
}

// requirements are what the profile asks of a tablet.
func (p *prepared) requirements() flash.Requirements {
	t := p.profile.Tablet
	r := flash.Requirements{Products: t.Models, MinBattery: t.Battery.Min, Lock: flash.SilenceStops}
	if t.ProductFrom != "" {
		r.ProductFrom = strings.Replace(t.ProductFrom, "getvar ", "getvar:", 1)
	}
	if t.Lock == "allow-unknown" {
		r.Lock = flash.SilenceWarns
	}
	r.Battery = map[string]flash.Silence{"allow": flash.SilencePasses, "warn": flash.SilenceWarns, "stop": flash.SilenceStops}[t.Battery.Unknown]
	return r
}

// jobs makes one job a target.
func (p *prepared) jobs(run string, targets []target) []flash.Job {
	var jobs []flash.Job
	for i, t := range targets {
		jobs = append(jobs, flash.Job{ID: fmt.Sprintf("%s-%d", run, i+1), Target: t, Scope: p.scope, Profile: p.profile.Name,
			Require: p.requirements(), Images: imageInfos(p.steps), Steps: p.steps, System: p.system, Boot: time.Duration(p.profile.Boot.Within)})
	}
	return jobs
}
