// This file is a profile as Go values, and what must hold beyond the schema.

package profiles

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Profile is a profile that is valid. Its names are those of the language.
type Profile struct {
	Name       string           `json:"name"`
	Tablet     TabletMatch      `json:"tablet"`
	Images     map[string]Image `json:"images,omitempty"` // by partition
	Partitions []string         `json:"partitions,omitempty"`
	Vars       map[string]Var   `json:"vars,omitempty"`
	Flash      []FlashStep      `json:"flash,omitempty"`
	Boot       Boot             `json:"boot"`
	SSH        *SSH             `json:"ssh,omitempty"`
	Provision  []ProvisionStep  `json:"provision,omitempty"`
	Checks     []Check          `json:"checks,omitempty"`

	order []string // of the images, as written
}

// TabletMatch says which tablets a profile is for.
type TabletMatch struct {
	Models      []string `json:"models"`
	ProductFrom string   `json:"product-from,omitempty"` // getvar product, oem get-product-model; "": either
	Lock        string   `json:"lock"`                   // unlocked, allow-unknown
	Battery     Battery  `json:"battery"`
}

// Battery is what the charge must be.
type Battery struct {
	Min     int    `json:"min,string,omitempty"` // percent
	Unknown string `json:"unknown"`              // allow, warn, stop
}

// Image is one image; File is relative to the working folder once it is loaded.
type Image struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"` // 64 hexadecimal digits, lower case
	Slot   string `json:"slot,omitempty"`
	Sparse string `json:"sparse,omitempty"`
}

// Var is a value with a name: a template, or a choice by a fact of the tablet.
type Var struct {
	Value   Text              `json:"-"`
	By      string            `json:"by,omitempty"`
	Map     map[string]string `json:"map,omitempty"`
	Default *string           `json:"default,omitempty"`
}

// UnmarshalJSON reads either form.
func (v *Var) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &v.Value)
	}
	type plain Var
	return json.Unmarshal(b, (*plain)(v))
}

// MarshalJSON writes the form it has.
func (v Var) MarshalJSON() ([]byte, error) {
	if v.By == "" {
		return json.Marshal(v.Value)
	}
	type plain Var
	return json.Marshal(plain(v))
}

// FlashStep has one of its members.
type FlashStep struct {
	Erase  []string `json:"erase,omitempty"`
	Images names    `json:"images,omitempty"`
	Reboot string   `json:"reboot,omitempty"`
}

// names is all, or a list.
type names []string

func (n *names) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*n = names{"all"}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(n))
}

// Duration is a time.Duration, written 12m.
type Duration time.Duration

// UnmarshalText reads 12m.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// MarshalText writes 12m0s.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Boot is how the system comes up.
type Boot struct {
	Within Duration `json:"within"`
}

// Secret is a value that no output shows.
type Secret struct{ value string }

// Reveal gives the value to whoever needs it on the wire.
func (s Secret) Reveal() string { return s.value }

func (Secret) String() string { return "***" }

// GoString hides the value from %#v.
func (Secret) GoString() string { return "***" }

// MarshalJSON hides the value.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"***"`), nil }

// UnmarshalJSON reads a value, or {env: NAME}.
func (s *Secret) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &s.value)
	}
	var from struct{ Env string }
	if err := json.Unmarshal(b, &from); err != nil {
		return err
	}
	v, ok := os.LookupEnv(from.Env)
	if !ok {
		return fmt.Errorf("the environment variable %s is not set", from.Env)
	}
	s.value = v
	return nil
}

// SSH is how the booted tablet is reached.
type SSH struct {
	User         string `json:"user"`
	Password     Secret `json:"password,omitzero"`
	Key          string `json:"key,omitempty"` // file
	Port         string `json:"port"`          // a number, or target
	Root         string `json:"root"`          // devel-su, sudo, none
	RootPassword Secret `json:"root-password,omitzero"`
	HostKey      string `json:"host-key,omitempty"`
}

