// This file is the station's key, and whose signatures count.

package evidence

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/sshsign"
)

// The namespaces of signatures: what a signature is for.
const (
	HeadNamespace    = "zarya-head@v1"
	ReceiptNamespace = "zarya-receipt@v1"
)

// maxKey is how large a file with a key may be, bytes.
const maxKey = 64 << 10

// Key is what a station signs with.
type Key struct{ signer ssh.Signer }

// LoadKey reads a station's private key, as ssh-keygen makes it. A missing one is
// fs.ErrNotExist.
func LoadKey(path string) (*Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	hint := "make one: ssh-keygen -t ed25519 -N '' -f " + path
	if info.Size() > maxKey || !info.Mode().IsRegular() {
		return nil, problem.New(problem.Station, hint, "%s is no private key", path)
	}
	text, err := os.ReadFile(path) //nolint:gosec // the key that the settings name
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(text)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return nil, problem.New(problem.Station, "a station signs unattended: "+hint, "the key %s has a passphrase", path)
	case err != nil:
		return nil, problem.New(problem.Station, hint, "%s is no private key: %w", path, err)
	}
	return &Key{signer}, nil
}

// OpenKey is LoadKey, but makes the key if there is none: an ed25519 one that only its owner
// can read, with the public half beside it in path.pub. comment is for people.
func OpenKey(path, comment string) (*Key, error) {
	k, err := LoadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := makeKey(path, comment); err != nil && !errors.Is(err, fs.ErrExist) { // somebody else was quicker
		return nil, problem.New(problem.Station, "", "the station's key cannot be made: %w", err)
	}
	return LoadKey(path)
}

func makeKey(path, comment string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return err
	}
	half, err := ssh.NewPublicKey(public)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// Whole or not at all, and never over another one: a link is not made over a file.
	part, err := os.CreateTemp(filepath.Dir(path), ".key-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(part.Name()) }()
	_, err = part.Write(pem.EncodeToMemory(block))
	if err := errors.Join(err, part.Sync(), part.Close()); err != nil {
		return err
	}
	if err := os.Link(part.Name(), path); err != nil {
		return err
	}
	return os.WriteFile(path+".pub", publicLine(half, comment), 0o644) //nolint:gosec // public
}

// publicLine is a public key as a line of a .pub file.
func publicLine(key ssh.PublicKey, comment string) []byte {
	return append(append(bytes.TrimSpace(ssh.MarshalAuthorizedKey(key)), ' '), comment+"\n"...)
}

// Public is the key's public half.
func (k *Key) Public() ssh.PublicKey { return k.signer.PublicKey() }

// SignText signs a text for a namespace, in the armoured form of OpenSSH.
func (k *Key) SignText(text []byte, namespace string) ([]byte, error) {
	return sshsign.Sign(text, k.signer, namespace)
}

// AllowedLine is the key as a line of an allowed_signers file, as ssh-keygen(1) has it: with
// it, others check what the station signs.
func (k *Key) AllowedLine(station string) string {
	return fmt.Sprintf("%s namespaces=%q %s\n", station, HeadNamespace+","+ReceiptNamespace,
		bytes.TrimSpace(ssh.MarshalAuthorizedKey(k.Public())))
}

// Signers are the keys whose signatures count: lines of allowed_signers, each with the name
// of a station.
type Signers []sshsign.Allowed

// maxSigners is how large a file of signers may be, bytes.
const maxSigners = 4 << 20

// LoadSigners reads a file of signers.
func LoadSigners(path string) (s Signers, err error) {
	f, err := os.Open(path) //nolint:gosec // the file that the user names
	if err != nil {
		return nil, problem.New(problem.Usage, "", "%w", err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(io.LimitReader(f, maxSigners))
	for number := 1; lines.Scan() && err == nil; number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		var a sshsign.Allowed
		if a, err = sshsign.ParseAllowed(line); err != nil {
			err = fmt.Errorf("line %d: %w", number, err)
		}
		s = append(s, a)
	}
	if err = errors.Join(err, lines.Err()); err == nil && len(s) == 0 {
		err = errors.New("there is no key in it")
	}
	if err != nil {
		return nil, problem.New(problem.Invalid, "each line is what zarya ledger key prints at a station", "%s: %w", path, err)
	}
	return s, nil
}

// may says why a key may not sign for a station; nil is that it may.
func (s Signers) may(station string, key ssh.PublicKey, namespace string) error {
	why := fmt.Sprintf("%s, which is no key of %s", ssh.FingerprintSHA256(key), station)
	for _, a := range s {
		if !a.Is(key) || !a.Names(station) {
			continue
		}
		refused := a.Refuses(namespace, "this", time.Now())
		if refused == "" {
			return nil
		}
		why = refused
	}
	return errors.New("is signed by " + why)
}
