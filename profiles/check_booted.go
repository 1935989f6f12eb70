// This file holds what is done on the booted tablet (provision, checks, finish) to what the
// schema cannot say.

package profiles

import (
	"encoding/pem"
	"fmt"
)

// root reports a step that needs root where there is none.
func (p *Profile) root(pointer, why string) {
	if !p.SSH.HasRoot() {
		p.tree.at(pointer, "%s needs root: give ssh.root", why)
	}
}

func (p *Profile) checkProvision(pointer string, s *ProvisionStep) {
	t := p.tree
	for _, step := range provisionSteps {
		if _, there := t.places[pointer+"/"+step.key]; there && step.root {
			p.root(pointer, step.key)
		}
	}
	if s.Reboot != "" && s.When != nil {
		t.at(pointer+"/when", "a reboot has no condition: write if-changed, or always")
	}
	if f := s.File; f != nil {
		p.checkFile(pointer+"/file", f)
	}
	if f := s.Enrolment; f != nil {
		p.checkFile(pointer+"/enrolment", f)
	}
	for i := range s.CA {
		at := fmt.Sprintf("%s/ca/%d", pointer, i)
		s.CA[i] = p.certificate(at, s.CA[i])
	}
	if s.WiFi != nil {
		p.checkWiFi(pointer+"/wifi", s.WiFi)
	}
	for i := range s.Packages {
		at := fmt.Sprintf("%s/packages/%d/rpm", pointer, i)
		s.Packages[i].RPM = p.resolve(at, s.Packages[i].RPM)
		r, size, err := p.files.Open(s.Packages[i].RPM)
		if err != nil {
			t.at(at, "%s", noFile(s.Packages[i].RPM, err))
			continue
		}
		head := make([]byte, 4)
		_, err = r.Read(head)
		_ = r.Close()
		if err != nil || string(head) != "\xed\xab\xee\xdb" {
			t.at(at, "%s is no RPM", s.Packages[i].RPM)
		} else if size > maxPackage {
			t.at(at, "%s has %d bytes; a package has at most %d", s.Packages[i].RPM, size, maxPackage)
		}
	}
	if s.DBus != nil && s.DBus.Root {
		p.root(pointer, "dbus with root")
	}
	if s.DBus != nil && s.DBus.Root && s.DBus.Bus == "session" {
		t.at(pointer+"/dbus", "root has no session bus")
	}
	if e := s.Exec; e != nil {
		if e.Argv[0].String() == "" {
			t.at(pointer+"/exec/argv/0", "the program's name is empty")
		}
		if e.Root {
			p.root(pointer, "exec with root")
		}
		if e.Creates != "" && e.Changes == "never" {
			t.at(pointer+"/exec", "creates and changes: never contradict each other")
		}
	}
}

func (p *Profile) checkWiFi(pointer string, w *WiFi) {
	t := p.tree
	if w.CA != "" {
		w.CA = p.certificate(pointer+"/ca", w.CA)
	}
	switch w.Security {
	case "psk":
		if w.Passphrase == nil {
			t.at(pointer, "security: psk needs a passphrase")
		}
	case "ieee8021x":
		if w.Passphrase != nil {
			t.at(pointer+"/passphrase", "ieee8021x has a user and a password, no passphrase")
		}
		if w.User == nil || w.Password == nil {
			t.at(pointer, "security: ieee8021x needs user and password")
		}
		if w.CA == "" {
			t.at(pointer, "security: ieee8021x needs ca: without it the password goes to whoever calls himself by that name")
		}
	default:
		if w.Passphrase != nil || w.User != nil || w.Password != nil {
			t.at(pointer, "security: none has no passphrase, user or password")
		}
	}
}

// certificate takes in a file with a certificate.
func (p *Profile) certificate(pointer, file string) string {
	path := p.resolve(pointer, file)
	b, err := readAll(p.files, path, maxContent)
	if err != nil {
		p.tree.at(pointer, "%s", noFile(path, err))
		return path
	}
	if block, _ := pem.Decode(b); block == nil || block.Type != "CERTIFICATE" {
		p.tree.at(pointer, "%s is no certificate in PEM", path)
	}
	return path
}

func (p *Profile) checkFile(pointer string, f *File) {
	t := p.tree
	switch {
	case f.From != "" && f.Content != nil:
		t.at(pointer, "a file has from or content, not both")
	case f.From != "":
		p.readFile(pointer+"/from", f)
	case f.Content == nil:
		t.at(pointer, "a file needs from or content")
	}
	if f.Owner != "root" && f.Owner != p.SSH.User {
		t.at(pointer+"/owner", "owner is root, or the login of ssh (%s)", p.SSH.User)
	}
	if f.Owner == "root" {
		p.root(pointer, "a file of root's")
	}
}

// readFile takes in a file for the tablet, so that every job has the same.
func (p *Profile) readFile(pointer string, f *File) {
	f.From = p.resolve(pointer, f.From)
	b, err := readAll(p.files, f.From, maxContent)
	if err != nil {
		p.tree.at(pointer, "%s", noFile(f.From, err))
		return
	}
	text := literal(string(b))
	if f.Template {
		if text, err = parseText(string(b)); err == nil {
			_, err = p.known(text)
		}
		if err != nil {
			p.tree.at(pointer, "%s: %v", f.From, err)
		}
	}
	f.loaded = &text
}

func (p *Profile) checkCheck(pointer string, c Check) {
	t := p.tree
	conditions := 0
	for _, there := range []bool{c.Is != nil, c.IsNot != nil, c.Min != nil, c.Max != nil, c.Valid != "", c.Unique != ""} {
		if there {
			conditions++
		}
	}
	switch {
	case c.Fact != "" && (c.Partition != "" || c.Digest != ""):
		t.at(pointer, "a check is about a fact or a partition, not both")
	case c.Fact != "" && conditions == 0:
		t.at(pointer, "a check of a fact needs is, is-not, min, max, valid or unique")
	case c.Fact == "" && (c.Partition == "" || c.Digest == "" || conditions > 0):
		t.at(pointer, "write {fact: NAME, is: VALUE} or {partition: NAME, digest: image}")
	case c.Partition != "" && len(p.Images) > 0 && !hasKey(p.Images, c.Partition):
		t.at(pointer+"/partition", "there is no image %q under images%s", c.Partition, nearest(c.Partition, keys(p.Images)))
	case c.Partition != "" && !p.SSH.HasRoot():
		t.at(pointer, "reading a partition needs root: give ssh.root")
	}
}

func (p *Profile) checkFinish() {
	t := p.tree
	cut := ""
	for i, s := range p.Finish {
		pointer := fmt.Sprintf("/finish/%d", i)
		switch {
		case s.Remove != nil && cut != "":
			t.at(pointer, "nothing can be removed after %s: move it up", cut)
		case s.Remove != nil:
			p.root(pointer, "remove")
		case s.DeveloperMode != nil:
			p.root(pointer, "developer-mode")
			if cut != "" {
				t.at(pointer, "developer-mode stands after %s: move it up", cut)
			}
			cut = "developer-mode: disabled"
		case s.Power != "":
			p.root(pointer, "power")
			if cut = "power: off"; i+1 < len(p.Finish) {
				t.at(pointer, "power: off is the last of all")
			}
		}
	}
}
