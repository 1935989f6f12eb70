// This file makes and keeps what a station has of its own: its password, the key that it
// signs with, and the key that is sealed for.

package fleet

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"github.com/google/renameio/v2"
	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/internal/problem"
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

// Files are a station's own, in a folder that only its user reads.
type Files struct{ Dir string }

// LoginFile has the station's name and password.
func (f Files) LoginFile() string { return filepath.Join(f.Dir, "login.json") }

// KeyFile is the SSH key that the station signs with; its public half is beside it (.pub).
func (f Files) KeyFile() string { return filepath.Join(f.Dir, "signing-key") }

// savedLogin is the file's form.
type savedLogin struct {
	V        int    `json:"v"`
	Kind     string `json:"kind"`
	Station  string `json:"station"`
	User     string `json:"user"`
	Password string `json:"password"`
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
	text, err := json.Marshal(savedLogin{1, "fleet-login", station, as.User, as.Password})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return err
	}
	return renameio.WriteFile(f.LoginFile(), append(text, '\n'), 0o600)
}

// Signer is the station's key, which is made if it is not there and make says so.
func (f Files) Signer(make bool) (ssh.Signer, error) {
	text, err := readPrivate(f.KeyFile())
	if errors.Is(err, fs.ErrNotExist) && make {
		return f.makeSigner()
	}
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, problem.New(problem.Station, "", "%s: %w", f.KeyFile(), err)
	}
	return signer, nil
}

func (f Files) makeSigner() (ssh.Signer, error) {
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return nil, err
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "zarya station")
	if err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, err
	}
	if err := renameio.WriteFile(f.KeyFile(), pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	return signer, renameio.WriteFile(f.KeyFile()+".pub", ssh.MarshalAuthorizedKey(signer.PublicKey()), 0o644)
}

// Recipient is the public half of the age key in a file, which is made if it is not there.
func Recipient(file string) (string, error) {
	text, err := readPrivate(file)
	if errors.Is(err, fs.ErrNotExist) {
		made, err := age.GenerateX25519Identity()
		if err != nil {
			return "", err
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return "", err
		}
		text := fmt.Sprintf("# public key: %s\n%s\n", made.Recipient(), made)
		return made.Recipient().String(), renameio.WriteFile(file, []byte(text), 0o600)
	}
	if err != nil {
		return "", err
	}
	list, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil {
		return "", problem.New(problem.Station, "", "%s: %w", file, err)
	}
	for _, i := range list {
		if x, ok := i.(*age.X25519Identity); ok {
			return x.Recipient().String(), nil
		}
	}
	return "", problem.New(problem.Station, "name another file with age-key", "%s has no key that can be sealed for", file)
}

// proofSpace is what the signature of joining is for, and for nothing else.
const proofSpace = "zarya-fleet-join"

func proofText(station, recipient string) string {
	return fmt.Sprintf("station %s\nrecipient %s\n", station, recipient)
}

// prove signs what the station tells of itself, so that everybody sees that it has its key.
func prove(key ssh.Signer, station, recipient string) (string, error) {
	sig, err := sshsig.Sign(strings.NewReader(proofText(station, recipient)), key, sshsig.HashSHA512, proofSpace)
	if err != nil {
		return "", err
	}
	return string(sshsig.Armor(sig)), nil
}

// isProven checks it.
func isProven(station, publicKey, recipient, proof string) bool {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(publicKey))
	if err != nil {
		return false
	}
	sig, err := sshsig.Unarmor([]byte(proof))
	return err == nil && sshsig.Verify(strings.NewReader(proofText(station, recipient)), sig, key, sig.HashAlgorithm, proofSpace) == nil
}
