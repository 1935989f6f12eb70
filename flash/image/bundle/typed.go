// This file reads what people name when they make a bundle: images, and a key.

package bundle

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/internal/problem"
)

// ParseSources reads PART[:SLOT][@MODE]=FILE, as --image of bundle build has it.
func ParseSources(args []string) ([]Source, error) {
	var sources []Source
	for _, arg := range args {
		where, file, ok := strings.Cut(arg, "=")
		where, mode, _ := strings.Cut(where, "@")
		part, slot, _ := strings.Cut(where, ":")
		if !ok || file == "" || part == "" {
			return nil, problem.New(problem.Usage, "write --image system=system.img, boot:all=boot.img or system@fastbootd=system.img",
				"--image %q is not PART[:SLOT][@MODE]=FILE", arg)
		}
		sources = append(sources, Source{Partition: part, Slot: slot, Mode: mode, Path: file})
	}
	return sources, nil
}

// ReadKey reads an SSH key to sign with.
func ReadKey(path string) (ssh.Signer, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the key that the user names
	if err != nil {
		return nil, problem.New(problem.Usage, "name the private key", "the key: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(text)
	if errors.As(err, new(*ssh.PassphraseMissingError)) {
		return nil, problem.New(problem.Usage, "sign with ssh-keygen (zarya bundle sign --help says how)", "%s has a passphrase", path)
	}
	if err != nil {
		return nil, problem.New(problem.Usage, "name the private key, not the public one", "%s: %w", path, err)
	}
	return signer, nil
}

// SignWith signs the bundle with a key.
func (b *Bundle) SignWith(key ssh.Signer) error {
	signature, err := Sign(b.Text(), key)
	if err == nil {
		err = b.Attach(signature)
	}
	if err != nil {
		return problem.New(problem.Station, "", "%w", err)
	}
	return nil
}