// HasRoot reports whether the login is root, or can become it.
func (s *SSH) HasRoot() bool { return s.User == "root" || s.Root != "none" }

// PortNumber is the TCP port; 0 is the target's own number.
func (s SSH) PortNumber() int {
	n, _ := strconv.Atoi(s.Port) // target is 0
	return n
}

// ProvisionStep has one of its members.
type ProvisionStep struct {
	Hostname *Text `json:"hostname,omitempty"`
	Timezone *Text `json:"timezone,omitempty"`
	File     *File `json:"file,omitempty"`
	Exec     *Exec `json:"exec,omitempty"`
}

// File is a file on the tablet.
type File struct {
	From     string `json:"from,omitempty"`
	Content  *Text  `json:"content,omitempty"`
	To       string `json:"to"`
	Template bool   `json:"template,string,omitempty"`
	Owner    string `json:"owner,omitempty"`
	Mode     string `json:"mode,omitempty"` // octal

	loaded *Text // From, which may hold what no output should show
}

// Text is what the file holds, from wherever it comes.
func (f *File) Text() *Text {
	if f.loaded != nil {
		return f.loaded
	}
	return f.Content
}

// Exec is a program that the tablet runs.
type Exec struct {
	Argv    []Text   `json:"argv"`
	Root    bool     `json:"root,string,omitempty"`
	Timeout Duration `json:"timeout,omitempty"`
	Changes string   `json:"changes,omitempty"`
	Creates string   `json:"creates,omitempty"`
}

// Check is what must hold at the end.
type Check struct {
	Fact      string `json:"fact,omitempty"`
	Is        *Text  `json:"is,omitempty"`
	IsNot     *Text  `json:"is-not,omitempty"`
	Min       *int   `json:"min,string,omitempty"`
	Partition string `json:"partition,omitempty"`
	Digest    string `json:"digest,omitempty"`
}

const (
	defaultBoot = 10 * time.Minute
	defaultExec = time.Minute
	maxContent  = 16 << 20 // of one file for the tablet, bytes
)

// Load reads a profile. The error joins an *Error for everything that is wrong.
func Load(path string) (*Profile, error) {
	f, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if f.Size() > maxProfile {
		return nil, &Error{File: path, Message: fmt.Sprintf("has %d bytes; a profile has at most %d", f.Size(), maxProfile)}
	}
	text, err := os.ReadFile(path) //nolint:gosec // the file that the user named
	if err != nil {
		return nil, err
	}
	return Parse(path, text)
}

// Parse reads a profile from text; files that it names are relative to path.
func Parse(path string, text []byte) (*Profile, error) {
	t := readYAML(path, text)
	if len(t.errs) == 0 {
		t.validate()
	}
	if len(t.errs) > 0 {
		return nil, t.joined()
	}
	p := t.decode()
	if len(t.errs) == 0 {
		p.complete()
		p.check(t, filepath.Dir(path))
	}
	if len(t.errs) > 0 {
		return nil, t.joined()
	}
	return p, nil
}

// decode fills the Go values; scalars are strings here, and their types take them.
// Members are decoded one by one, so that each error has its place.
func (t *tree) decode() *Profile {
	p := &Profile{}
	root := t.root.(map[string]any) // the schema says so
	one := func(pointer string, v any, to any) {
		b, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(b, to)
		}
		if err != nil {
			t.at(pointer, "%v", err)
		}
	}
	for _, key := range []struct {
		name string
		to   any
	}{{"name", &p.Name}, {"tablet", &p.Tablet}, {"images", &p.Images}, {"partitions", &p.Partitions}, {"flash", &p.Flash}, {"boot", &p.Boot}} {
		if v, ok := root[key.name]; ok {
			one("/"+key.name, v, key.to)
		}
	}
	if m, ok := root["ssh"].(map[string]any); ok {
		p.SSH = &SSH{}
		for _, key := range []struct {
			name string
			to   any
		}{
			{"user", &p.SSH.User}, {"password", &p.SSH.Password}, {"key", &p.SSH.Key}, {"port", &p.SSH.Port},
			{"root", &p.SSH.Root}, {"root-password", &p.SSH.RootPassword}, {"host-key", &p.SSH.HostKey},
		} {
			if v, ok := m[key.name]; ok {
				one("/ssh/"+key.name, v, key.to)
			}
		}
	}
	if m, ok := root["vars"].(map[string]any); ok {
		p.Vars = map[string]Var{}
		for _, name := range slices.Sorted(maps.Keys(m)) {
			var v Var
			one("/vars/"+escape(name), m[name], &v)
			p.Vars[name] = v
		}
	}
	p.Provision = each[ProvisionStep](root["provision"], "/provision", one)
	p.Checks = each[Check](root["checks"], "/checks", one)
	if n := t.places["/images"].value; n != nil {
		for i := 0; i+1 < len(n.Content); i += 2 {
			p.order = append(p.order, n.Content[i].Value)
		}
	}
	return p
}

