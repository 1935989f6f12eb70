// This file puts a profile into a bundle.

package recipe

import (
	"bytes"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/profiles"
)

// Pack adds a profile to the options of a bundle, with what it extends and the files
// that it names, as they lie beside each other. access is the bundle's.
func (m *Maker) Pack(profile, access string, o *bundle.Options) error {
	p, err := m.LoadProfile(profile)
	if err != nil {
		return err
	}
	if len(p.Images) > 0 {
		return problem.New(problem.Invalid, "take images out of the profile: in a bundle it flashes the bundle's",
			"the profile %s has images of its own", p.Name)
	}
	if access == "none" && len(p.Provision)+len(p.Checks)+len(p.Finish) > 0 {
		return problem.New(problem.Usage, "add --access ssh or --access manual",
			"the profile %s provisions, and --access none says that nobody gets in", p.Name)
	}
	names, err := packedNames(p)
	if err != nil {
		return err
	}
	o.Profile = names[p.Texts()[0]]
	for file, name := range names {
		o.Files = append(o.Files, bundle.Extra{Name: name, Open: func() (io.ReadCloser, int64, error) {
			if builtin, ok := strings.CutSuffix(file, builtinMark); ok {
				text, _ := profiles.Builtin(strings.TrimSuffix(builtin, ".yaml"))
				return io.NopCloser(bytes.NewReader(text)), int64(len(text)), nil
			}
			return p.Open(file)
		}})
	}
	return nil
}

// packedNames returns the names in the bundle of all that a profile is made of.
func packedNames(p *profiles.Profile) (map[string]string, error) {
	texts := p.Texts()
	root := filepath.Dir(texts[0])
	names := map[string]string{}
	for i, file := range append(slices.Clone(texts), p.Named()...) {
		rel, err := filepath.Rel(root, file)
		if outside := err != nil || !filepath.IsLocal(rel); i < len(texts) && (outside || strings.HasSuffix(file, builtinMark)) {
			rel = strings.TrimSuffix(filepath.Base(file), builtinMark) // found by its name
		} else if outside {
			return nil, problem.New(problem.Invalid, "move it into the profile's folder",
				"%s is not in the folder of %s, so it cannot be packed", file, texts[0])
		}
		name := bundle.ProfileFolder + filepath.ToSlash(rel)
		for other, taken := range names {
			if taken == name && other != file {
				return nil, problem.New(problem.Invalid, "give one of them another name", "%s and %s would both be %s in the bundle", other, file, name)
			}
		}
		names[file] = name
	}
	return names, nil
}
