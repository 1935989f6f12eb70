// This file is what must hold of a profile beyond the schema, before a tablet is there.

package profiles

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	defaultBoot = 10 * time.Minute
	defaultExec = time.Minute
	defaultHook = 10 * time.Second
	maxContent  = 16 << 20 // of one file for the tablet, bytes
	maxPackage  = 2 << 30  // of one RPM, bytes
)

// check is what the schema cannot say.
func (p *Profile) check() {
	t := p.tree
	p.checkImages()
	p.checkVars()
	p.checkFlash()
	p.checkTexts()
	if p.Secrets != nil && p.Secrets.File != "" {
		p.Secrets.File = p.resolve("/secrets/file", p.Secrets.File)
		p.there("/secrets/file", p.Secrets.File)
	}
	p.checkHooks()
	if (len(p.Provision) > 0 || len(p.Checks) > 0 || len(p.Finish) > 0) && p.SSH == nil {
		t.at("", "provision, checks and finish need ssh: how the booted tablet is reached")
		return
	}
	if p.Access.Mode == "none" && len(p.Provision)+len(p.Checks)+len(p.Finish) > 0 {
		t.at("/access", "access is none: nobody gets into the booted tablet, so there can be no provision, checks or finish")
	}
	if p.Access.Mode == "manual" && p.Access.Words == "" {
		t.at("/access", "access: manual needs words: what the operator must do")
	}
	if s := p.SSH; s != nil {
		if s.Key != nil && len(s.Key.names()) == 0 {
			*s.Key = literal(p.resolve("/ssh/key", s.Key.String()))
			p.there("/ssh/key", s.Key.String())
		}
		if s.Key == nil && s.Password.IsZero() {
			t.at("/ssh", "ssh needs a password or a key")
		}
		if n := s.PortNumber(); n > 65535 {
			t.at("/ssh/port", "ssh.port: a port is a number from 1 to 65535, or target")
		}
	}
	for i := range p.Provision {
		p.checkProvision(fmt.Sprintf("/provision/%d", i), &p.Provision[i])
	}
	for i, c := range p.Checks {
		p.checkCheck(fmt.Sprintf("/checks/%d", i), c)
	}
	p.checkFinish()
	p.checkValues()
	p.checkRepeats()
}

// there reports a file that cannot be opened.
func (p *Profile) there(pointer, file string) {
	r, _, err := p.files.Open(file)
	if err != nil {
		p.tree.at(pointer, "%s", noFile(file, err))
		return
	}
	_ = r.Close()
}

// noFile says why a file cannot be opened.
func noFile(file string, err error) string {
	var pe *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return file + ": there is no such file"
	case errors.As(err, &pe):
		return fmt.Sprintf("%s: %v", file, pe.Err)
	}
	return err.Error()
}

func (p *Profile) checkImages() {
	t := p.tree
	if len(p.Images) > 0 && len(p.Bundles) > 0 {
		t.at("/images", "images and bundles: give one of them")
	}
	for name, im := range p.Images {
		pointer := "/images/" + escape(name)
		im.SHA256 = strings.ToLower(im.SHA256)
		im.File = within(filepath.Dir(t.place(pointer+"/file").file), im.File)
		p.Images[name] = im
		if !slices.Contains(p.Partitions, name) {
			t.at(pointer, "%s is not among partitions, the only ones that are ever written", name)
		}
	}
	for i := range p.Bundles {
		p.Bundles[i].File = within(filepath.Dir(t.place(fmt.Sprintf("/bundles/%d/file", i)).file), p.Bundles[i].File)
	}
	if slices.Contains(p.Tablet.Models, OfBundle) && len(p.Images) > 0 {
		t.at("/tablet/models", "models: bundle needs a bundle; with images, write the model codes")
	}
	for i, c := range p.Bundles {
		if !slices.Contains(p.Tablet.Models, OfBundle) && !slices.ContainsFunc(p.Tablet.Models, c.Fits) {
			t.at(fmt.Sprintf("/bundles/%d", i), "none of tablet.models fits these models")
		}
	}
}

func (p *Profile) checkVars() {
	for name, v := range p.Vars {
		at := "/vars/" + escape(name)
		uses := v.Value.names()
		if v.By != "" {
			uses = []string{v.By}
		}
		for _, n := range uses {
			if strings.HasPrefix(n, "vars.") {
				p.tree.at(at, "vars.%s: a var cannot use another var", name)
			} else if _, err := p.name(n); err != nil {
				p.tree.at(at, "vars.%s: %v", name, err)
			}
		}
		if v.By != "" {
			if k, err := p.name(v.By); err == nil && k.secret {
				p.tree.at(at+"/by", "vars.%s: nothing may be chosen by a secret", name)
			}
		}
	}
}

func (p *Profile) checkFlash() {
	t := p.tree
	last := ""
	for i, s := range p.Flash {
		pointer := fmt.Sprintf("/flash/%d", i)
		last = s.Reboot
		for j, name := range s.Erase {
			if part, _, _ := strings.Cut(name, ":"); !slices.Contains(p.Partitions, part) {
				t.at(fmt.Sprintf("%s/erase/%d", pointer, j), "%s is not among partitions, the only ones that are ever written", name)
			}
		}
		for j, name := range s.Images {
			if name == AllImages || len(p.Images) == 0 {
				continue // what the bundle has is known when it is opened
			}
			if !hasKey(p.Images, name) {
				t.at(fmt.Sprintf("%s/images/%d", pointer, j), "there is no image %q under images%s", name, nearest(name, keys(p.Images)))
			}
		}
		if s.Unlock != nil {
			s.Unlock.Codes = p.resolve(pointer+"/unlock/codes", s.Unlock.Codes)
			p.there(pointer+"/unlock/codes", s.Unlock.Codes)
		}
		if s.Reboot != "" && s.When != nil {
			t.at(pointer+"/when", "a reboot has no condition: what follows depends on it")
		}
		if s.Reboot == "system" && i+1 < len(p.Flash) {
			t.at(pointer, "reboot: system is the last step in fastboot")
		}
		if _, ok := t.places[pointer+"/images"]; ok && len(s.Images) == 0 {
			t.at(pointer, "there are no images")
		}
	}
	if len(p.Flash) > 0 && len(p.Provision)+len(p.Checks)+len(p.Finish) > 0 && last != "system" {
		t.at("/flash", "flash must end with reboot: system, because provision, checks and finish need the booted tablet")
	}
}

func (p *Profile) checkHooks() {
	for name, h := range p.Hooks {
		pointer := "/hooks/" + name
		if program := h.Argv[0]; len(program.names()) > 0 || !filepath.IsAbs(program.String()) {
			p.tree.at(pointer+"/argv/0", "a hook's program is named by its absolute path, without templates")
		}
		if h.Ask && name != "before" {
			p.tree.at(pointer+"/ask", "only the hook before can be asked whether a job is run")
		}
	}
}