// each decodes the items of a list.
func each[T any](list any, pointer string, one func(string, any, any)) []T {
	items, _ := list.([]any)
	out := make([]T, len(items))
	for i, item := range items {
		one(fmt.Sprintf("%s/%d", pointer, i), item, &out[i])
	}
	return out
}

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
		if slices.Equal(p.Flash[i].Images, names{"all"}) {
			p.Flash[i].Images = slices.Clone(p.order)
		}
	}
	for _, s := range p.Provision {
		if s.File != nil && p.SSH != nil {
			put(&s.File.Owner, p.SSH.User)
			put(&s.File.Mode, "0644")
		}
		if s.Exec != nil {
			put(&s.Exec.Changes, "always")
			if s.Exec.Timeout == 0 {
				s.Exec.Timeout = Duration(defaultExec)
			}
		}
	}
}

// check is what the schema cannot say.
func (p *Profile) check(t *tree, dir string) {
	for name, im := range p.Images {
		pointer := "/images/" + escape(name)
		im.SHA256 = strings.ToLower(im.SHA256)
		im.File = within(dir, im.File)
		p.Images[name] = im
		if !slices.Contains(p.Partitions, name) {
			t.at(pointer, "%s is not among partitions, the only ones that are ever written", name)
		}
	}
	for name, v := range p.Vars {
		if err := p.checkNames(v.Value, true); err != nil {
			t.at("/vars/"+escape(name), "vars.%s: %v", name, err)
		}
	}
	p.checkFlash(t)
	if (len(p.Provision) > 0 || len(p.Checks) > 0) && p.SSH == nil {
		t.at("", "provision and checks need ssh: how the booted tablet is reached")
		return
	}
	if s := p.SSH; s != nil {
		if s.Key != "" {
			s.Key = within(dir, s.Key)
		}
		if s.Key == "" && s.Password.value == "" {
			t.at("/ssh", "ssh needs a password or a key")
		}
		if n := s.PortNumber(); n > 65535 {
			t.at("/ssh/port", "ssh.port: a port is a number from 1 to 65535, or target")
		}
	}
	for i, s := range p.Provision {
		p.checkProvision(t, fmt.Sprintf("/provision/%d", i), dir, s)
	}
	for i, c := range p.Checks {
		p.checkCheck(t, fmt.Sprintf("/checks/%d", i), c)
	}
}

func within(dir, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(dir, file)
}

func (p *Profile) checkFlash(t *tree) {
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
			if !hasKey(p.Images, name) {
				t.at(fmt.Sprintf("%s/images/%d", pointer, j), "there is no image %q under images", name)
			}
		}
		if s.Reboot == "system" && i+1 < len(p.Flash) {
			t.at(pointer, "reboot: system is the last step in fastboot")
		}
		if _, ok := t.places[pointer+"/images"]; ok && len(s.Images) == 0 {
			t.at(pointer, "there are no images")
		}
	}
	if len(p.Flash) > 0 && len(p.Provision)+len(p.Checks) > 0 && last != "system" {
		t.at("/flash", "flash must end with reboot: system, because provision and checks need the booted tablet")
	}
}

