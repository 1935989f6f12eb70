// This file makes and keeps what a station has of its own: its password, and what it proves
// about its keys.

package fleet

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"
	"github.com/google/renameio/v2/maybe"
	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/sshsign"
)

// verifier is what a SCRAM-SHA-256 server keeps of a password (RFC 5803): with it nobody
// can log in. Ours have 160 bits or more, so the few rounds are enough.
func verifier(password string) (string, error) {
	const rounds = 4096
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	salted, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	if err != nil {
		return "", err
	}
	of := func(key []byte, text string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	stored := sha256.Sum256(of(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", rounds, b64(salt), b64(stored[:]), b64(of(salted, "Server Key"))), nil
}

// Files are what a station has of a fleet, in the folder of its ledger.
type Files struct{ Dir string }

// LoginFile has the station's name and password.
func (f Files) LoginFile() string { return filepath.Join(f.Dir, "fleet_login") }

// savedLogin is the file's form.
type savedLogin struct {
	V        int    `json:"v"`
	Kind     string `json:"kind"`
	Station  string `json:"station"`
	User     string `json:"user"`
	Password string `json:"password"`
	Machine  marks  `json:"machine,omitzero"` // that joined
}

// maxFile is how large the small files here may be.
const maxFile = 64 << 10

// readPrivate reads a small file that nobody else may read.
func readPrivate(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, problem.New(problem.Station, "chmod 600 "+file, "others may read %s", file)
	}
	if info.Size() > maxFile {
		return nil, problem.New(problem.Station, "", "%s is too large", file)
	}
	return os.ReadFile(file) //nolint:gosec // the station's own
}

// Login is the station's login; fs.ErrNotExist if it has not joined.
func (f Files) Login() (station string, as Login, err error) {
	text, err := readPrivate(f.LoginFile())
	if err != nil {
		return "", Login{}, err
	}
	var l savedLogin
	if err := json.Unmarshal(text, &l); err != nil || l.Kind != "fleet-login" || l.V != 1 || l.User == "" || l.Password == "" {
		return "", Login{}, problem.New(problem.Station, "enrol the station again: zarya fleet enrol NAME --again",
			"%s is no login that this version can read", f.LoginFile())
	}
	return l.Station, Login{User: l.User, Password: l.Password}, nil
}

func (f Files) saveLogin(station string, as Login) error {
	l := savedLogin{1, "fleet-login", station, as.User, as.Password, marksOf(Root)}
	text, err := json.Marshal(l) //nolint:gosec // into a file of mode 0600, which is what it is for
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return err
	}
	return maybe.WriteFile(f.LoginFile(), append(text, '\n'), 0o600)
}

// Recipient is the public half of the age key in a file, which is made if it is not there.
func Recipient(file string) (string, error) {
	own, err := Identity(file)
	if errors.Is(err, fs.ErrNotExist) {
		made, err := age.GenerateX25519Identity()
		if err != nil {
			return "", err
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return "", err
		}
		text := fmt.Sprintf("# public key: %s\n%s\n", made.Recipient(), made)
		return made.Recipient().String(), maybe.WriteFile(file, []byte(text), 0o600)
	}
	if err != nil {
		return "", err
	}
	return own.Recipient().String(), nil
}

// Identity is the age key in a file; fs.ErrNotExist if there is none.
func Identity(file string) (*age.X25519Identity, error) {
	text, err := readPrivate(file)
	if err != nil {
		return nil, err
	}
	list, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil {
		return nil, problem.New(problem.Station, "", "%s: %w", file, err)
	}
	for _, i := range list {
		if x, ok := i.(*age.X25519Identity); ok {
			return x, nil
		}
	}
	return nil, problem.New(problem.Station, "name another file with age-key", "%s has no key that can be sealed for", file)
}

// Key is what a station signs with.
type Key interface {
	Public() ssh.PublicKey
	SignText(text []byte, namespace string) ([]byte, error) // SSH signature, armoured
}

// JoinNamespace is what the signature of joining is for, and for nothing else.
const JoinNamespace = "zarya-fleet-join@v1"

// proofText is what a station signs when it joins.
func proofText(station, recipient string) []byte {
	return fmt.Appendf(nil, "station %s\nrecipient %s\n", station, recipient)
}

// isProven says whether a station had its key when it joined, and told what is here.
func isProven(station, publicKey, recipient, proof string) bool {
	want, _, _, _, err := ssh.ParseAuthorizedKey([]byte(publicKey))
	if err != nil {
		return false
	}
	key, err := sshsign.Verify(proofText(station, recipient), []byte(proof), JoinNamespace)
	return err == nil && bytes.Equal(key.Marshal(), want.Marshal())
}
