// This file gives a profile its secrets, and says which it needs.

package profiles

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// SecretNames are the names that {{ secret.NAME }} uses, sorted.
func (p *Profile) SecretNames() []string {
	var all []string
	for name := range p.secretUses() {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// secretUses are the secrets and a pointer to where each is used first.
func (p *Profile) secretUses() map[string]string {
	found := map[string]string{}
	take := func(pointer string, t Text) {
		for _, n := range t.names() {
			if name, ok := strings.CutPrefix(n, "secret."); ok && found[name] == "" {
				found[name] = pointer
			}
		}
	}
	visit(reflect.ValueOf(*p), "", func(pointer string, v any) {
		if t, ok := v.(Text); ok {
			take(pointer, t)
		}
	})
	for name, v := range p.Vars {
		take("/vars/"+escape(name), v.Value)
	}
	for i, s := range p.Provision {
		for key, f := range map[string]*File{"file": s.File, "enrolment": s.Enrolment} {
			if f != nil && f.loaded != nil {
				take(fmt.Sprintf("/provision/%d/%s/from", i, key), *f.loaded)
			}
		}
	}
	return found
}

// SetSecrets gives the values. Each one that is missing is an *Error with its place, which
// says where it could come from; so is each value that a setting cannot have.
func (p *Profile) SetSecrets(values map[string]string) error {
	for name, pointer := range p.secretUses() {
		if _, ok := values[name]; ok {
			continue
		}
		source := "put it into secrets.file, or set ZARYA_SECRET_" + strings.ToUpper(name)
		if p.Secrets != nil && p.Secrets.Env[name] != "" {
			source = "set " + p.Secrets.Env[name]
		}
		if variable, direct := strings.CutPrefix(name, EnvSecret); direct {
			p.tree.at(pointer, "the environment variable %s is not set", variable)
			continue
		}
		p.tree.at(pointer, "secret.%s: there is no such secret%s; %s", name, nearest(name, keys(values)), source)
	}
	if len(p.tree.errs) > 0 {
		return p.tree.joined()
	}
	return p.TrySecrets(values)
}

// TrySecrets gives the values that are at hand, and holds the settings that they make to
// what they may be. It does not ask for the others.
func (p *Profile) TrySecrets(values map[string]string) error {
	p.secrets = values
	p.checkValues()
	if len(p.tree.errs) > 0 {
		return p.tree.joined()
	}
	return nil
}

// ErrorAt makes an *Error about the value at a JSON pointer.
func (p *Profile) ErrorAt(pointer, format string, args ...any) error {
	where := p.tree.place(pointer)
	e := &Error{File: where.file, Message: fmt.Sprintf(format, args...)}
	if where.value != nil {
		e.Line, e.Column = where.value.Line, where.value.Column
	}
	return e
}

// Reveal is the value of a secret of ssh.
func (p *Profile) Reveal(s Secret) (string, error) { return p.Static(s.text) }

// Static is the value of a template that depends on no tablet.
func (p *Profile) Static(t Text) (string, error) {
	return p.Expand(t, func(name string) (string, error) {
		return "", errors.New("{{ " + name + " }} is not known before a tablet is there")
	})
}
