// This file makes the steps on the booted tablet of what a profile says under provision.

package recipe

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/lazyregexp"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/provision"
	"github.com/zarya-station/zarya/profiles"
)

// removed reports whether finish removes something.
func (r *Recipe) removed(list func(*profiles.Removed) []string, names ...string) bool {
	return slices.ContainsFunc(r.profile.Finish, func(f profiles.FinishStep) bool {
		return f.Remove != nil && slices.ContainsFunc(names, func(n string) bool { return slices.Contains(list(f.Remove), n) })
	})
}

// plannedStep is a step and what a plan shows of it: words, in which % stands for the texts as
// they are for one tablet.
type plannedStep struct {
	step  flash.Step
	words string
	texts []profiles.Text
}

// add appends a step.
func (v *variant) add(n plannedStep) {
	if v.notes == nil {
		v.notes = map[int]plannedStep{}
	}
	v.notes[len(v.steps)] = n
	v.steps = append(v.steps, n.step)
}

// note is a step of which a text is shown; nil is none.
func note(step flash.Step, words string, texts ...*profiles.Text) plannedStep {
	n := plannedStep{step: step, words: words}
	for _, t := range texts {
		if t != nil {
			n.texts = append(n.texts, *t)
		}
	}
	return n
}

// keySteps lets keys in: those that stay, and those that finish removes.
func (r *Recipe) keySteps(keys []profiles.Text) (steps []plannedStep) {
	var stay, leave []profiles.Text
	for _, k := range keys {
		text, err := r.profile.Static(k)
		key, comment, _, _, perr := ssh.ParseAuthorizedKey([]byte(text))
		if err == nil && perr == nil && r.removed(func(r *profiles.Removed) []string { return r.Keys }, comment, ssh.FingerprintSHA256(key)) {
			leave = append(leave, k)
		} else {
			stay = append(stay, k)
		}
	}
	login := r.profile.SSH.User
	if len(stay) > 0 {
		steps = append(steps, plannedStep{provision.AuthorizedKeys(login, r.values(stay)), "%", stay})
	}
	if len(leave) > 0 {
		steps = append(steps, plannedStep{temporary(provision.AuthorizedKeys(login, r.values(leave))), "until finish: %", leave})
	}
	return steps
}

// temporary marks a step whose work finish takes back.
func temporary(step flash.Step) flash.Step {
	step.Temporary = true
	return step
}

// bootedSteps are the steps on the booted tablet.
func (r *Recipe) bootedSteps(v *variant) error {
	for _, s := range r.profile.Provision {
		steps, err := r.provisionStep(s)
		if err != nil {
			return err
		}
		for _, n := range steps {
			n.step = r.guard(n.step, s.Options)
			if s.WiFi != nil && r.removed(func(r *profiles.Removed) []string { return r.WiFi }, s.WiFi.SSID.String()) {
				n.step, n.words = temporary(n.step), "until finish: "+n.words
			}
			v.add(n)
		}
	}
	for _, c := range r.profile.Checks {
		n, err := r.checkStep(v, c)
		if err != nil {
			return err
		}
		n.step = r.guard(n.step, profiles.Options{When: c.When})
		v.add(n)
	}
	if r.profile.SSH == nil {
		return nil
	}
	if r.scope == flash.ScopeRun || r.profile.Identity != nil {
		v.add(note(provision.Self(), "no other tablet's"))
	}
	if r.scope == flash.ScopeRun && r.profile.SSH.HasRoot() {
		v.add(note(provision.Stamp(stamp(v.steps)), "which images are on the tablet"))
	}
	r.finishSteps(v)
	return nil
}

