// Package author is for those who write what stations work from: a profile to begin with,
// and a bundle with a profile and all that it names packed into it.
package author

import (
	"context"
	_ "embed" // the profile to begin with
	"errors"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/profiles"
)

// BundleRequest is what a bundle is made of, its images aside.
type BundleRequest struct {
	About   bundle.Manifest
	Build   bundle.Options
	Key     string // the file of a private key to sign with; "" is not signed
	Profile string // to pack; "" is none
}

// MakeBundle builds a bundle at path of sources, and signs it.
func MakeBundle(ctx context.Context, m *recipe.Maker, path string, q BundleRequest, sources []bundle.Source) (*bundle.Bundle, error) {
	var signer ssh.Signer
	if q.Key != "" {
		var err error
		if signer, err = bundle.ReadKey(q.Key); err != nil {
			return nil, err
		}
	}
	if q.Profile != "" {
		if err := m.Pack(q.Profile, q.About.Access, &q.Build); err != nil {
			return nil, err
		}
	}
	q.Build.Cache = m.Cache()
	if err := bundle.Build(ctx, path, q.About, sources, q.Build); err != nil {
		return nil, problem.New(problem.Invalid, "", "%w", err)
	}
	b, err := bundle.Open(path)
	if err != nil {
		return nil, problem.New(problem.Invalid, "", "%w", err)
	}
	if signer != nil {
		err = b.SignWith(signer)
	}
	return b, err
}

//go:embed starter.yaml
var starter string

// starterModel stands in the text where the models go.
const starterModel = "MODELS"

// NewProfile writes a commented, valid profile for models into a file that is not there yet.
func NewProfile(path string, models []string) error {
	text := strings.ReplaceAll(starter, starterModel, strings.Join(models, ", "))
	if _, err := profiles.Parse(path, []byte(text), profiles.Settings{}); err != nil {
		return problem.New(problem.Usage, "a model is a full code, such as AGS3-L09", "%w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // a profile is no secret
	if errors.Is(err, fs.ErrExist) {
		return problem.New(problem.Usage, "name another file", "%s is there already", path)
	}
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return problem.New(problem.Station, "name a file that can be written", "%w", err)
	}
	return nil
}

// Size is how many bytes a profile's images have.
func Size(m *recipe.Maker, name string) (int64, error) {
	p, err := m.LoadProfile(name)
	if err != nil {
		return 0, err
	}
	var size int64
	for _, im := range p.Images {
		info, err := os.Stat(im.File)
		if err != nil {
			return 0, problem.New(problem.Invalid, "name images that are there", "--profile: %w", err)
		}
		size += info.Size()
	}
	return size, nil
}
