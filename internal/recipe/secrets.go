// This file reads what is secret: files encrypted with age, the environment, unlock
// codes. Values stay in memory, and every output is told to hide them.

package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"filippo.io/age"
	"filippo.io/age/armor"
	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/profiles"
)

const maxSecrets = 16 << 20 // of one file, bytes

// ageKeyFile is where the station's own key is: ZARYA_AGE_KEY, or zarya/age.key in
// XDG_CONFIG_HOME.
func ageKeyFile() string {
	if file := os.Getenv("ZARYA_AGE_KEY"); file != "" {
		return file
	}
	return filepath.Join(filepath.Dir(profileFolder()), "age.key")
}

// keepCore makes sure that no core dump and no other process of this user can show what
// is in memory.
func keepCore() {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) // a limit can always be lowered
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)     // never fails with 0
}

// ageKeys reads the station's keys.
func ageKeys() ([]age.Identity, error) {
	file := ageKeyFile()
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, problem.New(problem.Station, "make one with age-keygen -o "+file+", or name another with ZARYA_AGE_KEY", "there is no key to open secrets with: %s", file)
	}
	if err != nil {
		return nil, problem.New(problem.Station, "", "the key to open secrets with: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, problem.New(problem.Station, "chmod 600 "+file, "%s can be read by others", file)
	}
	text, err := os.ReadFile(file) //nolint:gosec // the file that the user names
	if err != nil {
		return nil, problem.New(problem.Station, "", "the key to open secrets with: %w", err)
	}
	keepCore()
	ids, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil {
		return nil, problem.New(problem.Station, "it must be what age-keygen writes", "%s: %v", file, err)
	}
	return ids, nil
}

// unseal decrypts, armoured or not.
func unseal(sealed []byte, ids []age.Identity) ([]byte, error) {
	var r io.Reader = bytes.NewReader(sealed)
	if bytes.HasPrefix(sealed, []byte(armor.Header)) {
		r = armor.NewReader(r)
	}
	plain, err := age.Decrypt(r, ids...)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(plain, maxSecrets+1))
	if err == nil && len(text) > maxSecrets {
		err = fmt.Errorf("has more than %d bytes", maxSecrets)
	}
	return text, err
}

// openSealed decrypts a file that a profile names.
func openSealed(p *profiles.Profile, file string) ([]byte, error) {
	sealed, err := p.ReadFile(file, maxSecrets)
	if err != nil {
		return nil, problem.New(problem.Invalid, "", "%w", err)
	}
	ids, err := ageKeys()
	if err != nil {
		return nil, err
	}
	text, err := unseal(sealed, ids)
	if err != nil {
		return nil, problem.New(problem.Invalid, "is it encrypted for the key in "+ageKeyFile()+"?", "%s: %v", file, err)
	}
	return text, nil
}

// loadSecrets gives a profile its secrets and hides them from all outputs.
func (a *app) loadSecrets(p *profiles.Profile) error {
	names := p.SecretNames()
	values := map[string]string{}
	hint := ""
	if p.Secrets != nil && p.Secrets.File != "" && len(names) > 0 {
		text, err := openSealed(p, p.Secrets.File)
		if err != nil {
			return err
		}
		if err := yaml.Unmarshal(text, &values); err != nil {
			return problem.New(problem.Invalid, "it holds lines such as NAME: VALUE", "%s: what is in it cannot be read", p.Secrets.File) // the error would show it
		}
	}
	if p.Secrets != nil {
		for name, variable := range p.Secrets.Env {
			if v, ok := os.LookupEnv(variable); ok {
				values[name] = v
			} else if slices.Contains(names, name) {
				hint = "; set " + variable
			}
		}
	}
	for _, name := range names {
		variable := "ZARYA_SECRET_" + strings.ToUpper(name)
		if _, ok := values[name]; ok {
			continue
		}
		if v, ok := os.LookupEnv(variable); ok {
			values[name] = v
		} else if hint == "" {
			hint = "; put it into secrets.file, or set " + variable
		}
	}
	if len(values) > 0 {
		keepCore()
	}
	for _, v := range values {
		a.secrets.Add(v)
	}
	if err := p.SetSecrets(values, hint); err != nil {
		return problem.New(problem.Invalid, "mend the profile, or its secrets; nothing was done", "%w", err)
	}
	if s := p.SSH; s != nil {
		for _, secret := range []profiles.Secret{s.Password, s.RootPassword} {
			if v, err := p.Reveal(secret); err == nil {
				a.secrets.Add(v)
			}
		}
	}
	return nil
}

// seal encrypts secrets of identities for this station. Its key is read at the first use.
type seal struct {
	mu   sync.Mutex     // the keys keep things for themselves: one use at a time
	keys []age.Identity // guarded by mu
}