func (r *Recipe) provisionStep(s profiles.ProvisionStep) ([]plannedStep, error) {
	one := func(step flash.Step, words string, texts ...*profiles.Text) ([]plannedStep, error) {
		return []plannedStep{note(step, words, texts...)}, nil
	}
	switch {
	case s.Regenerate != nil:
		return one(provision.Regenerate(s.Regenerate), strings.Join(s.Regenerate, ", "))
	case s.Hostname != nil:
		return one(provision.Hostname(r.value(s.Hostname)), "%", s.Hostname)
	case s.Timezone != nil:
		return one(provision.Timezone(r.value(s.Timezone)), "%", s.Timezone)
	case s.Clock != nil:
		within := time.Duration(s.Clock.Within)
		return one(provision.Clock(within), "within "+within.String())
	case s.Locale != nil:
		return one(provision.Locale(r.value(s.Locale)), "%", s.Locale)
	case s.CA != nil:
		var all []provision.Certificate
		for _, file := range s.CA {
			text, err := r.profile.ReadFile(file, maxSecrets)
			if err != nil {
				return nil, problem.New(problem.Invalid, "", "%w", err)
			}
			all = append(all, provision.Certificate{Name: filepath.Base(file), PEM: text})
		}
		return one(provision.CA(all), strings.Join(s.CA, ", "))
	case s.WiFi != nil:
		w := s.WiFi
		out := &provision.WiFi{SSID: r.value(&w.SSID), Label: w.SSID.String(), Security: w.Security, Passphrase: r.value(w.Passphrase),
			Hidden: w.Hidden, EAP: w.EAP, Phase2: w.Phase2, User: r.value(w.User), Password: r.value(w.Password)}
		if w.CA != "" {
			var err error
			if out.CA, err = r.profile.ReadFile(w.CA, maxSecrets); err != nil {
				return nil, problem.New(problem.Invalid, "", "%w", err)
			}
		}
		words := w.Security
		if w.Security == "ieee8021x" {
			words += ", " + w.EAP + ", user %"
		}
		return one(out.Step(), words, w.User)
	case s.File != nil:
		return r.fileStep("", s.File)
	case s.Enrolment != nil:
		return r.fileStep("enrolment", s.Enrolment)
	case s.Link != nil:
		return one(provision.Link(s.Link.To, r.value(&s.Link.Target)), "to %", &s.Link.Target)
	case s.Packages != nil:
		return r.packageSteps(s.Packages)
	case s.Dconf != nil:
		var steps []plannedStep
		for _, key := range slices.Sorted(maps.Keys(s.Dconf)) {
			t := s.Dconf[key]
			value := r.value(&t)
			steps = append(steps, note(provision.Dconf(key, func(ctx context.Context, s *flash.Session) (string, error) {
				v, err := value(ctx, s)
				return gvariant(v), err
			}), "%", &t))
		}
		return steps, nil
	case s.DBus != nil:
		d := s.DBus
		step := provision.Bus{Session: d.Bus == "session", Destination: d.Destination, Path: d.Object, Method: d.Method, Args: r.values(d.Args),
			Is: r.value(d.Is), Root: d.Root, Changes: d.Changes == "always"}.Step()
		n := plannedStep{step, d.Destination, d.Args}
		if len(d.Args) > 0 {
			n.words += " %"
		}
		if d.Is != nil {
			n.words += ", must answer " + d.Is.String()
		}
		return []plannedStep{n}, nil
	case s.Units != nil:
		var steps []plannedStep
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
		return r.keySteps(s.AuthorizedKeys), nil
	case s.Wizard != "":
		return one(provision.Wizard(r.profile.SSH.User), s.Wizard)
	case s.Reboot != "":
		return one(provision.Reboot{Always: s.Reboot == "always"}.Step(), s.Reboot)
	}
	e := s.Exec
	return []plannedStep{{provision.Exec{Argv: r.values(e.Argv), Program: e.Argv[0].String(), Root: e.Root, Timeout: time.Duration(e.Timeout),
		Changes: e.Changes == "always", Creates: e.Creates}.Step(), "%", e.Argv}}, nil
}

func (r *Recipe) fileStep(name string, f *profiles.File) ([]plannedStep, error) {
	mode, err := strconv.ParseUint(f.Mode, 8, 12)
	if err != nil {
		return nil, err // the schema allows only octal digits
	}
	if name != "" {
		name += ":" + f.To
	}
	step := provision.File(provision.FileOptions{Name: name, To: f.To, Content: r.value(f.Text()), Mode: fs.FileMode(mode),
		Root: f.Owner == "root"})
	return []plannedStep{note(step, strings.Join([]string{f.Owner, f.Mode, f.From}, " "))}, nil
}

// packageSteps takes the digests of the packages, before anything is written.
func (r *Recipe) packageSteps(packages []profiles.Package) (steps []plannedStep, err error) {
	for _, k := range packages {
		open := func() (io.ReadCloser, error) {
			file, _, err := r.profile.Open(k.RPM)
			return file, err
		}
		file, err := open()
		if err != nil {
			return nil, problem.New(problem.Invalid, "", "%w", err)
		}
		sum := sha256.New()
		n, err := io.Copy(sum, file)
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, problem.New(problem.Invalid, "", "%s: %w", k.RPM, err)
		}
		p := provision.Package{Name: k.Name, Version: k.Version, SHA256: fmt.Sprintf("%x", sum.Sum(nil)), Size: n, Open: open}
		steps = append(steps, note(provision.Install(p), k.Version))
	}
	return steps, nil
}

var plainVariant = lazyregexp.New(`^(true|false|-?[0-9]+(\.[0-9]+)?)$`)

// gvariant is a value in GVariant's text form.
func gvariant(v string) string {
	if plainVariant.MatchString(v) {
		return v
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
}
