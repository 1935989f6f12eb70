// This file is the station's own key: it opens what is encrypted for the station, and
// seals what the station keeps.

package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/zarya-station/zarya/internal/problem"
)

// maxSecrets is the largest file of secrets, certificates or codes, in bytes.
const maxSecrets = 16 << 20

// Key is an age key in a file, which is read at the first use. Its methods may be called
// from several goroutines.
type Key struct {
	File string

	mu         sync.Mutex     // the identities keep state of their own: one use at a time
	identities []age.Identity // guarded by mu
}

// Exists reports whether the file is there.
func (k *Key) Exists() bool { return exists(k.File) }

// load reads the file; mu is held.
func (k *Key) load() error {
	if k.identities != nil {
		return nil
	}
	info, err := os.Stat(k.File)
	if errors.Is(err, fs.ErrNotExist) {
		return problem.New(problem.Station, "make one with age-keygen -o "+k.File+", or name another with ZARYA_AGE_KEY",
			"there is no key to open secrets with: %s", k.File)
	}
	if err != nil {
		return problem.New(problem.Station, "", "the key to open secrets with: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return problem.New(problem.Station, "chmod 600 "+k.File, "%s can be read by others", k.File)
	}
	text, err := os.ReadFile(k.File)
	if err != nil {
		return problem.New(problem.Station, "", "the key to open secrets with: %w", err)
	}
	forbidCoreDumps()
	k.identities, err = age.ParseIdentities(bytes.NewReader(text))
	if err != nil {
		return problem.New(problem.Station, "it must be what age-keygen writes", "%s: %v", k.File, err)
	}
	return nil
}

// Seal encrypts for the station's own key.
func (k *Key) Seal(plain []byte) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.load(); err != nil {
		return "", err
	}
	var to []age.Recipient
	for _, id := range k.identities {
		if x, ok := id.(*age.X25519Identity); ok {
			to = append(to, x.Recipient())
		}
	}
	if len(to) == 0 {
		return "", problem.New(problem.Station, "make one with age-keygen", "%s has no key that can encrypt", k.File)
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

// Open decrypts, armoured or not.
func (k *Key) Open(sealed string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.load(); err != nil {
		return nil, err
	}
	var r io.Reader = bytes.NewReader([]byte(sealed))
	if bytes.HasPrefix([]byte(sealed), []byte(armor.Header)) {
		r = armor.NewReader(r)
	}
	plain, err := age.Decrypt(r, k.identities...)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(plain, maxSecrets+1))
	if err == nil && len(text) > maxSecrets {
		err = fmt.Errorf("has more than %d bytes", maxSecrets)
	}
	return text, err
}