// load reads the keys; mu is held.
func (s *seal) load() (err error) {
	if s.keys == nil {
		s.keys, err = ageKeys()
	}
	return err
}

// Seal encrypts for the station's own key.
func (s *seal) Seal(plain []byte) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return "", err
	}
	var to []age.Recipient
	for _, id := range s.keys {
		if x, ok := id.(*age.X25519Identity); ok {
			to = append(to, x.Recipient())
		}
	}
	if len(to) == 0 {
		return "", problem.New(problem.Station, "make one with age-keygen", "%s has no key that can encrypt", ageKeyFile())
	}
	var out bytes.Buffer
	a := armor.NewWriter(&out)
	w, err := age.Encrypt(a, to...)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = errors.Join(w.Close(), a.Close())
	}
	return out.String(), err
}

// Open decrypts.
func (s *seal) Open(sealed string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return nil, err
	}
	return unseal([]byte(sealed), s.keys)
}

// hiding is a supply of identities whose secrets no output shows.
type hiding struct {
	flash.Identities
	profile *profiles.Profile
	secrets *flash.Secrets
}

// Assign hides before it hands on.
func (h *hiding) Assign(ctx context.Context, pool, serial, job string) (*flash.Identity, error) {
	id, err := h.Identities.Assign(ctx, pool, serial, job)
	if err != nil {
		return nil, err
	}
	return id, h.take(id)
}

// Held hides before it hands on.
func (h *hiding) Held(ctx context.Context, pool, serial string) (*flash.Identity, error) {
	id, err := h.Identities.Held(ctx, pool, serial)
	if err != nil || id == nil {
		return nil, err
	}
	return id, h.take(id)
}

func (h *hiding) take(id *flash.Identity) error {
	for column, v := range id.Columns {
		if profiles.SecretColumn(column) || slices.Contains(h.profile.Identity.Secret, column) {
			h.secrets.Add(v)
		}
	}
	for _, column := range h.profile.Identity.Columns {
		if id.Columns[column] == "" {
			return &flash.PoolError{Pool: id.Pool, Problem: fmt.Sprintf("%d has nothing in the column %s", id.ID, column), Hint: "import a pool with that column, or take it out of identity.columns"}
		}
	}
	return nil
}

// codes are unlock codes by serial, and what the ledger knows of them.
type codes struct {
	bySerial map[string]string
	secrets  *flash.Secrets
	ledger   func() *ledger.Ledger
}

// loadCodes reads a file of unlock codes.
func (a *app) loadCodes(p *profiles.Profile, u *profiles.Unlock) (*codes, error) {
	text, err := openSealed(p, u.Codes)
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(text))
	rows, err := r.ReadAll()
	if err != nil || len(rows) < 1 {
		return nil, problem.New(problem.Invalid, "it is CSV with a line of column names", "%s: what is in it cannot be read", u.Codes)
	}
	serial, code := slices.Index(rows[0], u.By), slices.Index(rows[0], "code")
	if serial < 0 || code < 0 {
		return nil, problem.New(problem.Invalid, "name its columns in the first line: "+u.By+",code", "%s has no columns %s and code", u.Codes, u.By)
	}
	c := &codes{bySerial: map[string]string{}, secrets: a.secrets, ledger: func() *ledger.Ledger { return a.record }}
	for i, row := range rows[1:] {
		s, v := strings.TrimSpace(row[serial]), strings.TrimSpace(row[code])
		if s == "" || v == "" {
			continue
		}
		if was, twice := c.bySerial[s]; twice && was != v {
			return nil, problem.New(problem.Invalid, "take one of them out", "%s: line %d has another code for %s than a line before it", u.Codes, i+2, s)
		}
		if strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) || len(v) > 50 {
			return nil, problem.New(problem.Invalid, "a code has up to 50 letters and digits", "%s: line %d: that is no code", u.Codes, i+2)
		}
		a.secrets.Add(v)
		c.bySerial[s] = v
	}
	return c, nil
}

// Code is the one for the tablet's USB serial.
func (c *codes) Code(s *flash.Session) (string, error) {
	if flash.Placeholder(s.Key().Serial) {
		return "", nil
	}
	return c.bySerial[s.Key().Serial], nil
}

// Tried asks the ledger.
func (c *codes) Tried(ctx context.Context, s *flash.Session, code string) (bool, error) {
	return c.ledger().Tried(ctx, s.Key().Serial, code)
}

// Trying tells the ledger.
func (c *codes) Trying(_ context.Context, s *flash.Session, code string) error {
	return c.ledger().Trying(s.Key().Serial, code)
}

// Worked tells the ledger.
func (c *codes) Worked(_ context.Context, s *flash.Session, code string) error {
	return c.ledger().Worked(s.Key().Serial, code)
}
