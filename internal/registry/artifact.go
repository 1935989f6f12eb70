// This file is the OCI manifest of a bundle: made, and read as the hostile text that it is.

package registry

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/problem"
)

// The media types of a bundle.
const (
	ArtifactType  = "application/vnd.zarya.bundle.v1"
	configType    = "application/vnd.zarya.bundle.config.v1+json"
	manifestType  = "application/vnd.zarya.bundle.manifest.v1+json"
	signatureType = "application/vnd.zarya.bundle.signature.v1"
	imageType     = "application/vnd.zarya.bundle.image.v1"
	fileType      = "application/vnd.zarya.bundle.file.v1"
)

// What is read at most, in bytes: a stranger says how much there is.
const (
	maxArtifact  = 4 << 20
	maxManifest  = 64 << 20
	maxSignature = 64 << 10
	maxBlob      = 1 << 40
	maxLayers    = 4096
)

// layer is a file of a bundle: its name there, and the blob that it is.
type layer struct {
	name   string
	digest string
	size   int64
}

// artifact is a bundle's OCI manifest.
type artifact struct {
	text   []byte
	digest string
	layers []layer // each name once
}

// config is what a registry's own pages may show. Nothing here relies on it.
type config struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Models  []string `json:"models"`
}

// newArtifact makes the OCI manifest of a bundle, and its configuration. Nothing in them
// tells when or where they were made: the same bundle has the same digest.
func newArtifact(m *bundle.Manifest, layers []layer) (a *artifact, configText []byte, err error) {
	if configText, err = json.Marshal(config{m.Name, m.Version, m.Models}); err != nil {
		return nil, nil, err
	}
	images := map[string]bool{}
	for _, im := range m.Images {
		images[im.File] = true
	}
	out := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, ArtifactType: ArtifactType,
		Config:      v1.Descriptor{MediaType: configType, Digest: digest.Digest(sum(configText)), Size: int64(len(configText))},
		Annotations: map[string]string{v1.AnnotationTitle: m.Name, v1.AnnotationVersion: m.Version}}
	for _, l := range layers {
		kind := fileType
		switch {
		case l.name == bundle.ManifestName:
			kind = manifestType
		case l.name == bundle.SignatureName:
			kind = signatureType
		case images[l.name]:
			kind = imageType
		}
		out.Layers = append(out.Layers, v1.Descriptor{MediaType: kind, Digest: digest.Digest(l.digest), Size: l.size,
			Annotations: map[string]string{v1.AnnotationTitle: l.name}})
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, nil, err
	}
	return &artifact{text, sum(text), layers}, configText, nil
}

// readArtifact reads an OCI manifest and checks all that can be checked without the
// bundle's own.
func readArtifact(text []byte) (*artifact, error) {
	wrong := func(format string, args ...any) (*artifact, error) {
		return nil, problem.New(problem.Invalid, "ask whoever pushed it: zarya bundle push makes them",
			"the OCI manifest is not that of a bundle: "+format, args...)
	}
	var m v1.Manifest
	if len(text) > maxArtifact {
		return wrong("it has %d bytes, at most %d are read", len(text), maxArtifact)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return wrong("it is no JSON of a manifest")
	}
	switch {
	case m.SchemaVersion != 2, m.MediaType != v1.MediaTypeImageManifest:
		return wrong("its media type is %q", clean(m.MediaType))
	case m.ArtifactType != ArtifactType || m.Config.MediaType != configType:
		return wrong("it says that it is %q", clean(m.ArtifactType))
	case len(m.Layers) > maxLayers:
		return wrong("it has %d files, at most %d are read", len(m.Layers), maxLayers)
	}
	a := &artifact{text: text, digest: sum(text)}
	sizes := map[string]int64{}
	for _, d := range m.Layers {
		l := layer{d.Annotations[v1.AnnotationTitle], string(d.Digest), d.Size}
		switch before, seen := sizes[l.digest]; {
		case l.name == "":
			return wrong("a file has no name")
		case slices.ContainsFunc(a.layers, func(o layer) bool { return o.name == l.name }):
			return wrong("the file %q is there twice", clean(l.name))
		case !digestForm.MatchString(l.digest):
			return wrong("the digest of %q is %q", clean(l.name), clean(l.digest))
		case l.size < 0 || l.size > maxBlob:
			return wrong("%q has %d bytes", clean(l.name), l.size)
		case seen && before != l.size:
			return wrong("%q has two sizes", l.digest)
		}
		sizes[l.digest] = l.size
		a.layers = append(a.layers, l)
	}
	for name, most := range map[string]int64{bundle.ManifestName: maxManifest, bundle.SignatureName: maxSignature} {
		l := a.layer(name)
		if l == nil && name == bundle.ManifestName {
			return wrong("there is no %s", name)
		}
		if l != nil && l.size > most {
			return wrong("%s has %d bytes, at most %d are read", name, l.size, most)
		}
	}
	return a, nil
}

// layer finds a file by its name.
func (a *artifact) layer(name string) *layer {
	i := slices.IndexFunc(a.layers, func(l layer) bool { return l.name == name })
	if i < 0 {
		return nil
	}
	return &a.layers[i]
}

// fits holds the files of the OCI manifest to those of the bundle's own, which is signed:
// the same names, of which Parse has made sure that they stay within a bundle, and sizes
// that can be.
func (a *artifact) fits(m *bundle.Manifest) error {
	wrong := func(format string, args ...any) error {
		return problem.New(problem.Invalid, "ask whoever pushed it", "the OCI manifest and the bundle's differ: "+format, args...)
	}
	most := map[string]int64{}
	for _, im := range m.Images {
		most[im.File] = im.Size + im.Size/256 + 1<<20 // and what the sparse format needs
	}
	for _, name := range m.Names() {
		if a.layer(name) == nil {
			return wrong("the file %s is missing", name)
		}
	}
	for _, f := range m.Files {
		if l := a.layer(f.File); l.size != f.Size || l.digest != f.Digest {
			return wrong("%s is another file", f.File)
		}
	}
	for _, l := range a.layers {
		if l.name == bundle.ManifestName || l.name == bundle.SignatureName {
			continue
		}
		if limit, image := most[l.name]; image && l.size > limit {
			return wrong("%s has %d bytes, and its image at most %d", l.name, l.size, limit)
		} else if !image && !slices.ContainsFunc(m.Files, func(f bundle.File) bool { return f.File == l.name }) {
			return wrong("nothing is said of %q", clean(l.name))
		}
	}
	return nil
}

// blobs are the files' contents, each once.
func (a *artifact) blobs() (list []layer) {
	seen := map[string]bool{}
	for _, l := range a.layers {
		if !seen[l.digest] {
			list = append(list, l)
		}
		seen[l.digest] = true
	}
	return list
}

// sum is the digest of a text.
func sum(text []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(text)) }
