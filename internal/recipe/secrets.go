// This file reads what is secret in a profile: files encrypted with age, the environment.
// Values stay in memory, and every output is told to hide them.

package recipe

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/profiles"
)

// openSealed decrypts a file that a profile names.
func (m *Maker) openSealed(p *profiles.Profile, file string) ([]byte, error) {
	sealed, err := p.ReadFile(file, maxSecrets)
	if err != nil {
		return nil, problem.New(problem.Invalid, "", "%w", err)
	}
	text, err := m.Key.Open(string(sealed))
	if _, said := problem.KindOf(err); err != nil && !said {
		err = problem.New(problem.Invalid, "is it encrypted for the key in "+m.Key.File+"?", "%s: %v", file, err)
	}
	return text, err
}

// LoadSecrets gives a profile its secrets and hides them from all outputs.
func (m *Maker) LoadSecrets(p *profiles.Profile) error {
	values, err := m.readSecrets(p)
	if err != nil {
		return err
	}
	if err := p.SetSecrets(values); err != nil {
		return problem.New(problem.Invalid, "fix the profile, or its secrets; nothing was done", "%w", err)
	}
	if s := p.SSH; s != nil {
		for _, secret := range []profiles.Secret{s.Password, s.RootPassword} {
			if v, err := p.Reveal(secret); err == nil {
				m.Secrets.Add(v)
			}
		}
	}
	return nil
}

// readSecrets reads the secrets that a profile uses, as far as they are at hand, and hides
// them from all outputs.
func (m *Maker) readSecrets(p *profiles.Profile) (map[string]string, error) {
	names := p.SecretNames()
	values := map[string]string{}
	if p.Secrets != nil && p.Secrets.File != "" && len(names) > 0 {
		text, err := m.openSealed(p, p.Secrets.File)
		if err != nil {
			return nil, err
		}
		if err := yaml.Unmarshal(text, &values); err != nil {
			// the error would show it
			return nil, problem.New(problem.Invalid, "it holds lines such as NAME: VALUE", "%s: what is in it cannot be read", p.Secrets.File)
		}
	}
	if p.Secrets != nil {
		for name, variable := range p.Secrets.Env {
			if v, ok := os.LookupEnv(variable); ok {
				values[name] = v
			}
		}
	}
	for _, name := range names {
		variable, direct := strings.CutPrefix(name, profiles.EnvSecret)
		if !direct {
			variable = "ZARYA_SECRET_" + strings.ToUpper(name)
		}
		if _, ok := values[name]; ok {
			continue
		}
		if v, ok := os.LookupEnv(variable); ok {
			values[name] = v
		}
	}
	if len(values) > 0 {
		forbidCoreDumps()
	}
	for _, v := range values {
		m.Secrets.Add(v)
	}
	return values, nil
}

// HideIdentities returns a supply of identities whose secrets no output shows, and which
// refuses an identity that lacks a column that the profile needs.
func (r *Recipe) HideIdentities(supply flash.Identities, secrets *flash.Secrets) flash.Identities {
	return &redactingIdentities{supply, r.profile, secrets}
}

// redactingIdentities adds the secrets of each identity to those that no output shows
// before it hands the identity on.
type redactingIdentities struct {
	flash.Identities
	profile *profiles.Profile
	secrets *flash.Secrets
}

// Assign hides before it hands on.
func (h *redactingIdentities) Assign(ctx context.Context, pool, serial, job string) (*flash.Identity, error) {
	id, err := h.Identities.Assign(ctx, pool, serial, job)
	if err != nil {
		return nil, err
	}
	return id, h.redact(id)
}

// Held hides before it hands on.
func (h *redactingIdentities) Held(ctx context.Context, pool, serial string) (*flash.Identity, error) {
	id, err := h.Identities.Held(ctx, pool, serial)
	if err != nil || id == nil {
		return nil, err
	}
	return id, h.redact(id)
}

func (h *redactingIdentities) redact(id *flash.Identity) error {
	for column, v := range id.Columns {
		if profiles.SecretColumn(column) || slices.Contains(h.profile.Identity.Secret, column) || slices.Contains(id.Secret, column) {
			h.secrets.Add(v)
		}
	}
	for _, column := range h.profile.Identity.Columns {
		if id.Columns[column] == "" {
			return &flash.PoolError{Pool: id.Pool, Problem: fmt.Sprintf("%d has nothing in the column %s", id.ID, column),
				Hint: "import a pool with that column, or take it out of identity.columns"}
		}
	}
	return nil
}
