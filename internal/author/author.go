// Package author makes what stations work from: a first profile to edit ([NewProfile]), and a
// bundle, made of a profile and everything that it names or of somebody's release ([MakeBundle],
// [ReadRelease]) and then signed ([SignBundle]). It needs no tablet. What a bundle contains is
// package bundle; who may sign one is decided where it is used.
package author

import (
	"context"
	_ "embed" // the profile to begin with
	"errors"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/flash/image/release"
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

// ReadRelease reads somebody else's release, or these of its partitions, and fills in what is not
// yet said of the bundle that is made of it. What can brick a tablet is left out.
func ReadRelease(ctx context.Context, about *bundle.Manifest, files, only []string) (*release.Release, error) {
	r, err := release.Read(ctx, files, only, flash.Protected)
	if err != nil {
		return nil, problem.New(problem.Invalid, "nothing was made", "%w", err)
	}
	return r, r.Describe(about, files[0])
}

// SignBundle signs the bundle at path with the private key in a file, or, if that is "", with
// the signature in a file, which was made elsewhere.
func SignBundle(path, key, signature string) (*bundle.Bundle, error) {
	b, err := bundle.Open(path)
	if err != nil {
		return nil, problem.New(problem.Invalid, "", "%w", err)
	}
	if key != "" {
		signer, err := bundle.ReadKey(key)
		if err != nil {
			return nil, err
		}
		return b, b.SignWith(signer)
	}
	text, err := os.ReadFile(signature) //nolint:gosec // the file that the user names
	if err != nil {
		return nil, problem.New(problem.Usage, "", "--signature: %w", err)
	}
	if err := b.Attach(text); err != nil {
		return nil, problem.New(problem.Invalid, "", "%w", err)
	}
	return b, nil
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