func (p *Profile) checkProvision(t *tree, pointer, dir string, s ProvisionStep) {
	text := func(at string, v *Text) {
		if v == nil {
			return
		}
		if err := p.checkNames(*v, false); err != nil {
			t.at(pointer+at, "%v", err)
		}
	}
	root := func(why string) {
		if !p.SSH.HasRoot() {
			t.at(pointer, "%s needs root: give ssh.root", why)
		}
	}
	text("/hostname", s.Hostname)
	text("/timezone", s.Timezone)
	if s.Hostname != nil {
		root("hostname")
	}
	if s.Timezone != nil {
		root("timezone")
	}
	if f := s.File; f != nil {
		text("/file/content", f.Content)
		switch {
		case f.From != "" && f.Content != nil:
			t.at(pointer+"/file", "file has from or content, not both")
		case f.From != "":
			p.readFile(t, pointer+"/file/from", dir, f)
		case f.Content == nil:
			t.at(pointer+"/file", "file needs from or content")
		}
		if f.Owner != "root" && f.Owner != p.SSH.User {
			t.at(pointer+"/file/owner", "owner is root, or the login of ssh (%s)", p.SSH.User)
		}
		if f.Owner == "root" {
			root("a file of root's")
		}
	}
	if e := s.Exec; e != nil {
		for i := range e.Argv {
			text(fmt.Sprintf("/exec/argv/%d", i), &e.Argv[i])
		}
		if e.Argv[0].String() == "" {
			t.at(pointer+"/exec/argv/0", "the program's name is empty")
		}
		if e.Root {
			root("exec with root")
		}
		if e.Creates != "" && e.Changes == "never" {
			t.at(pointer+"/exec", "creates and changes: never contradict each other")
		}
	}
}

// readFile takes in a file for the tablet, so that every job has the same.
func (p *Profile) readFile(t *tree, pointer, dir string, f *File) {
	f.From = within(dir, f.From)
	info, err := os.Stat(f.From)
	if err == nil && (info.Size() > maxContent || !info.Mode().IsRegular()) {
		err = fmt.Errorf("%s is no file of at most %d bytes", f.From, maxContent)
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(f.From)
	}
	if err != nil {
		t.at(pointer, "%v", err)
		return
	}
	text := Text{parts: []piece{{text: string(b)}}}
	if f.Template {
		if text, err = parseText(string(b)); err == nil {
			err = p.checkNames(text, false)
		}
		if err != nil {
			t.at(pointer, "%s: %v", f.From, err)
		}
	}
	f.loaded = &text
}

func (p *Profile) checkCheck(t *tree, pointer string, c Check) {
	for _, text := range []*Text{c.Is, c.IsNot} {
		if text == nil {
			continue
		}
		if err := p.checkNames(*text, false); err != nil {
			t.at(pointer, "%v", err)
		}
	}
	conditions := 0
	for _, there := range []bool{c.Is != nil, c.IsNot != nil, c.Min != nil} {
		if there {
			conditions++
		}
	}
	switch {
	case c.Fact != "" && (c.Partition != "" || c.Digest != ""):
		t.at(pointer, "a check is about a fact or a partition, not both")
	case c.Fact != "" && conditions == 0:
		t.at(pointer, "a check of a fact needs is, is-not or min")
	case c.Fact == "" && (c.Partition == "" || c.Digest == "" || conditions > 0):
		t.at(pointer, "write {fact: NAME, is: VALUE} or {partition: NAME, digest: image}")
	case c.Partition != "" && !hasKey(p.Images, c.Partition):
		t.at(pointer+"/partition", "there is no image %q under images", c.Partition)
	case c.Partition != "" && !p.SSH.HasRoot():
		t.at(pointer, "reading a partition needs root: give ssh.root")
	}
}

// Errors takes apart what Load returned.
func Errors(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}
