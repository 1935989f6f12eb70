// This file is what must hold of a profile beyond the schema, and what is put in where
// something was left out.

package profiles

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
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

// complete puts in what was left out.
func (p *Profile) complete() {
	put := func(to *string, value string) {
		if *to == "" {
			*to = value
		}
	}
	put(&p.Tablet.Lock, "unlocked")
	put(&p.Tablet.Battery.Unknown, "warn")
	if p.Boot.Within == 0 {
		p.Boot.Within = Duration(defaultBoot)
	}
	if p.SSH != nil {
		put(&p.SSH.Port, "22")
		put(&p.SSH.Root, "none")
	}
	for i := range p.Flash {
		if slices.Equal(p.Flash[i].Images, names{AllImages}) && len(p.Images) > 0 {
			p.Flash[i].Images = slices.Clone(p.order)
		}
		if u := p.Flash[i].Unlock; u != nil {
			put(&u.By, "usb-serial")
		}
	}
	for _, s := range p.Provision {
		if s.File != nil && p.SSH != nil {
			put(&s.File.Owner, p.owner(s.File.To))
			put(&s.File.Mode, "0644")
		}
		if s.Enrolment != nil {
			put(&s.Enrolment.Owner, "root")
			put(&s.Enrolment.Mode, "0600")
		}
		if w := s.WiFi; w != nil {
			switch {
			case w.Passphrase != nil:
				put(&w.Security, "psk")
			case w.User != nil || w.EAP != "":
				put(&w.Security, "ieee8021x")
			}
			put(&w.Security, "none")
			if w.Security == "ieee8021x" {
				put(&w.EAP, "peap")
				put(&w.Phase2, "MSCHAPV2")
			}
		}
		if s.DBus != nil {
			put(&s.DBus.Bus, "system")
			put(&s.DBus.Changes, "always")
		}
		if s.Exec != nil {
			put(&s.Exec.Changes, "always")
			if s.Exec.Timeout == 0 {
				s.Exec.Timeout = Duration(defaultExec)
			}
		}
	}
	for name, h := range p.Hooks {
		if h.Timeout == 0 {
			h.Timeout = Duration(defaultHook)
			p.Hooks[name] = h
		}
	}
}

// owner is whose a file is if nothing is said: the login's in its home, and root's
// anywhere else, where there is root.
func (p *Profile) owner(to string) string {
	home := "/home/" + p.SSH.User + "/"
	if p.SSH.User == "root" || p.SSH.HasRoot() && !strings.HasPrefix(to, home) && !strings.HasPrefix(to, "/tmp/") {
		return "root"
	}
	return p.SSH.User
}

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

// place of use: how late a value may be known there, and whether it may be a secret.
type use struct {
	latest Phase
	plain  string // why no secret may stand there; "": it may
}

const (
	onCommandLine = "would stand on a command line, where everybody on the system can read it; put it in a file"
	inTheOpen     = "would be shown"
)

// uses are by the beginnings of pointers; the longest one counts.
var uses = []struct {
	path string // * is any index or key
	use  use
}{
	{"/ssh", use{AtStart, ""}},
	{"/flash", use{AtConnect, inTheOpen}},
	{"/provision", use{WhenBooted, ""}},
	{"/provision/*/hostname", use{WhenBooted, inTheOpen}},
	{"/provision/*/timezone", use{WhenBooted, inTheOpen}},
	{"/provision/*/locale", use{WhenBooted, inTheOpen}},
	{"/provision/*/wifi/ssid", use{WhenBooted, inTheOpen}},
	{"/provision/*/exec", use{WhenBooted, onCommandLine}},
	{"/provision/*/dconf", use{WhenBooted, onCommandLine}},
	{"/provision/*/dbus", use{WhenBooted, onCommandLine}},
	{"/checks", use{WhenBooted, inTheOpen}},
	{"/hooks", use{AtConnect, onCommandLine}},
}

func useAt(pointer string) use {
	var best use
	depth := 0
	have := strings.Split(pointer, "/")
	for _, u := range uses {
		want := strings.Split(u.path, "/")
		if len(want) <= len(have) && len(want) > depth && slices.EqualFunc(want, have[:len(want)], func(w, h string) bool { return w == "*" || w == h }) {
			best, depth = u.use, len(want)
		}
	}
	return best
}

// checkTexts holds every template and condition to the names there are, and to when
// they are known.
func (p *Profile) checkTexts() {
	visit(reflect.ValueOf(*p), "", p.checkText)
}

func (p *Profile) checkText(pointer string, v any) {
	if strings.HasPrefix(pointer, "/vars") {
		return
	}
	u := useAt(pointer)
	var k known
	var err error
	what := ""
	switch v := v.(type) {
	case Text:
		what = v.String()
		k, err = p.known(v)
	case Condition:
		what = v.String()
		k.phase, err = p.checkCondition(&v)
	}
	switch {
	case err != nil:
		p.tree.at(pointer, "%s: %v", what, err)
	case k.phase > u.latest:
		p.tree.at(pointer, "%s: it is known only %s; here it is needed %s", what, k.phase, u.latest)
	case k.secret && u.plain != "":
		p.tree.at(pointer, "%s: a secret %s", what, u.plain)
	}
}

// visit calls do with every Text and Condition in v, and its JSON pointer.
func visit(v reflect.Value, pointer string, do func(string, any)) {
	if !v.IsValid() {
		return
	}
	switch x := v.Interface().(type) {
	case Text, Condition:
		do(pointer, x)
		return
	case Secret:
		do(pointer, x.text)
		return
	}
	switch v.Kind() { //nolint:exhaustive // nothing else holds any
	case reflect.Pointer:
		if !v.IsNil() {
			visit(v.Elem(), pointer, do)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous:
				visit(v.Field(i), pointer, do)
			case f.IsExported() && name != "-":
				visit(v.Field(i), pointer+"/"+escape(name), do)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			visit(v.Index(i), fmt.Sprintf("%s/%d", pointer, i), do)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			visit(v.MapIndex(k), pointer+"/"+escape(k.String()), do)
		}
	default:
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

// root reports a step that needs root where there is none.
func (p *Profile) root(pointer, why string) {
	if !p.SSH.HasRoot() {
		p.tree.at(pointer, "%s needs root: give ssh.root", why)
	}
}

func (p *Profile) checkProvision(pointer string, s *ProvisionStep) {
	t := p.tree
	for why, there := range map[string]bool{
		"regenerate": s.Regenerate != nil, "hostname": s.Hostname != nil, "timezone": s.Timezone != nil, "locale": s.Locale != nil, "ca": s.CA != nil,
		"wifi": s.WiFi != nil, "units": s.Units != nil, "reboot": s.Reboot != "",
	} {
		if there {
			p.root(pointer, why)
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

func (p *Profile) checkHooks() {
	for name, h := range p.Hooks {
		pointer := "/hooks/" + name
		if program := h.Argv[0]; len(program.names()) > 0 || !filepath.IsAbs(program.String()) {
			p.tree.at(pointer+"/argv/0", "a hook's program is named by its absolute path, without templates")
		}
	}
}
