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

// SetSecrets gives the values. One that is missing is an *Error with its place.
func (p *Profile) SetSecrets(values map[string]string, hint string) error {
	p.secrets = values
	for name, pointer := range p.secretUses() {
		if _, ok := values[name]; !ok {
			p.tree.at(pointer, "secret.%s: there is no such secret%s%s", name, nearest(name, keys(values)), hint)
		}
	}
	if len(p.tree.errs) > 0 {
		return p.tree.joined()
	}
	return nil
}

// Reveal is the value of a secret of ssh.
func (p *Profile) Reveal(s Secret) (string, error) { return p.Static(s.text) }

// Static is the value of a template that depends on no tablet.
func (p *Profile) Static(t Text) (string, error) {
	return p.Expand(t, func(name string) (string, error) {
		return "", errors.New("{{ " + name + " }} is not known before a tablet is there")
	})
}
